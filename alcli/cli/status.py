"""`alcli status`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alcli.cli._stopping import criteria_table, reason
from alcli.cli.common import Common, aligned, command, print_lines

if TYPE_CHECKING:
    from alcli.loop import Result

_EXIT_CODES = {"stopped": 10, "awaiting_labels": 11}
_STAGES = {
    "new": "new: nothing is asked yet",
    "awaiting_labels": "waiting for labels",
    "ready_to_train": "new labels, ready to train",
    "trained": "trained, not scored yet",
    "scored": "scored, nothing asked yet",
    "stopped": "a stopping criterion says stop",
}
_SPARKS = "▁▂▃▄▅▆▇█"
_PLAIN = str.maketrans(_SPARKS, "12345678")  # for a stdout that is not Unicode


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "status",
        reads="rounds/*/round.json, metrics.json",
        writes="nothing",
        example="alcli status --json",
        show=_show,
    )
    def status(
        common: Common,
        exit_code: Annotated[
            bool,
            typer.Option("--exit-code", help="Exit 10 when it is time to stop, 11 while waiting for labels."),
        ] = False,
    ) -> Result:
        """Say where the loop stands, and the next command to type."""
        from alcli.status import status as look

        result = look(common.open(), None if common.json or common.project == Path() else common.project)
        code = _EXIT_CODES.get(result.more["stage"], 0) if exit_code else 0
        return replace(result, exit_code=code)


def _show(result: Result, common: Common) -> None:
    more = result.more
    rows = [("stage", _STAGES[more["stage"]] + _round(result))]
    if result.round is not None:
        unicode = common.console.encoding.startswith("utf")
        rows += [(title, text if unicode else text.translate(_PLAIN)) for title, text in _facts(result)]
    if more.get("adjudicate"):
        rows.append(("decide", f"{', '.join(more['adjudicate'])}: rows in dispute; then ingest that"))
    rows.append(("next", more["next"]))
    print_lines(common, aligned(rows, right=False))
    if common.verbose and more["criteria"]:
        print_lines(common, criteria_table(more), dim_first=True)
    if common.verbose and more.get("disputed"):
        print_lines(common, [f"disputed: {', '.join(more['disputed'])}"])


def _round(result: Result) -> str:
    return f", round {result.round:03d}" if result.round is not None else ""


def _facts(result: Result) -> list[tuple[str, str]]:
    more, counts = result.more, result.counts
    facts = [("pool", f"{more['pool']:,} rows")]
    aside = [f"{counts[name]:,} {name}" for name in ("disputed", "skipped", "unsure") if counts[name]]
    facts.append(
        (
            "labels",
            f"{more['labeled']:,} for training, {more['pending']:,} pending"
            + "".join(f", {a}" for a in aside),
        )
    )
    validation = more["validation"]
    facts.append(("validation", f"{validation['labeled']:,} of {validation['size']:,} labeled"))
    if more["metrics"] is not None:
        facts += _quality(more["metrics"], more["history"])
    facts.append(("stop", f"{'yes' if more['stop']['verdict'] == 'stop' else 'no'}: {reason(more)}"))
    return facts


def _quality(metrics: dict[str, Any], history: list[dict[str, Any]]) -> list[tuple[str, str]]:
    accuracy = metrics["accuracy"]
    text = f"{accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})"
    if metrics["change"]:
        gain = metrics["change"]["accuracy"]
        text += f", {gain['value']:+.3f} since the round before"
    facts = [("accuracy", text), ("macro F1", f"{metrics['macro_f1']['value']:.3f}")]
    values = [entry["metrics"]["accuracy"][0] for entry in history if "accuracy" in entry["metrics"]]
    if len(values) > 1:
        low, high = min(values), max(values)
        sparks = "".join(_SPARKS[round((v - low) / ((high - low) or 1) * 7)] for v in values)
        facts.append(("by round", f"{sparks}  first {values[0]:.3f}, now {values[-1]:.3f}, best {high:.3f}"))
    if others := [entry for entry in history if entry.get("validation") != history[-1].get("validation")]:
        rounds = ", ".join(f"{entry['round']:03d}" for entry in others)
        facts.append(("", f"not comparable, measured on other validation rows: round {rounds}"))
    return facts
