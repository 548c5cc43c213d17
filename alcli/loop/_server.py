"""Where on a labeling tool's server the rows of a project are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import uuid4

from alcli.errors import IntegrityError, StateError
from alcli.project import Project
from alcli.remote import Server
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


def first_few(names: Sequence[str]) -> str:
    """`a, b, c and 7 more`."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
