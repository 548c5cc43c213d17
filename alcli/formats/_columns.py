"""Parquet columns of any type as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alcli.errors import DataError
from alcli.formats._cells import header_names, named_table
from alcli.tables.atomic import file_errors


def read_parquet(path: Path) -> pa.Table:
    """A Parquet file as it is.

    Raises:
        DataError: it is none.
    """
    try:
        with file_errors(path), path.open("rb") as file:
            return pq.ParquetFile(file).read()
    except pa.ArrowException as error:
        raise DataError(
            f"this is no readable Parquet file: {str(error).splitlines()[0]}",
            where=path.name,
            hint="it may be truncated: copy or write it again",
        ) from error


def text_table(table: pa.Table, source: str) -> pa.Table:
    """Numbers in their shortest spelling, times in ISO 8601, null as blank.

    Raises:
        DataError: a column that cannot be read as text; `source` names the file.
    """
    names = header_names(table.column_names, source)
    texts = [_as_text(column, f"{source}, {name}") for name, column in zip(names, table.columns, strict=True)]
    return named_table(names, texts)


def _as_text(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Any column as strings without nulls."""
    if pa.types.is_dictionary(column.type):
        return _as_text(column.cast(column.type.value_type), where)
    try:
        text = _spelling(column.type)(column)
    except pa.ArrowException as error:
        raise DataError(f"the column cannot be read as text: {error}", where=where) from error
    return text.cast(pa.string()).fill_null("")


def _spelling(kind: pa.DataType) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    types = pa.types
    if types.is_floating(kind):
        return _floats
    if types.is_timestamp(kind):
        return _timestamps
    if types.is_nested(kind):
        return _nested
    return _plain


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _floats(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """0.5 and 1.0, never 1; NaN is how pandas writes a blank."""
    coded = column.combine_chunks().dictionary_encode()
    values = coded.dictionary.to_numpy(zero_copy_only=False)
    spelled = [None if np.isnan(value) else str(value) for value in values]
    return pa.chunked_array([pa.array(spelled, pa.string()).take(coded.indices)])


def _timestamps(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """2026-01-31T12:00:00Z; a time without zone counts as UTC."""
    text = column.cast(pa.timestamp("us"), safe=False).cast(pa.string())
    text = pc.replace_substring_regex(text, r"\.0+$", "")
    return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), "Z", "")


def _nested(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists and structs as JSON; no label column is one, so a call a row is no loss."""
    spelled = [None if value is None else _json(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(spelled, pa.string())])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
