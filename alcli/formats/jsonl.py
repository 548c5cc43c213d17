"""JSON: one object a line, or one list of objects."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from alcli.errors import DataError
from alcli.formats import Format, Sheet
from alcli.formats._cells import check_equal_lengths, read_utf8
from alcli.tables.atomic import atomic_write

_BLOCK_ROWS = 20_000

_Object = dict[str, Any]
_Block = tuple[list[int], list[_Object]]


class _Float(float):
    """A number that keeps the spelling it has in the file."""

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling


# NaN is how pandas writes a blank
_DECODER = json.JSONDecoder(parse_float=_Float, parse_constant=lambda name: name.replace("NaN", ""))


@dataclass(frozen=True)
class Jsonl(Format):
    """JSON: one object a line, or a list of them; a missing key or null is blank, nested values stay JSON."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    def read(self, path: Path) -> Sheet:
        """A column for every key that any object has; lines count from 1, and so do the objects of a list."""
        data, warnings = read_utf8(path)
        text = data.decode()
        is_list = text.lstrip()[:1] == "["
        unit = "row" if is_list else "line"
        places: list[int] = []
        tables: list[pa.Table] = []
        for numbers, objects in _of_list(text, path.name) if is_list else _of_lines(text, path.name):
            places += numbers
            tables.append(_table(numbers, objects, f"{path.name}, {unit}"))
        table = pa.concat_tables(tables or [pa.table({})], promote_options="default")
        filled = [column.fill_null("") for column in table.columns]
        named = pa.table(filled, names=table.column_names)
        return Sheet(named, np.array(places, dtype=np.int64), unit, warnings)

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """One object a line; a list of them where the name ends in .json."""
        check_equal_lengths(columns)
        rows = zip(*columns.values(), strict=True)
        lines = [json.dumps(dict(zip(columns, cells, strict=True)), ensure_ascii=False) for cells in rows]
        if path.suffix.lower() == ".json":
            atomic_write(path, "[\n" + ",\n".join(lines) + "\n]\n")
        else:
            atomic_write(path, "".join(f"{line}\n" for line in lines))


def _of_lines(text: str, name: str) -> Iterator[_Block]:
    numbered = ((number, line) for number, line in enumerate(io.StringIO(text), start=1) if line.strip())
    while block := list(islice(numbered, _BLOCK_ROWS)):
        numbers, lines = (list(part) for part in zip(*block, strict=True))
        yield numbers, _decoded_lines(lines, numbers, name)


def _of_list(text: str, name: str) -> Iterator[_Block]:
    items = _decoded(text, f"{name}, line", 1)
    for start in range(0, len(items), _BLOCK_ROWS):
        block = items[start : start + _BLOCK_ROWS]
        numbers = list(range(start + 1, start + 1 + len(block)))
        _check_objects(block, numbers, f"{name}, row")
        yield numbers, block


def _decoded_lines(lines: list[str], numbers: list[int], name: str) -> list[_Object]:
    """One call for all of them, which is twice as quick; one by one only to name the line that is broken."""
    try:
        items = _DECODER.decode(f"[{','.join(lines)}]")
    except (ValueError, RecursionError):
        items = []
    if len(items) != len(lines):
        items = [_decoded(line, f"{name}, line", number) for line, number in zip(lines, numbers, strict=True)]
    _check_objects(items, numbers, f"{name}, line")
    return list(items)


def _decoded(text: str, where: str, first_line: int) -> Any:
    try:
        return _DECODER.decode(text.rstrip())
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is no valid JSON: {error.msg}, at character {error.colno}",
            where=f"{where} {first_line + error.lineno - 1}",
            hint="each line must hold one whole object; or the file one list of objects",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"this JSON cannot be read: {error}", where=f"{where} {first_line}") from error


def _check_objects(items: Sequence[Any], numbers: Sequence[int], where: str) -> None:
    for item, number in zip(items, numbers, strict=True):
        if not isinstance(item, dict):
            raise DataError(
                f"an object is needed here, found {json.dumps(item)[:40]}",
                where=f"{where} {number}",
                hint='such as {"id": "a1", "label": "x"}',
            )


def _table(numbers: Sequence[int], objects: Sequence[_Object], where: str) -> pa.Table:
    names = dict.fromkeys(name for item in objects for name in item)
    try:
        columns = [pa.array([_text(item.get(name)) for item in objects], pa.string()) for name in names]
    except UnicodeEncodeError as error:  # "\ud83d" alone: half of an emoji
        texts = ([_text(value) for value in item.values()] for item in objects)
        number = next(number for number, own in zip(numbers, texts, strict=True) if error.object in own)
        raise DataError(
            "half a character stands here: a lone surrogate", where=f"{where} {number}"
        ) from error
    return pa.table(columns, names=list(names))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return value.spelling if isinstance(value, _Float) else json.dumps(value, ensure_ascii=False)
