"""Answers on their way into the ledger: on the disk as soon as they are given."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from alcli.errors import DataError, LockedError
from alcli.formats import ID
from alcli.formats._objects import Object
from alcli.formats.labeler import Labeler, encoded, line_of, read_lines, whole_lines
from alcli.project import Project
from alcli.project.answers import LABELED, SKIPPED, UNSURE
from alcli.project.lock import locked
from alcli.tables.atomic import atomic_write, file_error, file_errors, fsync, scratch_of


@dataclass(frozen=True)
class Entry:
    """What a person said of a row.

    Attributes:
        id: the row's.
        status: labeled | skipped | unsure; None: nothing yet but a comment.
        label: the class, blank where the status is another.
        labeled_at: when.
        seconds: the time that it took.
        comment: what else they said.
        guideline: the rubric's version that the query file names; blank where it names none.
    """

    id: str
    status: str | None
    label: str = ""
    labeled_at: datetime | None = None
    seconds: float | None = None
    comment: str = ""
    guideline: str = ""

    @property
    def answered(self) -> bool:
        """Whether it is more than a comment."""
        return self.status in (LABELED, SKIPPED, UNSURE)


class Journal:
    """One annotator's answers that are not ingested yet, in one round's file.

    Every answer is a line; an earlier answer to the same row stands above it. Taking one back cuts the last
    line off. Each line outlasts a power cut from the moment `append` returns.
    """

    def __init__(self, path: Path, annotator: str) -> None:
        self.path = path
        self.annotator = annotator
        self.entries: list[Entry] = []
        scratch_of(path).unlink(missing_ok=True)
        if path.exists():
            self._repair()
        if path.exists():
            self.entries = [entry for entry, _ in _entries(path)]

    @property
    def n_answers(self) -> int:
        """Rows with an answer."""
        return len({entry.id for entry in self.entries if entry.answered})

    def append(self, entry: Entry) -> None:
        """Write one more.

        Raises:
            FileError: it is not written, and nothing of it is left in the file.
        """
        new = not self.path.exists()
        with file_errors(self.path), self.path.open("ab", buffering=0) as file:
            size, line = file.tell(), self._encoded(entry)
            try:
                while line:  # a full disk may take a part
                    line = line[file.write(line) :]
                os.fsync(file.fileno())
                if new:
                    fsync(self.path.parent)
            except OSError as error:
                file.truncate(size)
                raise file_error(error, self.path) from error
        self.entries.append(entry)

    def take_back(self) -> Entry:
        """Cut the last line off the file; returns what it said."""
        *others, last = self.entries
        if not others:
            self.keep(others)
            return last
        with file_errors(self.path), self.path.open("r+b") as file:
            file.truncate(file.read().rstrip(b"\n").rfind(b"\n") + 1)
            os.fsync(file.fileno())
        self.entries = others
        return last

    def keep(self, entries: Sequence[Entry]) -> None:
        """Only these from now on; no file where there is none."""
        if entries != self.entries:
            self._replace(b"".join(map(self._encoded, entries)))
            self.entries = list(entries)

    def keep_comments(self) -> None:
        """After the answers were ingested: only comments on rows that have no answer yet."""
        answered = {entry.id for entry in self.entries if entry.answered}
        self.keep([entry for entry in self.entries if entry.id not in answered])

    def _repair(self) -> None:
        """A last line that was cut off goes; one that is whole but for its end gets that."""
        with file_errors(self.path):
            data = self.path.read_bytes()
        kept = whole_lines(data)
        if kept and not kept.endswith(b"\n"):
            kept += b"\n"
        if kept != data or not kept:
            self._replace(kept)

    def _replace(self, content: bytes) -> None:
        if content:
            atomic_write(self.path, content)
            return
        with file_errors(self.path):
            self.path.unlink()
            fsync(self.path.parent)

    def _encoded(self, entry: Entry) -> bytes:
        at = entry.labeled_at.isoformat() if entry.labeled_at is not None else None
        more = {"status": entry.status, "labeled_at": at, "seconds": entry.seconds, "comment": entry.comment}
        more |= {"guideline": entry.guideline} if entry.guideline else {}
        return encoded(line_of(entry.id, entry.label, annotator=self.annotator, **more))


def journal_name(annotator: str) -> str:
    """`answers-anna.label.jsonl`; `answers.label.jsonl` of the anonymous annotator."""
    return f"answers{'-' if annotator else ''}{quote(annotator, safe='@+ ')}{Labeler.suffixes[0]}"


def journals(project: Project) -> list[Path]:
    """Everybody's, of all rounds."""
    return sorted((project.root / "rounds").glob(f"*/answers*{Labeler.suffixes[0]}"))


def answers_of(path: Path) -> Iterator[tuple[str, str]]:
    """(id, annotator) of every answer in somebody's journal."""
    return ((entry.id, annotator) for entry, annotator in _entries(path) if entry.answered)


@contextmanager
def one_session(project: Project, annotator: str) -> Iterator[None]:
    """Nobody labels twice at once under one name.

    Raises:
        LockedError: a session of this annotator is open.
    """
    try:
        with locked(project.scratch / "label" / quote(f"by {annotator}", safe="@+ "), "label"):
            yield
    except LockedError as error:
        if error.where == str(project.scratch / "label"):
            who = repr(annotator) if annotator else "someone without a name"
            message = f"{who} has a session open already: {error.message}"
            hint = "go on there; another person takes a name of their own: --annotator NAME"
            raise LockedError(message, hint=hint) from error
        raise


def _entries(path: Path) -> Iterator[tuple[Entry, str]]:
    """(entry, its annotator), line by line."""
    for number, line in read_lines(path):
        try:
            yield _entry_of(line), str(line["annotator"] or "")
        except (KeyError, TypeError, ValueError) as error:
            hint = "bring it back as it was, or remove the line"
            where = f"{path.parent.name}/{path.name}, line {number}"
            raise DataError("this is not as `alcli label` wrote it", where=where, hint=hint) from error


def _entry_of(line: Object) -> Entry:
    at, seconds = line["labeled_at"], line["seconds"]
    return Entry(
        str(line[ID]),
        line["status"],
        str(line["label"] or ""),
        datetime.fromisoformat(at) if at is not None else None,
        float(seconds) if seconds is not None else None,
        str(line["comment"] or ""),
        str(line.get("guideline") or ""),
    )


def clean(text: str) -> str:
    """Typed text on one line, without control characters or halves of characters."""
    whole = text.encode("utf-8", "replace").decode()
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in whole).split())


def clean_name(text: str) -> str:
    """A typed name as ingest keeps it: `1.0` is `1`."""
    return re.sub(r"^(-?\d+)\.0+$", r"\1", clean(text))
