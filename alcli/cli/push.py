"""`alcli push`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alcli.cli.common import Common, command, progress_bar

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "push",
        reads="the rows that are with people, the pool; LABEL_STUDIO_API_KEY and LABEL_STUDIO_URL",
        writes="tasks in a project there, which it makes the first time; label_studio.json (which it is)",
        example="alcli push --set label_studio.url=http://localhost:8080",
    )
    def push(
        common: Common,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Look at the server, change nothing.")
        ] = False,
    ) -> Result:
        """Hand the rows that are with people to Label Studio, each once."""
        from alcli.cli._servers import connected
        from alcli.loop.push import push as step

        with (
            common.writing("push") as project,
            connected(project) as there,
            progress_bar(common, "tasks") as progress,
        ):
            return step(there, dry_run=dry_run, progress=progress)
