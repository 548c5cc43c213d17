"""`alcli ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from alcli.cli.common import Common, command

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "ingest",
        reads="label files (CSV, TSV, JSONL, Parquet, XLSX) with id and label",
        writes="ledger/ (every answer ever given), labels.parquet (the labeled set as it stands)",
        example="alcli ingest rounds/001/query.csv",
    )
    def ingest(
        common: Common,
        files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Label files.")] = None,
        format_: Annotated[
            str | None, typer.Option("--format", help="Their format, where the ending does not tell.")
        ] = None,
        id_column: Annotated[str | None, typer.Option(help="The id column, instead of labels.id.")] = None,
        label_column: Annotated[
            str | None, typer.Option(help="The label column, instead of labels.label.")
        ] = None,
        column: Annotated[
            list[str] | None,
            typer.Option(
                metavar="NAME=COLUMN", help="Read annotator, labeled_at, ... from a column. Repeatable."
            ),
        ] = None,
        guideline: Annotated[
            str | None, typer.Option(help="The rubric's version, for these answers.")
        ] = None,
        unrequested: Annotated[
            Literal["refuse", "accept"], typer.Option(help="Answers to rows that were never asked.")
        ] = "refuse",
        requested_only: Annotated[
            bool, typer.Option("--requested-only", help="Ignore answers to rows that were never asked.")
        ] = False,
        new_class: Annotated[
            bool, typer.Option("--new-class", help="Add labels that are no class yet.")
        ] = False,
        skip_invalid: Annotated[
            bool, typer.Option("--skip-invalid", help="Take the good rows; list the others in rejected.csv.")
        ] = False,
        rejected: Annotated[Path | None, typer.Option(help="Where to list rows not taken.")] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False,
        rebuild: Annotated[
            bool,
            typer.Option("--rebuild", help="Resolve all answers again, after a change of labels.resolve."),
        ] = False,
        retract: Annotated[
            str | None, typer.Option(metavar="SOURCE", help="Take back all answers of a file ever ingested.")
        ] = None,
        retract_annotator: Annotated[
            str | None, typer.Option(metavar="NAME", help="Take back all answers of an annotator.")
        ] = None,
    ) -> Result:
        """Take people's answers in; none is lost or doubled."""
        from alcli.loop import ingest as step
        from alcli.project.intake import Rules

        policy: Literal["refuse", "accept", "ignore"] = "ignore" if requested_only else unrequested
        rules = Rules(policy, new_class, skip_invalid, _columns(column, id_column, label_column), guideline)
        options = step.Options(rules, format_, dry_run, rejected, rebuild, retract, retract_annotator)
        if files and (retract or retract_annotator):
            raise typer.BadParameter("take answers back first, then ingest files", param_hint="--retract")
        if not (files or rebuild or retract or retract_annotator):
            raise typer.BadParameter("name a label file", param_hint="FILE")
        with common.writing("ingest") as project:
            return step.ingest(project, files or [], options)


def _columns(column: list[str] | None, id_column: str | None, label_column: str | None) -> dict[str, str]:
    from alcli.errors import suggest
    from alcli.project.answers import SPELLINGS

    named = dict(item.partition("=")[::2] for item in column or [])
    for name, value in named.items():
        if not (name and value):
            raise typer.BadParameter(f"{name!r}: write NAME=COLUMN", param_hint="--column")
        if name not in {"id", "label", *SPELLINGS}:
            near = suggest(name, ("id", "label", *SPELLINGS))
            raise typer.BadParameter(f"the ledger has no column {name!r}; {near}", param_hint="--column")
    asked = {"id": id_column, "label": label_column}
    return named | {name: value for name, value in asked.items() if value is not None}
