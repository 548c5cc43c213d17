"""`alcli label`."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from alcli.cli.common import Common, command
from alcli.errors import AlcliError, IntegrityError, LockedError, StateError

if TYPE_CHECKING:
    from alcli.labeling import Session, Wanted, Work
    from alcli.loop import Result

_EXIT_CODES = {"crash": 1, "SIGHUP": 129, "SIGINT": 130, "SIGTERM": 143}
_COMMIT = 0.5  # seconds in which another alcli has moved its files, if these were met half moved


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(
        app,
        "label",
        reads="rounds/NNN/query.csv, the ledger",
        writes="rounds/NNN/answers-NAME.label.jsonl while you label; then what `alcli ingest` writes",
        example="alcli label --annotator anna",
    )
    def label(
        common: Common,
        file: Annotated[
            Path | None, Argument(metavar="FILE", help="A query file, instead of the newest round's.")
        ] = None,
        annotator: Annotated[
            str | None, Option(metavar="NAME", help="Whose answers these are; else nobody's, as query.csv's.")
        ] = None,
        round_: Annotated[
            int | None, Option("--round", min=0, metavar="N", help="The rows of this round.")
        ] = None,
    ) -> Result:
        """Label rows here in the terminal; quitting takes the answers in."""
        from alcli.labeling import Journal, Session, Wanted, annotator_of, one_session

        if file is not None and round_ is not None:
            raise typer.BadParameter("FILE says which rows: leave --round out", param_hint="--round")
        wanted = Wanted(annotator, round_, file)
        project = common.open()
        who = annotator_of(project, wanted)
        with one_session(project, who):
            work = _opened(common, wanted, who)
            session = Session(work, Journal(work.journal, who))
            again = (file, round_) != (None, None) and len(session.rows) > 0 and _has_terminal()
            ended = _labeled(common, session) if session.n_open or again else ""
            result = _ingested(common, work, session.n_open)
        summary = [*result.summary, *_ahead(common, session)]
        return replace(result, summary=summary, exit_code=_EXIT_CODES.get(ended, 0))


def _opened(common: Common, wanted: Wanted, who: str) -> Work:
    """The person's rows, read without the project's lock: another alcli may hold it for long."""
    from alcli.labeling import open_work

    with suppress(LockedError), common.writing("label"):
        pass  # what a killed command had begun is finished
    try:
        return open_work(common.open(), wanted, who)
    except IntegrityError:
        time.sleep(_COMMIT)
        return open_work(common.open(), wanted, who)


def _labeled(common: Common, session: Session) -> str:
    """Show the session until it is left; what ended it."""
    _check_terminal()
    try:
        from alcli.cli.labeler.app import run
    except ModuleNotFoundError as error:
        if error.name != "textual":
            raise
        message = "`alcli label` draws its screen with the library textual, which is not installed"
        raise StateError(message, hint="pip install 'alcli[label]'") from error
    labels = common.open().config.labels
    words = {"skipped": (*labels.skip, "skip")[0], "unsure": (*labels.unsure, "unsure")[0]}
    if isinstance(
        sys.stderr, io.TextIOWrapper
    ):  # where the screen is drawn; a C locale's terminals know UTF-8
        sys.stderr.reconfigure(encoding="utf-8", errors="replace")
    before = signal.getsignal(signal.SIGTERM)
    try:
        ended = run(session, words)
    finally:
        signal.signal(signal.SIGTERM, before)
    if ended == "SIGHUP":  # nobody reads what is printed now, and a second one must not cut ingest short
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return ended


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _check_terminal() -> None:
    if not _has_terminal():
        raise StateError(
            "`alcli label` needs a terminal, and standard input or standard error is none",
            hint="in scripts, `alcli ingest FILE` takes label files",
        )
    if os.environ.get("TERM", "dumb") == "dumb":
        raise StateError("this terminal cannot draw a screen: TERM is dumb", hint="use another terminal")


def _ingested(common: Common, work: Work, n_left: int) -> Result:
    """Give the journals to ingest; they stay where it cannot take them."""
    from alcli.labeling import Journal
    from alcli.loop import Result, plural
    from alcli.loop import ingest as step
    from alcli.project.intake import Rules

    found = [Journal(path, work.annotator) for path in sorted({*work.others, work.journal}) if path.exists()]
    found = [journal for journal in found if journal.n_answers]
    more = {"annotator": work.annotator, "left": n_left}
    if not found:
        counts = {"new": 0, "left": n_left}
        return Result("label", work.round, changed=False, counts=counts, warnings=work.notes, more=more)
    labels = {entry.label for journal in found for entry in journal.entries if entry.label}
    rules = Rules(new_classes=not labels <= set(work.classes))
    try:
        with common.writing("label") as project:
            result = step.ingest(project, [journal.path for journal in found], step.Options(rules))
            for journal in found:
                journal.keep_comments()
    except AlcliError as error:
        names = " ".join(str(journal.path) for journal in found)
        how = f"`alcli ingest {names}{' --new-class' if rules.new_classes else ''}`"
        n_answers = plural(sum(journal.n_answers for journal in found), "answer")
        kept = f"{n_answers} safe in {names}: the next `alcli label` takes them, and so does {how}"
        error.hint = "; ".join(filter(None, (error.hint, kept)))
        raise
    return replace(
        result, command="label", warnings=[*work.notes, *result.warnings], more={**result.more, **more}
    )


def _ahead(common: Common, session: Session) -> list[str]:
    """What is left, and what to do next."""
    from alcli.loop import plural
    from alcli.status import status

    work, n_open = session.work, session.n_open
    folder = None if common.project == Path() else common.project
    if n_open:
        options = {"--annotator": work.annotator, "-C": str(folder or "")}
        again = " ".join(f" {name} {shlex.quote(value)}" for name, value in options.items() if value)
        return [f"{plural(n_open, 'row')} left: `alcli label{again}` goes on."]
    lines = []
    if not session.rows:
        lines.append(f"No row of {', '.join(work.names)} waits for an answer of yours.")
    if work.n_elsewhere:
        rows = f"{plural(work.n_elsewhere, 'row')} that you answered"
        lines.append(f"{rows} wait for a second annotator: `alcli label --annotator NAME`.")
    return [*lines, f"Next: {status(common.open(), folder).more['next']}"]
