"""`query`: choose the batch that people label next, exactly as the batch contract promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from alcli.errors import IntegrityError, StateError
from alcli.loop import Result, judge, plural
from alcli.loop._asking import Asking, predictions_of
from alcli.loop._batches import Batch, batches_of, kept
from alcli.loop._doubt import doubted, mixed
from alcli.loop._ground import Ground, read_trained
from alcli.loop._picking import Picking
from alcli.loop._seeking import about_sought, sought
from alcli.loop._sharing import check_names
from alcli.project import Project, Round, Step
from alcli.project.history import read_history
from alcli.project.model_folder import model_folder
from alcli.project.pool import Pool
from alcli.project.scores import score_files
from alcli.project.selection import (
    QUERY,
    RELABEL,
    SELECTION,
    Choice,
    read_selection,
    selection_table,
    stage_selection,
)
from alcli.project.splits import SEED, Splits
from alcli.project.standing import Standing
from alcli.registry import split_spec

READS = ("id", "features", "model", "query", "labels.id", "labels.label", "random_state")


def query(project: Project, more: int = 0, tool: str | None = None, annotators: Sequence[str] = ()) -> Result:
    """Write the round's batch, or, with `more`, a further batch of that size from the same scores.

    Args:
        project: scored.
        more: how many further rows.
        tool: the format of a labeling tool, for a file of its own beside `query.csv`.
        annotators: who shares the batch: each gets a file of their own beside the batch's.

    Raises:
        ConfigError: there is no such format, or it needs the classes; an annotator's name that no file can
            have, or too few of them for the overlap.
        StateError: nothing scored yet, or scored by another strategy.
    """
    started, asking = datetime.now(UTC), Asking(project, tool)
    round_, wanted = project.newest, project.config.query
    check_names(annotators, wanted.overlap_annotators if wanted.overlap else 1)
    done = round_.steps.get("query")
    if done is not None and (not more or project.recovered == _more_command(round_, more)):
        return _up_to_date(project, round_, done, asking, annotators)
    score = _scored_step(project, round_)
    standing = Standing.read(project)
    picking = _picking(project, round_, standing)
    size = more or wanted.batch_size
    with threadpool_limits(1, user_api="blas"):  # products this small lose more to threads than they gain
        choices = _chosen(project, picking, size)
    _refuse_sealed(project, round_, choices)
    if done is not None:
        return _add(project, done, picking, choices, asking, (size, annotators))
    counts = {
        "asked": len(choices),
        "candidates": picking.n_candidates,
        **_by_reason(choices),
        "pending": len(standing.pending) + len(choices),
    }
    folder = round_.folder
    if not choices:
        return _nothing_left(round_, counts)
    batch = _batch(f"{folder}/{QUERY}", choices, annotators, wanted.overlap_annotators, standing)
    with project.change() as change:
        outputs = stage_selection(change, folder, selection_table(choices))
        outputs |= batch.stage(asking, change, predictions_of(project, round_, batch.ids))
        entry = _step(project, score).finished(outputs, counts, clock=project.clock, **kept(batch))
        changed = round_.with_step(entry)
        change.record(changed)
    project.log(changed, "query", started)
    return Result(
        "query",
        round=round_.number,
        changed=True,
        counts=counts,
        files=[*outputs, *asking.written, f"{folder}/round.json"],
        warnings=[*_against(project), *picking.warnings(size, len(choices))],
        summary=batch.told(asking),
    )


def _picking(project: Project, round_: Round, standing: Standing) -> Picking:
    """From the round's files."""
    pool = Pool(project)
    pool.check_columns()
    ground = Ground.of(project, round_, pool, read_trained(project, round_))
    near = sought(project, pool, ground.trained.space, standing)
    picking = Picking(ground, score_files(project.root / round_.folder / "scores"), standing, near)
    picking.notes += about_sought(project, standing)
    picking.check_quotas()
    return picking


def _chosen(project: Project, picking: Picking, size: int) -> list[Choice]:
    """New rows, and among them those whose label is in doubt."""
    ground, wanted = picking.ground, round(size * project.config.query.relabel)
    if not wanted:
        return picking.choose(size)
    splits = Splits.read_with_groups(project, Pool(project))
    again = doubted(ground, splits, picking.standing, wanted)
    if len(again) < wanted:
        few = f"only {len(again):,} of {wanted:,} rows of query.relabel: no more labels that can be doubted"
        picking.notes.append(few)
    return mixed(picking.choose(size - len(again)), again, ground)


def _refuse_sealed(project: Project, round_: Round, choices: Sequence[Choice]) -> None:
    """No scores rank a sealed row, unless somebody put it there.

    Raises:
        IntegrityError: names the first.
    """
    split_of = Splits.read(project).split_of
    sealed = [choice.id for choice in choices if split_of.get(choice.id, SEED) != SEED]
    if sealed:
        raise IntegrityError(
            f"the row {sealed[0]!r} is sealed ({split_of[sealed[0]]}), and has a score",
            where=f"{round_.folder}/scores",
            hint="the scores were edited: delete them and run `alcli score`",
        )


def _against(project: Project) -> list[str]:
    """That a stopping criterion advises against asking more."""
    verdict = judge(project.config, read_history(project))["stop"]
    return [f"a stopping criterion says stop: {verdict['reason']}"] if verdict["verdict"] == "stop" else []


def _by_reason(choices: Sequence[Choice]) -> dict[str, int]:
    """How many rows were drawn at random, are for two annotators, or have a label that is in doubt."""
    reasons = ("explore", "overlap", RELABEL)
    return {reason: sum(choice.reason == reason for choice in choices) for reason in reasons}


def _batch(
    name: str, choices: Sequence[Choice], annotators: Sequence[str], needed: int, standing: Standing
) -> Batch:
    overlap = frozenset(choice.id for choice in choices if choice.reason == "overlap")
    by = {choice.id: [standing.single[choice.id].annotator] for choice in choices if choice.reason == RELABEL}
    return Batch(name, [choice.id for choice in choices], overlap, annotators, needed, by)


def _step(project: Project, score: Step) -> Step:
    """The entry of the batch, before it is chosen."""
    return Step(
        "query",
        settings=project.read_settings(READS),
        config=project.config.digest(READS),
        random_state=project.config.random_state,
        inputs={"pool": score.inputs["pool"], **score.outputs},
        outputs={},
    )


def _scored_step(project: Project, round_: Round) -> Step:
    model_folder(project, round_)
    if "score" not in round_.steps:
        raise StateError("the pool is not scored yet", where=round_.folder, hint="run `alcli score` first")
    score = round_.steps["score"]
    again = "run `alcli score` again"
    if "query" in round_.steps:
        again = "ingest answers, and `alcli train` opens the next round"
    made_by, wanted = score.more["strategy"], project.config.value("query.strategy")
    if split_spec(made_by) != split_spec(wanted):
        raise StateError(
            f"the scores were made by {_spec_name(made_by)}, the config says {_spec_name(wanted)}",
            where=project.source.where("query.strategy"),
            hint=again,
        )
    if not score.more.get("content"):
        raise StateError("the scores are of an earlier version of alcli", where=round_.folder, hint=again)
    try:
        project.check(score)
    except IntegrityError as error:
        hint = "run `alcli score`: it writes the same scores again"
        raise IntegrityError(error.message, where=error.where, hint=hint) from error
    if Pool(project).file.sha256 != score.inputs["pool"].sha256:
        message = "the pool has changed since it was scored"
        raise StateError(message, where=project.config.pool, hint=again)
    return score


def _spec_name(spec: Any) -> str:
    name, parameters = split_spec(spec)
    return f"{name} {parameters}" if parameters else name


def _nothing_left(round_: Round, counts: Mapping[str, int]) -> Result:
    words = "Nothing left to ask: every row of the pool is answered, pending, sealed, or a copy of one."
    return Result("query", round_.number, changed=False, counts=counts, summary=[words])


def _up_to_date(
    project: Project, round_: Round, step: Step, asking: Asking, annotators: Sequence[str]
) -> Result:
    """Write the files that are lost; share the newest batch out where it is not yet."""
    folder = round_.folder
    project.check(step, f"{folder}/{SELECTION}")
    batches = batches_of(round_, step, read_selection(project, folder))
    shared = bool(annotators) and not batches[-1].annotators
    if shared:
        batches[-1] = replace(batches[-1], annotators=annotators)
        check_names(annotators, batches[-1].each)
    elif annotators and list(annotators) != list(batches[-1].annotators):
        raise StateError(
            f"{batches[-1].name} is shared by {', '.join(batches[-1].annotators)} already",
            where=f"{folder}/round.json",
            hint="label the files that there are; `--more N --annotators ...` shares a further batch",
        )
    if shared or any(asking.lost(name) for batch in batches for name in batch.files):
        outputs = dict(step.outputs)
        with project.change() as change:
            for batch in batches:
                if any(asking.lost(name) for name in batch.files):
                    outputs |= batch.restore(asking, change, predictions_of(project, round_, batch.ids))
            if shared:
                entry = step.finished({**outputs, **step.outputs}, step.counts, **kept(batches[-1], step))
                change.record(round_.replacing(entry))
    n_back = len(step.more.get("released", ()))
    files = ", ".join(name for batch in batches for name in batch.to_people)
    state = f", {n_back:,} of them given back" if n_back else ""
    return Result(
        "query",
        round=round_.number,
        changed=bool(asking.written),
        counts=step.counts,
        files=asking.written,
        summary=[
            f"Up to date: {plural(step.counts['asked'], 'row')} asked in {files}{state}.",
            "--more N asks further rows from the same scores; new labels and `alcli train` open a new round.",
        ],
    )


def _more_command(round_: Round, size: int) -> str:
    """How a further batch names its commit, so that a killed and repeated one asks no row more."""
    return f"query --more {size} in {round_.folder}"


def _add(
    project: Project,
    done: Step,
    picking: Picking,
    choices: list[Choice],
    asking: Asking,
    more: tuple[int, Sequence[str]],
) -> Result:
    """Append a further batch to the round's selection; it gets a file of its own for people."""
    started, round_ = datetime.now(UTC), project.newest
    folder, (size, annotators) = round_.folder, more
    batches: dict[str, list[int]] = dict(
        done.more.get("batches", {f"{folder}/{QUERY}": [1, done.counts["asked"]]})
    )
    name = f"{folder}/query-{len(batches) + 1}.csv"
    needed = done.more.get("overlap_annotators", project.config.query.overlap_annotators)
    batch = _batch(name, choices, annotators, needed, picking.standing)
    check_names(annotators, batch.each)
    before = read_selection(project, folder)
    first = max(before["rank"].to_pylist()) + 1
    before = before.filter(pc.invert(pc.is_in(before["id"], value_set=pa.array(batch.ids, pa.string()))))
    added = _by_reason(choices)
    counts = {
        **done.counts,
        **{reason: done.counts.get(reason, 0) + count for reason, count in added.items()},
        "asked": before.num_rows + len(choices),
        "candidates": picking.n_candidates,
        "pending": len(picking.standing.pending) + len(choices),
    }
    if not choices:
        return _nothing_left(round_, counts)
    with project.change(_more_command(round_, size)) as change:
        table = pa.concat_tables([before, selection_table(choices, first)])
        outputs = {**done.outputs, **stage_selection(change, folder, table)}
        outputs |= batch.stage(asking, change, predictions_of(project, round_, batch.ids))
        batches[name] = [first, first + len(choices) - 1]
        news = {
            "batches": batches,
            "released": sorted(set(done.more.get("released", ())) - set(batch.ids)),
            "clock": project.clock,
            **({"none_left": False} if "none_left" in done.more else {}),
        }
        changed = round_.replacing(done.finished(outputs, counts, **news, **kept(batch, done)))
        change.record(changed)
    project.log(changed, "query --more", started)
    return Result(
        "query",
        round=round_.number,
        changed=True,
        counts={**counts, "added": len(choices)},
        files=[*batch.files, *asking.written, f"{folder}/{SELECTION}", f"{folder}/round.json"],
        warnings=picking.warnings(size, len(choices)),
        summary=batch.told(asking, "further "),
    )
