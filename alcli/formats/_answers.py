"""What the labeling tools share: tasks out of columns, and answers with who gave them, when and how long."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from alcli.errors import DataError
from alcli.formats import ID, Format, Sheet
from alcli.formats._cells import check_equal_lengths, read_utf8
from alcli.formats._objects import Object, as_text, blocks_of
from alcli.tables.atomic import atomic_write

SKIPPED = "skipped"
_OWN = ("annotator", "labeled_at", "seconds", "comment", "status")


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's answer to a task; without a label, status and annotator: a task without an answer.

    Attributes:
        place: the task's number in the file, or its line.
        id: the row's id.
        label: the label; blank where there is none.
        data: what the task showed.
        own: annotator, labeled_at, seconds, comment, status, as the tool has them.
    """

    place: int
    id: str
    label: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A row for people: its id, label or blank, the model's prediction or blank, and what it shows."""

    id: str
    label: str
    prediction: str
    data: Mapping[str, str]

    @property
    def text(self) -> str:
        """The column `text`, or all columns by name, for a tool that shows one text."""
        return self.data.get("text") or "\n".join(f"{name}: {cell}" for name, cell in self.data.items())


def tasks_of(form: Format, columns: Mapping[str, Sequence[str]]) -> Iterator[Task]:
    """The rows of some columns as tasks."""
    check_equal_lengths(columns)
    aside = {form.id, form.label, form.prediction}
    ids, blanks = columns[form.id], [""] * len(columns[form.id])
    labels = columns.get(form.label, blanks)
    predictions = columns.get(form.prediction or "", blanks)
    shown = [name for name in columns if name not in aside]
    for number, id_ in enumerate(ids):
        data = {name: columns[name][number] for name in shown}
        yield Task(id_, labels[number], predictions[number], data)


def read_items(path: Path) -> tuple[str, Iterator[tuple[int, Object]], tuple[str, ...]]:
    """("line" or "item", every object with its place, warnings)."""
    data, warnings = read_utf8(path)
    unit, blocks = blocks_of(data.decode(), path.name)
    items = ((place, item) for places, objects in blocks for place, item in zip(places, objects, strict=True))
    return unit.replace("row", "item"), items, warnings


def write_items(path: Path, items: Iterable[Object]) -> None:
    """JSON: one object a line, in a list where the name ends in .json."""
    lines = [json.dumps(item, ensure_ascii=False) for item in items]
    if path.suffix.lower() == ".json":
        atomic_write(path, "[\n" + ",\n".join(lines) + "\n]\n")
    else:
        atomic_write(path, "".join(f"{line}\n" for line in lines))


def sheet_of(
    form: Format, answers: Sequence[Answer], unit: str, source: str, warnings: tuple[str, ...] = ()
) -> Sheet:
    """Answers as cells: id, what was shown, label, and those facts about the answers that the tool has.

    Raises:
        DataError: half a character, as no text can hold it; `source` names the file.
    """
    own = [name for name in _OWN if any(answer.own.get(name) not in (None, "") for answer in answers)]
    shown = dict.fromkeys(name for answer in answers for name in answer.data)
    columns = {form.id: [answer.id for answer in answers]}
    for name in shown:
        if name in {form.id, form.label, *own}:
            continue
        columns[name] = [as_text(answer.data.get(name)) for answer in answers]
    columns[form.label] = [answer.label for answer in answers]
    for name in own:
        columns[name] = [as_text(answer.own.get(name)) for answer in answers]
    try:
        table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    except UnicodeEncodeError as error:  # "\ud83d" alone: half of an emoji
        cells = zip(*columns.values(), strict=True)
        place = next(one.place for one, own in zip(answers, cells, strict=True) if error.object in own)
        raise DataError(
            "half a character stands here: a lone surrogate", where=f"{source}, {unit} {place}"
        ) from error
    row = np.array([answer.place for answer in answers], dtype=np.int64)
    return Sheet(table, row, unit, warnings, {name: name for name in own})


def id_of(form: Format, where: str, *places: Any) -> str:
    """The row's id: under `alcli_id`, or as the id column is called, in the first place that has it.

    Raises:
        DataError: no place has it; names what they have.
    """
    found = [place for place in places if isinstance(place, Mapping)]
    for name in (ID, form.id):
        for place in found:
            if place.get(name) not in (None, ""):
                return as_text(place[name])
    keys = ", ".join(sorted({str(key) for place in found for key in place})) or "none"
    raise DataError(
        f"this task names no row: it has neither {ID!r} nor {form.id!r}",
        where=where,
        hint=f"its keys are {keys}; --id-column names the one that holds the id",
    )


def only_label(labels: Any, where: str) -> str:
    """The one label of a list; blank of an empty one.

    Raises:
        DataError: several labels, or something else than a list.
    """
    if not isinstance(labels, list):
        raise DataError(f"a list of labels is needed here, found {json.dumps(labels)[:40]}", where=where)
    if any(isinstance(label, list | dict) for label in labels):
        raise DataError(f"a label is needed here, found {json.dumps(labels)[:40]}", where=where)
    if len(labels) > 1:
        found = ", ".join(map(as_text, labels))
        raise DataError(
            f"{len(labels)} labels in one answer: {found}",
            where=where,
            hint="a row has one label: let the tool offer a single choice",
        )
    return as_text(labels[0]) if labels else ""


def object_at(item: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """What stands under a key, an empty one where nothing does.

    Raises:
        DataError: something of another kind.
    """
    value = item.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        word = "a list" if kind is list else "an object"
        raise DataError(f"{key!r} must be {word}, found {json.dumps(value)[:40]}", where=where)
    return value


def objects_at(item: Mapping[str, Any], key: str, where: str) -> list[Object]:
    """The list of objects under a key, an empty one where nothing stands.

    Raises:
        DataError: something else.
    """
    values: list[Object] = object_at(item, key, list, where)
    for value in values:
        if not isinstance(value, dict):
            raise DataError(f"{key!r} must hold objects, found {json.dumps(value)[:40]}", where=where)
    return values
