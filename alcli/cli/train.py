"""`alcli train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from alcli.cli.common import Common, command

if TYPE_CHECKING:
    from alcli.loop import Result

_ROWS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error",
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "train",
        reads="labels.parquet, splits.parquet, the pool",
        writes="rounds/NNN/model/, metrics.json",
        example="alcli train --set model.name=random_forest",
        show=_show,
    )
    def train(common: Common) -> Result:
        """Train on the labels so far, measure on validation."""
        from alcli.loop import train as step

        with common.writing("train") as project:
            return step.train(project)


def _show(result: Result, common: Common) -> None:
    metrics = result.more.get("metrics")
    console = common.console
    if metrics is not None:
        console.print(_headline(metrics, result.more.get("change")))
        if common.verbose:
            console.print(_per_class(metrics))
            console.print(_confusion(metrics))
    stop = result.more.get("stop")
    if stop and stop["verdict"] == "stop":
        console.print(f"[bold]Stop:[/] {stop['reason']}")


def _headline(metrics: dict[str, Any], change: dict[str, Any] | None) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"on {metrics['n']:,} validation rows")
    table.add_column("value", justify="right")
    table.add_column("95% interval", justify="right")
    table.add_column("change", justify="right")
    for name, title in _ROWS.items():
        value = metrics[name]
        gain = (change or {}).get(name)
        table.add_row(
            title,
            f"{value['value']:.3f}",
            f"{value['low']:.3f} to {value['high']:.3f}",
            f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})" if gain else "",
        )
    return table


def _per_class(metrics: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class")
    for title in ("precision", "recall", "F1", "support"):
        table.add_column(title, justify="right")
    for name, row in metrics["per_class"].items():
        cells = [_number(row["precision"]), _number(row["recall"]), _number(row["f1"])]
        table.add_row(name, *cells, f"{row['support']:,}")
    return table


def _number(value: Any) -> str:
    if isinstance(value, dict):
        value = value["value"]
    return "-" if value is None else f"{value:.3f}"


def _confusion(metrics: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", title="", title_justify="left")
    table.add_column("true \\ predicted")
    for name in metrics["classes"]:
        table.add_column(name, justify="right")
    for name, counts in zip(metrics["classes"], metrics["confusion"], strict=True):
        table.add_row(name, *(str(count) for count in counts))
    return table
