"""A round's batches: their rows, who is asked, and the files that each annotator gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from alcli.loop import plural
from alcli.loop._asking import Asking
from alcli.loop._sharing import share_out
from alcli.project import File, Round, Step, Transaction, share_file
from alcli.project.selection import QUERY

Predictions = Mapping[str, str] | None


@dataclass(frozen=True)
class Batch:
    """A batch's file and its rows.

    Attributes:
        name: its file with all rows: `rounds/001/query.csv`.
        ids: its rows, in the file's order.
        overlap: those that several annotators answer.
        annotators: who shares it; nobody where there is the one file.
        needed: how many of them answer a row of the overlap.
        labeled_by: of each row whose label is in doubt, who gave it.
    """

    name: str
    ids: Sequence[str]
    overlap: frozenset[str]
    annotators: Sequence[str]
    needed: int
    labeled_by: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def each(self) -> int:
        """How many annotators its rows need at most."""
        return self.needed if self.overlap else 1

    @property
    def to_people(self) -> list[str]:
        """What people are given."""
        return [share_file(self.name, annotator) for annotator in self.annotators] or [self.name]

    @property
    def files(self) -> list[str]:
        """Every file of the batch: all rows, and each annotator's."""
        return list(dict.fromkeys((self.name, *self.to_people)))

    def stage(self, asking: Asking, change: Transaction, predictions: Predictions) -> dict[str, File]:
        """Stage its files, with a labeling tool's beside; returns the outputs of the step."""
        staged: dict[str, File] = {}
        for name, (ids, annotator) in self._rows().items():
            staged |= asking.stage(change, name, ids, _of(ids, predictions), annotator)
        return staged

    def restore(self, asking: Asking, change: Transaction, predictions: Predictions) -> dict[str, File]:
        """Stage those that are not there; people may be at work in the others."""
        staged: dict[str, File] = {}
        for name, (ids, annotator) in self._rows().items():
            staged |= asking.restore(change, name, ids, _of(ids, predictions), annotator)
        return staged

    def _rows(self) -> dict[str, tuple[Sequence[str], str]]:
        """Its files: name -> ids, and whose they are."""
        rows: dict[str, tuple[Sequence[str], str]] = {self.name: (self.ids, "")}
        if self.annotators:
            shares = share_out(self.ids, self.overlap, self.annotators, self.needed, self.labeled_by)
            rows |= {share_file(self.name, name): (ids, name) for name, ids in shares.items()}
        return rows

    def told(self, asking: Asking, further: str = "") -> list[str]:
        """What to do with it, in words."""
        files = ", ".join(asking.give(name) for name in self.to_people)
        words = [f"Give {files} to people: {plural(len(self.ids), further + 'row')} to label."]
        if self.labeled_by:
            rows = plural(len(self.labeled_by), "of them has", "of them have")
            how = "each is in the file of somebody who did not give it, if there is one"
            how = how if self.annotators else "best answered by somebody who did not give it"
            words.append(f"{rows} a label that is in doubt (reason relabel): {how}.")
        if not self.overlap:
            return words
        rows = plural(len(self.overlap), "of them is", "of them are")
        who, each = ("two", "both") if self.needed == 2 else (str(self.needed), "each of them")
        how = "in as many files" if self.annotators else f"give {each} the file, with a column `annotator`"
        return [*words, f"{rows} for {who} annotators (reason overlap): {how}."]


def _of(ids: Sequence[str], predictions: Predictions) -> list[str] | None:
    return None if predictions is None else [predictions.get(id_, "") for id_ in ids]


def kept(batch: Batch, done: Step | None = None) -> dict[str, Any]:
    """What the entry of a query keeps of its newest batch, beside what it had of the others."""
    found: dict[str, Any] = {"overlap_annotators": batch.needed} if batch.overlap else {}
    before = done.more if done is not None else {}
    if batch.annotators:
        found["people"] = {**before.get("people", {}), batch.name: list(batch.annotators)}
    if batch.labeled_by:
        found["labeled_by"] = {**before.get("labeled_by", {}), **batch.labeled_by}
    return found


def batches_of(round_: Round, step: Step, selection: Any) -> list[Batch]:
    """The round's batches, as its entry and its selection tell."""
    places = step.more.get("batches", {f"{round_.folder}/{QUERY}": (1, step.counts["asked"])})
    needed, rank = step.more.get("overlap_annotators", 2), selection["rank"]
    batches = []
    for name, (first, last) in places.items():
        rows = selection.filter(pc.and_(pc.greater_equal(rank, first), pc.less_equal(rank, last)))
        overlap = rows.filter(pc.equal(rows["reason"], "overlap"))["id"].to_pylist()
        people, ids = step.more.get("people", {}).get(name, ()), rows["id"].to_pylist()
        mine, labeled_by = set(ids), step.more.get("labeled_by", {})
        by = {id_: names for id_, names in labeled_by.items() if id_ in mine}
        batches.append(Batch(name, ids, frozenset(overlap), people, needed, by))
    return batches
