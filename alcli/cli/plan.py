"""`alcli plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from alcli.cli.common import Common, aligned, command, print_lines

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "plan",
        reads="rounds/*/metrics.json, ledger/, splits.parquet",
        writes="nothing",
        example="alcli plan --target 0.9 --hours 12 --set cost.per_label=0.2",
        show=_show,
    )
    def plan(
        common: Common,
        labels: Annotated[int | None, typer.Option(help="Further training labels, at most.")] = None,
        budget: Annotated[float | None, typer.Option(help="Money to spend from now on, at most.")] = None,
        target: Annotated[
            float | None, typer.Option(help="Value of the metric to reach; default: cost.target.")
        ] = None,
        hours: Annotated[float, typer.Option(help="Hours of labeling a week, of all people together.")] = 10,
        days: Annotated[float, typer.Option(help="Working days that a round takes besides labeling.")] = 1,
    ) -> Result:
        """Plan rounds, calendar and cost ahead."""
        from alcli.plan import Limits
        from alcli.plan import plan as look

        return look(common.open(), Limits(labels, budget, target, hours, days))


def _show(result: Result, common: Common) -> None:
    more = result.more
    header = ("batch", "labels", "rounds", "weeks", "cost", more["metric"], "until")
    rows = [header, *(_row(row, more["currency"]) for row in more["plan"])]
    print_lines(common, aligned(rows), dim_first=True)
    if more["by_round"]:
        print_lines(common, [""])
        titles = ("round", "answers", "seconds each", "passed", "in disagreement")
        print_lines(common, aligned([titles, *(_work(work) for work in more["by_round"])]), dim_first=True)


def _row(row: dict[str, Any], currency: str) -> tuple[str, ...]:
    metric = row["metric"]
    return (
        f"{row['batch_size']:,}",
        f"{row['labels']:,}",
        f"{row['rounds']:,}",
        "-" if row["weeks"] is None else f"{row['weeks']:.1f}",
        "-" if row["cost"] is None else f"{row['cost']:,.0f} {currency}".rstrip(),
        "-" if metric is None else f"{metric['value']:.3f} ({metric['low']:.3f} to {metric['high']:.3f})",
        row["bound"],
    )


def _work(work: dict[str, Any]) -> tuple[str, ...]:
    shared = f"{work['disagreement']:.0%} of {work['shared']:,}" if work["shared"] else "-"
    return (
        f"{work['round']:03d}",
        f"{work['answers']:,}",
        "-" if work["seconds"] is None else f"{work['seconds']:.0f}",
        f"{work['passed']:.0%}",
        shared,
    )
