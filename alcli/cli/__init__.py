"""The command line. Typer, rich, `print` and exit codes live in this package and nowhere else."""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

import alcli
from alcli.cli import (
    check,
    demo,
    ingest,
    init,
    label,
    plan,
    pull,
    push,
    query,
    relabel,
    score,
    seed,
    simulate,
    status,
    strategies,
    train,
)

app = typer.Typer(
    name="alcli",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"alcli {alcli.__version__}")
        raise typer.Exit


@app.callback()
def _alcli(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose what people label next: active learning in files, one command a step.

    init, seed, then round after round: people label, ingest, train, score, query.

    `alcli demo` shows it all on sample data.
    """


_LOOP = (init, seed, label, push, pull, ingest, train, score, query, relabel)
for module in (*_LOOP, status, check, plan, simulate, strategies, demo):
    module.register(app)


def main() -> None:
    """Run alcli; a termination signal ends it as tidily as ctrl-c."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # texts of a pool in whatever a cron job speaks
    app()


def _terminate(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
