"""The past measured on the validation rows of today, so that a curve's points are of the same rows."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.engine import Trained
from alcli.errors import AlcliError, IntegrityError, StateError
from alcli.loop import plural
from alcli.loop._classes import names_now
from alcli.loop._learning import training_rng
from alcli.metrics import evaluate
from alcli.models import Stored, read_model
from alcli.project import Project, Round
from alcli.project.history import Past
from alcli.project.model_folder import model_folder
from alcli.project.pool import Rows
from alcli.registry import FEATURES, MODELS


@dataclass(frozen=True)
class Yardstick:
    """The labeled validation rows, sorted by id.

    Attributes:
        rows: with their features.
        y: (n,) class numbers.
        classes: what these number.
    """

    rows: Rows
    y: NDArray[np.int64]
    classes: Sequence[str]

    @property
    def identity(self) -> dict[str, Any]:
        """How many rows, and the sha256 of their ids and labels: equal where figures can be compared."""
        named = [self.rows.ids.to_pylist(), [self.classes[n] for n in self.y]]
        return {"rows": len(self.rows), "sha256": hashlib.sha256(json.dumps(named).encode()).hexdigest()}


def read_if_intact(project: Project, round_: Round) -> Stored | None:
    """An earlier round's model; None where it was lost or edited: the loop goes on without."""
    try:
        return read_model(model_folder(project, round_))
    except IntegrityError:
        return None


def predicted(
    stored: Stored, names: Sequence[str], rows: Rows, classes: Sequence[str]
) -> NDArray[np.float32]:
    """(n, C) a stored model's probabilities in the order of `classes`; 0 for those it does not know.

    Args:
        names: what its classes are called now, as `names_now` says: those of one name count together.
    """
    theirs = Trained.of(stored, FEATURES, MODELS).evidence(rows.features, ("proba",))["proba"]
    proba = np.zeros((len(rows), len(classes)), dtype=theirs.dtype)
    for n, name in enumerate(names):
        if name in classes:
            proba[:, classes.index(name)] += theirs[:, n]
    return proba


@dataclass(frozen=True)
class Remeasured:
    """The history with the figures of today, what to say of them, and what to warn of."""

    history: list[Past]
    summary: list[str]
    warnings: list[str]


def remeasured(project: Project, history: Sequence[Past], on: Yardstick) -> Remeasured:
    """Earlier rounds' figures by their stored models, where they were measured on other rows or labels.

    A round whose model cannot be used keeps its figures; a warning says so when it falls behind.

    Args:
        history: oldest first, each round with the identity of what it was measured on.
        on: what measures now.
    """
    now = on.identity
    stale = [past for past in history if past.get("validation") != now] if now["rows"] else []
    fresh: dict[int, Past] = {}
    kept: dict[str, list[int]] = defaultdict(list)
    for past in stale:
        number = past["round"]
        try:
            figures = _figures(project, project.rounds[number], on)
            fresh[number] = {**past, "metrics": figures, "validation": now}
        except AlcliError as error:
            if past.get("validation") == history[-1].get("validation"):  # of others it was said before
                kept[error.message].append(number)
    rows = plural(now["rows"], "validation row")
    again = plural(len(fresh), "earlier round")
    return Remeasured(
        [fresh.get(past["round"], past) for past in history],
        [f"{again} measured again, on the {rows} of today."] if fresh else [],
        [_kept(numbers, rows, why) for why, numbers in kept.items()],
    )


def _figures(project: Project, round_: Round, on: Yardstick) -> dict[str, list[float]]:
    """A round's headline figures on the rows of today.

    Raises:
        AlcliError: its model cannot be used any more.
    """
    stored = read_if_intact(project, round_)
    if stored is None:
        raise StateError("its model was lost or edited")
    if stored.kinds != project.config.features.by_kind:
        raise StateError("its model was trained on other features")
    if "predictions" in stored.kinds:
        raise StateError("the predictions of then are not in the pool any more")
    names = names_now(project, round_.steps["train"], stored.classes)
    classes = (*on.classes, *dict.fromkeys(name for name in names if name not in on.classes))
    proba = predicted(stored, names, on.rows, classes)
    metrics = evaluate(proba, on.y, classes, training_rng(project.config, round_.number, 1))
    return {name: list(value) for name, value in metrics.headline().items()}


def _kept(numbers: Sequence[int], rows: str, why: str) -> str:
    names = ", ".join(f"{number:03d}" for number in numbers)
    return f"the figures of round {names} stay as they were, not of the {rows} of today: {why}"
