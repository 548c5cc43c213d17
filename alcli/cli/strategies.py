"""`alcli strategies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from alcli.cli.common import Common, command

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app, "strategies", reads="nothing", writes="nothing", example="alcli strategies --json", show=_show
    )
    def strategies(common: Common) -> Result:  # noqa: ARG001 - it needs no project
        """List the query strategies, what each needs and costs."""
        from alcli.loop import Result
        from alcli.registry import STRATEGIES

        found = [
            {
                "name": name,
                "summary": (member.__doc__ or "").strip().splitlines()[0],
                "needs": list(member.needs),
                "kind": member.kind,
                "cost": member.cost,
            }
            for name, member in STRATEGIES.members()
        ]
        return Result(
            "strategies", None, changed=False, counts={"strategies": len(found)}, more={"strategies": found}
        )


def _show(result: Result, common: Common) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("strategy", "what it asks", "needs", "cost"):
        table.add_column(title, no_wrap=title == "strategy")
    found: list[dict[str, Any]] = result.more["strategies"]
    for one in found:
        table.add_row(one["name"], one["summary"], ", ".join(one["needs"]) or "nothing", one["cost"])
    common.console.print(table)
