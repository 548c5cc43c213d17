"""Comma-separated values, as spreadsheets and pandas write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from alcli.formats import Format, Sheet
from alcli.formats._cells import check_equal_lengths
from alcli.formats._delimited import read_delimited
from alcli.tables.atomic import atomic_write

_NEEDS_QUOTES = re.compile(r'[",;\t\r\n]')


@dataclass(frozen=True)
class Csv(Format):
    """Comma-separated values: `,`, `;` or tab, UTF-8 (or UTF-16 with BOM, or Windows-1252 with a warning).

    A file whose quotes all stand around whole cells, without blank lines, has one reading only and goes
    through Arrow; any other goes through the strict reader of the standard library, which also names the
    row where a file breaks. Rows count as in a spreadsheet: the header is row 1, blank lines count but are
    no rows of the table.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt")

    def read(self, path: Path) -> Sheet:
        """All cells as they stand, blanks around them included; columns without a name are left out."""
        return read_delimited(path)

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """UTF-8, LF, quotes only where a cell needs them (RFC 4180); tabs where the name ends in .tsv."""
        check_equal_lengths(columns)
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        quoted = [map(_quoted, (name, *cells)) for name, cells in columns.items()]
        lines = (delimiter.join(cells) or '""' for cells in zip(*quoted, strict=True))
        atomic_write(path, "".join(f"{line}\n" for line in lines))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell
