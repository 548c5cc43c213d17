"""`alcli seed`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alcli.cli.common import Common, ToolFormat, command

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "seed",
        reads="the pool, alcli.yaml",
        writes="splits.parquet, rounds/000/query.csv (give it to people), selection.parquet",
        example="alcli seed --set seed.size=100",
    )
    def seed(
        common: Common,
        labels: Annotated[
            Path | None, typer.Option(help="Start from labels you have: a file with id and label.")
        ] = None,
        validation_ids: Annotated[
            Path | None, typer.Option(help="Your own test set: a file with the ids of its rows.")
        ] = None,
        extend_validation: Annotated[
            int | None,
            typer.Option(min=1, metavar="N", help="Later: N further validation rows, from the reserve."),
        ] = None,
        format_: ToolFormat = None,
    ) -> Result:
        """Draw and seal the validation set, choose the first rows."""
        from alcli.loop import seed as step

        if extend_validation and (labels or validation_ids):
            raise typer.BadParameter("it takes its rows from the reserve", param_hint="--extend-validation")
        with common.writing("seed") as project:
            if extend_validation:
                return step.extend_validation(project, extend_validation, format_)
            return step.seed(project, labels, validation_ids, format_)
