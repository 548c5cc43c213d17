"""`train`: fit the model on the labels so far, and measure it on the validation set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alcli.engine import FeatureSpace, Trained, Views, size_of_a_row
from alcli.errors import DataError, IntegrityError, StateError
from alcli.estimate import Estimate, rounded
from alcli.loop import Result, judge, plural
from alcli.loop._classes import about_classes, about_reopened, mapped, names_now
from alcli.loop._learning import (
    FEWEST_HELD_OUT,
    SAMPLE,
    Labeled,
    classes_of,
    fit_space,
    groups_of,
    learn,
    needs_votes,
    training_rng,
)
from alcli.loop._predictions import check_predicted, stale_predictions
from alcli.loop._remeasure import Yardstick, predicted, read_if_intact, remeasured
from alcli.loop._spending import spent_on
from alcli.loop._stop_set import NAME as STOP_SET
from alcli.loop._stop_set import Drawing, Predicted, figures, read_before, unsealed
from alcli.metrics import Metrics, evaluate, paired_change
from alcli.models import Stored, digest_of, read_model, write_model
from alcli.project import LABELS, SPLITS, File, Project, Round, Step
from alcli.project.history import read_history
from alcli.project.model_folder import card_of, model_folder
from alcli.project.pool import Pool, Rows
from alcli.project.relabeling import RELABELED
from alcli.project.sample import LowestKeys
from alcli.project.splits import Splits
from alcli.registry import FEATURES, MODELS

READS = ("id", "features", "task", "model", "random_state")


def train(project: Project) -> Result:
    """Fit, measure and store a model in the newest round, or in a new one where that has its query.

    Raises:
        StateError: no labels yet.
        DataError: labels that nothing can be learned from, with the reason.
    """
    started = datetime.now(UTC)
    newest = project.newest
    answers = _checked_labels(project)
    config = project.config
    votes = needs_votes(config)
    pool = Pool(project)
    step = Step(
        "train",
        settings=project.read_settings(("pool", "query.strategy", "query.diversity", *_reads(votes=votes))),
        config=config.digest(_reads(votes=votes)),
        random_state=config.random_state,
        inputs={
            LABELS: answers,
            SPLITS: project.rounds[0].steps["seed"].outputs[SPLITS],
            # a team's predictions change with its pool
            **({"pool": pool.file} if config.features.predictions else {}),
        },
        outputs={},
    )
    done = newest.steps.get("train")
    as_before = step.reading(SPLITS, done)  # an extension alone, not yet answered, changes no model
    if done is not None and done.same_work(as_before):
        if _intact(project, newest, done):
            return _up_to_date(project, newest, done)
        # a model that was lost comes out the same again: what was made with it stands
        return _Training(project, pool, newest, as_before, votes=votes).run(started, restore=True)
    round_ = newest if "query" not in newest.steps and newest.number > 0 else Round(newest.number + 1)
    return _Training(project, pool, round_, step, votes=votes).run(started)


def _intact(project: Project, round_: Round, step: Step) -> bool:
    """Whether metrics, stop set and model are there as they were written."""
    stop_set = [name for name in step.outputs if name == f"{round_.folder}/{STOP_SET}"]
    if not project.intact(step, f"{round_.folder}/metrics.json", card_of(round_), *stop_set):
        return False
    try:
        read_model(model_folder(project, round_))
    except IntegrityError:
        return False
    return True


def _reads(*, votes: bool) -> tuple[str, ...]:
    return (*READS, "committee") if votes else READS


def _checked_labels(project: Project) -> File:
    """The labels' manifest entry, from the newest ingest."""
    steps = [round_.steps["ingest"] for round_ in project.rounds if "ingest" in round_.steps]
    if not steps:
        raise StateError(
            "there are no labels yet",
            where=LABELS,
            hint=f"label {project.rounds[0].folder}/query.csv, then `alcli ingest` it",
        )
    step = steps[-1]
    if step.more["resolve"] != project.config.labels.resolve:
        raise StateError(
            f"labels.parquet was resolved by {step.more['resolve']!r}, the config says "
            f"{project.config.labels.resolve!r}",
            where=project.source.where("labels.resolve"),
            hint="run `alcli ingest --rebuild`",
        )
    try:
        project.check(step, LABELS)
    except IntegrityError as error:
        hint = "`alcli ingest --rebuild` makes it from the ledger again"
        raise IntegrityError(error.message, where=error.where, hint=hint) from error
    return step.outputs[LABELS]


def _up_to_date(project: Project, round_: Round, step: Step) -> Result:
    project.check(step, f"{round_.folder}/metrics.json")
    report = json.loads((project.root / round_.folder / "metrics.json").read_text(encoding="utf-8"))
    return Result(
        "train",
        round=round_.number,
        changed=False,
        counts=step.counts,
        summary=["Up to date: labels and model settings are those that this model was trained on."],
        more={
            "metrics": report["metrics"],
            "temperature": report.get("temperature"),
            **judge(project.config, report["history"]),
        },
    )


class _Training:
    """One training: its parts share the project, the pool and the round."""

    def __init__(self, project: Project, pool: Pool, round_: Round, step: Step, *, votes: bool) -> None:
        self.project = project
        self.pool = pool
        self.round = round_
        self.step = step
        self.votes = votes
        self.warnings = [*stale_predictions(project, step), *about_reopened(project)]
        self.summary: list[str] = []
        self.splits = Splits.read_with_groups(project, pool)
        # a StateError says what to do when nobody has answered yet; so a table there is
        self.labels = pq.read_table(project.root / LABELS)
        self.classes = classes_of(project.config, pc.unique(self.labels.column("label")).to_pylist())
        check_predicted(project, self.classes)
        self.space = self._space_before()
        self.before = read_before(project, round_.number)
        self._draw()

    def run(self, started: datetime, *, restore: bool = False) -> Result:
        project, round_ = self.project, self.round
        data, validation = self._load()
        self.summary.append(f"Trained {project.config.model.name} on {plural(len(data.rows), 'label')}.")
        trained, arrays = self._fit(data)
        self.temperature = None if trained.temperature is None else rounded(trained.temperature)
        self._say_calibration(trained)
        metrics, change = self._measure(trained, validation)
        on = Yardstick(validation.rows, validation.y, self.classes)
        on_stop_set = Predicted.by(trained, self.stop_set)
        counts = {
            "labeled": len(data.rows),
            "validation_labeled": len(validation.rows),
            "classes": len(self.classes),
        }
        with project.change() as staged:
            folder = staged.folder(f"{round_.folder}/model")
            write_model(folder, arrays)
            stop_set = figures(on_stop_set, self.before, self.labels.column("id").combine_chunks())
            report = self._report(metrics, change, counts, on, stop_set)
            on_stop_set.write(staged.path(f"{round_.folder}/{STOP_SET}"))
            staged.write(
                f"{round_.folder}/metrics.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n"
            )
            outputs = {
                f"{round_.folder}/model": File(arrays.digest, len(data.rows)),
                card_of(round_): staged.file(card_of(round_)),
                f"{round_.folder}/metrics.json": staged.file(f"{round_.folder}/metrics.json"),
                f"{round_.folder}/{STOP_SET}": staged.file(f"{round_.folder}/{STOP_SET}", len(self.stop_set)),
            }
            more = {"classes": list(self.classes), "votes": self.votes, "row": self.row}
            names = mapped(project)
            step = self.step.finished(outputs, counts, **more, **({RELABELED: names} if names else {}))
            if restore:
                done = round_.replacing(step)
            else:
                staged.remove(f"{round_.folder}/scores")
                done = round_.with_step(step, drop=("score",))
            staged.record(done)
        project.log(done, "train", started)
        return Result(
            "train",
            round=round_.number,
            changed=True,
            counts=counts,
            files=[f"{round_.folder}/{name}" for name in ("model/", "metrics.json", STOP_SET, "round.json")],
            warnings=self.warnings,
            summary=self.summary,
            more={name: report[name] for name in ("metrics", "change", "temperature", "stop", "criteria")},
        )

    def _draw(self) -> None:
        """Ids to learn the features from, and those of the stop set, where no earlier round has them."""
        sample = LowestKeys(SAMPLE)
        config = self.project.config
        drawing = Drawing(config.random_state, self.splits, self.labels.column("id").combine_chunks())
        for rows in self.pool.rows() if self.space is None or self.before is None else ():
            if self.space is None:
                sample.add(rows.ids, rows.keys(config.random_state, 0))
            if self.before is None:
                drawing.add(rows)
        self.sample = sample.ids()
        self.drawn = drawing.ids() if self.before is None else self.before.ids.to_pylist()

    def _load(self) -> tuple[Labeled, Labeled]:
        """Training and validation rows with their features; checks leaks, changes and losses on the way.

        The stop set's rows come with them, in the same pass over the pool.
        """
        ids = self.labels.column("id").to_pylist()
        rows = self.pool.take({*ids, *self.drawn}, self.project.config.features, self.splits.shown)
        self.n_pool = self.pool.n_seen
        self.stop_set = unsealed(_only(rows, self.drawn), self.splits)
        rows = _only(rows, ids)
        if len(rows) < len(ids):
            self._name_lost(ids, rows)
        self.splits.check_labeled(rows)
        label_of = dict(zip(ids, self.labels.column("label").to_pylist(), strict=True))
        number = {name: n for n, name in enumerate(self.classes)}
        y = np.array([number[label_of[id_]] for id_ in rows.ids.to_pylist()], dtype=np.int64)
        in_validation = pc.is_in(rows.ids, value_set=self.splits.ids("validation")).to_numpy(
            zero_copy_only=False
        )
        train, validation = np.flatnonzero(~in_validation), np.flatnonzero(in_validation)
        if not len(train):
            raise DataError(
                "there are no training labels, only validation ones"
                if len(validation)
                else "no row has a label",
                where=LABELS,
                hint="ingest answers to seed rows too",
            )
        if MODELS.load(self.project.config.model.name).learns:
            self.warnings += about_classes(self.classes, y[train], y[validation])
        return Labeled(rows.take(train), y[train]), Labeled(rows.take(validation), y[validation])

    def _name_lost(self, ids: Sequence[str], rows: Rows) -> None:
        lost = sorted(set(ids) - set(rows.ids.to_pylist()))
        self.warnings.append(
            f"{plural(len(lost), 'labeled row is', 'labeled rows are')} no longer in the pool "
            f"(first: {lost[0]!r}): kept in labels.parquet, not trained on"
        )

    def _fit(self, data: Labeled) -> tuple[Trained, Stored]:
        config = self.project.config
        space = self.space or fit_space(config, self.pool, self.splits, self.sample)
        rows = Views(space, data.rows.features)
        model, members = learn(
            config,
            self.round.number,
            rows,
            data.y,
            len(self.classes),
            votes=self.votes,
            groups=groups_of(data.rows, self.splits),
        )
        self.row = size_of_a_row(rows.features)
        made_from = {
            "labels": self.step.inputs[LABELS].sha256,
            "splits": self.step.inputs[SPLITS].sha256,
            "pool": self.pool.file.sha256,
            "config": self.step.config,
            "random_state": config.random_state,
            "round": self.round.number,
        }
        stored = Stored(
            digest=digest_of(made_from),
            spec=config.model.spec,
            model=model.to_arrays(),
            classes=self.classes,
            kinds=config.features.by_kind,
            features=space.to_arrays(),
            members=[(spec, member.to_arrays()) for spec, member in members],
        )
        trained = Trained(space, model, [member for _, member in members], self.classes, config.model.name)
        return trained, stored

    def _say_calibration(self, trained: Trained) -> None:
        """The temperature in a line; a warning where there is none though the config asks for it."""
        degree = trained.temperature
        if degree is not None:
            effect = "less" if degree > 1 else "more"
            said = f"Calibrated by temperature {degree:.2f}: {effect} sure than the model alone."
            self.summary.append(said)
        elif self.project.config.model.calibrate != "none":
            self.warnings.append(
                f"the model is not calibrated: that takes {FEWEST_HELD_OUT} labels or more, "
                "of two classes at least that have two or more each"
            )

    def _space_before(self) -> FeatureSpace | None:
        """The features as an earlier round fitted them; None if none did or the columns changed."""
        for round_ in reversed(self.project.rounds):
            if "train" in round_.steps and round_.number != self.round.number:
                stored = read_if_intact(self.project, round_)
                if stored is not None and stored.kinds == self.project.config.features.by_kind:
                    return FeatureSpace.of(stored, FEATURES)
        return None

    def _measure(self, trained: Trained, validation: Labeled) -> tuple[Metrics | None, Estimate | None]:
        n_asked = len(self.splits.ids("validation"))
        n = len(validation.rows)
        if n < n_asked:
            left = f"{n:,} of {n_asked:,} validation rows are labeled"
            self.warnings.append(f"{left}: no metrics yet" if n == 0 else f"{left}: metrics are on these")
        if n == 0:
            return None, None
        proba = trained.evidence(validation.rows.features, ("proba",))["proba"]
        rng = training_rng(self.project.config, self.round.number, 1)
        return evaluate(proba, validation.y, self.classes, rng), self._change(proba, validation, rng)

    def _change(self, proba: Any, validation: Labeled, rng: np.random.Generator) -> Estimate | None:
        """The gain in accuracy over the round before, on the same validation rows."""
        before = [r for r in self.project.rounds if r.number < self.round.number and "train" in r.steps]
        if not before:
            return None
        stored = read_if_intact(self.project, before[-1])
        if stored is None:
            self.warnings.append(f"no change is shown: the model of {before[-1].folder} was lost or edited")
            return None
        if stored.kinds != self.project.config.features.by_kind or "predictions" in stored.kinds:
            return None  # predictions of then are not in the pool any more
        names = names_now(self.project, before[-1].steps["train"], stored.classes)
        theirs = predicted(stored, names, validation.rows, self.classes)
        return paired_change(theirs, proba, validation.y, rng)

    def _report(
        self,
        metrics: Metrics | None,
        change: Estimate | None,
        counts: Mapping[str, int],
        on: Yardstick,
        stop_set: Mapping[str, Any],
    ) -> dict[str, Any]:
        past = remeasured(self.project, read_history(self.project, before=self.round.number), on)
        history = past.history
        self.warnings += past.warnings
        self.summary += past.summary
        headline = metrics.headline() if metrics else {}
        now = {
            "round": self.round.number,
            "n_labels": counts["labeled"],
            "n_candidates": self._n_candidates(),
            "metrics": {name: list(value) for name, value in headline.items()},
            "validation": on.identity,
            "stop_set": stop_set,
            "spent": asdict(spent_on(self.project, self.round.number)),
        }
        return {
            "round": self.round.number,
            "n_labels": counts["labeled"],
            "metrics": metrics.to_json() if metrics else None,
            "change": {"accuracy": change.to_json()} if change else None,
            "temperature": self.temperature,
            **judge(self.project.config, [*history, now]),
            "history": [*history, now],
        }

    def _n_candidates(self) -> int:
        """Rows that could still be asked: neither sealed nor answered in any way."""
        drawn = self.project.rounds[0].steps["seed"].counts
        answers = [r.steps["ingest"] for r in self.project.rounds if "ingest" in r.steps][-1].counts
        sealed = drawn["validation"] + drawn["reserve"] + drawn["held_out"]
        answered = sum(answers[name] for name in ("labeled", "skipped", "unsure", "disputed"))
        return max(0, self.n_pool - sealed - answered)


def _only(rows: Rows, ids: Sequence[str]) -> Rows:
    """Those of some ids."""
    found = pc.is_in(rows.ids, value_set=pa.array(ids, pa.string()))
    return rows.take(found.to_numpy(zero_copy_only=False))
