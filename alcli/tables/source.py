"""A table in files, as a stream: one file, a folder or a glob, Parquet or CSV, local or remote.

Column values come as Arrow arrays. CSV cells always come as strings, so that what a column means
is decided by its use and not by a guess.
"""

from __future__ import annotations

import csv
import fnmatch
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.errors import DataError, FileError
from alcli.tables.atomic import file_error
from alcli.tables.listing import CSV, PARQUET, local_files, path_in_messages

BATCH_ROWS = 16_384
_CSV_BLOCK = 1 << 23


@dataclass(frozen=True)
class Batch:
    """Some rows in a file's order; `first` numbers the first one, from 1 (in a CSV the header is row 1)."""

    table: pa.RecordBatch
    file: str
    first: int
    taken: NDArray[np.int64] | None = None

    def place(self, row: int) -> str:
        """Where a row of the batch stands: `pool.csv, row 17`."""
        return f"{self.file}, row {self.first + (row if self.taken is None else int(self.taken[row]))}"

    def take(self, rows: NDArray[np.int64]) -> Batch:
        """Some of a whole batch's rows, by position; their places stay those in the file."""
        return Batch(self.table.take(pa.array(rows)), self.file, self.first, rows)


@dataclass(frozen=True)
class TableFiles:
    """The files behind a path, folder, glob or s3:// URI, sorted by name.

    Raises (from its methods):
        FileError: nothing there, or no permission.
        DataError: unreadable files, other columns than asked for.
    """

    location: str
    base: Path = field(default_factory=Path)

    @cached_property
    def files(self) -> list[DataFile]:
        """At least one file."""
        found = self._remote() if "://" in self.location else self._local()
        if not found:
            raise FileError(
                "no Parquet or CSV file is found there",
                where=self.location,
                hint="files end in .parquet, .pq, .csv or .tsv; a glob such as 'pool/*.parquet' works too",
            )
        for file in found:
            if PurePosixPath(file.path).suffix.lower() not in (*PARQUET, *CSV):
                ending = PurePosixPath(file.path).suffix
                message = (
                    f"the ending {ending!r} is of no pool format" if ending else "the file has no ending"
                )
                hint = "a pool is .parquet, .pq, .csv or .tsv: write it as one of these"
                raise FileError(message, where=file.name, hint=hint)
        return found

    @cached_property
    def schema(self) -> pa.Schema:
        """The first file's columns; CSV columns are all strings."""
        return self.files[0].schema

    def batches(self, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """All rows of some columns, file after file."""
        for file in self.files:
            yield from file.batches(columns, batch_rows)

    def _local(self) -> list[DataFile]:
        return [
            DataFile(str(path), path_in_messages(path, self.base))
            for path in local_files(self.location, self.base)
        ]

    def _remote(self) -> list[DataFile]:
        from pyarrow import fs

        try:
            root = (
                self.location.split("*", 1)[0].rpartition("/")[0] if "*" in self.location else self.location
            )
            system, path = fs.FileSystem.from_uri(root)
            info = system.get_file_info(path)
            if info.type == fs.FileType.File:
                return [DataFile(path, self.location, system)]
            listed = system.get_file_info(fs.FileSelector(path, recursive=True))
        except (OSError, ValueError) as error:
            raise FileError(f"the storage does not answer: {error}", where=self.location) from error
        pattern = self.location.partition("://")[2]
        names = [
            item.path
            for item in listed
            if item.type == fs.FileType.File and PurePosixPath(item.path).suffix in (*PARQUET, *CSV)
        ]
        if "*" in self.location:
            names = [name for name in names if fnmatch.fnmatch(name, pattern)]
        return [DataFile(name, name, system) for name in sorted(names)]


@dataclass(frozen=True)
class DataFile:
    """One Parquet or CSV file; `name` is how messages call it."""

    path: str
    name: str
    system: Any = None

    @property
    def is_parquet(self) -> bool:
        return PurePosixPath(self.path).suffix.lower() in PARQUET

    @cached_property
    def schema(self) -> pa.Schema:
        """The file's columns."""
        if self.is_parquet:
            with self._parquet() as parquet:
                _refuse_twice(parquet.schema_arrow.names, self.name)
                return parquet.schema_arrow
        return pa.schema([(name, pa.string()) for name in self._csv_header])

    @property
    def n_rows(self) -> int | None:
        """The number of rows where the file knows it (Parquet), else None."""
        if not self.is_parquet:
            return None
        with self._parquet() as parquet:
            return int(parquet.metadata.num_rows)

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[Batch]:
        """The file's rows, some columns, in its order."""
        missing = [name for name in columns if name not in self.schema.names]
        if missing:
            raise DataError(
                f"there is no column {missing[0]!r}",
                where=self.name,
                hint=f"its columns are: {', '.join(self.schema.names[:20])}",
            )
        columns = list(dict.fromkeys(columns))
        first = 1 if self.is_parquet else 2
        stream = self._parquet_batches(columns, batch_rows) if self.is_parquet else self._csv_batches(columns)
        for table in stream:
            if table.num_rows:
                yield Batch(table.select(columns), self.name, first)
                first += table.num_rows

    def _parquet(self) -> pq.ParquetFile:
        try:
            # Arrow's read-ahead would hold the whole file in memory
            return pq.ParquetFile(self._open(), buffer_size=self._buffer, pre_buffer=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"this is no readable Parquet file: {_first_line(error)}",
                where=self.name,
                hint="it may be truncated: copy or write it again",
            ) from error

    def _parquet_batches(self, columns: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        try:
            with self._parquet() as parquet:
                yield from parquet.iter_batches(batch_size=batch_rows, columns=columns)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(
                f"the Parquet file breaks off or is damaged: {_first_line(error)}",
                where=self.name,
                hint="copy or write it again",
            ) from error

    def _csv_batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        names = self._csv_header
        try:
            with self._open() as file:
                stream = pc_csv.open_csv(
                    file,
                    # one thread: only then does an error tell its row
                    read_options=pc_csv.ReadOptions(
                        column_names=names, skip_rows=1, block_size=_CSV_BLOCK, use_threads=False
                    ),
                    parse_options=pc_csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
                    convert_options=pc_csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()),
                        include_columns=columns,
                        strings_can_be_null=False,
                    ),
                )
                yield from stream
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return
            self._refuse_open_quote()
            message, number = _first_line(error), re.search(r"Row #(\d+): ", str(error))
            raise DataError(
                f"the CSV cannot be read: {message.replace(number[0], '') if number else message}",
                where=f"{self.name}, row {number[1]}" if number else self.name,
                hint="it must be UTF-8, with as many cells in every row as the header has",
            ) from error
        self._refuse_open_quote()

    def _refuse_open_quote(self) -> None:
        """Arrow takes all that follows a quote without an end as one cell; rows must not be lost in it.

        An odd number of quotes may also be an inch sign in a cell without quotes: only then each row is read.
        """
        n_quotes = 0
        with self._open() as file:
            while block := file.read(_CSV_BLOCK):
                n_quotes += block.count(b'"')
        if n_quotes % 2 == 0:
            return
        row = 0
        csv.field_size_limit((1 << 31) - 1)
        with self._open() as file, io.TextIOWrapper(file, "utf-8", "replace", newline="") as text:
            try:
                for row, _ in enumerate(csv.reader(text, delimiter=self._delimiter, strict=True), start=1):  # noqa: B007
                    pass
            except csv.Error as error:
                raise DataError(
                    "a quote is opened here and never closed, or in the wrong place",
                    where=f"{self.name}, row {row + 1}",
                    hint='a cell with quotes is written "like ""this"""',
                ) from error

    @cached_property
    def _header_line(self) -> str:
        try:
            with self._open() as file:
                head = file.read(1 << 20)
            line = head.removeprefix(b"\xef\xbb\xbf").splitlines()
            return line[0].decode("utf-8") if line else ""
        except UnicodeDecodeError as error:
            raise DataError("the CSV is not UTF-8", where=self.name, hint="save it as CSV UTF-8") from error

    @property
    def _delimiter(self) -> str:
        if self.path.endswith(".tsv"):
            return "\t"
        return max(",;\t", key=self._header_line.count)

    @cached_property
    def _csv_header(self) -> list[str]:
        names = [
            name.strip() for name in next(csv.reader([self._header_line], delimiter=self._delimiter), [])
        ]
        _refuse_twice(names, self.name)
        if not names:
            raise DataError("the file is empty", where=self.name, hint="its first line must name the columns")
        return names

    @property
    def _buffer(self) -> int:
        """Bytes of a column read at once: few requests to a remote storage, little memory for a local one."""
        return 1 << (16 if self.system is None else 22)

    def _open(self) -> Any:
        try:
            if self.system is not None:
                return self.system.open_input_file(self.path)
            return pa.OSFile(self.path)
        except OSError as error:
            raise file_error(error, self.name) from error


def _refuse_twice(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"the column {twice[0]!r} stands twice", where=where, hint="rename one of them")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
