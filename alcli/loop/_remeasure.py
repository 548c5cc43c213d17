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


def predicted(stored: Stored, rows: Rows, classes: Sequence[str]) -> NDArray[np.float32]:
    """(n, C) a stored model's probabilities in the order of `classes`; 0 for those it does not know."""
    theirs = Trained.of(stored, FEATURES, MODELS).evidence(rows.features, ("proba",))["proba"]
    proba = np.zeros((len(rows), len(classes)), dtype=theirs.dtype)
    for n, name in enumerate(stored.classes):
        if name in classes:
            proba[:, classes.index(name)] = theirs[:, n]
    return proba


def remeasured(project: Project, history: Sequence[Past], on: Yardstick) -> tuple[list[Past], list[str]]:
    """Earlier rounds' figures by their stored models, where they were measured on other rows or labels.

    Args:
        history: oldest first, each round with the identity of what it was measured on.
        on: what measures now.

    Returns:
        The history, and a warning for each reason for which rounds from now on keep the figures they have.
    """
    now, before = on.identity, history[-1].get("validation") if history else None
    if not now["rows"]:
        return list(history), []
    found: list[Past] = []
    kept: dict[str, list[int]] = defaultdict(list)
    for past in history:
        entry = dict(past)
        if past.get("validation") != now:
            try:
                entry |= {"metrics": _figures(project, project.rounds[past["round"]], on), "validation": now}
            except AlcliError as error:
                if past.get("validation") == before:  # of others it was said when they fell behind
                    kept[error.message].append(past["round"])
        found.append(entry)
    return found, [_kept(rounds, why, now["rows"]) for why, rounds in kept.items()]


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
    classes = (*on.classes, *(name for name in stored.classes if name not in on.classes))
    proba = predicted(stored, on.rows, classes)
    metrics = evaluate(proba, on.y, classes, training_rng(project.config, round_.number, 1))
    return {name: list(value) for name, value in metrics.headline().items()}


def _kept(rounds: Sequence[int], why: str, n_now: int) -> str:
    names = ", ".join(f"{number:03d}" for number in rounds)
    rows = plural(n_now, "validation row")
    return f"round {names} keeps its figures, which are not of the {rows} that measure now: {why}"
