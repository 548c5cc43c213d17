"""Prodigy: tasks for its choice view, and what `prodigy db-out` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from alcli.errors import DataError
from alcli.formats import ID, Format, Head, Sheet
from alcli.formats._answers import (
    SKIPPED,
    Answer,
    Task,
    id_of,
    object_at,
    only_label,
    read_items,
    sheet_of,
    tasks_of,
    write_items,
)
from alcli.formats._objects import Object, as_text

_ANSWERS = ("accept", "reject", "ignore")
_PRODIGYS = {"text", "meta", "options", "accept", "answer", "label", "config", "comment"}


@dataclass(frozen=True)
class Prodigy(Format):
    """Prodigy: tasks with options out, as JSONL; accepted, rejected and ignored ones in.

    An accepted choice, or an accepted binary question, is a label; an ignored task is a skipped row. A
    rejected one is skipped, too: it says only which label is wrong. The task's `meta` carries the row's id
    and the columns beside `text`, which Prodigy shows under the text.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".prodigy.jsonl",)
    names_annotators: ClassVar[bool] = True

    @classmethod
    def recognizes(cls, head: Head) -> bool:
        """By Prodigy's own marks on an answered task."""
        return head.first.get("answer") in _ANSWERS and bool({"_task_hash", "meta"} & head.first.keys())

    def read(self, path: Path) -> Sheet:
        """One row an answered task, in the file's order; without an answer for a task that has none."""
        unit, items, warnings = read_items(path)
        answers, rejected = [], 0
        for place, task in items:
            answers.append(self._answer(task, place, f"{path.name}, {unit} {place}"))
            rejected += task.get("answer") == "reject"
        if rejected:
            said = "rejected tasks say only which label is wrong, and count as skipped"
            warnings = (*warnings, f"{path.name}: {said}: {rejected}")
        return sheet_of(self, answers, unit, path.name, warnings)

    def _answer(self, task: Object, place: int, where: str) -> Answer:
        answer = task.get("answer")
        if answer not in (None, *_ANSWERS):
            raise DataError(
                f"'answer' is {json.dumps(answer)[:40]}", where=where, hint="accept, reject or ignore"
            )
        meta = object_at(task, "meta", dict, where)
        id_ = id_of(self, where, meta, task)
        label = ""
        if answer == "accept":
            if "accept" not in task and "label" not in task:
                raise DataError(
                    "the accepted task has neither 'accept' nor 'label'",
                    where=where,
                    hint=f"only a choice or a binary question has a label; its keys are {', '.join(task)}",
                )
            label = only_label(task["accept"], where) if "accept" in task else as_text(task["label"])
        own = {
            "annotator": task.get("_annotator_id") or task.get("_session_id"),
            "labeled_at": task.get("_timestamp"),
            "comment": task.get("comment"),
            "status": SKIPPED if answer in ("reject", "ignore") else "",
        }
        shown = {name: cell for name, cell in task.items() if name not in _PRODIGYS and name[0] != "_"}
        data = {"text": task.get("text"), **shown, **{k: v for k, v in meta.items() if k != ID}}
        return Answer(place, id_, label, data, own)

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """One task a line, for `view_id: choice`; a label that is there already is an accepted choice."""
        write_items(path, map(self._task, tasks_of(self, columns)))

    def _task(self, task: Task) -> Object:
        meta = {ID: task.id, **{name: cell for name, cell in task.data.items() if name != "text"}}
        if task.prediction:
            meta["prediction"] = task.prediction
        item: Object = {"text": task.text, "meta": meta}
        if self.answers:
            item["options"] = [{"id": answer, "text": answer} for answer in self.answers]
            item["config"] = {"choice_style": "single"}
        if task.label:
            item |= {"accept": [task.label], "answer": "accept"}
        return item
