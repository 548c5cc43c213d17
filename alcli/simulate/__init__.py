"""`simulate`: the whole loop replayed over labels that are known, by the steps' own code, against chance.

    Options -> Task -> Work (a replay for every arm in every repeat) -> tidy table -> comparison -> files

`_data` reads the rows, `_memory` holds them, `_oracle` answers in people's place, `_replay` is one loop,
`_work` does them all over processes and keeps what is finished, `_results` compares and writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from alcli.errors import ConfigError, DataError
from alcli.loop import Progress, Result, find_beside, plural, silent
from alcli.metrics import NAMES
from alcli.project import Project
from alcli.registry import split_spec
from alcli.simulate._arms import BASELINE, Arm, Choices, arms_of
from alcli.simulate._data import Data, expected_rows, read_splits
from alcli.simulate._oracle import Faults
from alcli.simulate._quotas import check_quotas, unfilled
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
from alcli.simulate._stopping import back_tests
from alcli.simulate._work import Task, Work, run_all, with_confusion
from alcli.tables.atomic import atomic_write, check_writable, file_errors

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
    or strategies are added to those that there are. Of those that a run did not use the newest 100 MB stay.

    Raises:
        ConfigError: an option or a config that cannot be.
        DataError: labels that cannot be replayed.
    """
    _check_options(options)
    find_beside(project.pool_base)
    out = options.out or project.root / OUT
    check_writable(out)
    arms = arms_of(options.choices, project.config)
    task, data, warnings = _prepared(project, options, arms)
    work = Work(task, project, data)
    work.check(arms)
    replays = _replayed(work, arms, options, progress)
    comparisons = compared(replays, arms, options.metric, project.config.random_state)
    default = split_spec(project.config.value("query.strategy"))[0]
    found = summary(comparisons, replays, options.metric, SPOKEN[options.metric], default)
    found["stopping"] = back_tests(replays, project.config, options.metric, next(iter(options.costs), None))
    starts = {repeat: work.starts(arms, repeat) for repeat in range(options.repeats)}
    firsts = [next(iter(by_seed.values())) for by_seed in starts.values()]
    counts = _counts(options, arms, data, task, firsts[0])
    closed = [[*test, *seeds] for test, seeds in firsts]
    warnings += unfilled(project.config, data.pool, closed, counts["budget"] - counts["seed"])
    curves = {name: mean_curve(repeats, options.metric) for name, repeats in replays.items()}
    picture = picture_of(curves, found, SPOKEN[options.metric], counts)
    files = {
        "results.parquet": as_parquet(tidy(replays)),
        "splits.parquet": as_parquet(splits_table(starts)),
        "curves.svg": picture.to_svg().encode(),
        "curves.png": picture.to_png(),
        "summary.json": as_json({**found, "counts": counts}).encode(),
    }
    written = _written(out, files)
    work.prune(arms, range(options.repeats))
    return Result(
        "simulate",
        round=None,
        changed=bool(written),
        counts=counts,
        files=written,
        warnings=[*warnings, *_about_metric(data, options.metric)],
        summary=[_headline(counts)],
        more={**found, "curves": curves},
    )


def _check_options(options: Options) -> None:
    """Options that would be ignored are refused.

    Raises:
        ConfigError: the first of them.
    """
    if options.rounds is not None and options.budget is not None:
        raise ConfigError("--rounds and --budget say the same in two ways", where="--budget", hint="name one")
    given = "--splits" if options.splits is not None else "--from-project" if options.labels is None else None
    if options.test is not None and given:
        raise ConfigError(f"{given} says which rows to measure on", where="--test", hint="leave it out")
    if options.test is not None and not 0 < options.test < float("inf"):
        raise ConfigError(f"{options.test:g} is no number of rows, nor a share of them", where="--test")
    for name, cost in options.costs.items():
        if not name or name in NAMES or name == "answers":
            what = "a cost needs a name" if not name else f"a figure is called {name!r} already"
            raise ConfigError(what, where="--cost", hint="write NAME=NUMBER, or a column's name")
        if not isinstance(cost, str) and not 0 <= cost < float("inf"):
            raise ConfigError(f"{cost:g} is no cost", where=f"--cost {name}", hint="write a number from 0 on")


def _prepared(project: Project, options: Options, arms: Sequence[Arm]) -> tuple[Task, Data, list[str]]:
    """What to replay, the rows, and what is to be said of them."""
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
    check_quotas(project.config, project.source.where, data.pool)
    warnings = list(data.warnings)
    if options.splits is not None:
        given, said = _given(data, options.splits, options.repeats)
        task, warnings = replace(task, given=given), [*warnings, *said]
    return _sized(project, task, data, options, arms), data, warnings


def _counts(
    options: Options, arms: Sequence[Arm], data: Data, task: Task, start: tuple[list[str], list[str]]
) -> dict[str, int]:
    test, seeds = start
    n_rows = len(data.pool) - len(test) if data.weight is None else expected_rows(data)
    return {
        "repeats": options.repeats,
        "strategies": len(arms),
        "rows": n_rows,
        "test": len(test),
        "classes": len(data.truth.classes),
        "seed": len(seeds),
        "budget": task.budget,
    }


def _replayed(work: Work, arms: list[Arm], options: Options, progress: Progress) -> dict[str, Any]:
    """Every arm's points in every repeat."""
    total = len(arms) * options.repeats
    done = []
    progress(0, total)
    for finished in run_all(work, arms, range(options.repeats), options.jobs):
        done.append(finished)
        progress(len(done), total)
    return by_name(done, arms)


def _given(data: Data, path: Path, repeats: int) -> tuple[dict[int, dict[str, Given]], list[str]]:
    """Where the repeats start, by a file; and a warning where copies lie on both sides.

    Raises:
        ConfigError: it does not have so many.
    """
    given = read_splits(path, data.pool.ids)
    _refuse_chosen(data, given, path)
    missing = sorted(set(range(repeats)) - set(given))
    if missing:
        hint = f"--repeats {missing[0]}" if missing[0] else "number them from 0"
        raise ConfigError(f"{path.name} has no repeat {missing[0]}", where="--splits", hint=hint)
    copies = 0
    for start in (start for starts in given.values() for start in starts.values()):
        test, seeds = (data.pool.take(ids).content() for ids in (start.test, start.seed))
        copies += int(np.isin(seeds, test, kind="sort").sum())
    said = [f"{plural(copies, 'seed row is', 'seed rows are')} copies of validation rows"] if copies else []
    return {repeat: given[repeat] for repeat in range(repeats)}, said


def _refuse_chosen(data: Data, given: Mapping[int, Mapping[str, Given]], path: Path) -> None:
    """A project's own validation rows measure, all of them, and no others.

    Raises:
        DataError: rows that may have been chosen by a strategy, or validation rows that would be trained on.
    """
    starts = ((repeat, start) for repeat, starts in given.items() for start in starts.values())
    for repeat, start in starts if data.test else ():
        wrong = sorted(set(start.test) ^ set(data.test))
        if wrong:
            kind = "was asked for training" if wrong[0] in start.test else "is a validation row"
            raise DataError(
                f"repeat {repeat} is not measured on the project's validation rows: {wrong[0]!r} {kind}",
                where=path.name,
                hint="leave --splits out, or name all validation rows and no others as validation",
            )


def _sized(project: Project, task: Task, data: Data, options: Options, arms: Sequence[Arm]) -> Task:
    """The task with the sizes of its test set, seed set and budget.

    Raises:
        ConfigError: they do not fit the rows that there are.
    """
    n, given = len(data.pool), list(task.given.get(0, {}).values())
    n_test = len(given[0].test) if given else len(data.test) or _test_rows(options, n)
    if n_test >= n:
        what = f"{n_test:,} test rows leave nothing to learn from: {n:,} rows are labeled"
        raise ConfigError(what, where="--test")
    n_pool = expected_rows(data) if data.test else n - n_test
    sizes = ["split.reserve=0", f"split.validation={n_test}"]
    config = project.config
    n_seed = int(config.seed.size if config.seed.size >= 1 else max(1, round(config.seed.size * n_pool)))
    if given and given[0].seed:
        n_seed = max(len(start.seed) for start in given)
    elif options.labels is None:  # of what is labeled so far a part stands in for the pool
        n_seed = max(1, min(n_seed, n_pool // 4))
        sizes.append(f"seed.size={n_seed}")
    budget = _budget(options, n_seed, max(arm.batch_size for arm in arms), n_pool)
    if budget < n_seed:
        raise ConfigError(
            f"a budget of {budget:,} labels is less than the seed set of {n_seed:,}",
            where="--budget" if options.budget else project.source.where("seed.size"),
            hint="raise it, or make seed.size smaller: --set seed.size=50",
        )
    return replace(task, sizes=tuple(sizes), budget=budget)


def _test_rows(options: Options, n: int) -> int:
    wanted = options.test if options.test is not None else min(MOST_TEST_ROWS, max(1, n // 4))
    return max(1, round(wanted * n)) if wanted < 1 else int(wanted)


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
