"""`alcli init`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alcli.cli.common import Common, command

if TYPE_CHECKING:
    from alcli.loop import Result


def _print_schema(wanted: bool) -> None:
    if wanted:
        from alcli.config import Config

        print(json.dumps(Config.model_json_schema(), indent=1))
        raise typer.Exit


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "init",
        reads="a look at the pool",
        writes="DIR/alcli.yaml, commented, ready to run",
        example="alcli init my-project --pool texts.csv",
    )
    def init(
        common: Common,
        pool: Annotated[str, typer.Option(help="The pool: a Parquet or CSV file, a folder or a glob.")],
        directory: Annotated[
            Path | None, typer.Argument(metavar="DIR", help="The project directory.", show_default=False)
        ] = None,
        id_: Annotated[str | None, typer.Option("--id", help="The id column; guessed if not named.")] = None,
        schema: Annotated[  # noqa: ARG001 - typer calls _print_schema
            bool,
            typer.Option(
                "--schema", callback=_print_schema, is_eager=True, help="Print the config's JSON Schema."
            ),
        ] = False,
    ) -> Result:
        """Look at a pool and write a config that runs as it is."""
        from alcli.loop import init as step

        if common.config is not None:
            raise typer.BadParameter("init writes DIR/alcli.yaml and reads no config", param_hint="--config")
        return step.init(directory or common.project, pool, id_, common.settings)
