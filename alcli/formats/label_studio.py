"""Label Studio: tasks with their labeling config, and its JSON, JSON-MIN and CSV exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import quoteattr

import pyarrow as pa
import pyarrow.compute as pc

from alcli.errors import ConfigError, DataError
from alcli.formats import ID, Format, Head, Sheet, head_of
from alcli.formats._answers import (
    SKIPPED,
    Answer,
    Task,
    id_of,
    object_at,
    objects_at,
    only_label,
    read_items,
    sheet_of,
    tasks_of,
    write_items,
)
from alcli.formats._delimited import read_delimited
from alcli.formats._objects import Object, as_text, read_objects

_FLAT = {"annotation_id", "annotator", "lead_time", "updated_at"}
_FLAT_MEANS = {"annotator": "annotator", "labeled_at": "updated_at", "seconds": "lead_time"}
_COMMENT = "comment"


@dataclass(frozen=True)
class LabelStudio(Format):
    """Label Studio: tasks and labeling config out; JSON, JSON-MIN, CSV or TSV export in.

    Every annotation of a task is an answer; a cancelled one is a skipped row, whatever it holds; predictions
    and drafts are none. Only the JSON export has skipped rows. The task's data carries the row's id as
    `alcli_id`: JSON-MIN writes the tool's own task number over a key `id`.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".label_studio.json",)
    names_annotators: ClassVar[bool] = True

    @classmethod
    def recognizes(cls, head: Head) -> bool:
        """By the keys of a task, or of the flat exports."""
        first = head.first
        is_task = isinstance(first.get("data"), dict) and bool({"annotations", "predictions"} & first.keys())
        return is_task or first.keys() >= _FLAT

    def read(self, path: Path) -> Sheet:
        """One row an annotation, newest answers included; one without an answer for any other task."""
        head = head_of(path)
        if head.kind == "text":
            return self._flat(read_delimited(path), path, own_id=True)
        if "annotation_id" in head.first:
            return self._flat(read_objects(path), path, own_id=self.id != "id")
        unit, items, warnings = read_items(path)
        answers = [
            answer
            for place, task in items
            for answer in self._of_task(task, place, f"{path.name}, {unit} {place}")
        ]
        return sheet_of(self, answers, unit, path.name, warnings)

    def _of_task(self, task: Object, place: int, where: str) -> Iterator[Answer]:
        if "data" not in task:
            keys = ", ".join(task) or "none"
            raise DataError(
                "this is no Label Studio task: it has no 'data'",
                where=where,
                hint=f"its keys are {keys}; export as JSON, JSON-MIN or CSV",
            )
        data = object_at(task, "data", dict, where)
        id_ = id_of(self, where, data, task.get("meta"))
        shown = {name: value for name, value in data.items() if name != ID}
        annotations = objects_at(task, "annotations", where)
        if not annotations:
            yield Answer(place, id_, data=shown)
        for annotation in annotations:
            result = objects_at(annotation, "result", where)
            skipped = bool(annotation.get("was_cancelled"))
            own = {
                "annotator": _person(annotation.get("completed_by")),
                "labeled_at": annotation.get("updated_at") or annotation.get("created_at"),
                "seconds": annotation.get("lead_time"),
                "comment": _comment(result, where),
                "status": SKIPPED if skipped else "",
            }
            yield Answer(place, id_, "" if skipped else self._label(result, where), shown, own)

    def _label(self, result: Sequence[Any], where: str) -> str:
        choices = {as_text(part.get("from_name")): part for part in result if part.get("type") == "choices"}
        if not choices:
            return ""
        if len(choices) > 1 and self.label not in choices:
            raise DataError(
                f"several choices are made here, and none is called {self.label!r}",
                where=where,
                hint=f"--label-column names the one to take: {', '.join(choices)}",
            )
        part = choices.get(self.label) or next(iter(choices.values()))
        return only_label(object_at(part, "value", dict, where).get("choices", []), where)

    def _flat(self, sheet: Sheet, path: Path, *, own_id: bool) -> Sheet:
        """JSON-MIN, CSV and TSV: one row an annotation; `own_id` says whether `id` may be ours."""
        table, names = sheet.table, sheet.table.column_names
        id_column = ID if ID in names else self.id
        if id_column not in names or not (own_id or id_column == ID):
            raise DataError(
                f"these answers name no row: there is no {ID!r}, and 'id' is Label Studio's own number",
                where=path.name,
                hint="export as JSON; --id-column names another column, --format jsonl takes it as it is",
            )
        if self.label not in names:
            raise DataError(
                f"no answer has a choice called {self.label!r}",
                where=path.name,
                hint=f"--label-column names it; there are {', '.join(names)}",
            )
        several = pc.match_substring_regex(table[self.label], r'^\{"choices":').to_numpy().nonzero()[0]
        if len(several):
            raise DataError(
                f"several labels in one answer: {table[self.label][int(several[0])].as_py()}",
                where=f"{path.name}, {sheet.unit} {sheet.row[several[0]]}",
                hint="a row has one label: let the tool offer a single choice",
            )
        columns = {self.id: table[id_column]}
        columns |= {name: table[name] for name in names if name not in (self.id, ID)}
        means = {name: column for name, column in _FLAT_MEANS.items() if column in names}
        return Sheet(pa.table(columns), sheet.row, sheet.unit, sheet.warnings, means)

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """A list of tasks to import; a label that is there already becomes an annotation."""
        target = next((name for name in columns if name not in self._aside), ID)
        write_items(path, (self._task(task, target) for task in tasks_of(self, columns)))

    @property
    def _aside(self) -> set[str | None]:
        return {self.id, self.label, self.prediction}

    def _task(self, task: Task, target: str) -> Object:
        item: Object = {"data": {ID: task.id, **task.data}, "meta": {ID: task.id}}
        if task.prediction:
            result = [self._result(task.prediction, target)]
            item["predictions"] = [{"model_version": "alcli", "result": result}]
        if task.label:
            item["annotations"] = [{"result": [self._result(task.label, target)]}]
        return item

    def _result(self, label: str, target: str) -> Object:
        value = {"choices": [label]}
        return {"from_name": self.label, "to_name": target, "type": "choices", "value": value}

    def beside(self, columns: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
        """The labeling config: every shown column, a single choice among the answers, room for a comment."""
        if not self.answers:
            raise ConfigError(
                "Label Studio's labeling config lists the classes, and none are known yet",
                where="task.classes",
                hint="list them: task: {classes: [...]} in alcli.yaml, or --set 'task.classes=[a, b]'",
            )
        shown = [name for name in columns if name not in self._aside] or [ID]
        lines = []
        for name in shown:
            lines += [f"  <Header value={quoteattr(name)}/>"] if len(shown) > 1 else []
            lines.append(f"  <Text name={quoteattr(name)} value={quoteattr('$' + name)}/>")
        target = quoteattr(shown[0])
        lines.append(
            f'  <Choices name={quoteattr(self.label)} toName={target} choice="single" required="true">'
        )
        lines += [f"    <Choice value={quoteattr(answer)}/>" for answer in self.answers]
        lines.append("  </Choices>")
        if _COMMENT not in columns:
            lines.append(f'  <TextArea name="{_COMMENT}" toName={target} rows="1" maxSubmissions="1"/>')
        return {".label_studio.xml": "\n".join(["<View>", *lines, "</View>"]) + "\n"}


def _person(value: Any) -> str:
    """`completed_by`: a number, or the person as an object."""
    if isinstance(value, Mapping):
        return as_text(next((value[key] for key in ("email", "username", "id") if value.get(key)), None))
    return as_text(value)


def _comment(result: Sequence[Object], where: str) -> str:
    """The texts of all text areas."""
    values = [object_at(part, "value", dict, where) for part in result if part.get("type") == "textarea"]
    texts = [value.get("text") for value in values]
    return "\n".join(as_text(one) for text in texts for one in (text if isinstance(text, list) else [text]))
