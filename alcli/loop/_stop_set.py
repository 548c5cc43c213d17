"""The stop set: pool rows that every model predicts, so that it can be seen when predictions settle.

It is drawn at random at the first training, from the rows that are neither sealed nor labeled, and fixed
from then on: rows of it may be asked and labeled later, rows that leave the pool leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.engine import Trained
from alcli.estimate import rounded
from alcli.loop._classes import names_now
from alcli.metrics.agreement import kappa
from alcli.project import Project
from alcli.project.columns import take
from alcli.project.pool import Members, Rows
from alcli.project.sample import LowestKeys
from alcli.project.splits import Splits
from alcli.tables.hashing import salted

SIZE = 2_000
NAME = "stop_set.parquet"
_PURPOSE = "stop set"


class Drawing:
    """Draws the stop set's ids out of a stream of all rows.

    Args:
        random_state: of the config.
        splits: which rows are sealed.
        labeled: ids of rows that have a label.
    """

    def __init__(self, random_state: int, splits: Splits, labeled: pa.Array) -> None:
        self._random_state = random_state
        self._sealed = splits.sealed
        self._labeled = Members(labeled)
        self._lowest = LowestKeys(SIZE)

    def add(self, rows: Rows) -> None:
        """Look at some more rows."""
        open_ = np.flatnonzero(~(self._sealed.find(rows) | self._labeled.find(rows)))
        keys = salted(rows.id_hash[open_], self._random_state, _PURPOSE)
        self._lowest.add(rows.ids.take(pa.array(open_)), keys)

    def ids(self) -> list[str]:
        """The ids drawn."""
        return self._lowest.ids()


def unsealed(rows: Rows, splits: Splits) -> Rows:
    """The drawn rows without copies and group-mates of sealed ones, which the ids alone do not tell."""
    return rows.take(~splits.find_sealed(rows, rows.content()))


@dataclass(frozen=True)
class Predicted:
    """A model's predictions of the stop set, sorted by id.

    Attributes:
        ids: (n,) Arrow strings.
        proba: (n, C) float32.
        classes: in the order of the columns of `proba`; those that were merged since have one name.
    """

    ids: pa.Array
    proba: NDArray[np.float32]
    classes: tuple[str, ...]

    @classmethod
    def by(cls, trained: Trained, rows: Rows) -> Self:
        """What a model predicts of the stop set's rows."""
        classes = tuple(trained.classes)
        if not len(rows):
            return cls(rows.ids, np.empty((0, len(classes)), dtype=np.float32), classes)
        return cls(rows.ids, trained.evidence(rows.features, ("proba",))["proba"], classes)

    @classmethod
    def read(cls, path: Path, classes: Sequence[str]) -> Self:
        """What `write` wrote."""
        table = pq.read_table(path)
        flat = table["proba"].combine_chunks().flatten().to_numpy()
        return cls(table["id"].combine_chunks(), flat.reshape(len(table), len(classes)), tuple(classes))

    def write(self, path: Path) -> None:
        """Write `id` and `proba`, a list of float32 in the order of the classes."""
        proba = pa.FixedSizeListArray.from_arrays(pa.array(self.proba.ravel()), len(self.classes))
        pq.write_table(pa.table({"id": self.ids.cast(pa.string()), "proba": proba}), path)


def read_before(project: Project, number: int) -> Predicted | None:
    """The stop set as it was predicted in the newest round before one that has it.

    Raises:
        IntegrityError: it is not as `train` wrote it.
    """
    for round_ in reversed(project.rounds[:number]):
        step, name = round_.steps.get("train"), f"{round_.folder}/{NAME}"
        if step is not None and name in step.outputs:
            project.check(step, name)
            return Predicted.read(project.root / name, names_now(project, step, step.more["classes"]))
    return None


def figures(now: Predicted, before: Predicted | None, labeled: pa.Array) -> dict[str, Any]:
    """What the criteria read, as `alcli.stopping.StopSet` has it.

    Args:
        now: the newest model's predictions.
        before: those of the round before, of the same rows and perhaps some more.
        labeled: ids of rows that have a label.
    """
    is_open = ~pc.is_in(now.ids, value_set=labeled).to_numpy(zero_copy_only=False)
    found: dict[str, Any] = {"n_rows": len(now.ids), "n_unlabeled": int(is_open.sum())}
    found |= dict.fromkeys(("kappa", "changed", "mean_entropy", "max_entropy"))
    if not is_open.any():
        return found
    now = Predicted(take(now.ids, np.flatnonzero(is_open)), now.proba[is_open], now.classes)
    if before is not None:
        found["kappa"], found["changed"] = agreement(now, before)
    doubts = entropies(now.proba)
    for name, doubt in (("mean_entropy", doubts.mean()), ("max_entropy", doubts.max())):
        found[name] = rounded(float(doubt))
    return found


def agreement(now: Predicted, before: Predicted) -> tuple[float, float]:
    """Cohen's kappa of two rounds' predicted classes, and the share of rows that are predicted otherwise.

    Kappa is 0 where both say one and the same class of all rows: chance alone would agree as well.
    """
    names = np.unique([*now.classes, *before.classes])
    mine, theirs = (
        np.searchsorted(names, np.array(one.classes)[one.proba.argmax(axis=1)]) for one in (now, before)
    )
    theirs = theirs[pc.index_in(now.ids, value_set=before.ids).to_numpy()]
    one_class = (mine == mine[0]).all() and (theirs == mine[0]).all()
    return 0.0 if one_class else rounded(kappa(mine, theirs)), rounded(float((mine != theirs).mean()))


def entropies(proba: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) entropy of probabilities (n, C), divided by ln C: 0 for certainty, 1 for equal ones."""
    p = proba.astype(np.float64)
    sums = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)
    shares: NDArray[np.float64] = np.clip(sums / np.log(max(p.shape[1], 2)), 0.0, 1.0)
    return shares
