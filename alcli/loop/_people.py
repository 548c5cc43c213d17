"""How people fared: how long answers took, how many were passed over, in disagreement, or upheld."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.project import Project
from alcli.project.answers import ADJUDICATED
from alcli.project.grouping import Codes, coded, group, ordered
from alcli.project.intake import checked_ledger
from alcli.project.ledger import current
from alcli.project.relabeling import labels_now


@dataclass(frozen=True)
class Work:
    """One round's answers, each annotator's last one to a row.

    Attributes:
        round: in which the rows were asked.
        answers: how many.
        seconds: the median time of those that tell it; None: none does.
        passed: the share that is skipped or unsure.
        shared: rows that two annotators or more labeled.
        disagreed: those of them with more than one label.
    """

    round: int
    answers: int
    seconds: float | None
    passed: float
    shared: int
    disagreed: int

    @property
    def disagreement(self) -> float | None:
        """The share of shared rows with more than one label; None where no row is shared."""
        return self.disagreed / self.shared if self.shared else None


@dataclass(frozen=True)
class Person:
    """One annotator's answers, the last one to each row.

    Attributes:
        annotator: the name; empty for answers that came without one.
        answers: how many.
        seconds: the median time of those that tell it; None: none does.
        passed: the share that is skipped or unsure.
        decided: rows labeled by this person that were adjudicated, to a label.
        upheld: those of them that were given this person's label.
    """

    annotator: str
    answers: int
    seconds: float | None
    passed: float
    decided: int
    upheld: int


@dataclass(frozen=True)
class Answers:
    """Each annotator's last answer to every row, what was adjudicated aside; by id, then annotator.

    Attributes:
        row, who, label, version: (n,) each one's place in `ids`, `people`, `classes` (-1: passed) and
            `versions`.
        round: (n,) in which the row was asked.
        seconds: (n,) how long it took; not a number where that is not told.
        ids, people, classes: sorted names.
        versions: of the guideline, in the order in which they came; empty where none was named.
        decided: (ids,) the adjudicated label; -1 for none, or where adjudicators differ or give none.
    """

    row: Codes
    who: Codes
    label: Codes
    version: Codes
    round: Codes
    seconds: NDArray[np.float64]
    ids: pa.Array
    people: pa.Array
    classes: pa.Array
    versions: Sequence[str]
    decided: Codes

    @classmethod
    def of(cls, ledger: pa.Table, standing: Codes) -> Self:
        """Of the ledger's answers that stand."""
        table = ledger.select(["id", "annotator", "guideline", "round", "seconds", "status"])
        table = table.append_column("label", labels_now(ledger)).take(pa.array(standing))
        (row, ids), (who, people), (label, classes) = (
            ordered(table[name]) for name in ("id", "annotator", "label")
        )
        ruled = np.asarray(pc.equal(table["status"], ADJUDICATED))
        voted = np.flatnonzero(~ruled)
        as_they_came = np.argsort(standing[voted])
        coming, versions = coded(table["guideline"].take(pa.array(voted[as_they_came])))
        version = np.empty_like(coming)
        version[as_they_came] = coming
        return cls(
            row[voted],
            who[voted],
            label[voted],
            version,
            table["round"].to_numpy()[voted],
            table["seconds"].cast(pa.float64()).fill_null(np.nan).to_numpy()[voted],
            ids,
            people,
            classes,
            versions.to_pylist(),
            _decided(row[ruled], label[ruled], len(ids)),
        )

    @classmethod
    def read(cls, project: Project) -> Self:
        """Of the project."""
        ledger = checked_ledger(project)
        return cls.of(ledger, current(ledger))

    def __len__(self) -> int:
        return len(self.row)

    def class_of(self, number: int) -> str:
        """A class by its number."""
        name: str = self.classes[number].as_py()
        return name

    def by_round(self) -> list[Work]:
        """Of every round that has answers, oldest first."""
        return [self._work(int(number)) for number in np.unique(self.round)]

    def by_annotator(self) -> list[Person]:
        """Of everyone who answered, by name."""
        order = np.argsort(self.who, kind="stable")
        counts = np.bincount(self.who, minlength=len(self.people))
        judged = (self.decided[self.row] >= 0) & (self.label >= 0)
        upheld = judged & (self.label == self.decided[self.row])
        found = []
        for name, own in zip(self.people.to_pylist(), np.split(order, np.cumsum(counts)[:-1]), strict=True):
            if len(own):  # not who has only adjudicated
                passed = float((self.label[own] < 0).mean())
                tried = (int(judged[own].sum()), int(upheld[own].sum()))
                found.append(Person(name, len(own), _median(self.seconds[own]), passed, *tried))
        return found

    def _work(self, number: int) -> Work:
        asked = np.flatnonzero(self.round == number)
        labeled = asked[self.label[asked] >= 0]
        item = group(self.row[labeled])
        kinds = np.bincount(item[np.unique(group(item, self.label[labeled]), return_index=True)[1]])
        shared = np.bincount(item) > 1
        return Work(
            number,
            len(asked),
            _median(self.seconds[asked]),
            1 - len(labeled) / len(asked),
            int(shared.sum()),
            int((kinds > 1).sum()),
        )


def _decided(row: Codes, label: Codes, n_rows: int) -> Codes:
    """(n_rows,) the one label of all adjudicated answers to each row, else -1."""
    low, high = np.full(n_rows, np.iinfo(np.int64).max), np.full(n_rows, -1)
    np.minimum.at(low, row, label)
    np.maximum.at(high, row, label)
    return np.where(low == high, high, -1)


def _median(seconds: NDArray[np.float64]) -> float | None:
    told = seconds[~np.isnan(seconds)]
    return float(np.median(told)) if len(told) else None
