"""`ingest`: take people's answers into the ledger, and rebuild the labeled set from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alcli.loop import Result, plural
from alcli.loop._asking import known_classes
from alcli.project import LABELS, LEDGER, Project
from alcli.project.classes import look_like_misspelled
from alcli.project.deciding import files_to_decide
from alcli.project.disputes import (
    open_disputes,
    stage_disputes,
    unwritten,
    votes_on,
)
from alcli.project.grouping import coded, group
from alcli.project.intake import (
    Intake,
    Places,
    Rules,
    Taken,
    all_rejected,
    checked_ledger,
    stage_ingest,
)
from alcli.project.pool import Pool
from alcli.project.relabeling import answers_alive, dated_before_reopening, set_aside
from alcli.project.resolve import Resolution, resolve
from alcli.project.selection import Asked, read_asked
from alcli.project.splits import HELD_OUT, RESERVE, VALIDATION, Splits
from alcli.registry import FORMATS, reader_of

_SHOWN_CLASSES = 12


@dataclass(frozen=True)
class Options:
    """How `ingest` is run.

    Attributes:
        rules: how the files are taken.
        format: the name of their format; None: recognized by content or ending.
        dry_run: report what would change and write nothing.
        rejected: where to list rows that were not taken; None: rejected.csv beside the first file.
        rebuild: resolve the ledger again even if nothing is new.
        retract_source: take back all answers of this file.
        retract_annotator: take back all answers of this annotator.
    """

    rules: Rules = field(default_factory=Rules)
    format: str | None = None
    dry_run: bool = False
    rejected: Path | None = None
    rebuild: bool = False
    retract_source: str | None = None
    retract_annotator: str | None = None


def ingest(project: Project, files: Sequence[Path], options: Options) -> Result:
    """Add the files' new answers to the ledger; the same answers again change nothing.

    Raises:
        StateError: before seed.
        DataError: a row that cannot be taken, with its place and reason; nothing is written then.
    """
    started, round_ = datetime.now(UTC), project.newest
    ledger = checked_ledger(project)
    asked, splits = read_asked(project), Splits.read(project)
    classes = known_classes(project, ledger)
    intake = _intake(project, options.rules, ledger, classes, asked, splits, at=started)
    labels, named = project.config.labels, options.rules.columns
    words = {"id": named.get("id", labels.id), "label": named.get("label", labels.label)}
    for path in files:
        intake.take(path, reader_of(path, options.format, advice="--format NAME forces one", **words))
    intake.relabel_late()
    intake.warnings += _by_the_old_rubric(intake.ledger, ledger.num_rows)
    if options.retract_source or options.retract_annotator:
        intake.take_back(options.retract_source, options.retract_annotator)
    resolution = resolve(intake.ledger, project.config.labels.resolve)
    intake.counts["changed"] = _changed(intake.ledger, ledger.num_rows, resolution.standing)
    places = Places(splits.ids(VALIDATION), asked.rounds, asked.reopened)
    pending = asked.pending(resolution.rows)
    taken = Taken(
        intake.files, intake.classes or (), intake.ledger, intake.new_rows, resolution, places, pending
    )
    disputed = open_disputes(resolution, pending)
    counts = {**intake.counts, **taken.counts(), "pending": len(pending)}
    written = _list_rejected(intake, options)
    changed = bool(taken.new_rows.num_rows) or not _stands(project, ledger, options, disputed)
    if changed and not options.dry_run:
        votes = votes_on(taken.ledger, resolution, disputed)
        with project.change() as change:
            step = stage_ingest(project, change, taken, counts, project.clock)
            step = stage_disputes(project, change, step, votes, FORMATS.build("csv"))
            change.record(round_.replacing(step))
        new_file = [LEDGER] if taken.new_rows.num_rows else []
        listed = files_to_decide(project.rounds, disputed)
        written = [LABELS, *new_file, *listed, f"{round_.folder}/round.json", *written]
        project.log(round_, "ingest", started, new=taken.new_rows.num_rows)
    summary = _summary(counts, dry_run=options.dry_run) + _to_decide(project, disputed)
    if not classes:
        summary += _learned(_by_class(resolution))
        intake.warnings += look_like_misspelled(_by_class(resolution))
    return Result(
        "ingest",
        round=round_.number,
        changed=changed and not options.dry_run,
        counts=counts,
        files=written,
        warnings=intake.warnings,
        summary=summary,
        more={"dry_run": options.dry_run, "labels": _by_class(resolution)},
    )


def _by_the_old_rubric(ledger: pa.Table, n_before: int) -> list[str]:
    count = dated_before_reopening(ledger, n_before)
    if not count:
        return []
    answers = plural(count, "answer to a reopened row is", "answers to reopened rows are")
    hint = "if they go by the old rubric, `alcli ingest --retract FILE` takes them back"
    return [f"{answers} dated before it was asked again: {hint}"]


def _stands(project: Project, ledger: pa.Table, options: Options, disputed: Sequence[str]) -> bool:
    """Whether `labels.parquet` is what the ledger comes to, so that nothing new means nothing to write."""
    steps = [earlier.steps["ingest"] for earlier in project.rounds if "ingest" in earlier.steps]
    if not steps:
        return not ledger.num_rows
    if unwritten(project, disputed):
        return False
    if not options.rebuild:
        return (project.root / LABELS).exists()
    same_policy = bool(steps[-1].more["resolve"] == project.config.labels.resolve)
    return same_policy and project.intact(steps[-1], LABELS)


def _intake(
    project: Project,
    rules: Rules,
    ledger: pa.Table,
    classes: tuple[str, ...] | None,
    asked: Asked,
    splits: Splits,
    *,
    at: datetime,
) -> Intake:
    pool = Pool(project)
    sealed = {id_: split for split in (RESERVE, HELD_OUT) for id_ in splits.ids(split).to_pylist()}
    return Intake(
        project,
        rules,
        ledger,
        asked.rounds,
        sealed,
        lambda ids: set(pool.take(ids).ids.to_pylist()),
        classes,
        project.newest.number,
        at,
        shown=pool.schema.names,
        retired=_retired(ledger, classes or ()),
        copies=lambda ids: _copies(project, pool, ids),
        validation=splits.ids(VALIDATION).to_pylist(),
        again=asked.again,
    )


def _copies(project: Project, pool: Pool, ids: Sequence[str]) -> list[str]:
    """Those ids whose rows in the pool hold what a sealed row holds, or are of its group."""
    splits = Splits.read_with_groups(project, pool)
    rows = pool.take(ids, project.config.features, splits.shown)
    found: list[str] = rows.take(splits.find_sealed(rows, rows.content())).ids.to_pylist()
    return found


def _retired(ledger: pa.Table, classes: Collection[str]) -> frozenset[tuple[str, str]]:
    """(id, label) of answers with a label that is no class any more, such as a corrected typo."""
    known = pc.is_in(ledger["label"], value_set=pa.array(list(classes), pa.string()))
    gone = ledger.filter(pc.and_(pc.is_valid(ledger["label"]), pc.invert(known)))
    return frozenset(zip(gone["id"].to_pylist(), gone["label"].to_pylist(), strict=True))


def _changed(ledger: pa.Table, n_before: int, standing: Any) -> int:
    """How many of the new answers that stand took the place of an older one of the same annotator."""
    new = standing[standing >= n_before]
    if not len(new) or not n_before:
        return 0
    pair = group(*(coded(ledger[name])[0] for name in ("id", "annotator")))
    stood = answers_alive(ledger) & ~set_aside(ledger)
    return int(np.isin(pair[new], pair[:n_before][stood[:n_before]]).sum())


def _list_rejected(intake: Intake, options: Options) -> list[str]:
    """Write `rejected.csv`, before anything is taken: if that fails, nothing has happened."""
    if not intake.rejected or options.dry_run:
        return []
    target = options.rejected or intake.paths[0].parent / "rejected.csv"
    FORMATS.build("csv").write(target, all_rejected(intake.rejected))
    intake.warnings.append(f"{plural(intake.counts['rejected'], 'row')} not taken: see {target}")
    return [str(target)]


def _learned(counts: Mapping[str, int]) -> list[str]:
    """The classes that the first answers named."""
    if not counts:
        return []
    shown = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:_SHOWN_CLASSES])
    more = f" and {len(counts) - _SHOWN_CLASSES} more" if len(counts) > _SHOWN_CLASSES else ""
    return [f"{plural(len(counts), 'class', 'classes')} learned: {shown}{more}."]


def _by_class(resolution: Resolution) -> dict[str, int]:
    return dict(sorted(Counter(resolution.labels["label"].to_pylist()).items()))


def _to_decide(project: Project, disputed: Sequence[str]) -> list[str]:
    files = files_to_decide(project.rounds, disputed)
    if not files:
        return []
    return [f"Decide {plural(len(disputed), 'row')} in dispute in {', '.join(files)}, then ingest that."]


def _summary(counts: Mapping[str, int], *, dry_run: bool) -> list[str]:
    would = "would be " if dry_run else ""
    known = f", {counts['known']:,} known already" if counts["known"] else ""
    parts = [
        (counts["changed"], "of them correct an earlier answer"),
        (counts["ignored"], "ignored: never asked for"),
        (counts["unrequested"], "taken though never asked for"),
        (counts["pending_blank"], "still without a label"),
        (counts.get("retracted", 0), f"{would}taken back"),
    ]
    lines = [
        f"{plural(counts['new'], 'new answer')}{' (dry run: nothing is written)' if dry_run else ''}{known}."
    ]
    lines += [f"{count:,} {words}." for count, words in parts if count]
    aside = [f"{counts[name]:,} {name}" for name in ("disputed", "skipped", "unsure") if counts[name]]
    lines.append(
        f"{plural(counts['labeled'], 'training label')}, {counts['validation_labeled']:,} validation labels, "
        f"{counts['pending']:,} pending" + (f"; {', '.join(aside)}" if aside else "") + "."
    )
    return lines
