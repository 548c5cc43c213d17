"""From a label file's cells to answers in the ledger's columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.config import LabelsSection
from alcli.errors import DataError, suggest
from alcli.project.advice import INGEST, Advice
from alcli.project.times import parse_times

LABELED, SKIPPED, UNSURE, ADJUDICATED = "labeled", "skipped", "unsure", "adjudicated"

# the ledger's columns and what tools call them, the likeliest name first
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "annotator": ("annotator", "completed_by", "user", "worker"),
    "labeled_at": ("labeled_at", "updated_at", "created_at", "timestamp", "date"),
    "seconds": ("seconds", "lead_time"),
    "comment": ("comment", "note", "notes"),
    "guideline": ("guideline",),
    "status": ("status",),
    "split": ("split",),  # no column of the ledger: it is only compared
    "adjudicated": ("adjudicated",),  # nor is this one: yes makes the status of an answer adjudicated
}

_NULL = pa.NA  # not pa.scalar: the first one made would load pandas
_YES = ("yes", "true", "1")
_WHOLE_FLOAT = r"^-?\d+\.0+$"


class Cells(Protocol):
    """A label file's text columns, and where each row stands in the file."""

    @property
    def table(self) -> pa.Table:
        """String columns without nulls."""
        ...

    @property
    def row(self) -> NDArray[np.int64]:
        """(n,) as an editor or spreadsheet counts."""
        ...


@dataclass(frozen=True)
class Answers:
    """What a label file says.

    Attributes:
        table: `row`, `id` (as it stands, blanks around it included), `label` (null for skipped and unsure),
            `annotator`, `status`, `labeled_at`, `seconds`, `comment`, `guideline`, and `unreadable`: the
            text in the date column where it is no date, else null; `split`, where the file has one.
        n_pending: rows without a label, which are left out.
        warnings: what was assumed.
    """

    table: pa.Table
    n_pending: int
    warnings: tuple[str, ...] = ()


def read_answers(
    cells: Cells,
    labels: LabelsSection,
    *,
    source: str,
    columns: Mapping[str, str] | None = None,
    classes: Collection[str] | None = None,
    shown: Collection[str] = (),
    advice: Advice = INGEST,
) -> Answers:
    """The answers of one label file.

    Args:
        cells: the file's text columns.
        labels: the names of its id and label columns; the answers that mean skip and unsure.
        source: the file's name, for messages.
        columns: ledger column -> the file's column, where neither `labels` nor a usual spelling names it.
        classes: the known classes, to which `1.0` may belong as it stands.
        shown: the pool's own columns; one called `date` or `user` came along and is no part of an answer.
        advice: what to do about a column that is not there.

    Raises:
        DataError: a column that is named is not there.
    """
    wanted = {"id": labels.id, "label": labels.label, **(columns or {})}
    _check_columns(cells.table, wanted, source, advice)
    found = _find_columns(cells.table, wanted, shown)
    texts = {name: _trimmed(cells.table[column]) for name, column in found.items() if name != "id"}
    label = _without_float_zeros(texts["label"], keep=classes or (), aside=(*labels.skip, *labels.unsure))
    n = cells.table.num_rows
    nothing = pa.chunked_array([pa.repeat(pa.scalar(""), n)])
    status = _status(label, texts.get("status"), labels)
    label = pc.if_else(pc.equal(status, LABELED), label, _NULL)
    status = _ruled(status, texts.get("adjudicated", nothing))
    answered = status.is_valid()
    times, unreadable = parse_times(texts.get("labeled_at", nothing))
    seconds, n_no_number = _numbers(texts.get("seconds", nothing))
    table = pa.table(
        {
            "row": pa.array(cells.row),
            "id": cells.table[found["id"]],
            "label": label,
            "annotator": _without_float_zeros(texts.get("annotator", nothing)),
            "status": status,
            "labeled_at": times,
            "seconds": seconds,
            "comment": texts.get("comment", nothing),
            "guideline": texts.get("guideline", nothing),
            "unreadable": pc.if_else(pa.array(unreadable), texts.get("labeled_at", nothing), _NULL),
            "split": texts.get("split", nothing),
        }
    ).filter(answered)
    left_out = f"{source}: cells of {found.get('seconds')!r} that are no number, left out: {n_no_number}"
    return Answers(table, n - table.num_rows, (left_out,) if n_no_number else ())


def _check_columns(table: pa.Table, wanted: Mapping[str, str], source: str, advice: Advice) -> None:
    for name, column in wanted.items():
        if column not in table.column_names:
            how = advice.column if name in {"id", "label"} else "--column {name}=COLUMN names it"
            hint = f"{suggest(column, table.column_names)} {how.format(name=name)}"
            raise DataError(f"there is no column {column!r}", where=source, hint=hint)


def _find_columns(table: pa.Table, wanted: Mapping[str, str], shown: Collection[str]) -> dict[str, str]:
    """Ledger column -> the file's column: the wanted ones, and others under their usual names."""
    taken = {*shown, *wanted.values()}
    free = {column.casefold(): column for column in table.column_names if column not in taken}
    found = dict(wanted)
    for name, spellings in SPELLINGS.items():
        present = next((free[spelling] for spelling in spellings if spelling in free), None)
        if present is not None:
            found.setdefault(name, present)
    return found


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(column)


def _without_float_zeros(
    column: pa.ChunkedArray, *, keep: Collection[str] = (), aside: Collection[str] = ()
) -> pa.ChunkedArray:
    """`1.0` as `1` where the whole column reads so, blanks and the values in `aside` apart.

    That is how pandas and spreadsheets write whole numbers beside blanks. A column with a value in `keep`
    stays as it is.
    """
    values = [value for value in pc.unique(column).to_pylist() if value and value not in aside]
    whole = pc.match_substring_regex(pa.array(values, pa.string()), _WHOLE_FLOAT)
    if not values or not pc.all(whole).as_py() or not set(values).isdisjoint(keep):
        return column
    return pc.replace_substring_regex(column, r"^(-?\d+)\.0+$", r"\1")


def _status(label: pa.ChunkedArray, said: pa.ChunkedArray | None, labels: LabelsSection) -> pa.ChunkedArray:
    """labeled, skipped, unsure, or null where there is no answer yet."""
    status = pc.if_else(pc.equal(label, ""), _NULL, pa.scalar(LABELED))
    status = pc.if_else(_is_in(label, labels.skip), pa.scalar(SKIPPED), status)
    status = pc.if_else(_is_in(label, labels.unsure), pa.scalar(UNSURE), status)
    if said is None:
        return status
    without_label = pc.if_else(_is_in(said, (SKIPPED, UNSURE)), said, _NULL)
    return pc.coalesce(status, without_label)


def _ruled(status: pa.ChunkedArray, said: pa.ChunkedArray) -> pa.ChunkedArray:
    """The status adjudicated for what was decided so: a label, or that there is none."""
    decided = pc.and_(_is_in(pc.utf8_lower(said), _YES), _is_in(status, (LABELED, SKIPPED)))
    return pc.if_else(decided, pa.scalar(ADJUDICATED), status)


def _is_in(column: pa.ChunkedArray, values: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(list(values), pa.string()))


def _numbers(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
    """(numbers, null where blank or no number; how many are no number)."""
    number = pc.match_substring_regex(column, r"^\d+(\.\d*)?([eE][+-]?\d+)?$")
    numbers = pc.if_else(number, column, _NULL).cast(pa.float64())
    return numbers, numbers.null_count - pc.sum(pc.equal(column, "")).as_py() if len(column) else 0
