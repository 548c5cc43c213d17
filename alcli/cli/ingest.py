"""`alcli ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

from alcli.cli.common import Common, command

if TYPE_CHECKING:
    from alcli.loop import Result


Files = Annotated[list[Path] | None, Argument(metavar="FILE", help="Label files.")]
Format = Annotated[
    str | None, Option("--format", help="Their format, where neither content nor ending tells.")
]
IdColumn = Annotated[str | None, Option(help="The id column, instead of labels.id.")]
LabelColumn = Annotated[str | None, Option(help="The label column, instead of labels.label.")]
Columns = Annotated[
    list[str] | None,
    Option(metavar="NAME=COLUMN", help="Read annotator, labeled_at, ... from a column. Repeatable."),
]
Guideline = Annotated[str | None, Option(help="The rubric's version, for these answers.")]
Unrequested = Annotated[Literal["refuse", "accept"], Option(help="Answers to rows that were never asked.")]
RequestedOnly = Annotated[
    bool, Option("--requested-only", help="Ignore answers to rows that were never asked.")
]
NewClass = Annotated[bool, Option("--new-class", help="Add labels that are no class yet.")]
SkipInvalid = Annotated[
    bool, Option("--skip-invalid", help="Take the good rows; list the others in rejected.csv.")
]
Rejected = Annotated[Path | None, Option(help="Where to list rows not taken.")]
DryRun = Annotated[bool, Option("--dry-run", help="Show what would change.")]
Rebuild = Annotated[
    bool, Option("--rebuild", help="Resolve all answers again, after a change of labels.resolve.")
]
Retract = Annotated[
    str | None, Option(metavar="SOURCE", help="Take back all answers of a file ever ingested.")
]
RetractAnnotator = Annotated[
    str | None, Option(metavar="NAME", help="Take back all answers of an annotator.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "ingest",
        reads="label files (CSV, JSONL, Parquet, XLSX) with id and label, or a labeling tool's export",
        writes="ledger/ (every answer ever given), labels.parquet (the labeled set as it stands)",
        example="alcli ingest rounds/001/query.csv",
    )
    def ingest(
        common: Common,
        files: Files = None,
        format_: Format = None,
        id_column: IdColumn = None,
        label_column: LabelColumn = None,
        column: Columns = None,
        guideline: Guideline = None,
        unrequested: Unrequested = "refuse",
        requested_only: RequestedOnly = False,
        new_class: NewClass = False,
        skip_invalid: SkipInvalid = False,
        rejected: Rejected = None,
        dry_run: DryRun = False,
        rebuild: Rebuild = False,
        retract: Retract = None,
        retract_annotator: RetractAnnotator = None,
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
