"""`alcli query`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alcli.cli.common import Common, ToolFormat, command

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "query",
        reads="rounds/NNN/scores/, the pool, the ledger",
        writes="rounds/NNN/query.csv (give it to people), selection.parquet (why each row)",
        example="alcli query --set query.batch_size=100",
    )
    def query(
        common: Common,
        more: Annotated[
            int | None, typer.Option(min=1, metavar="N", help="Ask N further rows from the same scores.")
        ] = None,
        release: Annotated[
            bool, typer.Option("--release", help="Give rows back that nobody has answered.")
        ] = False,
        annotators: Annotated[
            str | None,
            typer.Option(metavar="A,B,...", help="Share the batch out: a file each, the overlap in several."),
        ] = None,
        format_: ToolFormat = None,
    ) -> Result:
        """Choose the rows that people label next."""
        from alcli.loop._releasing import release as give_back
        from alcli.loop.query import query as ask

        if more and release:
            raise typer.BadParameter("--more and --release do not go together", param_hint="--more")
        if release and (format_ or annotators):
            option = "--format" if format_ else "--annotators"
            raise typer.BadParameter("--release writes no query file", param_hint=option)
        with common.writing("query") as project:
            names = [name.strip() for name in (annotators or "").split(",") if name.strip()]
            return give_back(project) if release else ask(project, more or 0, format_, names)
