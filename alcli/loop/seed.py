"""`seed`: draw the honest validation set at random, seal it, then choose the first rows to label."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from alcli.errors import StateError
from alcli.loop import Result, plural
from alcli.loop._asking import Asking
from alcli.loop._drawing import draw_splits
from alcli.loop._extension import extend_validation, restore_lost
from alcli.project import LABELS, LEDGER, SPLITS, File, Project, Round, Step, Transaction
from alcli.project.brought import Brought, read_brought
from alcli.project.draw import Draw
from alcli.project.intake import Places, Taken, stage_ingest, with_rows
from alcli.project.ledger import ledger_files, read_ledger
from alcli.project.pool import Pool
from alcli.project.resolve import resolve
from alcli.project.selection import QUERY, Choice, selection_table, stage_selection
from alcli.project.splits import HELD_OUT, RESERVE, SEED, VALIDATION, write_splits
from alcli.project.strata import strata_of
from alcli.registry import reader_of, split_spec
from alcli.tables.hashing import Hashes, salted

__all__ = ["extend_validation", "seed"]

READS = ("id", "features", "split", "seed", "random_state")


def seed(
    project: Project,
    labels: Path | None = None,
    validation_ids: Path | None = None,
    tool: str | None = None,
) -> Result:
    """Draw validation, reserve and seed set; write `splits.parquet` and `rounds/000/`.

    Args:
        project: a new one.
        labels: a file of labels that the team has: they become the seed set.
        validation_ids: a file with the ids of the team's own test set: it becomes the validation set.
        tool: the format of a labeling tool, for a file of its own beside `query.csv`.

    Raises:
        ConfigError: sizes that do not fit the pool, columns that are not there, a format that is unknown
            or needs the classes.
        DataError: a pool or file that cannot be used, with the row.
    """
    started, asking = datetime.now(UTC), Asking(project, tool)
    if project.rounds and "seed" in project.rounds[0].steps:
        return _up_to_date(project, labels, validation_ids, asking)
    if ledger_files(project.root / LEDGER):
        raise StateError(
            "there are answers to rounds that are gone: rows that selection chose then could measure now",
            where=LEDGER,
            hint=f"bring rounds/ and {SPLITS} back; or move {LEDGER}/ away, and start with --labels {LABELS}",
        )
    pool = Pool(project)
    pool.check_columns()
    n_rows = sum(len(rows) for rows in pool.rows(unique=True))
    readers = partial(reader_of, id=project.config.labels.id, label=project.config.labels.label)
    brought = read_brought(project, pool, labels, validation_ids, readers, started)
    drawn = draw_splits(project.config, project.source.where, pool, n_rows, brought)
    held_out = drawn.held_out
    leaking = set(brought.train) & set(held_out[0].to_pylist())
    if leaking:
        brought = brought.without(leaking)
    seeding = _Seeding(pool, n_rows, drawn.draw, held_out, brought, asking)
    round_ = seeding.write()
    project.log(round_, "seed", started)
    counts = round_.steps["seed"].counts
    return Result(
        "seed",
        round=0,
        changed=True,
        counts=counts,
        files=[*seeding.outputs, *asking.written, f"{round_.folder}/round.json"],
        warnings=[*drawn.warnings, *brought.warnings],
        summary=_summary(counts, asking.give(f"{round_.folder}/{QUERY}"), given=bool(brought.validation)),
    )


class _Seeding:
    """Writes what was drawn."""

    def __init__(
        self,
        pool: Pool,
        n_rows: int,
        draw: Draw,
        held_out: tuple[pa.Array, Hashes],
        brought: Brought,
        asking: Asking,
    ) -> None:
        self.project = asking.project
        self.asking = asking
        self.pool = pool
        self.n_rows = n_rows
        self.draw = draw
        self.held_out = held_out
        self.brought = brought
        self.answered = set(brought.answers["id"].to_pylist())
        self.outputs: dict[str, File] = {}

    def write(self) -> Round:
        """Splits, selection, query and the brought labels, all at once."""
        project, round_ = self.project, Round(0)
        choices = [*self._mixed(), *(Choice(id_, "given", SEED) for id_ in self.brought.train)]
        to_label = [choice.id for choice in choices if choice.id not in self.answered]
        with project.change() as change:
            splits = self._splits()
            n_splits = write_splits(change.path(SPLITS), splits)
            self.outputs = {SPLITS: change.file(SPLITS, n_splits)}
            self.outputs |= stage_selection(change, round_.folder, selection_table(choices))
            self.outputs |= self.asking.stage(change, f"{round_.folder}/{QUERY}", to_label)
            round_ = round_.with_step(self._step(len(to_label)))
            if self.answered:
                round_ = round_.with_step(self._ingest(change, splits, choices, len(to_label)))
            change.record(round_)
        return round_

    def _splits(self) -> dict[str, tuple[pa.Array, Hashes]]:
        """Ids and contents by split; labels that a team brought are its seed set."""
        draw, brought = self.draw, self.pool.take(self.brought.train, self.project.config.features)
        chosen = draw.part(draw.seed)
        seeds = (pa.concat_arrays([chosen[0], brought.ids]), np.concatenate([chosen[1], brought.content()]))
        return {
            VALIDATION: draw.part(draw.validation),
            RESERVE: draw.part(draw.reserve),
            SEED: seeds,
            HELD_OUT: self.held_out,
        }

    def _step(self, n_to_label: int) -> Step:
        config, draw = self.project.config, self.draw
        counts = {
            "pool": self.n_rows,
            "validation": len(draw.validation),
            "reserve": len(draw.reserve),
            "held_out": len(self.held_out[0]),
            "seed": len(draw.seed) + len(self.brought.train),
            "asked": n_to_label,
            "pending": n_to_label,
        }
        return Step(
            "seed",
            settings=self.project.read_settings(("pool", *READS)),
            config=config.digest(READS),
            random_state=config.random_state,
            inputs={"pool": self.pool.file_with(self.n_rows), **self.brought.files},
            outputs=self.outputs,
            counts=counts,
            more={
                "clock": self.project.clock,
                "content": {kind: list(names) for kind, names in config.features.describing.items()},
                "group_by": config.split.group_by,
            },
        )

    def _ingest(
        self, change: Transaction, splits: dict[str, Any], choices: list[Choice], pending: int
    ) -> Step:
        """The entry of an ingest of the brought labels."""
        brought, config = self.brought, self.project.config
        places = Places(splits[VALIDATION][0], dict.fromkeys((choice.id for choice in choices), 0))
        ledger = with_rows(read_ledger(self.project.root / LEDGER), brought.answers)
        resolution = resolve(ledger, config.labels.resolve)
        taken = Taken(brought.files, brought.classes, ledger, brought.answers, resolution, places)
        counts = {"new": brought.answers.num_rows, **taken.counts(), "pending": pending}
        return stage_ingest(self.project, change, taken, counts, self.project.clock + 1)

    def _mixed(self) -> list[Choice]:
        """Validation and seed rows in one order that tells nobody which is which."""
        draw, config = self.draw, self.project.config
        name = split_spec(config.seed.strategy)[0]
        chosen = draw.rows.take(draw.seed)
        by = config.seed.stratify_by
        groups = strata_of(chosen, by).to_pylist() if by else itertools.repeat(None, len(chosen))
        validation = draw.rows.take(draw.validation)
        how = "given" if self.brought.validation else "random_sampling"
        choices = [Choice(id_, how, VALIDATION) for id_ in validation.ids.to_pylist()]
        choices += [
            Choice(id_, name, SEED, group=group)
            for id_, group in zip(chosen.ids.to_pylist(), groups, strict=True)
        ]
        hashes = np.concatenate([validation.id_hash, chosen.id_hash])
        order = np.argsort(salted(hashes, config.random_state, "shown order"), kind="stable")
        return [choices[int(n)] for n in order]


def _summary(counts: Mapping[str, int], files: str, *, given: bool) -> list[str]:
    how = "taken as given" if given else f"drawn at random from {counts['pool']:,}"
    sealed = f"{plural(counts['validation'], 'validation row')} {how} and sealed"
    extra = f", {counts['reserve']:,} in reserve" if counts["reserve"] else ""
    copies = (
        f", {plural(counts['held_out'], 'copy or group-mate', 'copies and group-mates')} held out"
        if counts["held_out"]
        else ""
    )
    return [
        f"{sealed}{extra}{copies}.",
        f"{plural(counts['seed'], 'seed row')} beside them.",
        f"Give {files} to people: {plural(counts['asked'], 'row')}, mixed, to label."
        if counts["asked"]
        else "Nothing needs labels now: `alcli train`.",
    ]


def _up_to_date(project: Project, labels: Path | None, validation_ids: Path | None, asking: Asking) -> Result:
    step = project.rounds[0].steps["seed"]
    folder = project.rounds[0].folder
    brought = {file.sha256 for name, file in step.inputs.items() if name != "pool"}
    take_in = f"`alcli ingest {labels} --unrequested accept`"
    extend = "`alcli seed --extend-validation N` takes rows from the reserve, which selection never saw"
    measures = "the validation set is drawn already, and rows that were open to selection cannot measure"
    for path, message, hint in (
        (labels, "the seed set is drawn already", take_in),
        (validation_ids, measures, extend),
    ):
        if path is not None and project.digest(path) not in brought:
            raise StateError(message, where=folder, hint=hint)
    project.check(step, f"{folder}/selection.parquet")
    files = restore_lost(project, step, asking)
    return Result(
        "seed",
        round=0,
        changed=bool(files),
        counts=step.counts,
        files=files,
        summary=[f"Up to date: the seed set stands in {folder}/{QUERY}, the splits in {SPLITS}."],
    )
