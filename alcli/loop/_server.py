"""Where on a labeling tool's server the rows of a project are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from alcli.errors import IntegrityError, StateError
from alcli.project import Project
from alcli.project.answers import read_answers
from alcli.project.ledger import new_answers
from alcli.project.relabeling import RETRACTED
from alcli.registry import reader_of
from alcli.remote import Item, Server
from alcli.tables.atomic import atomic_write, file_errors

_NAMED = 3


@dataclass(frozen=True)
class Record:
    """What `label_studio.json` says.

    Attributes:
        url: the server's address.
        mark: a word in the tool's project by which it is known where its number is not noted; no other has
            it, not even one of the same rows.
        project: its number; None: it was about to be made.
    """

    url: str
    mark: str
    project: int | None = None


@dataclass(frozen=True)
class There:
    """A tool's project, which holds rows of a project of ours as tasks.

    `label_studio.json` remembers which it is, beside `alcli.yaml` and not in `.alcli/`: it belongs to the
    project as the answers there do. Whoever works in a copy of the project works with the same tasks.
    """

    project: Project
    tool: str
    server: Server

    @property
    def file(self) -> str:
        """The file that remembers, relative to the project."""
        return f"{self.tool}.json"

    @property
    def configured(self) -> int | None:
        """The number of a project that people made themselves."""
        number: int | None = getattr(self.project.config, self.tool).project
        return number

    def find(self) -> int | None:
        """Its number; None: there is none yet.

        Raises:
            StateError: the rows are on another server.
        """
        record = self._read()
        if self.configured is not None or record is None:
            return self.configured
        if record.url == self.server.url and record.project is not None:
            return record.project
        found = self.server.find(record.mark)
        if found is None and record.project is not None:
            raise StateError(
                f"the rows are in project {record.project} of {record.url}, not on {self.server.url}",
                where=self.file,
                hint=f"to begin anew here, delete {self.file}; rows may then be with people on both",
            )
        return found

    def mark(self) -> str:
        """The word by which a project that is about to be made shall be known; it is noted first."""
        record = self._read()
        if record is None:
            self.server.check()  # one that refuses leaves no trace here
            record = Record(self.server.url, uuid4().hex)
            self._write(record)
        return record.mark

    def remember(self, number: int) -> list[str]:
        """Note its number, unless that is known; returns what was written."""
        record = self._read()
        if record is None or self.configured is not None:
            return []
        return self._write(Record(self.server.url, record.mark, number))

    def _write(self, record: Record) -> list[str]:
        if record == self._read():
            return []
        atomic_write(self.project.root / self.file, json.dumps(asdict(record), indent=1) + "\n")
        return [self.file]

    def _read(self) -> Record | None:
        path = self.project.root / self.file
        if not path.exists():
            return None
        try:
            with file_errors(path):
                record = Record(**json.loads(path.read_text(encoding="utf-8")))
            if not (record.url and record.mark):
                raise ValueError(record)
        except (ValueError, TypeError) as error:
            raise IntegrityError(
                "this is not as alcli wrote it",
                where=self.file,
                hint="bring it back from a copy or from version control",
            ) from error
        return record


def answers_in(there: There, items: Sequence[Item]) -> pa.Table:
    """What items of the tool's file say, read as `ingest` reads the file; `row` counts them from 1."""
    labels = there.project.config.labels
    with TemporaryDirectory(dir=there.project.scratch) as folder:
        path = Path(folder) / f"{there.tool}.json"
        write_items(path, items)
        sheet = reader_of(path, there.tool, id=labels.id, label=labels.label).read(path)
    return read_answers(sheet, labels, source=there.tool, columns=sheet.means).table


def write_items(path: Path, items: Sequence[Item]) -> None:
    """One item a line, in ASCII: half a character, which a server may send, is for the reader to refuse."""
    atomic_write(path, "[\n" + ",\n".join(map(json.dumps, items)) + "\n]\n")


def never_had(answers: pa.Table, ledger: pa.Table) -> pa.Table:
    """Those answers that the ledger never had, whatever was taken back since."""
    return new_answers(answers, ledger.filter(pc.not_equal(ledger["status"], RETRACTED))).rows


def first_few(names: Sequence[str]) -> str:
    """`a, b, c and 7 more`."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
