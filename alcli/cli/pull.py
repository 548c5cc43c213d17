"""`alcli pull`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from alcli.cli.common import Common, command, progress_bar
from alcli.cli.ingest import NewClass, SkipInvalid

if TYPE_CHECKING:
    from alcli.loop import Result


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "pull",
        reads="people's answers in the project of Label Studio that push filled; LABEL_STUDIO_API_KEY",
        writes="rounds/NNN/pulled.label_studio.json (new answers), and what ingest writes of them",
        example="alcli pull",
    )
    def pull(
        common: Common,
        new_class: NewClass = False,
        skip_invalid: SkipInvalid = False,
        again: Annotated[
            bool, typer.Option("--again", help="Also answers that were taken back (--retract) since.")
        ] = False,
    ) -> Result:
        """Fetch people's answers from Label Studio and ingest them."""
        from alcli.cli._servers import connected
        from alcli.loop.pull import pull as step
        from alcli.project.advice import PULLED
        from alcli.project.intake import Rules

        rules = Rules(new_classes=new_class, skip_invalid=skip_invalid, advice=PULLED)
        with common.writing("pull") as project:
            with connected(project) as there, progress_bar(common, "tasks") as progress:
                fetched, file = step(there, again=again, progress=progress)
            if file is None:
                return fetched
            from alcli.loop.ingest import Options, ingest

            taken = ingest(project, [file], Options(rules))
            if not taken.changed:  # what it has was listed as rejected, or is no answer
                file.unlink()
            return _both(fetched, taken)


def _both(fetched: Result, taken: Result) -> Result:
    """What was fetched and what became of it, as one result."""
    return replace(
        fetched,
        changed=taken.changed,
        counts={**fetched.counts, **taken.counts},
        files=[*(fetched.files if taken.changed else ()), *taken.files],
        warnings=[*fetched.warnings, *taken.warnings],
        summary=[*fetched.summary, *taken.summary],
        more={**fetched.more, **taken.more},
    )
