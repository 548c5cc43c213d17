"""Label Studio's server, by its API: https://api.labelstud.io."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from alcli.errors import RemoteError
from alcli.formats import ID
from alcli.remote import Held, Item, Server
from alcli.remote._http import Connection, NotFoundError

_TITLE_LENGTHS = (3, 50)
_PROJECTS_A_PAGE, _TASKS_A_PAGE = 100, 500
_TASKS_A_PART, _BYTES_A_PART = 250, 8 << 20
_ANSWER = ("id", "completed_by", "result", "was_cancelled", "created_at", "updated_at", "lead_time")
_REFUSED = (
    "LABEL_STUDIO_API_KEY must hold a token of this server, from Account & Settings there; "
    "legacy tokens are off in an organization unless it allows them"
)

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class LabelStudio(Server):
    """Label Studio 1.x, with a personal access token or a legacy token.

    A personal access token is a JSON web token that buys access for five minutes at a time.
    """

    title: ClassVar[str] = "Label Studio"
    variables: ClassVar[tuple[str, str]] = ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY")
    default_url: ClassVar[str] = "http://localhost:8080"

    @cached_property
    def _api(self) -> Connection:
        return Connection(self.url, self.token, "/api/token/refresh", self.timeout, _REFUSED)

    def close(self) -> None:
        """Those that were opened."""
        self._api.close()

    def check(self) -> None:
        """Look at the first projects."""
        self._projects(1)

    def find(self, mark: str) -> int | None:
        """It stands in the project's description."""
        page, found = 1, list[int]()
        while True:
            answer = self._projects(page)
            found += [_at(one, "id", int) for one in answer["results"] if mark in str(one)]
            if not answer.get("next"):
                return min(found, default=None)
            page += 1

    def make(self, title: str, mark: str, config: str) -> int:
        """An empty annotation, which would close a task without an answer, is not offered."""
        shortest, longest = _TITLE_LENGTHS
        body = {
            "title": title[:longest] if len(title) >= shortest else f"alcli {title}",
            "description": f"Rows that alcli chose. It knows this project by the word {mark}: leave it here.",
            "label_config": config,
            "enable_empty_annotation": False,
        }
        return _at(self._api.send("POST", "/api/projects", body), "id", int)

    def address(self, project: int) -> str:
        """Its list of tasks."""
        return f"{self.url}/projects/{project}/data"

    def fit(self, project: int, config: str, *, ours: bool, change: bool) -> list[str]:
        """Choices are added to the labeling config that stands there, which people may have edited."""
        where = self.address(project)
        try:
            found = self._api.get(f"/api/projects/{project}")
        except NotFoundError as error:
            raise self._no_project(project) from error
        theirs = _view(_at(found, "label_config", str), where)
        wanted = next(_view(config, "alcli").iter("Choices"))
        name = wanted.get("name")
        choices = next((one for one in theirs.iter("Choices") if one.get("name") == name), None)
        if choices is None:
            there = ", ".join(str(one.get("name")) for one in theirs.iter("Choices")) or "none"
            raise RemoteError(
                f"project {project} asks something else: its labeling config has no Choices called {name!r}",
                where=where,
                hint=f"its Choices: {there}; label_studio.project in alcli.yaml names the project",
            )
        offered = set(_values(choices))
        lacking = [value for value in _values(wanted) if value not in offered]
        if lacking and not ours:
            raise RemoteError(
                f"project {project} does not offer {', '.join(map(repr, lacking))}",
                where=where,
                hint="alcli changes no project that it did not make: add them to its labeling config",
            )
        if lacking and change:
            choices.extend(ET.Element("Choice", {"value": value}) for value in lacking)
            ET.indent(theirs)
            body = {"label_config": ET.tostring(theirs, encoding="unicode")}
            self._api.send("PATCH", f"/api/projects/{project}", body)
        return lacking

    def held(self, project: int, *, answers: bool = False) -> Iterator[Held]:
        """Drafts are no answers; texts that look like addresses are left as they are."""
        page, seen = 1, 0
        parameters = {"project": project, "page_size": _TASKS_A_PAGE, "resolve_uri": "false"}
        parameters |= {"fields": "all"} if answers else {}
        while True:
            try:
                answer = self._api.get("/api/tasks", page=page, **parameters)
            except NotFoundError as error:
                raise self._no_project(project) from error
            tasks = _at(answer, "tasks", list)
            for task in tasks:
                id_ = _at(task, "data", dict).get(ID)
                if id_ is not None:
                    given = [_answer(id_, one) for one in _at(task, "annotations", list)] if answers else []
                    yield Held(str(id_), _at(task, "id", int), int(task.get("overlap", 1)), given)
            seen += len(tasks)
            if not tasks or seen >= _at(answer, "total", int):
                return
            page += 1

    def _projects(self, page: int) -> Item:
        parameters = {"page": page, "page_size": _PROJECTS_A_PAGE, "include": "id,description"}
        answer = self._api.get("/api/projects", **parameters)
        _at(answer, "results", list)
        return dict(answer)

    def _no_project(self, project: int) -> RemoteError:
        return RemoteError(
            f"there is no project {project} on this server, or this user may not see it",
            where=self.url,
            hint="label_studio.project in alcli.yaml, or label_studio.json beside it, names it; "
            "if it is gone, remove that, and `alcli push` makes another",
        )

    def add(self, project: int, items: Sequence[Item]) -> Iterator[int]:
        """A few hundred at a time; the server takes each time all or none."""
        for part in _parts(items):
            answer = self._api.send("POST", f"/api/projects/{project}/import", part)
            taken = _at(answer, "task_count", int)
            if taken != len(part):
                raise RemoteError(
                    f"the server took {taken} of {len(part)} tasks", where=self.address(project)
                )
            yield taken

    def ask_several(self, people: Mapping[int, int]) -> None:
        """By the task's own overlap, which the interface does not show."""
        for task, overlap in people.items():
            self._api.send("PATCH", f"/api/tasks/{task}", {"overlap": overlap})


def _answer(id_: Any, annotation: Item) -> Item:
    """As an export has it; the person by number, as there."""
    return {"data": {ID: id_}, "annotations": [{name: annotation.get(name) for name in _ANSWER}]}


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Tasks in parts of bearable size."""
    part, size = list[Item](), 0
    for item in items:
        length = len(json.dumps(item))
        if part and (len(part) == _TASKS_A_PART or size + length > _BYTES_A_PART):
            yield part
            part, size = [], 0
        part.append(item)
        size += length
    if part:
        yield part


def _view(config: str, where: str) -> ET.Element:
    """A labeling config; comments stay in it.

    Raises:
        RemoteError: it is no XML, or defines entities, which no labeling config needs.
    """
    try:
        if "<!DOCTYPE" in config:
            raise ET.ParseError("it has a document type")
        parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314 - no entities
        return ET.fromstring(config, parser)  # noqa: S314 - the same
    except ET.ParseError as error:
        raise RemoteError(f"the project's labeling config cannot be read: {error}", where=where) from error


def _values(choices: ET.Element) -> list[str]:
    return [choice.get("value", "") for choice in choices.iter("Choice")]


def _at(found: Any, key: str, kind: type[Kind]) -> Kind:
    """What an answer of the server has under a key.

    Raises:
        RemoteError: nothing, or something of another kind.
    """
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, kind):
        raise RemoteError(
            f"the server does not answer as Label Studio does: no {key!r}",
            where="label_studio.url",
            hint="is this the address of a Label Studio server, of version 1.x?",
        )
    return value
