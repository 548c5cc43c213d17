"""`selection.parquet`: which rows people were asked about, and why each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alcli.project import Project, Transaction
from alcli.project.manifest import File, Round
from alcli.project.reopening import Reopened

SELECTION, QUERY = "selection.parquet", "query.csv"
RELABEL = "relabel"
"""The reason of a row whose label is in doubt."""

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float32()),
        ("strategy", pa.string()),
        ("reason", pa.string()),
        ("group", pa.string()),
    ]
)


@dataclass(frozen=True)
class Choice:
    """One asked row and why."""

    id: str
    strategy: str
    reason: str
    score: float | None = None
    group: str | None = None


def selection_table(choices: Sequence[Choice], first_rank: int = 1) -> pa.Table:
    """Choices in their rank's order as `selection.parquet` holds them."""
    return pa.table(
        {
            "id": [choice.id for choice in choices],
            "rank": range(first_rank, first_rank + len(choices)),
            "score": [choice.score for choice in choices],
            "strategy": [choice.strategy for choice in choices],
            "reason": [choice.reason for choice in choices],
            "group": [choice.group for choice in choices],
        },
        schema=SCHEMA,
    )


def stage_selection(change: Transaction, folder: str, table: pa.Table) -> dict[str, File]:
    """Stage a round's `selection.parquet`; returns its manifest entry."""
    target = f"{folder}/{SELECTION}"
    pq.write_table(table, change.path(target))
    return {target: change.file(target, table.num_rows)}


def read_selection(project: Project, folder: str) -> pa.Table:
    """A round's `selection.parquet`."""
    return pq.read_table(project.root / folder / SELECTION, schema=SCHEMA)


@dataclass(frozen=True)
class Asked:
    """Every row that people were asked about.

    Attributes:
        rounds: the round in which each id was last asked.
        reason: why.
        several: how many annotators answer an id, where it is more than one.
        released: ids given back by `alcli query --release`.
        reopened: the file in which an id was asked again by `alcli relabel --reopen`, unless a batch has
            asked about it since.
    """

    rounds: Mapping[str, int]
    reason: Mapping[str, str]
    several: Mapping[str, int]
    released: frozenset[str]
    reopened: Mapping[str, str] = field(default_factory=dict)

    def pending(self, rows: pa.Table, coming: Iterable[str] = ()) -> frozenset[str]:
        """Ids still with people.

        Args:
            rows: those that have answers, as `Resolution.rows`.
            coming: the id of each further answer.
        """
        ids = rows["id"].to_pylist()
        answers = Counter(dict(zip(ids, rows["n_annotators"].to_pylist(), strict=True)))
        newest = dict(zip(ids, rows["round"].to_pylist(), strict=True))
        for id_ in coming:
            answers[id_] += 1
            newest[id_] = self.rounds.get(id_, -1)
        open_ = self.rounds.keys() - answers.keys()
        open_ |= {id_ for id_, needed in self.several.items() if answers.get(id_, 0) < needed}
        open_ |= {id_ for id_ in self.again if newest.get(id_, -1) < self.rounds[id_]}
        return frozenset(open_ - self.released)

    @cached_property
    def again(self) -> frozenset[str]:
        """Ids that were asked once more, since their label was in doubt."""
        return frozenset(id_ for id_, reason in self.reason.items() if reason == RELABEL)


def read_asked(project: Project) -> Asked:
    """What all rounds asked; their selections are checked against the manifest on the way."""
    again = Reopened.of(project.rounds)
    rounds: dict[str, int] = dict(again.unasked)
    reasons: dict[str, str] = dict.fromkeys(rounds, "reopened")
    needed: dict[int, int] = {}
    released: set[str] = set()
    last: dict[str, str] = {}
    for round_ in project.rounds:
        step = round_.steps.get("seed") or round_.steps.get("query")
        last |= _reopened_in(round_, after_query=False)
        if step is None:
            continue
        project.check(step, f"{round_.folder}/{SELECTION}")
        table = read_selection(project, round_.folder)
        ids = table.column("id").to_pylist()
        rounds.update(dict.fromkeys(ids, round_.number))
        needed[round_.number] = int(step.more.get("overlap_annotators", 2))
        reasons.update(zip(ids, table.column("reason").to_pylist(), strict=True))
        mine = set(ids)
        released = (released - mine) | released_in(step)
        last = {id_: name for id_, name in last.items() if id_ not in mine}
        last |= _reopened_in(round_, after_query=True)
    reopened = {id_: name for id_, name in last.items() if id_ not in again.released}
    several = {
        id_: needed[rounds[id_]]
        for id_, reason in reasons.items()
        if reason == "overlap" and id_ not in reopened
    }
    return Asked(rounds, reasons, several, frozenset(released), reopened)


def _reopened_in(round_: Round, *, after_query: bool) -> dict[str, str]:
    """The newest file in which each id was asked again before the round's batch, or after it."""
    step = round_.steps.get("relabel")
    files = step.more["files"] if step is not None else {}
    return {
        id_: name
        for name, file in files.items()
        if file.get("after_query", True) == after_query
        for id_ in file["ids"]
    }


def released_in(step: Any) -> set[str]:
    """Ids of a round's batch that were given back."""
    return set(step.more.get("released", ()))
