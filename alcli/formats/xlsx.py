"""Excel workbooks, as Excel and LibreOffice write them."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any, ClassVar
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from alcli.errors import DataError
from alcli.formats import Format, Sheet
from alcli.formats._cells import check_equal_lengths, header_names, named_table
from alcli.tables.atomic import atomic_write, file_errors

_LONGEST_CELL = 32_767
_EXACT_DIGITS = 15
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_UNREADABLE = (BadZipFile, InvalidFileException, KeyError, IndexError, ValueError, SyntaxError, OSError)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets take for the start of one
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_WIDEST = 80
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Xlsx(Format):
    """Excel workbook: the first sheet; whole numbers as digits, dates in ISO 8601, formulas as last computed.

    An error cell such as #N/A stays that text, with a warning. Numbers of more than 15 digits are no longer
    what was typed: Excel cut them, so they are shown as `1.23456789012346E+19`. Line breaks are LF.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".xlsx", ".xlsm")

    def read(self, path: Path) -> Sheet:
        """The first sheet; rows count as the spreadsheet shows them."""
        with file_errors(path):
            data = path.read_bytes()
        rows = _rows(data, path.name)
        place, header = next(rows, (1, []))
        names = header_names(header, f"{path.name}, row {place}")
        places, cells = [], []
        for place, row in rows:
            places.append(place)
            cells.append((row + [""] * len(names))[: len(names)])
        columns = [pa.array([row[number] for row in cells], pa.string()) for number in range(len(names))]
        table = named_table(names, columns)
        return Sheet(table, np.array(places, dtype=np.int64), warnings=_error_cells(table, path.name))

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """One sheet of wrapped text cells under a header that stays; a drop-down list of the known answers.

        Cells are text, so that Excel leaves ids such as 007 alone. One that begins as a formula is marked as
        typed with an apostrophe: it stays text when somebody edits it, and is read back as it was.

        Raises:
            DataError: a cell that a workbook cannot hold: over 32,767 characters, or control characters.
        """
        check_equal_lengths(columns)
        _check_cells(columns, path.name)
        workbook = Workbook(write_only=True)
        sheet = workbook.create_sheet("labels")
        sheet.freeze_panes = "A2"
        for number, cells in enumerate(columns.values(), start=1):
            longest = max(map(len, cells), default=0)
            sheet.column_dimensions[get_column_letter(number)].width = min(max(longest, 12), _WIDEST)
        for row in ([*columns], *zip(*columns.values(), strict=True)):
            sheet.append([_text_cell(sheet, cell) for cell in row])
        if self.answers and self.label in columns:
            place = get_column_letter([*columns].index(self.label) + 1)
            sheet.data_validations.append(_choice(workbook, self.answers, place, len(columns[self.label])))
        buffer = io.BytesIO()
        workbook.save(buffer)
        atomic_write(path, _without_times(buffer))


def _rows(data: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """(row as the spreadsheet shows it, cells) of every row that is not blank."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's remarks on drop-downs and styles
            workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheet = workbook.worksheets[0]
            sheet.reset_dimensions()
            values = list(sheet.iter_rows(values_only=True))
    except _UNREADABLE as error:
        old = data.startswith(_OLD_WORKBOOK)
        raise DataError(
            f"this is no readable .xlsx workbook: {error}",
            where=name,
            hint="an old .xls or a password-protected workbook: save it as plain .xlsx"
            if old
            else "it may be damaged: open it in the spreadsheet and save it again",
        ) from error
    for place, row in enumerate(values, start=1):
        cells = [_text(value) for value in row]
        if any(cells):
            yield place, cells


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    return str(value)


def _number(value: float) -> str:
    """As the spreadsheet shows it: 7, not 7.0."""
    if abs(value) >= 10**_EXACT_DIGITS:
        return f"{value:.{_EXACT_DIGITS - 1}E}"
    return str(int(value)) if value.is_integer() else str(value)


def _error_cells(table: pa.Table, name: str) -> tuple[str, ...]:
    codes = pa.array(ERROR_CODES, pa.string())
    count = sum(pc.sum(pc.is_in(column, value_set=codes)).as_py() or 0 for column in table.columns)
    return (f"{name}: cells with a spreadsheet error such as #N/A, kept as text: {count}",) if count else ()


def _check_cells(columns: Mapping[str, Sequence[str]], name: str) -> None:
    for column, cells in columns.items():
        for row, cell in enumerate((column, *cells), start=1):
            if len(cell) > _LONGEST_CELL:
                problem = f"{len(cell)} characters in one cell, a workbook holds {_LONGEST_CELL}"
            elif ILLEGAL_CHARACTERS_RE.search(cell):
                problem = "a control character, which a workbook cannot hold"
            else:
                continue
            raise DataError(problem, where=f"{name}, row {row}, {column}", hint="write CSV instead")


def _text_cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.number_format = "@"
    cell.alignment = _WRAPPED
    if text.startswith(_FORMULA):
        cell.quotePrefix = True
    return cell


def _choice(workbook: Any, answers: Sequence[str], column: str, n_rows: int) -> DataValidation:
    """A drop-down list; the answers stand in a sheet of their own, where they may be long and hold commas."""
    sheet = workbook.create_sheet("answers")
    sheet.sheet_state = "hidden"
    for answer in answers:
        sheet.append([_text_cell(sheet, answer)])
    listed = f"answers!$A$1:$A${len(answers)}"
    choice = DataValidation("list", formula1=listed, allow_blank=True, showErrorMessage=True)
    choice.errorStyle, choice.error = "warning", "This is none of the listed answers. Keep it?"
    choice.add(f"{column}2:{column}{max(n_rows, 1) + 1}")
    return choice


def _without_times(buffer: io.BytesIO) -> bytes:
    """The same workbook with fixed times, so that equal content gives equal bytes."""
    out = io.BytesIO()
    with ZipFile(buffer) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for member in sorted(old.namelist()):
            content = old.read(member)
            if member == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"1980-01-01T00:00:00Z", content)
            new.writestr(ZipInfo(member, _EPOCH), content, ZIP_DEFLATED)
    return out.getvalue()
