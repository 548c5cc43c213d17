"""`alcli check`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from alcli.cli.common import Common, command, print_hanging, progress_bar

if TYPE_CHECKING:
    from alcli.loop import Result

_STYLES = {"good": "green", "caution": "yellow", "stop": "bold red"}
_OPENINGS = {
    "good": "Nothing here speaks against active learning.",
    "caution": "Active learning may pay here; mind what is marked.",
    "stop": "As things stand, active learning is not the right call here.",
}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "check",
        reads="the pool, splits.parquet, labels.parquet, ledger/, rounds/, simulation/summary.json",
        writes="nothing",
        example="alcli check --set cost.per_label=0.05",
        show=_show,
    )
    def check(
        common: Common,
        exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 10 on the verdict stop.")] = False,
    ) -> Result:
        """Say whether active learning is the right call here."""
        from alcli.check import check as look

        with progress_bar(common, "looking at the pool") as progress:
            result = look(common.open(), progress)
        return result if exit_code else replace(result, exit_code=0)


def _show(result: Result, common: Common) -> None:
    checks = result.more["checks"]
    wide = max(len(found["name"]) for found in checks)
    for found in checks:
        mark = found["verdict"] if found["decides"] else "-"
        head = [
            (f"{mark:8}", _STYLES[found["verdict"]] if found["decides"] else "dim"),
            (f"{found['name']:{wide}}  ", "bold"),
        ]
        lines = [found["figure"], *([f"-> {found['advice']}"] if found["advice"] else []), *found["shown"]]
        print_hanging(common, head, [*lines, *(found["lines"] if common.verbose else ())])
    verdict = result.more["verdict"]
    print_hanging(common, [(f"{verdict:8}", _STYLES[verdict])], [_OPENINGS[verdict]])
