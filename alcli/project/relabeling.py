"""Relabelings: entries of the ledger that say what the answers before them count as from now on.

An entry `mapped` lets every answer `comment` count as `label`; those of one command at once. An entry
`reopened` sets all answers to its row aside. Answers stay as they were given, and a tombstone takes an entry
back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.project.grouping import coded, group, ticks

RETRACTED, MAPPED, REOPENED = "retracted", "mapped", "reopened"
RELABELED = "relabeled"
"""In the entries of `ingest` and `train`: what was mapped by then, one command after the other."""

Mask = NDArray[np.bool_]
_DAY = 86_400_000_000  # microseconds


def alive(ledger: pa.Table) -> Mask:
    """(n,) answers and entries that no later tombstone took back; tombstones themselves are not alive."""
    tombstone = _having(ledger, RETRACTED)
    if not tombstone.any():
        return ~tombstone
    # a tombstone repeats all of an answer but its status; within one source that tells skipped from unsure
    names = ("id", "annotator", "label", "labeled_at", "source_sha256")
    answer = group(*(coded(ledger[name])[0] for name in names))
    position = np.arange(ledger.num_rows)
    last = np.full(int(answer.max()) + 1, -1)
    np.maximum.at(last, answer[tombstone], position[tombstone])
    return ~tombstone & (position > last[answer])


def answers_alive(ledger: pa.Table) -> Mask:
    """(n,) answers that nobody took back, those that were set aside among them."""
    return alive(ledger) & ~(_having(ledger, MAPPED) | _having(ledger, REOPENED))


def set_aside(ledger: pa.Table) -> Mask:
    """(n,) what came before the last time that its row was reopened."""
    opening = np.flatnonzero(_having(ledger, REOPENED))
    if len(opening):
        opening = opening[alive(ledger)[opening]]
    if not len(opening):
        return np.zeros(ledger.num_rows, dtype=np.bool_)
    row = coded(ledger["id"])[0]
    last = np.full(int(row.max()) + 1, -1)
    np.maximum.at(last, row[opening], opening)
    aside: Mask = np.arange(ledger.num_rows) < last[row]
    return aside


def dated_before_reopening(ledger: pa.Table, since: int) -> int:
    """How many answers from a position on are dated before the day on which their row was last reopened."""
    opening = np.flatnonzero(_having(ledger, REOPENED) & alive(ledger))
    if not len(opening):
        return 0
    row, day = coded(ledger["id"])[0], ticks(ledger["ingested_at"])[0] // _DAY
    last = np.full(int(row.max()) + 1, -1)
    last[row[opening]] = day[opening]
    given, undated = ticks(ledger["labeled_at"])
    return int((~undated & (given // _DAY < last[row]))[since:].sum())


@dataclass(frozen=True)
class Renaming:
    """One command's mapping: where its first entry stands, and label -> what it counts as."""

    start: int
    names: Mapping[str, str]


def mappings(ledger: pa.Table) -> list[Renaming]:
    """All that stand, oldest first."""
    at = np.flatnonzero(_having(ledger, MAPPED))
    if not len(at):
        return []
    at, found = at[alive(ledger)[at]], list[Renaming]()
    rows = ledger.take(pa.array(at)).select(["comment", "label", "source_sha256", "ingest"]).to_pylist()
    for n, row in enumerate(rows):
        command = (row["source_sha256"], row["ingest"])
        before = (rows[n - 1]["source_sha256"], rows[n - 1]["ingest"]) if n else None
        if command == before:
            found[-1] = Renaming(found[-1].start, {**found[-1].names, row["comment"]: row["label"]})
        else:
            found.append(Renaming(int(at[n]), {row["comment"]: row["label"]}))
    return found


def labels_now(ledger: pa.Table) -> Any:
    """The column `label` with what each answer counts as now."""
    found = mappings(ledger)
    if not found:
        return ledger["label"]
    code, values = coded(ledger["label"])
    names = [*values.to_pylist(), *(new for one in found for new in one.names.values())]
    number = {name: n for n, name in reversed(list(enumerate(names)))}
    for one in found:
        turned = np.arange(-1, len(names))  # one up: a null is -1
        for old, new in one.names.items():
            if old in number:
                turned[number[old] + 1] = number[new]
        code[: one.start] = turned[code[: one.start] + 1]
    return pa.chunked_array([pa.array(names, pa.string()).take(pa.array(code, mask=code < 0))])


def renamed(ledger: pa.Table, classes: Collection[str]) -> dict[str, str]:
    """Labels that are no class any more -> the class that answers of that name count as."""
    ends: dict[str, str] = {}
    for one in mappings(ledger):
        ends = {old: one.names.get(new, new) for old, new in ends.items()} | dict(one.names)
    return {old: new for old, new in ends.items() if old not in classes and old != new}


def repeated(ledger: pa.Table, labels: Collection[str], ends: Mapping[str, str]) -> pa.Table:
    """Entries that map labels once more, for answers that came after the mapping: as `renamed` says."""
    entry = _having(ledger, MAPPED) & alive(ledger)
    at = [int(np.flatnonzero(entry & _equal(ledger["comment"], label))[-1]) for label in sorted(labels)]
    rows = ledger.take(pa.array(at, pa.int64()))
    place = rows.schema.get_field_index("label")
    return rows.set_column(place, "label", pa.array([ends[label] for label in sorted(labels)], pa.string()))


def entries(
    maps: Mapping[str, str], reopened: Mapping[str, str], *, source: str, round_: int, number: int
) -> pa.Table:
    """Entries of one command, in the ledger's columns without `ingested_at`.

    Args:
        maps: label -> what it counts as.
        reopened: id -> the label that its row has had.
        source: the command.
        round_: the newest round's number.
        number: of the ledger's next file: it tells two equal commands apart.
    """
    n = len(maps) + len(reopened)
    constants: dict[str, Any] = {"annotator": "", "guideline": "", "round": round_, "source": source}
    return pa.table(
        {
            "id": pa.array([*("" for _ in maps), *reopened], pa.string()),
            "label": pa.array([*maps.values(), *reopened.values()], pa.string()),
            "status": pa.array([MAPPED] * len(maps) + [REOPENED] * len(reopened), pa.string()),
            "labeled_at": pa.nulls(n, pa.timestamp("us", "UTC")),
            "seconds": pa.nulls(n, pa.float64()),
            "comment": pa.array([*maps, *("" for _ in reopened)], pa.string()),
            "source_sha256": [hashlib.sha256(f"{number} {source}".encode()).hexdigest()] * n,
            **{name: [value] * n for name, value in constants.items()},
        }
    )


def command_words(maps: Mapping[str, str], reopen: Sequence[str]) -> str:
    """What the ledger calls a command: its source, by which `alcli ingest --retract` takes it back."""
    words = [f"--map {old}={new}" for old, new in sorted(maps.items())]
    return " ".join(["relabel", *words, *(f"--reopen {name}" for name in sorted(reopen))])


def _having(ledger: pa.Table, status: str) -> Mask:
    return _equal(ledger["status"], status)


def _equal(column: Any, value: str) -> Mask:
    found: Mask = np.asarray(pc.equal(column, value), dtype=np.bool_)
    return found
