"""Argilla 2: records, as `dataset.records.to_json` writes them and `from_json` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    read_items,
    sheet_of,
    tasks_of,
    write_items,
)
from alcli.formats._objects import Object, as_text

_COMMENT = "comment"


@dataclass(frozen=True)
class Argilla(Format):
    """Argilla: records in and out, as JSON.

    Every submitted response is an answer, a discarded one a skipped row, a draft none. The question is
    called as the label column, its answers come from the dataset's settings; the id is the record's own.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".argilla.json",)

    @classmethod
    def recognizes(cls, head: Head) -> bool:
        """By the parts of a record."""
        return isinstance(head.first.get("fields"), dict) and "responses" in head.first

    def read(self, path: Path) -> Sheet:
        """One row a response; one without an answer for a record that has none."""
        unit, items, warnings = read_items(path)
        answers = [
            answer
            for place, record in items
            for answer in self._of_record(record, place, f"{path.name}, {unit} {place}")
        ]
        return sheet_of(self, answers, unit, warnings)

    def _of_record(self, record: Object, place: int, where: str) -> Iterator[Answer]:
        if "fields" not in record:
            raise DataError(
                "this is no Argilla record: it has no 'fields'",
                where=where,
                hint=f"its keys are {', '.join(record) or 'none'}; write it with dataset.records.to_json",
            )
        metadata = object_at(record, "metadata", dict, where)
        data = {**object_at(record, "fields", dict, where), **metadata}
        id_ = id_of(self, where, metadata, {"id": record.get("id"), **record})
        responses = object_at(record, "responses", dict, where)
        given = self._question(responses, where)
        if not given:
            yield Answer(place, id_, data=data)
        comments = {one.get("user_id"): one.get("value") for one in responses.get(_COMMENT) or ()}
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
                "comment": comments.get(one.get("user_id")),
                "status": SKIPPED if status == "discarded" else "",
            }
            yield Answer(place, id_, as_text(value) if status == "submitted" else "", data, own)

    def _question(self, responses: Mapping[str, Any], where: str) -> list[Object]:
        """The responses to the label question: the one of its name, or the only one."""
        questions = [name for name in responses if name != _COMMENT]
        if self.label in questions or len(questions) == 1:
            name = self.label if self.label in questions else questions[0]
            return list(object_at(responses, name, list, where))
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
