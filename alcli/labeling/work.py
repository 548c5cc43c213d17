"""What a person is to label: rows, what they answered before, the classes and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from alcli.labeling.journal import Entry
from alcli.project.ledger import ledger_files, read_ledger


@dataclass(frozen=True)
class Wanted:
    """What a person asked for: a name, a round, a query file, or what the project has."""

    annotator: str | None = None
    round: int | None = None
    file: Path | None = None


@dataclass(frozen=True)
class Row:
    """A row as `query.csv` shows it, and the rubric's version that it is to be answered under."""

    id: str
    cells: Mapping[str, str]
    guideline: str = ""


class Taken:
    """Which of an annotator's answers the ledger has, retracted ones too; read again when it has grown."""

    def __init__(self, folder: Path, annotator: str) -> None:
        self._folder, self._annotator = folder, annotator
        self._files: list[Path] | None = None
        self._answers: set[tuple[str, datetime]] = set()

    def has(self, entry: Entry) -> bool:
        """Whether an answer has been ingested."""
        files = ledger_files(self._folder)
        if files != self._files:
            table = read_ledger(self._folder, ["id", "annotator", "labeled_at"])
            mine = table.filter(pc.equal(table["annotator"], self._annotator))
            self._answers = set(zip(mine["id"].to_pylist(), mine["labeled_at"].to_pylist(), strict=True))
            self._files = files
        return (entry.id, entry.labeled_at) in self._answers


@dataclass(frozen=True)
class Work:
    """A person's rows.

    Attributes:
        annotator: "" is the anonymous one.
        round: in which the rows were asked.
        names: the query files.
        rows: in the files' order: those that want this person's answer, and those that have it.
        given: this person's answers that stand in the ledger, with the moment at which each counts.
        classes: in the order of their keys.
        words: of skip and unsure.
        taken: what the ledger has by now.
        journal: where answers go.
        others: this person's journals of all rounds, that one included where it is there.
        n_elsewhere: rows that this person has answered and that wait for a second annotator.
        notes: what is worth a warning.
    """

    annotator: str
    round: int
    names: Sequence[str]
    rows: Sequence[Row]
    given: Mapping[str, Entry]
    classes: Sequence[str]
    words: Sequence[str]
    taken: Taken
    journal: Path
    others: Sequence[Path] = ()
    n_elsewhere: int = 0
    notes: Sequence[str] = ()
