"""`simulate`: the whole loop replayed over labels that are known, by the steps' own code, against chance.

    Options -> Task -> Work (a replay for every arm in every repeat) -> tidy table -> comparison -> files

`_data` reads the rows, `_memory` holds them, `_oracle` answers in people's place, `_replay` is one loop,
`_work` does them all over processes and keeps what is finished, `_results` compares and writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alcli.config import load_config
from alcli.errors import ConfigError
from alcli.loop import Progress, Result, plural, silent
from alcli.project import Project
from alcli.registry import split_spec
from alcli.simulate._arms import BASELINE, Arm, Choices, arms_of
from alcli.simulate._data import Data, read_splits
from alcli.simulate._oracle import Faults
from alcli.simulate._replay import Given
from alcli.simulate._results import (
    as_json,
    as_parquet,
    by_name,
    compared,
    mean_curve,
    picture_of,
    splits_table,
    summary,
    tidy,
)
from alcli.simulate._work import Task, Work, run_all, with_confusion
from alcli.tables.atomic import atomic_write, file_errors

__all__ = ["BASELINE", "Choices", "Faults", "Options", "simulate"]

ROUNDS, MOST_TEST_ROWS = 15, 2000
SPOKEN = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error",
}
OUT = "simulation"
_MAJORITY = 0.8


@dataclass(frozen=True)
class Options:
    """How `simulate` is run.

    Attributes:
        labels: a file of labels; None: the project's own.
        choices: strategies, batch sizes, models, seed strategies.
        repeats: how often every arm is replayed, each time from another split and seed set.
        rounds: queries an arm; None: 15, or as many as the budget allows.
        budget: training labels; None: what the rounds come to, but half of the rows at most.
        splits: a file that says where each repeat starts; None: it is drawn.
        test: rows of each repeat that measure, or a share of them; None: a quarter, 2,000 at most.
        metric: by which arms are compared.
        faults: of the annotators.
        costs: by name, what an answer costs: a number, or a column of the file.
        jobs: processes.
        out: where the results go; None: `simulation/` in the project.
    """

    labels: Path | None = None
    choices: Choices = field(default_factory=Choices)
    repeats: int = 30
    rounds: int | None = None
    budget: int | None = None
    splits: Path | None = None
    test: float | None = None
    metric: str = "accuracy"
    faults: Faults = field(default_factory=Faults)
    costs: Mapping[str, float | str] = field(default_factory=dict)
    jobs: int = 1
    out: Path | None = None


def simulate(project: Project, options: Options, progress: Progress = silent) -> Result:
    """Replay, compare, and write results, splits, a summary and the learning curves' pictures.

    Finished replays are kept under `.alcli/simulate/`: a run that was cut off goes on, and further repeats
    or strategies are added to those that there are.

    Raises:
        ConfigError: an option or a config that cannot be.
        DataError: labels that cannot be replayed.
    """
    arms = arms_of(options.choices, project.config.value("query.strategy"))
    task = Task(
        project.root.resolve(),
        project.source.path.resolve() if project.source.path else None,
        project.settings,
        options.labels.resolve() if options.labels else None,
        options.costs,
        options.faults,
        budget=0,
    )
    data = with_confusion(project, task.read(project), options.faults)
    if options.splits is not None:
        task = replace(task, given=_given(data, options.splits, options.repeats))
    task = _sized(project, task, data, options, arms)
    work = Work(task, project, data)
    replays = _replayed(work, arms, options, progress)
    random = next(arm.name for arm in arms if arm.baseline)
    comparison = compared(replays, random, options.metric, project.config.random_state)
    default = split_spec(project.config.value("query.strategy"))[0]
    found = summary(comparison, replays, options.metric, SPOKEN[options.metric], default)
    start = work.start(arms[0], 0)
    counts = {
        "repeats": options.repeats,
        "strategies": len(arms),
        "rows": len(data.pool) - len(start.splits.ids("validation")),
        "test": len(start.splits.ids("validation")),
        "classes": len(data.truth.classes),
        "seed": len(start.seed),
        "budget": task.budget,
    }
    curves = {name: mean_curve(repeats, options.metric) for name, repeats in replays.items()}
    picture = picture_of(curves, found, SPOKEN[options.metric], counts)
    starts = ((repeat, work.start(arms[0], repeat)) for repeat in range(options.repeats))
    files = _written(
        options.out or project.root / OUT,
        {
            "results.parquet": as_parquet(tidy(replays)),
            "splits.parquet": as_parquet(splits_table(starts)),
            "curves.svg": picture.to_svg().encode(),
            "curves.png": picture.to_png(),
            "summary.json": as_json({**found, "counts": counts}).encode(),
        },
    )
    return Result(
        "simulate",
        round=None,
        changed=bool(files),
        counts=counts,
        files=files,
        warnings=[*data.warnings, *_about_metric(data, options.metric)],
        summary=[_headline(counts)],
        more={**found, "curves": curves},
    )


def _replayed(work: Work, arms: list[Arm], options: Options, progress: Progress) -> dict[str, Any]:
    """Every arm's points in every repeat."""
    total = len(arms) * options.repeats
    done = []
    progress(0, total)
    for finished in run_all(work, arms, range(options.repeats), options.jobs):
        done.append(finished)
        progress(len(done), total)
    return by_name(done, arms)


def _given(data: Data, path: Path, repeats: int) -> dict[int, Given]:
    """Where the repeats start, by a file.

    Raises:
        ConfigError: it does not have so many.
    """
    given = read_splits(path, data.pool.ids)
    missing = sorted(set(range(repeats)) - set(given))
    if missing:
        raise ConfigError(
            f"{path.name} has no repeat {missing[0]}", where="--splits", hint=f"--repeats {missing[0]}"
        )
    return {repeat: given[repeat] for repeat in range(repeats)}


def _sized(project: Project, task: Task, data: Data, options: Options, arms: list[Arm]) -> Task:
    """The task with the sizes of its test set, seed set and budget.

    Raises:
        ConfigError: they do not fit the rows that there are.
    """
    n = len(data.pool)
    sizes = ["split.reserve=0"]
    first = task.given.get(0)
    n_test = len(first.test) if first else len(data.test)
    if not n_test:
        wanted = options.test if options.test is not None else min(MOST_TEST_ROWS, max(1, n // 4))
        n_test = max(1, round(wanted * n)) if wanted < 1 else int(wanted)
        if n_test >= n:
            raise ConfigError(
                f"{n_test:,} test rows leave nothing to learn from: {n:,} rows are labeled", where="--test"
            )
        sizes.append(f"split.validation={n_test}")
    n_pool = n - n_test
    config = project.config
    n_seed = int(config.seed.size if config.seed.size >= 1 else max(1, round(config.seed.size * n_pool)))
    if first and first.seed:
        n_seed = len(first.seed)
    if options.labels is None:  # of what is labeled so far a part stands in for the pool
        n_seed = max(1, min(n_seed, n_pool // 4))
        sizes.append(f"seed.size={n_seed}")
    batches = [_batch_size(task, sizes, arm) for arm in arms]
    budget = _budget(options, n_seed, max(batches), n_pool)
    if budget < n_seed:
        raise ConfigError(
            f"a budget of {budget:,} labels is less than the seed set of {n_seed:,}",
            where="--budget" if options.budget else project.source.where("seed.size"),
            hint="raise it, or make seed.size smaller: --set seed.size=50",
        )
    return replace(task, budget=budget, sizes=tuple(sizes))


def _batch_size(task: Task, sizes: list[str], arm: Arm) -> int:
    if task.config is None:
        raise ConfigError("a replay needs a config file", hint="write one with `alcli init`")
    config, _ = load_config(task.config, (*task.settings, *sizes, *arm.settings))
    return config.query.batch_size


def _budget(options: Options, n_seed: int, batch_size: int, n_pool: int) -> int:
    """Training rows to ask about."""
    if options.budget is not None:
        return min(options.budget, n_pool)
    rounds = options.rounds if options.rounds is not None else ROUNDS
    budget = n_seed + rounds * batch_size
    return min(budget, n_pool if options.rounds is not None else max(n_seed, n_pool // 2))


def _about_metric(data: Data, metric: str) -> list[str]:
    counts = [int((data.truth.y == n).sum()) for n in range(len(data.truth.classes))]
    share = max(counts) / sum(counts)
    if metric != "accuracy" or share < _MAJORITY:
        return []
    name = data.truth.classes[counts.index(max(counts))]
    return [f"{share:.0%} of the labels are {name!r}: --metric macro_f1 tells more than accuracy does"]


def _written(out: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write those files that are not there as they should be; returns their paths."""
    with file_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    changed = [name for name, content in files.items() if not _holds(out / name, content)]
    for name in changed:
        atomic_write(out / name, files[name])
    return [str(out / name) for name in changed]


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _headline(counts: Mapping[str, int]) -> str:
    strategies = plural(counts["strategies"], "strategy", "strategies")
    return (
        f"{strategies}, {plural(counts['repeats'], 'repeat')} each: from {counts['seed']:,} to "
        f"{counts['budget']:,} labels of {counts['rows']:,} rows, measured on {counts['test']:,} others."
    )
