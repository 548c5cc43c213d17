"""Where every asked row stands: answered, or still with people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from alcli.project import Project
from alcli.project.intake import checked_ledger
from alcli.project.resolve import Resolution, resolve
from alcli.project.selection import Asked, read_asked
from alcli.project.splits import HELD_OUT, RESERVE, VALIDATION, Splits


class Word(NamedTuple):
    """Who labeled a row, and the round in which it was asked."""

    annotator: str
    round: int


@dataclass(frozen=True)
class Standing:
    """What was asked, and what came back.

    Attributes:
        asked: all rounds' selections.
        status: labeled | disputed | skipped | unsure of every row that has an answer.
        pending: ids that people were asked about and have not answered, nor given back.
        labels: the label of each training row.
        said: `id`, `annotator`, `round` of those training rows whose label is one annotator's word.
    """

    asked: Asked
    status: Mapping[str, str]
    pending: frozenset[str]
    labels: Mapping[str, str]
    said: pa.Table

    @classmethod
    def read(cls, project: Project) -> Standing:
        """From the selections and the ledger."""
        ledger = checked_ledger(project)
        return cls.of_project(project, ledger, resolve(ledger, project.config.labels.resolve))

    @classmethod
    def of_project(cls, project: Project, ledger: pa.Table, resolution: Resolution) -> Standing:
        """From the selections; the ledger and what it comes to are known."""
        sealed = Splits.read(project).ids(VALIDATION, RESERVE, HELD_OUT)
        return cls.of(read_asked(project), ledger, resolution, sealed)

    @classmethod
    def of(cls, asked: Asked, ledger: pa.Table, resolution: Resolution, sealed: pa.Array) -> Standing:
        """From what was asked, the answers and what they come to, and ids that are no training rows."""
        rows, labels = resolution.rows, resolution.labels
        labels = labels.filter(pc.invert(pc.is_in(labels["id"], value_set=sealed)))
        single = labels["id"].filter(pc.equal(labels["resolution"], "single")).combine_chunks()
        said = ledger.select(["id", "annotator", "round", "label"]).take(pa.array(resolution.standing))
        said = said.filter(pc.and_(pc.is_in(said["id"], value_set=single), pc.is_valid(said["label"])))
        return cls(
            asked,
            dict(zip(rows["id"].to_pylist(), rows["status"].to_pylist(), strict=True)),
            asked.pending(rows),
            dict(zip(labels["id"].to_pylist(), labels["label"].to_pylist(), strict=True)),
            said,
        )

    @cached_property
    def single(self) -> Mapping[str, Word]:
        """The answer to each training row whose label is one annotator's word."""
        words = map(Word, self.said["annotator"].to_pylist(), self.said["round"].to_pylist())
        return dict(zip(self.said["id"].to_pylist(), words, strict=True))

    @property
    def closed(self) -> frozenset[str]:
        """Ids that are no candidates: with people, or answered in any way."""
        return self.pending | self.status.keys()
