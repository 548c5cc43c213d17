"""JSON: one object a line, or one list of objects."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

_BLOCK_ROWS = 50_000
# numbers keep the spelling they have in the file; NaN is how pandas writes a blank
_SPELLED = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=lambda name: name.replace("NaN", "")
)

_Object = dict[str, Any]


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
        objects = _of_list(text, path.name) if is_list else _of_lines(text, path.name)
        places: list[int] = []
        tables = [pa.table({})]
        while block := list(islice(objects, _BLOCK_ROWS)):
            places += [place for place, _ in block]
            tables.append(_table(block, f"{path.name}, {unit}"))
        table = pa.concat_tables(tables[1:], promote_options="default") if places else tables[0]
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


def _of_lines(text: str, name: str) -> Iterator[tuple[int, _Object]]:
    for line, content in enumerate(io.StringIO(text), start=1):
        if content.strip():
            yield line, _object(_decoded(content, name, line), f"{name}, line {line}")


def _of_list(text: str, name: str) -> Iterator[tuple[int, _Object]]:
    for number, item in enumerate(_decoded(text, name, 1), start=1):
        yield number, _object(item, f"{name}, row {number}")


def _decoded(text: str, name: str, first_line: int) -> Any:
    try:
        return _SPELLED.decode(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise DataError(
            f"this is no valid JSON: {error.msg}, at character {error.colno}",
            where=f"{name}, line {line}",
            hint="each line must hold one whole object; or the file one list of objects",
        ) from error
    except RecursionError as error:
        raise DataError("the JSON is nested too deeply", where=f"{name}, line {first_line}") from error


def _object(value: Any, where: str) -> _Object:
    if not isinstance(value, dict):
        found = json.dumps(value)[:40]
        raise DataError(
            f"an object is needed here, found {found}", where=where, hint='such as {"id": "a1", "label": "x"}'
        )
    return value


def _table(block: Sequence[tuple[int, _Object]], where: str) -> pa.Table:
    names = dict.fromkeys(key for _, item in block for key in item)
    try:
        columns = [pa.array(_texts(item.get(name) for _, item in block), pa.string()) for name in names]
    except UnicodeEncodeError as error:  # "\ud83d" alone: half of an emoji
        place = next(place for place, item in block if error.object in map(_text, item.values()))
        raise DataError("half a character stands here: a lone surrogate", where=f"{where} {place}") from error
    return pa.table(columns, names=list(names))


def _texts(values: Iterable[Any]) -> list[str]:
    return [value if type(value) is str else _text(value) for value in values]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
