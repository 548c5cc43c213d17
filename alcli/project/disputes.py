"""`rounds/NNN/adjudicate.csv`: the rows that annotators disagree about, for one person to decide."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from alcli.project import File, Project, Step, Transaction
from alcli.project.answers import LABELED
from alcli.project.deciding import ADJUDICATE, LISTED, listed
from alcli.project.query_file import Writer, query_columns, stage_query
from alcli.project.relabeling import labels_now
from alcli.project.resolve import DISPUTED, Resolution


def open_disputes(resolution: Resolution, pending: Collection[str]) -> list[str]:
    """Sorted ids in dispute of which no further answer is awaited."""
    rows = resolution.rows
    disputed = rows.filter(pc.equal(rows["status"], DISPUTED))["id"].to_pylist()
    return [id_ for id_ in disputed if id_ not in pending]


def unwritten(project: Project, disputed: Sequence[str]) -> bool:
    """Whether a row in dispute stands in no file, or in one that is gone."""
    there = {id_ for name, ids in listed(project.rounds) if (project.root / name).exists() for id_ in ids}
    return not there.issuperset(disputed)


def stage_disputes(
    project: Project,
    change: Transaction,
    step: Step,
    votes: Mapping[str, str],
    writer: Writer,
) -> Step:
    """Stage a file with the disputes that stand in none, `votes` by id as `votes_on` has them.

    They join the round's last such file as long as nobody has touched it, else they get a file of their own:
    what people have filled in is never written over.

    Returns:
        The ingest step with its files, those of earlier ingests in the round among them.
    """
    folder, before = project.newest.folder, project.newest.steps.get("ingest")
    files: dict[str, list[str]] = dict(before.more.get(LISTED, {})) if before is not None else {}
    outputs: dict[str, File] = {name: before.outputs[name] for name in files} if before is not None else {}
    there = {id_ for name, ids in listed(project.rounds) if (project.root / name).exists() for id_ in ids}
    new = [id_ for id_ in votes if id_ not in there]
    if new:
        name, ids = f"{folder}/{_name(len(files) + 1)}", new
        last = next(reversed(files), None)
        if before is not None and last is not None and _untouched(project, before, last):
            name, ids = last, sorted({*new, *(votes.keys() & set(files[last]))})
        extra = {"answers": [votes[id_] for id_ in ids], "adjudicated": ["yes"] * len(ids)}
        outputs |= stage_query(change, name, query_columns(project, ids, extra), writer)
        files[name] = ids
    return step.finished({**step.outputs, **outputs}, step.counts, **{LISTED: files} if files else {})


def votes_on(ledger: pa.Table, resolution: Resolution, ids: Sequence[str]) -> dict[str, str]:
    """What annotators said of each row, without their names: `2 food, 1 pets`."""
    wanted = pc.is_in(ledger["id"], value_set=pa.array(ids, pa.string()))
    standing = pa.array(resolution.standing)
    told = ledger.select(["id", "status"]).append_column("label", labels_now(ledger))
    answers = told.take(standing.filter(wanted.take(standing)))
    answers = answers.filter(pc.equal(answers["status"], LABELED))
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for id_, label in zip(answers["id"].to_pylist(), answers["label"].to_pylist(), strict=True):
        said[id_][label] += 1
    return {id_: _words(said[id_]) for id_ in ids}


def _words(counts: Counter[str]) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {label}" for label, count in ranked)


def _name(number: int) -> str:
    return ADJUDICATE if number == 1 else ADJUDICATE.replace(".", f"-{number}.")


def _untouched(project: Project, step: Step, name: str) -> bool:
    """As it was written, or gone."""
    return not (project.root / name).exists() or project.intact(step, name)
