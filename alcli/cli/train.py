"""`alcli train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from alcli.cli._stopping import criteria_table, reason
from alcli.cli.common import Common, aligned, command, print_lines

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
        writes="rounds/NNN/model/, metrics.json, stop_set.parquet",
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
    if metrics is not None:
        print_lines(common, aligned(_headline(metrics, result.more.get("change"))), dim_first=True)
        if common.verbose:
            print_lines(common, aligned(_per_class(metrics)), dim_first=True)
            print_lines(common, aligned(_confusion(metrics)), dim_first=True)
    if result.more["criteria"]:
        word = "Stop" if result.more["stop"]["verdict"] == "stop" else "Go on"
        print_lines(common, [f"{word}: {reason(result.more)}"])
        if common.verbose:
            print_lines(common, criteria_table(result.more), dim_first=True)


def _headline(metrics: dict[str, Any], change: dict[str, Any] | None) -> list[list[str]]:
    rows = [[f"on {metrics['n']:,} validation rows", "value", "95% interval", "change"]]
    for name, title in _ROWS.items():
        value, gain = metrics[name], (change or {}).get(name)
        interval = f"{value['low']:.3f} to {value['high']:.3f}"
        gained = f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})" if gain else ""
        rows.append([title, f"{value['value']:.3f}", interval, gained])
    return rows


def _per_class(metrics: dict[str, Any]) -> list[list[str]]:
    rows = [["class", "precision", "recall", "F1", "support"]]
    for name, row in metrics["per_class"].items():
        figures = [_number(row["precision"]), _number(row["recall"]), _number(row["f1"])]
        rows.append([name, *figures, f"{row['support']:,}"])
    return rows


def _number(value: Any) -> str:
    if isinstance(value, dict):
        value = value["value"]
    return "-" if value is None else f"{value:.3f}"


def _confusion(metrics: dict[str, Any]) -> list[list[str]]:
    rows = [["true \\ predicted", *metrics["classes"]]]
    for name, counts in zip(metrics["classes"], metrics["confusion"], strict=True):
        rows.append([name, *(str(count) for count in counts)])
    return rows
