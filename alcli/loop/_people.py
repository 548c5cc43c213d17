"""How people fared, round by round: how long answers took, how many were passed over or in disagreement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alcli.project import Project
from alcli.project.answers import ADJUDICATED, LABELED
from alcli.project.grouping import group, ordered, ranked
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
    """

    annotator: str
    answers: int
    seconds: float | None
    passed: float


def work_by_annotator(project: Project) -> list[Person]:
    """Of everyone who answered, by name."""
    answers = _standing(project)
    code, names = ordered(answers["annotator"])
    people = []
    for number, name in enumerate(names.to_pylist()):
        work = _work(0, answers.filter(pa.array(code == number)))
        people.append(Person(name, work.answers, work.seconds, work.passed))
    return people


def _standing(project: Project) -> pa.Table:
    """Each annotator's last answer to a row; what was adjudicated aside."""
    ledger = checked_ledger(project)
    columns = ["id", "annotator", "status", "seconds", "round"]
    told = ledger.select(columns).append_column("label", labels_now(ledger))
    standing = told.take(pa.array(current(ledger)))
    return standing.filter(pc.not_equal(standing["status"], ADJUDICATED))


def work_by_round(project: Project) -> list[Work]:
    """Of every round that has answers, oldest first."""
    ledger = _standing(project)
    rounds = ledger["round"].to_numpy()
    return [_work(int(number), ledger.filter(pa.array(rounds == number))) for number in np.unique(rounds)]


def _work(number: int, answers: pa.Table) -> Work:
    seconds = pc.quantile(answers["seconds"], 0.5)[0].as_py()
    labeled = answers.filter(pc.equal(answers["status"], LABELED))
    row = group(ranked(labeled["id"]))
    voters = np.bincount(row, minlength=1)
    kinds = np.unique(np.column_stack([row, ranked(labeled["label"])]), axis=0)[:, 0]
    labels = np.bincount(kinds, minlength=len(voters))
    shared = voters > 1
    return Work(
        number,
        answers.num_rows,
        seconds,
        1 - labeled.num_rows / max(1, answers.num_rows),
        int(shared.sum()),
        int((shared & (labels > 1)).sum()),
    )
