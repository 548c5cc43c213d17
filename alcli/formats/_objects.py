"""JSON objects of a file: one a line, or one list of them, block by block."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from alcli.errors import DataError
from alcli.formats import Sheet
from alcli.formats._cells import read_utf8

_BLOCK_ROWS = 20_000

Object = dict[str, Any]
Block = tuple[list[int], list[Object]]


class _Float(float):
    """A number that keeps the spelling it has in the file."""

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling


# NaN is how pandas writes a blank
_DECODER = json.JSONDecoder(parse_float=_Float, parse_constant=lambda name: name.replace("NaN", ""))


def read_objects(path: Path) -> Sheet:
    """A column for every key that any object has; lines count from 1, and so do the objects of a list.

    Raises:
        DataError: what stands there is no object, with its place.
    """
    data, warnings = read_utf8(path)
    unit, blocks = blocks_of(data.decode(), path.name)
    places: list[int] = []
    tables: list[pa.Table] = []
    for numbers, objects in blocks:
        places += numbers
        tables.append(_table(numbers, objects, f"{path.name}, {unit}"))
    table = pa.concat_tables(tables or [pa.table({})], promote_options="default")
    filled = [column.fill_null("") for column in table.columns]
    named = pa.table(filled, names=table.column_names)
    return Sheet(named, np.array(places, dtype=np.int64), unit, warnings)


def blocks_of(text: str, name: str) -> tuple[str, Iterator[Block]]:
    """("line" or "row", the objects with their places, a block at a time)."""
    if text.lstrip()[:1] == "[":
        return "row", _of_list(text, name)
    return "line", _of_lines(text, name)


def _of_lines(text: str, name: str) -> Iterator[Block]:
    numbered = ((number, line) for number, line in enumerate(io.StringIO(text), start=1) if line.strip())
    while block := list(islice(numbered, _BLOCK_ROWS)):
        numbers, lines = (list(part) for part in zip(*block, strict=True))
        yield numbers, _decoded_lines(lines, numbers, name)


def _of_list(text: str, name: str) -> Iterator[Block]:
    items = _decoded(text, f"{name}, line", 1)
    for start in range(0, len(items), _BLOCK_ROWS):
        block = items[start : start + _BLOCK_ROWS]
        numbers = list(range(start + 1, start + 1 + len(block)))
        _check_objects(block, numbers, f"{name}, row")
        yield numbers, block


def _decoded_lines(lines: list[str], numbers: list[int], name: str) -> list[Object]:
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


def _table(numbers: Sequence[int], objects: Sequence[Object], where: str) -> pa.Table:
    names = dict.fromkeys(name for item in objects for name in item)
    try:
        columns = [pa.array([as_text(item.get(name)) for item in objects], pa.string()) for name in names]
    except UnicodeEncodeError as error:  # "\ud83d" alone: half of an emoji
        texts = ([as_text(value) for value in item.values()] for item in objects)
        number = next(number for number, own in zip(numbers, texts, strict=True) if error.object in own)
        raise DataError(
            "half a character stands here: a lone surrogate", where=f"{where} {number}"
        ) from error
    return pa.table(columns, names=list(names))


def as_text(value: Any) -> str:
    """A value as a cell: text as it is, null as blank, anything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return value.spelling if isinstance(value, _Float) else json.dumps(value, ensure_ascii=False)
