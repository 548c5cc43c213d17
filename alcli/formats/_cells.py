"""What the text formats share: a file's bytes as UTF-8, and its header."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from alcli.errors import DataError
from alcli.tables.atomic import file_errors

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_utf8(path: Path) -> tuple[bytes, tuple[str, ...]]:
    """A text file's content as UTF-8 without byte order mark, and a warning if the encoding is a guess."""
    with file_errors(path):
        raw = path.read_bytes()
    if raw.startswith(_UTF16):
        return _decoded(raw, "utf-16", path).encode(), ()
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if b"\0" in raw:
        raise DataError("this is no text file: it holds NUL bytes", where=path.name, hint="save it as UTF-8")
    try:
        raw.decode()
    except UnicodeDecodeError:
        text = _decoded(raw, "cp1252", path)
        warning = f"{path.name} is not UTF-8: read as Windows-1252; save it as UTF-8 if letters look wrong"
        return text.encode(), (warning,)
    return raw, ()


def _decoded(raw: bytes, encoding: str, path: Path) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            f"the text is neither UTF-8 nor {encoding}",
            where=f"{path.name}, line {line}",
            hint="save it as UTF-8",
        ) from error


def header_names(cells: Sequence[str], where: str) -> list[str]:
    """Column names without surrounding blanks; an unnamed column is "".

    Raises:
        DataError: no name at all, or one that stands twice.
    """
    names = [cell.strip() for cell in cells]
    named = [name for name in names if name]
    if not named:
        raise DataError("the file is empty", where=where, hint="its first row must name the columns")
    for name in named:
        if named.count(name) > 1:
            raise DataError(
                f"the column {name!r} stands twice in the header",
                where=where,
                hint="rename or delete one of the two",
            )
    return names


def named_table(names: Sequence[str], columns: Sequence[pa.Array | pa.ChunkedArray]) -> pa.Table:
    """The columns that have a name, as one table; spreadsheets and index columns leave unnamed ones."""
    return pa.table({name: column for name, column in zip(names, columns, strict=True) if name})


def check_equal_lengths(columns: Mapping[str, Sequence[str]]) -> None:
    """Refuse columns of unequal length, a slip of the caller."""
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the columns differ in length")
