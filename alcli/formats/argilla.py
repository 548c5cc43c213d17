"""Argilla 2: records, as `dataset.records.to_json` and `to_list(flatten=True)` write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar

from alcli.errors import DataError
from alcli.formats import Format, Head, Sheet
from alcli.formats._answers import (
    SKIPPED,
    Answer,
    Task,
    id_of,
    object_at,
    objects_at,
    read_items,
    sheet_of,
    tasks_of,
    write_items,
)
from alcli.formats._objects import Object, as_text

_COMMENT = "comment"
_FLAT = ".responses"


@dataclass(frozen=True)
class Argilla(Format):
    """Argilla: records in and out, as JSON; flattened records in, which alone say what became of a response.

    Every submitted response is an answer, a discarded one a skipped row, a draft none. `to_json` leaves out
    which is which: all count as submitted, with a warning. The question is
    called as the label column, its answers come from the dataset's settings; the id is the record's own.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".argilla.json",)
    names_annotators: ClassVar[bool] = True

    @classmethod
    def recognizes(cls, head: Head) -> bool:
        """By the parts of a record."""
        is_record = isinstance(head.first.get("fields"), dict) and "responses" in head.first
        return is_record or any(name.endswith(_FLAT + ".users") for name in head.first)

    def read(self, path: Path) -> Sheet:
        """One row a response; one without an answer for a record that has none."""
        unit, items, warnings = read_items(path)
        answers: list[Answer] = []
        is_record = False
        for place, record in items:
            is_record |= "fields" in record
            where = f"{path.name}, {unit} {place}"
            answers += self._of_record(_unflattened(record, where), place, where)
        if is_record and any(answer.label for answer in answers):
            said = "does not say which responses were drafts or discarded, all are taken"
            warnings = (*warnings, f"{path.name} {said}; records.to_list(flatten=True) keeps it")
        return sheet_of(self, answers, unit, path.name, warnings)

    def _of_record(self, record: Object, place: int, where: str) -> Iterator[Answer]:
        if "fields" not in record:
            raise DataError(
                "this is no Argilla record: it has no 'fields'",
                where=where,
                hint=f"its keys are {', '.join(record) or 'none'}; write it with dataset.records.to_json",
            )
        metadata = object_at(record, "metadata", dict, where)
        data = {**object_at(record, "fields", dict, where), **metadata}
        own_id = record.get("id")
        id_ = id_of(self, where, {"id": own_id}, metadata, {self.id: own_id})
        responses = object_at(record, "responses", dict, where)
        given = self._question(responses, where)
        if not given:
            yield Answer(place, id_, data=data)
        said = objects_at(responses, _COMMENT, where)
        comments = {as_text(one.get("user_id")): one.get("value") for one in said}
        for one in given:
            status, value = one.get("status") or "submitted", one.get("value")
            if isinstance(value, list | dict):
                raise DataError(
                    f"a label is needed here, found {as_text(value)[:40]}",
                    where=where,
                    hint="ask a LabelQuestion: a row has one label",
                )
            own = {
                "annotator": one.get("user_id"),
                "comment": comments.get(as_text(one.get("user_id"))),
                "status": SKIPPED if status == "discarded" else "",
            }
            yield Answer(place, id_, as_text(value) if status == "submitted" else "", data, own)

    def _question(self, responses: Mapping[str, Any], where: str) -> list[Object]:
        """The responses to the label question: the one of its name, or the only one."""
        questions = [name for name in responses if name != _COMMENT]
        if self.label in questions or len(questions) == 1:
            name = self.label if self.label in questions else questions[0]
            return objects_at(responses, name, where)
        if questions:
            raise DataError(
                f"there are several questions, and none is called {self.label!r}",
                where=where,
                hint=f"--label-column names the one to take: {', '.join(questions)}",
            )
        return []

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """A list of records, every shown column a field; a prediction is a suggestion."""
        write_items(path, map(self._record, tasks_of(self, columns)))

    def _record(self, task: Task) -> Object:
        suggestion = {"value": task.prediction, "score": None, "agent": "alcli"}
        response = {"value": task.label, "user_id": "00000000-0000-0000-0000-000000000000"}
        return {
            "id": task.id,
            "fields": dict(task.data),
            "metadata": {},
            "suggestions": {self.label: suggestion} if task.prediction else {},
            "responses": {self.label: [response]} if task.label else {},
            "vectors": {},
            "status": "pending",
            "_server_id": None,
        }


def _unflattened(record: Object, where: str) -> Object:
    """A flattened record, `label.responses` and so on, as a whole one; any other as it is."""
    questions = [name.removesuffix(_FLAT) for name in record if name.endswith(_FLAT)]
    if "fields" in record or not ("id" in record and "status" in record):
        return record
    responses = {}
    for name in questions:
        parts = [object_at(record, f"{name}{_FLAT}{part}", list, where) for part in ("", ".users", ".status")]
        responses[name] = [
            {"value": value, "user_id": user, "status": status} for value, user, status in zip_longest(*parts)
        ]
    aside = {"id", "status", "_server_id"}
    fields = {name: value for name, value in record.items() if name not in aside and "." not in name}
    return {"id": record.get("id"), "fields": fields, "responses": responses}
