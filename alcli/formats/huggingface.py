"""Hugging Face `datasets`: a folder that `load_dataset` opens, and Parquet files that it wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alcli.errors import DataError
from alcli.formats import Format, Head, Sheet
from alcli.formats._cells import check_equal_lengths
from alcli.formats._columns import read_parquet, text_table
from alcli.tables.atomic import atomic_path, file_errors

_KEY = b"huggingface"
_UNLABELED = -1


@dataclass(frozen=True)
class HuggingFace(Format):
    """Hugging Face datasets: a folder with train.parquet; classes are a ClassLabel where they are known.

    A ClassLabel's number is its name again on reading; -1 is no label.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".huggingface/train.parquet",)

    @classmethod
    def recognizes(cls, head: Head) -> bool:
        """By the features that `datasets` leaves in Parquet's metadata."""
        return head.kind == "parquet" and _KEY.decode() in head.first

    def read(self, path: Path) -> Sheet:
        """All columns as text; rows count from 1."""
        table = read_parquet(path)
        for name, names in _class_labels(table.schema.metadata or {}).items():
            if name in table.column_names and pa.types.is_integer(table.schema.field(name).type):
                column = _named(table[name], names, f"{path.name}, {name}")
                table = table.set_column(table.column_names.index(name), name, column)
        return Sheet(text_table(table, path.name), np.arange(1, table.num_rows + 1))

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """One Parquet file; labels are numbers where all of them are among the known answers."""
        check_equal_lengths(columns)
        table = pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
        features: dict[str, Any] = {name: {"dtype": "string", "_type": "Value"} for name in columns}
        labels = columns.get(self.label, ())
        if self.answers and set(labels) <= {"", *self.answers}:
            number = {"": _UNLABELED, **{name: n for n, name in enumerate(self.answers)}}
            coded = pa.array([number[label] for label in labels], pa.int64())
            table = table.set_column(table.column_names.index(self.label), self.label, coded)
            features[self.label] = {"names": list(self.answers), "_type": "ClassLabel"}
        metadata = {_KEY: json.dumps({"info": {"features": features}}).encode()}
        with file_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as scratch:
            pq.write_table(table.replace_schema_metadata(metadata), scratch, compression="zstd")


def _class_labels(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Column -> the names of its classes."""
    try:
        features = json.loads(metadata.get(_KEY, b"{}"))["info"]["features"]
        return {name: kind["names"] for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):  # of a version that writes it in another way
        return {}


def _named(column: pa.ChunkedArray, names: Sequence[str], where: str) -> pa.Array:
    codes = column.fill_null(_UNLABELED).combine_chunks().to_numpy()
    wrong = np.flatnonzero((codes < _UNLABELED) | (codes >= len(names)))
    if len(wrong):
        raise DataError(
            f"row {wrong[0] + 1} has the class {codes[wrong[0]]}, there are {len(names)} names", where=where
        )
    return pa.array([*names, ""], pa.string()).take(pa.array(np.where(codes < 0, len(names), codes)))
