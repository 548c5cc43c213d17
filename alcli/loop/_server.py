"""Where on a labeling tool's server the rows of a project are."""

from __future__ import annotations

import json
from dataclasses import dataclass

from alcli.errors import IntegrityError, StateError
from alcli.project import SPLITS, Project
from alcli.remote import Server
from alcli.tables.atomic import atomic_write, file_errors

_MARK_LETTERS = 16


@dataclass(frozen=True)
class There:
    """A tool's project, which holds rows of a project of ours as tasks.

    `label_studio.json` in the project directory remembers its number: a part of the project, as the answers
    there are. Were it lost, the mark in the tool's project would still tell which it is.
    """

    project: Project
    tool: str
    server: Server

    @property
    def mark(self) -> str:
        """What the tool's project is known by: the digest of the splits as they were first sealed."""
        seed = self.project.rounds[0].steps["seed"]
        first = [file["sha256"] for file in seed.more.get("superseded", ())]
        return str((first or [seed.outputs[SPLITS].sha256])[0])[:_MARK_LETTERS]

    @property
    def record(self) -> str:
        """The file that remembers, relative to the project."""
        return f"{self.tool}.json"

    def find(self) -> int | None:
        """Its number, by the config, the record or the mark; None: there is none yet.

        Raises:
            StateError: the rows are on another server.
        """
        configured: int | None = getattr(self.project.config, self.tool).project
        if configured is not None:
            return configured
        url, number = self._recorded()
        if url == self.server.url:
            return number
        found = self.server.find(self.mark)
        if found is None and url is not None:
            raise StateError(
                f"the rows are in project {number} of {url}, not on {self.server.url}",
                where=self.record,
                hint=f"to begin anew here, delete {self.record}; rows may then be with people on both",
            )
        return found

    def remember(self, number: int) -> list[str]:
        """Note its number, unless that is known; returns what was written."""
        configured = getattr(self.project.config, self.tool).project is not None
        if configured or self._recorded() == (self.server.url, number):
            return []
        document = {"url": self.server.url, "project": number}
        atomic_write(self.project.root / self.record, json.dumps(document, indent=1) + "\n")
        return [self.record]

    def _recorded(self) -> tuple[str | None, int | None]:
        path = self.project.root / self.record
        if not path.exists():
            return None, None
        try:
            with file_errors(path):
                found = json.loads(path.read_text(encoding="utf-8"))
            return str(found["url"]), int(found["project"])
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                "this is not as alcli wrote it",
                where=self.record,
                hint="bring it back, or delete it: `alcli push` finds the project again",
            ) from error
