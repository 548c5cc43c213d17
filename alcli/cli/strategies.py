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
    from rich.markup import escape

    found: list[dict[str, Any]] = result.more["strategies"]
    width = max(len(one["name"]) for one in found)
    for one in found:
        needs = ", ".join(one["needs"]) or "nothing"
        summary, costs = escape(one["summary"]), escape(f"Needs {needs}; {one['cost']}.")
        line = f"[bold]{one['name']:{width}}[/]  {summary} [dim]{costs}[/]"
        common.console.print(line, soft_wrap=True)
