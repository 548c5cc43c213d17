"""Where every asked row stands: answered, or still with people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow.compute as pc

from alcli.project import Project
from alcli.project.intake import checked_ledger
from alcli.project.resolve import Resolution, resolve
from alcli.project.selection import Asked, read_asked
from alcli.project.splits import HELD_OUT, RESERVE, VALIDATION, Splits


@dataclass(frozen=True)
class Standing:
    """What was asked, and what came back.

    Attributes:
        asked: all rounds' selections.
        status: labeled | disputed | skipped | unsure of every row that has an answer.
        answers: how many annotators answered each of these rows.
        labels: the label of each training row.
    """

    asked: Asked
    status: Mapping[str, str]
    answers: Mapping[str, int]
    labels: Mapping[str, str]

    @classmethod
    def read(cls, project: Project) -> Standing:
        """From the selections and the ledger."""
        return cls.of(project, resolve(checked_ledger(project), project.config.labels.resolve))

    @classmethod
    def of(cls, project: Project, resolution: Resolution) -> Standing:
        """From the selections, and what the ledger comes to."""
        sealed = Splits.read(project).ids(VALIDATION, RESERVE, HELD_OUT)
        rows, labels = resolution.rows, resolution.labels
        labels = labels.filter(pc.invert(pc.is_in(labels["id"], value_set=sealed)))
        ids = rows["id"].to_pylist()
        asked = read_asked(project)
        return cls(
            asked,
            dict(zip(ids, rows["status"].to_pylist(), strict=True)),
            dict(zip(ids, rows["n_annotators"].to_pylist(), strict=True)),
            dict(zip(labels["id"].to_pylist(), labels["label"].to_pylist(), strict=True)),
        )

    @cached_property
    def pending(self) -> frozenset[str]:
        """Ids that people were asked about and have not answered, nor given back."""
        return self.asked.pending(self.answers)

    @property
    def closed(self) -> frozenset[str]:
        """Ids that are no candidates: with people, or answered in any way."""
        return self.pending | self.status.keys()
