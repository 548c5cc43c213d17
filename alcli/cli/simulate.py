"""`alcli simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from alcli.cli._stopping import back_test_lines
from alcli.cli.common import Common, aligned, command, print_lines, progress_bar
from alcli.errors import ConfigError

if TYPE_CHECKING:
    from alcli.loop import Result

Labels = Annotated[Path | None, Option(metavar="FILE", help="The true labels.")]
FromProject = Annotated[bool, Option("--from-project", help="Replay over the project's own labels so far.")]
Strategies = Annotated[
    str, Option(metavar="LIST", help="Strategies, by commas.  [default: the configured one]")
]
BatchSizes = Annotated[str, Option(metavar="LIST", help="Batch sizes, by commas.")]
Models = Annotated[str, Option(metavar="LIST", help="Models, by commas.")]
SeedStrategies = Annotated[str, Option(metavar="LIST", help="Seed strategies, by commas.")]
Relabel = Annotated[str, Option(metavar="LIST", help="Shares of query.relabel, by commas: 0,0.1.")]
Repeats = Annotated[int, Option(min=1, help="Replays of each, from other splits.")]
Rounds = Annotated[int | None, Option(min=0, help="Queries a replay.  [default: 15]", show_default=False)]
Budget = Annotated[int | None, Option(min=1, help="Training labels a replay, instead of rounds.")]
Splits = Annotated[
    Path | None,
    Option(metavar="FILE", help="Where each repeat starts: repeat, id, split (validation, seed)."),
]
Test = Annotated[
    float | None, Option(min=0, help="Rows (or a share) to measure on.  [default: 0.25, 2,000 at most]")
]
Metric = Annotated[str, Option(help="accuracy, macro_f1, log_loss, brier or ece.")]
Noise = Annotated[float, Option(min=0, max=1, help="Share of wrong answers.")]
NoiseBy = Annotated[str, Option(help="uniform, or confusion: classes that are easily mistaken.")]
SkipRate = Annotated[float, Option(min=0, max=1, help="Share of answers skipped.")]
Annotators = Annotated[int, Option(min=1, help="Annotators a row.")]
Cost = Annotated[
    list[str] | None,
    Option(metavar="NAME", help="A column of FILE with each answer's cost, or NAME=NUMBER. Repeatable."),
]
Jobs = Annotated[int | None, Option(min=1, help="Processes.  [default: all cores]", show_default=False)]
Out = Annotated[Path | None, Option(metavar="DIR", help="Where to write.  [default: simulation]")]

_SHOWN = 4
"""Curves in a plot at most: random sampling and the best ones."""
_STYLES = ("yellow", "bold green", "cyan", "magenta")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "simulate",
        reads="FILE (id, label), the pool; finished repeats under .alcli/simulate/",
        writes="simulation/results.parquet, splits.parquet, summary.json, curves.svg, curves.png",
        example="alcli simulate --labels labels.csv --strategies margin,badge --repeats 10",
        show=_show,
    )
    def simulate(
        common: Common,
        labels: Labels = None,
        from_project: FromProject = False,
        strategies: Strategies = "",
        batch_sizes: BatchSizes = "",
        models: Models = "",
        seed_strategies: SeedStrategies = "",
        relabel: Relabel = "",
        repeats: Repeats = 30,
        rounds: Rounds = None,
        budget: Budget = None,
        splits: Splits = None,
        test: Test = None,
        metric: Metric = "accuracy",
        noise: Noise = 0.0,
        noise_by: NoiseBy = "uniform",
        skip_rate: SkipRate = 0.0,
        annotators: Annotators = 1,
        cost: Cost = None,
        jobs: Jobs = None,
        out: Out = None,
    ) -> Result:
        """Replay the loop on known labels, against random sampling."""
        import os

        from alcli import simulate as module

        if (labels is None) == (not from_project):
            raise typer.BadParameter("name the true labels by --labels FILE, or --from-project")
        options = module.Options(
            labels=labels,
            choices=module.Choices(strategies, batch_sizes, models, seed_strategies, relabel),
            repeats=repeats,
            rounds=rounds,
            budget=budget,
            splits=splits,
            test=test,
            metric=_one_of("--metric", metric, tuple(module.SPOKEN)),
            faults=module.Faults(
                noise,
                _one_of("--noise-by", noise_by, ("uniform", "confusion")) == "confusion",
                skip_rate,
                annotators,
            ),
            costs=_costs(cost or []),
            jobs=jobs or len(os.sched_getaffinity(0)),
            out=out,
        )
        with common.simulating() as project, progress_bar(common, "replaying") as progress:
            return module.simulate(project, options, progress)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    from alcli.errors import suggest

    if value not in known:
        raise ConfigError(
            f"{value!r} is none of {', '.join(known)}", where=option, hint=suggest(value, known)
        )
    return value


def _costs(told: list[str]) -> dict[str, float | str]:
    """`price` or `price=0.05` as name and column, or number."""
    found: dict[str, float | str] = {}
    for text in told:
        name, equals, number = text.partition("=")
        try:
            found[name] = float(number) if equals else name
        except ValueError as error:
            raise ConfigError(f"{number!r} is no number", where=f"--cost {name}") from error
    return found


def _show(result: Result, common: Common) -> None:
    from alcli.cli.plot import look_for, plot

    more, console = result.more, common.console
    curves: dict[str, Any] = more["curves"]
    names = _best(more)[:_SHOWN]
    if len(curves[names[0]]) > 1:
        lines = plot(
            {name: [(point["labels"], point["value"]) for point in curves[name]] for name in names},
            "labels to learn from",
            f"{more['metric'].replace('_', ' ')} on {result.counts['test']:,} test rows",
            width=min(console.width, 96),
            look=look_for(console.encoding, styles=_STYLES),
        )
        console.print()
        for line in lines:
            console.print(line, soft_wrap=True)
        console.print()
    print_lines(common, aligned(_table(more)), dim_first=True)
    for name in _tested(more, common) if len(curves[names[0]]) > 1 else ():
        console.print()
        print_lines(common, back_test_lines(more, name), dim_first=True)
    console.print()
    for line in more["verdict"]:
        console.print(line, markup=False)


def _tested(more: Any, common: Common) -> list[str]:
    """The strategies whose back-tests of stopping criteria are shown: the configured one, or all."""
    if common.verbose:
        return _best(more)
    others = [name for name in _best(more) if name != more["strategies"][name]["baseline"]]
    return [more["default"]] if more["default"] in others else others[:1] or [more["baseline"]]


def _best(more: Any) -> list[str]:
    """Each random sampling, and below it what is compared with it, the best first."""
    arms, sign = more["strategies"], -1 if more["higher_is_better"] else 1
    groups = list(dict.fromkeys(arm["baseline"] for arm in arms.values()))

    def rank(name: str) -> tuple[int, bool, float]:
        base = arms[name]["baseline"]
        return groups.index(base), name != base, sign * arms[name]["auc"]

    return sorted(arms, key=rank)


def _table(more: Any) -> list[list[str]]:
    one = len({arm["baseline"] for arm in more["strategies"].values()}) == 1
    budget, target = f"at {more['budget']:,.0f}", f"labels to {more['target']:.3f}"
    rows = [["strategy", "area", budget if one else "at the end", target if one else "labels to target"]]
    rows[0] += ["rounds", "saving", "95%", "p"]
    for name in _best(more):
        arm = more["strategies"][name]
        saving, reached = arm["difference"], arm["rounds_to_target"]
        row = [name, f"{arm['auc']:.3f}", f"{arm['final']:.3f}"]
        row += (
            [f"{arm['labels_to_target']:,.0f}", str(reached)] if reached is not None else ["not reached", ""]
        )
        if name != arm["baseline"]:
            row += [f"{saving['value']:.0%}", f"{saving['low']:.0%} to {saving['high']:.0%}"]
            row += ["<0.001" if arm["p_value"] < 0.001 else f"{arm['p_value']:.3f}"]
        rows.append([*row, *[""] * (len(rows[0]) - len(row))])
    return rows
