"""`alcli relabel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from alcli.cli.common import Common, ToolFormat, command

if TYPE_CHECKING:
    from alcli.loop import Result

Maps = Annotated[
    list[str] | None,
    Option("--map", metavar="OLD=NEW", help="Let answers OLD count as NEW: rename or merge. Repeatable."),
]
Reopen = Annotated[
    list[str] | None,
    Option(metavar="CLASS", help="Ask the rows of a class again, as after a split. Repeatable."),
]
Guideline = Annotated[
    str | None, Option(metavar="NAME", help="The rubric's version that reopened rows are answered under.")
]
DryRun = Annotated[bool, Option("--dry-run", help="Show what would change.")]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "relabel",
        reads="ledger/, splits.parquet, the pool",
        writes="ledger/, labels.parquet; with --reopen rounds/NNN/reopened.csv (give it to people)",
        example="alcli relabel --map automobile=car",
    )
    def relabel(
        common: Common,
        map_: Maps = None,
        reopen: Reopen = None,
        guideline: Guideline = None,
        dry_run: DryRun = False,
        format_: ToolFormat = None,
    ) -> Result:
        """Rename, merge or ask again classes; every answer is kept."""
        from alcli.loop import relabel as step

        if not (map_ or reopen):
            raise typer.BadParameter("say what changes: --map OLD=NEW or --reopen CLASS", param_hint="--map")
        if (format_ or guideline) and not reopen:
            option = "--format" if format_ else "--guideline"
            raise typer.BadParameter("only --reopen writes a file for people", param_hint=option)
        options = step.Options(map_ or (), reopen or (), guideline, format_, dry_run)
        with common.writing("relabel") as project:
            return step.relabel(project, options)
