"""`alcli score`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from alcli.cli.common import Common, command, progress_bar

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "score",
        reads="the pool, rounds/NNN/model/",
        writes="rounds/NNN/scores/part-*.parquet",
        example="alcli score",
    )
    def score(common: Common) -> Result:
        """Score every row that may be asked, as a stream."""
        from alcli.loop import score as step

        with common.writing("score") as project, progress_bar(common, "scoring") as progress:
            return step.score(project, progress)
