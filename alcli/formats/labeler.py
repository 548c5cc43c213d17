"""What `alcli label` writes: an answer a line, on the disk before the next row is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from alcli.errors import DataError
from alcli.formats import ID, Format, Head, Sheet
from alcli.formats._answers import Answer, id_of, sheet_of, tasks_of, write_items
from alcli.formats._objects import Object, as_text, blocks_of
from alcli.tables.atomic import file_errors

OWN = ("annotator", "status", "labeled_at", "seconds", "comment")
_BEGINS = f'{{"{ID}": '.encode()


@dataclass(frozen=True)
class Labeler(Format):
    """alcli's own labeler: one answer a line; a last line that a power cut left half is no answer."""

    suffixes: ClassVar[tuple[str, ...]] = (".label.jsonl",)

    @classmethod
    def recognizes(cls, head: Head) -> bool:
        """By its keys, all of which stand in every line."""
        return head.first.keys() >= {ID, "label", *OWN}

    def read(self, path: Path) -> Sheet:
        """One row a line, in the order of the answers."""
        answers = []
        for place, item in read_lines(path):
            own = {name: item.get(name) for name in OWN}
            if own["comment"] and not (own["status"] or item.get("label")):
                continue  # said of a row that is not answered yet
            data = {name: cell for name, cell in item.items() if name not in {ID, "label", *OWN}}
            id_ = id_of(self, f"{path.name}, line {place}", item)
            answers.append(Answer(place, id_, as_text(item.get("label")), data, own))
        return sheet_of(self, answers, "line", path.name)

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """The rows as lines of the labeler."""
        write_items(path, (line_of(task.id, task.label, **task.data) for task in tasks_of(self, columns)))


def line_of(id_: str, label: str, **more: Any) -> Object:
    """One line: a row's id, its label (blank where it is skipped or unsure), and `OWN`."""
    return {ID: id_, "label": label, **dict.fromkeys(OWN), **more}


def encoded(line: Object) -> bytes:
    """A line as it stands in the file."""
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def read_lines(path: Path) -> Iterator[tuple[int, Object]]:
    """Every whole line with its number.

    Raises:
        DataError: a line that is no JSON object, unless it is the last one and was cut off.
    """
    with file_errors(path):
        kept = whole_lines(path.read_bytes())
    try:
        text = kept.decode()
    except UnicodeDecodeError as error:
        line = kept.count(b"\n", 0, error.start) + 1
        where = f"{path.name}, line {line}"
        raise DataError("the text is not UTF-8", where=where, hint="remove this line") from error
    _, blocks = blocks_of(text, path.name)
    for places, objects in blocks:
        yield from zip(places, objects, strict=True)


def whole_lines(data: bytes) -> bytes:
    """Without a last line that was cut off: half an answer, or the zeros that a power cut leaves."""
    end = data.rfind(b"\n") + 1
    last = data[end:].rstrip(b"\0")
    if not last.startswith(_BEGINS[: len(last)]):
        return data  # nothing that was ours
    try:
        json.loads(last)
    except ValueError:
        return data[:end]
    return data[:end] + last
