"""Parquet, as pandas, polars, DuckDB and Hugging Face write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alcli.formats import Format, Sheet
from alcli.formats._cells import check_equal_lengths
from alcli.formats._columns import read_parquet, text_table
from alcli.tables.atomic import atomic_path


@dataclass(frozen=True)
class Parquet(Format):
    """Parquet, columns of any type: numbers in their shortest spelling, times in ISO 8601, null as blank."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def read(self, path: Path) -> Sheet:
        """All columns as text; rows count from 1."""
        table = read_parquet(path)
        return Sheet(text_table(table, path.name), np.arange(1, table.num_rows + 1))

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """String columns, zstd."""
        check_equal_lengths(columns)
        table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
        with atomic_path(path) as scratch:
            pq.write_table(table, scratch, compression="zstd")
