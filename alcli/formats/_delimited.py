"""Delimited text as spreadsheets and tools write it: read in one way only, or refused with the row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from alcli.errors import DataError
from alcli.formats import Sheet
from alcli.formats._cells import header_names, named_table, read_utf8

_BLOCK_ROWS = 50_000
_LARGEST_CELL = (1 << 31) - 1
_QUOTE, _RETURN, _NEWLINE = b'"\r\n'


def read_delimited(path: Path) -> Sheet:
    """All cells as they stand, blanks around them included; columns without a name are left out.

    Raises:
        DataError: the text has no reading, or two; with the row.
    """
    data, warnings = read_utf8(path)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(data)
    table = _read_plain(data, delimiter, path.name)
    if table is not None:
        return Sheet(table, np.arange(2, table.num_rows + 2), warnings=warnings)
    table, row = _read_strictly(data, delimiter, path.name)
    return Sheet(table, row, warnings=warnings)


def _delimiter(data: bytes) -> str:
    """The sign that stands most often in the header, quoted parts aside."""
    header = re.sub(rb'"[^"]*"', b"", data[: 1 << 20].lstrip()).splitlines()
    line = header[0].decode() if header else ""
    return max(",;\t", key=line.count)


def _read_plain(data: bytes, delimiter: str, name: str) -> pa.Table | None:
    """A file that can be read in one way only; None for any other, and where a row is ragged."""
    if not _reads_one_way(np.frombuffer(data, dtype=np.uint8), ord(delimiter)):
        return None
    header = next(_rows(data[: 1 << 20].decode(errors="ignore"), delimiter, name), (1, []))[1]
    names = header_names(header, f"{name}, row 1")
    numbers = [str(number) for number in range(len(names))]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(column_names=numbers),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(numbers, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return named_table(names, table.slice(1).columns)


def _reads_one_way(data: NDArray[np.uint8], delimiter: int) -> bool:
    """Whether every quote opens or closes a whole cell or is doubled in one, and no line is blank or odd."""
    quotes = np.flatnonzero(data == _QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing):
        return False
    padded = np.empty(len(data) + 2, dtype=np.uint8)  # padded[p] stands before data[p], padded[p + 2] after
    padded[0], padded[1:-1], padded[-1] = _NEWLINE, data, delimiter
    doubled = closing[:-1] + 1 == opening[1:]
    starts, ends = (np.isin(padded[at], (delimiter, _RETURN, _NEWLINE)) for at in (opening, closing + 2))
    starts[1:] |= doubled
    ends[:-1] |= doubled
    if not (starts.all() and ends.all()):
        return False
    returns = _outside(np.flatnonzero(data == _RETURN), quotes)
    newlines = _outside(np.flatnonzero(data == _NEWLINE), quotes)
    before = padded[newlines]
    blank = (before == _NEWLINE) | ((before == _RETURN) & (padded[newlines - 1] == _NEWLINE))
    return not blank.any() and bool((padded[returns + 2] == _NEWLINE).all())


def _outside(places: NDArray[np.int64], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of some places that stand in no quoted cell."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places


def _read_strictly(data: bytes, delimiter: str, name: str) -> tuple[pa.Table, NDArray[np.int64]]:
    rows = _rows(data.decode(), delimiter, name)
    place, header = next(rows, (1, []))
    names = header_names(header, f"{name}, row {place}")
    blocks: list[list[pa.Array]] = [[pa.array([], pa.string()) for _ in names]]
    places: list[int] = []
    while block := list(islice(rows, _BLOCK_ROWS)):
        places += [place for place, _ in block]
        _check_widths(block, len(names), name)
        cells = zip(*(row for _, row in block), strict=True)
        blocks.append([pa.array(column, pa.string()) for column in cells])
    columns = [pa.chunked_array(chunks) for chunks in zip(*blocks, strict=True)]
    return named_table(names, columns), np.array(places, dtype=np.int64)


def _rows(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(row as a spreadsheet counts it, cells) of every row that is not blank."""
    csv.field_size_limit(_LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    place = 0
    try:
        for place, cells in enumerate(reader, start=1):
            if cells:
                yield place, cells
    except csv.Error as error:
        unclosed = "unexpected end of data" in str(error)
        raise DataError(
            "a quote is opened here and never closed" if unclosed else f"the quotes are wrong here: {error}",
            where=f"{name}, row {place + 1}",
            hint='a cell with quotes is written "like ""this"""',
        ) from error


def _check_widths(rows: Sequence[tuple[int, list[str]]], width: int, name: str) -> None:
    for place, cells in rows:
        if len(cells) != width:
            raise DataError(
                f"this row has {len(cells)} cells, the header has {width}",
                where=f"{name}, row {place}",
                hint="a cell that contains the delimiter or a line break needs quotes around it",
            )
