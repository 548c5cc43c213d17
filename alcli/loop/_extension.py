"""More validation rows, from the reserve only: rows that no strategy, model or person has touched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alcli.errors import StateError
from alcli.loop import Result, plural
from alcli.loop._asking import Asking
from alcli.project import LEDGER, SPLITS, Project, Step
from alcli.project.ledger import read_ledger
from alcli.project.pool import Pool
from alcli.project.selection import (
    QUERY,
    SELECTION,
    Choice,
    read_selection,
    selection_table,
    stage_selection,
)
from alcli.project.splits import VALIDATION, Splits
from alcli.project.standing import Standing
from alcli.tables.hashing import hash_strings, salted

_FOLDER = "rounds/000"


def extend_validation(project: Project, size: int, tool: str | None = None) -> Result:
    """Move the next `size` rows of the reserve, in the order they were drawn, to the validation set.

    People find them in a further query file of round 000. Until all of them are answered, asking again is
    asking for the same rows, so that a scheduler does not extend twice.

    Raises:
        StateError: before seed; the reserve has fewer rows; another extension is not answered yet.
        IntegrityError: a reserve row has other content than when it was drawn.
    """
    started, newest, asking = datetime.now(UTC), project.newest, Asking(project, tool)
    standing = Standing.read(project)
    step, before = project.rounds[0].steps["seed"], read_selection(project, _FOLDER)
    batches = batches_of(step, before.num_rows)
    unanswered = standing.pending - standing.asked.reopened.keys()
    waiting = [name for name in batches if unanswered & set(_asked_in(before, batches[name]))]
    last = list(batches)[-1]
    if len(batches) > 1 and last in waiting:
        return _under_way(project, step, last, size, asking)
    ids, warnings = _next_in_reserve(project, step, size)
    name = f"{_FOLDER}/query-{len(batches) + 1}.csv"
    more = {
        "batches": {**batches, name: [before.num_rows + 1, before.num_rows + size]},
        "answered": [batch for batch in batches if batch not in waiting],
        "superseded": [*step.more.get("superseded", ()), step.outputs[SPLITS].to_json()],
        "clock": project.clock,
    }
    counts = {
        **step.counts,
        "validation": step.counts["validation"] + size,
        "reserve": step.counts["reserve"] - size,
        "asked": step.counts["asked"] + size,
        "pending": len(standing.pending) + size,
    }
    choices = [Choice(id_, "random_sampling", VALIDATION) for id_ in ids]
    with project.change() as change:
        splits = Splits.read(project).extended(ids)
        pq.write_table(splits, change.path(SPLITS))
        selection = pa.concat_tables([before, selection_table(choices, before.num_rows + 1)])
        outputs = {**step.outputs, SPLITS: change.file(SPLITS, splits.num_rows)}
        outputs |= stage_selection(change, _FOLDER, selection)
        outputs |= asking.stage(change, name, ids)
        round_ = project.rounds[0].replacing(step.finished(outputs, counts, **more))
        change.record(round_)
    project.log(newest, "seed --extend-validation", started, added=size)
    return Result(
        "seed",
        round=0,
        changed=True,
        counts={**counts, "added": size},
        files=[SPLITS, name, *asking.written, f"{_FOLDER}/{SELECTION}", f"{_FOLDER}/round.json"],
        warnings=warnings,
        summary=[
            f"{plural(size, 'further validation row')} from the reserve, sealed since seed.",
            f"{counts['validation']:,} validation rows now, {counts['reserve']:,} left in reserve.",
            f"Give {asking.give(name)} to people: {plural(size, 'row')} to label.",
            "Once they are ingested, `alcli train` measures the earlier rounds on all validation rows too.",
        ],
    )


def batches_of(step: Step, n_asked: int) -> Mapping[str, list[int]]:
    """Query file -> first and last rank of its rows in round 000's selection, in the order of the files."""
    return dict(step.more.get("batches", {f"{_FOLDER}/{QUERY}": [1, n_asked]}))


def restore_lost(project: Project, step: Step, asking: Asking) -> list[str]:
    """Write those files of round 000 for people again that are gone or lacking; returns their names."""
    selection = read_selection(project, _FOLDER)
    batches = batches_of(step, selection.num_rows)
    lost = [name for name in batches if asking.lost(name)]
    if not lost:
        return []
    brought = [file.sha256 for name, file in step.inputs.items() if name != "pool"]
    ledger = read_ledger(project.root / LEDGER, ("id", "source_sha256"))
    given = pc.is_in(ledger["source_sha256"], value_set=pa.array(sorted(brought), pa.string()))
    answered = set(ledger["id"].filter(given).to_pylist())
    with project.change() as change:
        for name in lost:
            ids = [id_ for id_ in _asked_in(selection, batches[name]) if id_ not in answered]
            asking.restore(change, name, ids)
    return asking.written


def _asked_in(selection: pa.Table, ranks: list[int]) -> list[str]:
    """Ids of the rows of some ranks, which count from 1 without a gap."""
    first, last = ranks
    ids: list[str] = selection["id"].slice(first - 1, last - first + 1).to_pylist()
    return ids


def _under_way(project: Project, step: Step, name: str, size: int, asking: Asking) -> Result:
    """The newest extension is with people.

    Raises:
        StateError: it is one of another size.
    """
    first, last = step.more["batches"][name]
    asked = last - first + 1
    if asked != size:
        raise StateError(
            f"the validation set was extended by {plural(asked, 'row')}, which are not all answered yet",
            where=name,
            hint=f"ingest the answers to all of them (skip is one, too), then extend by {size:,} more",
        )
    lost = restore_lost(project, step, asking)
    return Result(
        "seed",
        round=0,
        changed=bool(lost),
        counts={**step.counts, "added": 0},
        files=lost,
        summary=[
            f"Up to date: {plural(size, 'further validation row')} asked in {name}, not all answered yet."
        ],
    )


def _next_in_reserve(project: Project, step: Step, size: int) -> tuple[list[str], list[str]]:
    """Ids of rows that the pool still has, shuffled so that a file shows no order; and what to warn of."""
    splits = Splits.read(project)
    reserve = splits.reserve(step.random_state)
    rows = Pool(project).take(reserve, project.config.features)
    splits.check_content(rows, rows.content())
    found = set(rows.ids.to_pylist())
    present = [id_ for id_ in reserve if id_ in found]
    gone = len(reserve) - len(present)
    if len(present) < size:
        raise StateError(
            f"the validation set cannot be extended by {size:,}: {len(present):,} left in the reserve",
            where=SPLITS,
            hint="no other rows may measure: all others were open to selection",
        )
    warnings = []
    if gone:
        warnings.append(f"{plural(gone, 'reserve row')} passed over: no longer in the pool")
    if "given" in _ways(project):
        warnings.append("the first validation rows were given, these are drawn at random: figures mix both")
    ids = pa.array(present[:size], pa.string())
    shown = np.argsort(salted(hash_strings(ids), step.random_state, "shown order"), kind="stable")
    return ids.take(pa.array(shown)).to_pylist(), warnings


def _ways(project: Project) -> set[str]:
    """How the validation rows came to be such: given, random_sampling."""
    selection = read_selection(project, _FOLDER)
    mine = selection.filter(pc.equal(selection["reason"], VALIDATION))
    return set(mine["strategy"].to_pylist())
