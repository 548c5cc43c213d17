"""doccano: text classification, as JSONL or as the zip that it exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import ClassVar
from zipfile import BadZipFile, ZipFile

from alcli.errors import DataError
from alcli.formats import ID, Format, Head, Sheet, head_of
from alcli.formats._answers import (
    Answer,
    id_of,
    object_at,
    only_label,
    read_items,
    sheet_of,
    tasks_of,
    write_items,
)
from alcli.formats._objects import Object, as_text, blocks_of
from alcli.tables.atomic import file_errors

_EVERYBODY = "all"


@dataclass(frozen=True)
class Doccano(Format):
    """doccano: JSONL out; JSONL, JSON or the exported zip in, whose files are named by annotator.

    doccano keeps no times and no skipped rows; `"label": []` is a row without an answer.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".doccano.jsonl",)
    names_annotators: ClassVar[bool] = True

    @classmethod
    def recognizes(cls, head: Head) -> bool:
        """By a list of labels beside comments; or a zip of nothing but JSON."""
        if head.kind == "zip":
            return bool(head.first) and all(name.endswith((".jsonl", ".json")) for name in head.first)
        return isinstance(head.first.get("label"), list) and "Comments" in head.first

    def read(self, path: Path) -> Sheet:
        """One row a task; the annotator is known only in a zip of a project that is not collaborative."""
        if head_of(path).kind == "zip":
            return sheet_of(self, list(self._of_zip(path)), "line", path.name)
        unit, items, warnings = read_items(path)
        answers = [self._answer(item, place, f"{path.name}, {unit} {place}") for place, item in items]
        return sheet_of(self, answers, unit, path.name, warnings)

    def _of_zip(self, path: Path) -> Iterator[Answer]:
        try:
            with file_errors(path), ZipFile(path) as archive:
                texts = {name: archive.read(name).decode() for name in sorted(archive.namelist())}
        except (BadZipFile, UnicodeDecodeError) as error:
            raise DataError(f"this zip cannot be read: {error}", where=path.name) from error
        for name, text in texts.items():
            who = PurePath(name).stem
            unit, blocks = blocks_of(text, f"{path.name}, {name}")
            for places, items in blocks:
                for place, item in zip(places, items, strict=True):
                    where = f"{path.name}, {name}, {unit} {place}"
                    yield self._answer(item, place, where, "" if who == _EVERYBODY else who)

    def _answer(self, item: Object, place: int, where: str, annotator: str = "") -> Answer:
        name = self.label if self.label in item else "label"
        if name not in item:
            raise DataError(
                f"there is no {name!r} here",
                where=where,
                hint=f"its keys are {', '.join(item) or 'none'}; --label-column names the labels",
            )
        label = only_label(item[name], where)
        comment = "\n".join(map(as_text, object_at(item, "Comments", list, where)))
        own = {"annotator": annotator if label else "", "comment": comment}
        data = {key: value for key, value in item.items() if key not in {ID, name, "Comments"}}
        return Answer(place, id_of(self, where, item), label, data, own)

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """One task a line; doccano keeps the keys beside `text` and `label` as metadata."""
        items = (
            {
                ID: task.id,
                **task.data,
                "text": task.text,
                **({"prediction": task.prediction} if task.prediction else {}),
                "label": [task.label] if task.label else [],
            }
            for task in tasks_of(self, columns)
        )
        write_items(path, items)
