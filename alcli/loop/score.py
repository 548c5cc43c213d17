"""`score`: stream the pool through features, model and strategy; memory does not grow with the pool."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from alcli.engine import Trained
from alcli.errors import ConfigError, StateError
from alcli.loop import Progress, Result, plural, silent
from alcli.loop._classes import named_otherwise
from alcli.loop._ground import Ground
from alcli.loop._scoring import Scoring
from alcli.models import read_model
from alcli.project import LABELS, SPLITS, File, Project, Round, Step
from alcli.project.model_folder import model_folder
from alcli.project.pool import Pool
from alcli.project.splits import Splits
from alcli.project.standing import Standing
from alcli.registry import FEATURES, MODELS, STRATEGIES, split_spec
from alcli.strategies import Strategy

READS = ("id", "features", "query.strategy", "random_state")
PART_ROWS = 1 << 20


def score(project: Project, progress: Progress = silent) -> Result:
    """Write prediction and score of every row that is not sealed to `rounds/NNN/scores/`.

    Raises:
        StateError: nothing trained yet, or not what the strategy needs.
        DataError: a pool that cannot be used, with the row.
    """
    started = datetime.now(UTC)
    round_ = project.newest
    queried = "query" in round_.steps
    folder = model_folder(project, round_)
    train = round_.steps["train"]
    config, pool = project.config, Pool(project)
    if not queried:
        _refuse_unmeasured(train, pool, config.pool)
    strategy: Strategy = STRATEGIES.build(config.query.strategy)
    done = round_.steps.get("score")
    step = _planned(project, pool, train, strategy).reading(SPLITS, done)  # an extension changes no score
    if done is not None and (queried or done.same_work(step)) and project.intact(done) and has_content(done):
        return _up_to_date(round_, done)
    if queried and done is not None and not done.same_work(step):
        project.check(done)
    pool.check_columns()
    trained = _trained_for(strategy, project, folder)
    ground = Ground.of(project, round_, pool, trained)
    looks = strategy.ranks() and "labeled" in strategy.needs
    labels = Standing.read(project).labels if looks else None
    scoring = Scoring(ground, Splits.read_with_groups(project, pool), strategy, labels, progress)
    target = f"{round_.folder}/scores"
    with project.change() as change:
        with threadpool_limits(1, user_api="blas"):  # products this small lose more to threads than they gain
            parts = _write(scoring, change.folder(target))
        outputs = {f"{target}/{name}": change.file(f"{target}/{name}", rows) for name, rows in parts.items()}
        counts = {"scored": sum(parts.values()), "sealed": scoring.n_sealed}
        more = {"strategy": config.value("query.strategy"), "classes": list(trained.classes), "content": True}
        finished = step.counting("pool", scoring.n_rows).finished(outputs, counts, **more)
        # scores that were lost come out the same again: a batch chosen from them stands
        changed = round_.replacing(finished) if queried else round_.with_step(finished)
        change.record(changed)
    project.log(changed, "score", started)
    return Result(
        "score",
        round=round_.number,
        changed=True,
        counts=counts,
        files=[*outputs, f"{round_.folder}/round.json"],
        warnings=_old_names(project, train),
        summary=[f"Scored {plural(counts['scored'], 'row')} by {split_spec(config.query.strategy)[0]}."],
    )


def _old_names(project: Project, train: Step) -> list[str]:
    if not named_otherwise(project, train):
        return []
    return ["the model calls classes by the names from before `alcli relabel`: `alcli train` first"]


def _planned(project: Project, pool: Pool, train: Step, strategy: Strategy) -> Step:
    """What the scores are made from; the labels too where the score looks at them."""
    model = f"{project.newest.folder}/model"
    inputs = {
        "pool": pool.file,
        model: train.outputs[model],
        SPLITS: project.rounds[0].steps["seed"].outputs[SPLITS],
    }
    if strategy.ranks() and "labeled" in strategy.needs:
        inputs[LABELS] = newest_labels(project)
    return Step(
        "score",
        settings=project.read_settings(("pool", *READS)),
        config=project.config.digest(READS),
        random_state=project.config.random_state,
        inputs=inputs,
        outputs={},
    )


def _refuse_unmeasured(train: Step, pool: Pool, where: str) -> None:
    """A team's own predictions, which lie in the pool, are measured before they are used."""
    measured = train.inputs.get("pool")
    if measured is not None and measured.sha256 != pool.file.sha256:
        message = "the pool's predictions are not those that train has measured"
        raise StateError(message, where=where, hint="run `alcli train` first")


def _trained_for(strategy: Strategy, project: Project, folder: Path) -> Trained:
    """A round's model, its files checked, with the committee that the strategy may need.

    Raises:
        ConfigError: other features than it was trained on.
        StateError: a committee is needed, and was not trained.
    """
    stored = read_model(folder)
    if stored.kinds != project.config.features.by_kind:
        raise ConfigError(
            "the features are not those that the model was trained on",
            where=project.source.where("features"),
            hint="run `alcli train` again",
        )
    if "votes" in strategy.needs and not stored.members:
        name = split_spec(project.config.query.strategy)[0]
        raise StateError(
            f"the strategy {name!r} needs a committee's votes, and this round's model has no committee",
            where=f"{folder.parent.parent.name}/{folder.parent.name}/{folder.name}",
            hint="run `alcli train` again with this strategy",
        )
    return Trained.of(stored, FEATURES, MODELS)


def _up_to_date(round_: Round, step: Step) -> Result:
    note = "Up to date: pool, model and strategy are those that these scores were made with."
    if "query" in round_.steps:
        note = f"Up to date: {round_.folder} has its query; new labels and `alcli train` open the next round."
    return Result("score", round=round_.number, changed=False, counts=step.counts, summary=[note])


def has_content(step: Step) -> bool:
    """Whether the scores hold each row's content; those of the first version of alcli do not."""
    return bool(step.more.get("content"))


def newest_labels(project: Project) -> File:
    """The labels as they stand."""
    steps = [round_.steps["ingest"] for round_ in project.rounds if "ingest" in round_.steps]
    return steps[-1].outputs[LABELS]


def _write(scoring: Scoring, folder: Path) -> dict[str, int]:
    """Write `part-*.parquet` into a folder; returns each part's number of rows."""
    parts: dict[str, int] = {}
    writer, room = None, 0
    try:
        for table in scoring.tables():
            if writer is None or table.num_rows > room:
                if writer is not None:
                    writer.close()
                name = f"part-{len(parts):05d}.parquet"
                parts[name], room = 0, PART_ROWS
                writer = _writer(folder / name, scoring.schema)
            writer.write_table(table)
            parts[name] += table.num_rows
            room -= table.num_rows
        if writer is None:
            _writer(folder / "part-00000.parquet", scoring.schema).close()
            parts["part-00000.parquet"] = 0
    finally:
        if writer is not None:
            writer.close()
    return parts


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        use_dictionary=["prediction"],
        write_statistics=["score"],
        compression="zstd",
        compression_level=1,
    )
