"""`relabel`: classes renamed, merged or asked again; every answer stays in the ledger as it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alcli.errors import DataError, StateError, suggest
from alcli.loop import Result, plural
from alcli.loop._asking import Asking, known_classes
from alcli.loop._renaming import Facts, check_config, config_to_edit, new_maps, read_maps, unlike
from alcli.project import LABELS, LEDGER, Project, Round, Step, Transaction
from alcli.project.disputes import open_disputes, stage_disputes, votes_on
from alcli.project.intake import Places, Taken, checked_ledger, stage_ingest, with_rows
from alcli.project.ledger import LEDGER_SCHEMA, ledger_files
from alcli.project.pool import Pool
from alcli.project.relabeling import command_words, entries
from alcli.project.reopening import FILE, Reopened, asked_again
from alcli.project.resolve import Resolution, resolve
from alcli.project.selection import Asked, read_asked
from alcli.project.splits import VALIDATION, Splits
from alcli.registry import FORMATS
from alcli.tables.hashing import hash_strings, salted

_READS = ("task.classes", "labels", "random_state")


@dataclass(frozen=True)
class Options:
    """How `relabel` is run.

    Attributes:
        maps: `old=new`, all at once.
        reopen: classes whose rows are asked again.
        guideline: the rubric's version that reopened rows are answered under; None: named after their file.
        tool: the format of a labeling tool, for a file of its own beside the one for people.
        dry_run: report what would change and write nothing.
    """

    maps: Sequence[str] = ()
    reopen: Sequence[str] = ()
    guideline: str | None = None
    tool: str | None = None
    dry_run: bool = False


def relabel(project: Project, options: Options) -> Result:
    """Let answers of one label count as another, and ask the rows of some classes again.

    Raises:
        StateError: nothing is answered yet.
        DataError: a class that there is not; a mapping that cannot be read.
        ConfigError: the config names classes as they were.
    """
    started, round_ = datetime.now(UTC), project.newest
    ledger = checked_ledger(project)
    if not ledger.num_rows:
        raise StateError("there are no answers yet", where=LEDGER, hint="edit task.classes: that is all")
    facts = Facts(project, ledger, read_asked(project), Splits.read(project))
    maps = new_maps(facts, read_maps(facts, options.maps))
    if not options.dry_run:
        check_config(project, maps)
    mapped = _with(facts, maps, {}, started)
    settled = resolve(mapped, project.config.labels.resolve)
    under_way = _under_way(facts, settled)
    reopened, lost = _to_reopen(facts, settled, [name for name in options.reopen if name not in under_way])
    found = _found(facts, maps, reopened)
    warnings = [*unlike(facts, maps), *_gone(lost)]
    if not maps and not reopened:
        return _nothing_new(facts, options, under_way, found, warnings)
    change = _Change(facts, maps, reopened, _with(facts, maps, reopened, started))
    files = [] if options.dry_run else change.write(options, round_)
    if not options.dry_run:
        project.log(round_, "relabel", started, **change.more)
    if options.dry_run:
        warnings += config_to_edit(project, maps)
    return Result(
        "relabel",
        round=round_.number,
        changed=not options.dry_run,
        counts=change.counts,
        files=files,
        warnings=warnings,
        summary=[*_summary(found, dry_run=options.dry_run), *change.told],
        more={"dry_run": options.dry_run, **found},
    )


def _with(facts: Facts, maps: Mapping[str, str], reopened: Mapping[str, str], at: datetime) -> pa.Table:
    """The ledger with the entries that are to join it."""
    files = ledger_files(facts.project.root / LEDGER)
    rows = entries(
        maps,
        reopened,
        source=command_words(maps, sorted(set(reopened.values()))),
        round_=facts.project.newest.number,
        number=int(files[-1].stem) + 1,
    )
    at_ = pa.repeat(pa.scalar(at, LEDGER_SCHEMA.field("ingested_at").type), rows.num_rows)
    rows = rows.append_column("ingested_at", at_).select(LEDGER_SCHEMA.names)
    return with_rows(facts.ledger, rows.cast(LEDGER_SCHEMA))


def _under_way(facts: Facts, settled: Resolution) -> dict[str, list[str]]:
    """Classes that people are asked about again and have not answered to the end, and the files."""
    again, pending = Reopened.of(facts.project.rounds), facts.asked.pending(settled.rows)
    found: dict[str, list[str]] = {}
    for name, ids in again.files.items():
        if not pending.isdisjoint(id_ for id_ in ids if facts.asked.reopened.get(id_) == name):
            for class_ in again.classes[name]:
                found.setdefault(class_, []).append(name)
    return found


def _to_reopen(facts: Facts, settled: Resolution, classes: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """(id -> label of the rows to ask again, ids that would be but are not in the pool any more).

    Raises:
        DataError: a class that there is not; a row that is sealed under another id.
        IntegrityError: a validation row is not what it was.
    """
    labels = settled.labels
    known = {*facts.classes, *pc.unique(labels["label"]).to_pylist()}
    for name in classes:
        if name not in known:
            hint = suggest(name, sorted(known))
            raise DataError(f"there is no class {name!r}", where="--reopen", hint=hint)
    rows = labels.filter(pc.is_in(labels["label"], value_set=pa.array(list(classes), pa.string())))
    if not rows.num_rows:
        return {}, []
    pool = Pool(facts.project)
    splits = Splits.read_with_groups(facts.project, pool)
    held = pool.take(rows["id"].combine_chunks(), facts.project.config.features, splits.shown)
    splits.check_labeled(held)
    there = set(held.ids.to_pylist())
    found = dict(zip(rows["id"].to_pylist(), rows["label"].to_pylist(), strict=True))
    kept = {id_: label for id_, label in found.items() if id_ in there}
    return kept, sorted(found.keys() - there)


def _found(facts: Facts, maps: Mapping[str, str], reopened: Mapping[str, str]) -> dict[str, Any]:
    """What changes, by class and split, for the JSON document."""

    def labeled(name: str) -> list[str]:
        ids: list[str] = facts.labels.filter(pc.equal(facts.labels["label"], name))["id"].to_pylist()
        return ids

    return {
        "map": [
            {"from": old, "to": new, "answers": facts.said[old], **facts.by_split(labeled(old))}
            for old, new in maps.items()
        ],
        "reopen": [
            {"class": name, **facts.by_split([id_ for id_, label in reopened.items() if label == name])}
            for name in sorted(set(reopened.values()))
        ],
    }


def _gone(ids: Sequence[str]) -> list[str]:
    if not ids:
        return []
    rows = plural(len(ids), "row is", "rows are")
    return [f"{rows} no longer in the pool (first: {ids[0]!r}) and cannot be asked again: labels kept"]


def _nothing_new(
    facts: Facts,
    options: Options,
    under_way: Mapping[str, Sequence[str]],
    found: Mapping[str, Any],
    warnings: Sequence[str],
) -> Result:
    """Nothing changes; files for people that were lost come back."""
    project, again = facts.project, Reopened.of(facts.project.rounds)
    names = dict.fromkeys(name for class_ in options.reopen for name in under_way.get(class_, ()))
    written: list[str] = []
    for name in () if options.dry_run else names:
        asking = Asking(project, options.tool, again.guideline[name])
        if asking.lost(name):
            with project.change() as change:
                asking.restore(change, name, again.files[name])
        written += asking.written
    summary = ["Up to date: no answer counts as another class by this, and no row is asked again."]
    summary += [f"Asked again in {', '.join(names)}, and not all answered yet."] if names else []
    return Result(
        "relabel",
        project.newest.number,
        changed=bool(written),
        counts={"mapped": 0, "reopened": 0},
        files=written,
        warnings=warnings,
        summary=summary,
        more={"dry_run": options.dry_run, **found},
    )


class _Change:
    """What is written: ledger, labels, disputes, and the file for people."""

    def __init__(
        self, facts: Facts, maps: Mapping[str, str], reopened: Mapping[str, str], ledger: pa.Table
    ) -> None:
        self.facts, self.reopened, self.ledger = facts, reopened, ledger
        project = facts.project
        step = project.newest.steps.get("relabel")
        self.before: dict[str, Any] = dict(step.more["files"]) if step is not None else {}
        self.unasked: dict[str, int] = dict(step.more.get("unasked", {})) if step is not None else {}
        self.outputs = dict(step.outputs) if step is not None else {}
        number = len(self.before) + 1
        self.file = f"{project.newest.folder}/{FILE if number == 1 else FILE.replace('.', f'-{number}.')}"
        self.new_rows = ledger.slice(facts.ledger.num_rows).select(LEDGER_SCHEMA.names)
        self.resolution = resolve(ledger, project.config.labels.resolve)
        new = self._rounds_of_unasked()
        self.unasked |= new
        rounds = {**facts.asked.rounds, **new}
        again = {**facts.asked.reopened, **dict.fromkeys(reopened, self.file)}
        several = {id_: n for id_, n in facts.asked.several.items() if id_ not in reopened}
        asked = Asked(rounds, facts.asked.reason, several, facts.asked.released - reopened.keys(), again)
        self.pending = asked.pending(self.resolution.rows)
        self.taken = Taken(
            {},
            known_classes(project, ledger) or (),
            ledger,
            self.new_rows,
            self.resolution,
            Places(facts.splits.ids(VALIDATION), rounds, again),
            self.pending,
        )
        self.counts = {
            "mapped": sum(facts.said[old] for old in maps),
            "reopened": len(reopened),
            **self.taken.counts(),
            "pending": len(self.pending),
        }
        self.more = {"mapped": self.counts["mapped"], "reopened": len(reopened)}
        self.told = (
            [f"Give {self.file} to people: {plural(len(reopened), 'row')} to label."] if reopened else []
        )

    def _rounds_of_unasked(self) -> dict[str, int]:
        """Reopened rows that nobody had asked about, and the round that their labels are filed in."""
        ids = sorted(self.reopened.keys() - self.facts.asked.rounds.keys())
        if not ids:
            return {}
        rows = self.facts.ledger.filter(pc.is_in(self.facts.ledger["id"], value_set=pa.array(ids)))
        return dict(zip(rows["id"].to_pylist(), rows["round"].to_pylist(), strict=True))

    def write(self, options: Options, round_: Round) -> list[str]:
        """All at once; returns the names of what was written."""
        project = self.facts.project
        guideline = options.guideline or self.file.removesuffix(".csv")
        asking = Asking(project, options.tool, guideline)
        disputed = open_disputes(self.resolution, self.pending)
        votes = votes_on(self.ledger, self.resolution, disputed)
        with project.change() as change:
            step = stage_ingest(project, change, self.taken, self.counts, project.clock)
            step = stage_disputes(project, change, step, votes, FORMATS.build("csv"))
            for other in project.rounds:
                after = asked_again(other, self.reopened)
                if other.number == round_.number:
                    entry = self._step(change, asking, after, guideline)
                    after = after.replacing(step).replacing(entry)
                if after is not other:
                    change.record(after)
        files = [self.file] if self.reopened else []
        return [LABELS, LEDGER, *files, *asking.written, f"{round_.folder}/round.json"]

    def _step(self, change: Transaction, asking: Asking, round_: Round, guideline: str) -> Step:
        """The round's entry, with the files for people of all its relabelings."""
        project, files = self.facts.project, dict(self.before)
        if self.reopened:
            ids = _mixed(sorted(self.reopened), project)
            self.outputs |= asking.stage(change, self.file, ids)
            classes = sorted(set(self.reopened.values()))
            after = not {"seed", "query"}.isdisjoint(round_.steps)
            files[self.file] = {"classes": classes, "guideline": guideline, "ids": ids, "after_query": after}
        before = round_.steps.get("relabel")
        released = before.more.get("released", ()) if before is not None else ()
        return Step(
            "relabel",
            settings=project.read_settings(_READS),
            config=project.config.digest(_READS),
            random_state=project.config.random_state,
            inputs={},
            outputs=self.outputs,
            counts=self.more,
            more={
                "files": files,
                **({"unasked": self.unasked} if self.unasked else {}),
                **({"released": list(released)} if released else {}),
            },
        )


def _mixed(ids: Sequence[str], project: Project) -> list[str]:
    """In an order that tells nobody which rows are sealed."""
    keys = salted(hash_strings(pa.array(ids, pa.string())), project.config.random_state, "reopened order")
    return [ids[int(n)] for n in np.argsort(keys, kind="stable")]


def _summary(found: Mapping[str, Any], *, dry_run: bool) -> list[str]:
    lines = ["Dry run: nothing is written."] if dry_run else []
    for one in found["map"]:
        answers = plural(one["answers"], "answer counts", "answers count")
        rows = f"{plural(one['train'], 'training label')}, {plural(one['validation'], 'validation label')}"
        lines.append(f"{answers} as {one['to']!r} in place of {one['from']!r}: {rows}.")
    for one in found["reopen"]:
        rows = f"{plural(one['train'], 'training row')}, {plural(one['validation'], 'validation row')}"
        lines.append(f"Asked again of {one['class']!r}: {rows}; their answers are set aside.")
    return lines
