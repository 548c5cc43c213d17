"""The pool as a stream of checked rows. Rows are known by id, and chance by key: never by position."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.config import Features
from alcli.errors import ConfigError, DataError, suggest
from alcli.project import File, Project
from alcli.project import columns as col
from alcli.project.unique import DuplicateFinder
from alcli.tables.hashing import Hashes, combine, hash_strings, salted
from alcli.tables.source import Batch, TableFiles

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Some pool rows.

    Attributes:
        ids: (n,) Arrow strings.
        id_hash: (n,) uint64, of the ids.
        features: by kind, its columns in the config's order.
        shown: other columns that were asked for, as text.
        contents: the columns whose values are the rows' content: the features as they were at seed.
        hashed: (n,) the content's hashes, where they are known already.
    """

    ids: pa.Array
    id_hash: Hashes
    features: Mapping[str, list[Any]]
    shown: Mapping[str, pa.Array]
    contents: Sequence[Any] = ()
    hashed: Hashes | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def keys(self, random_state: int, round_: int) -> Hashes:
        """(n,) the rows' keys in a round: their only randomness."""
        return salted(self.id_hash, random_state, round_)

    def content(self) -> Hashes:
        """(n,) hash of the raw values of what were the features at seed: copies have the same one."""
        if self.hashed is not None:
            return self.hashed
        return combine([col.hash_column(column) for column in self.contents])

    def take(self, rows: NDArray[Any]) -> Rows:
        """Some of these rows, by position or mask."""
        columns = [*self.contents, *(column for kind in self.features.values() for column in kind)]
        taken = {key: col.take(column, rows) for key, column in {id(c): c for c in columns}.items()}
        return Rows(
            col.take(self.ids, rows),
            self.id_hash[rows],
            {kind: [taken[id(column)] for column in columns] for kind, columns in self.features.items()},
            {name: col.take(column, rows) for name, column in self.shown.items()},
            [taken[id(column)] for column in self.contents],
            None if self.hashed is None else self.hashed[rows],
        )


def concat_rows(parts: Sequence[Rows]) -> Rows:
    """Several batches as one; at least one."""
    first = parts[0]
    return Rows(
        pa.concat_arrays([part.ids for part in parts]),
        np.concatenate([part.id_hash for part in parts]),
        {
            kind: [col.concat([part.features[kind][n] for part in parts]) for n in range(len(columns))]
            for kind, columns in first.features.items()
        },
        {name: pa.concat_arrays([part.shown[name] for part in parts]) for name in first.shown},
        [col.concat([part.contents[n] for part in parts]) for n in range(len(first.contents))],
        None if first.hashed is None else np.concatenate([part.content() for part in parts]),
    )


class RowSource(Protocol):
    """Where pool rows come from: files, or memory."""

    def rows(
        self, features: Features | None = None, shown: Sequence[str] = (), *, unique: bool = False
    ) -> Iterator[Rows]:
        """All rows, a batch at a time, with the columns of `features` and the `shown` ones."""

    def take(
        self,
        ids: Collection[str] | pa.Array,
        features: Features | None = None,
        shown: Sequence[str] = (),
    ) -> Rows:
        """The rows of some distinct ids, sorted by id; ids that the pool does not have are left out."""


class Pool:
    """The project's pool; `n_seen` is the number of rows of the last scan.

    Raises (from its methods):
        DataError, FileError: what is wrong with which row, column or file.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._config = project.config
        self._files = TableFiles(project.config.pool, project.pool_base)
        self.n_seen = 0

    @property
    def schema(self) -> pa.Schema:
        """The columns of its first file."""
        return self._files.schema

    @cached_property
    def file(self) -> File:
        """Its identity: the digests of its files (for remote ones: size and time)."""
        local = self._project.pool_file()
        if local is not None:
            return local
        whole = hashlib.sha256()
        for data in self._files.files:
            info = data.system.get_file_info(data.path)
            whole.update(f"{data.path} {info.size} {info.mtime_ns}\n".encode())
        return File(whole.hexdigest())

    def file_with(self, n_rows: int) -> File:
        """Its identity, with the number of rows that a scan has counted."""
        return File(self.file.sha256, n_rows)

    def check_columns(self) -> None:
        """Every column that the config names is there.

        Raises:
            ConfigError: the first one that is not, with the nearest right one.
        """
        config, names = self._config, self.schema.names
        source = self._project.source
        named = [("id", config.id), ("split.group_by", config.split.group_by)]
        named += [
            (f"features.{kind}", name) for kind, cols in config.features.by_kind.items() for name in cols
        ]
        named += [("seed.stratify_by", name) for name in config.seed.stratify_by or ()]
        named += [("query.show", name) for name in config.query.show or ()]
        named += [("query.quotas", name) for name in config.query.quotas or ()]
        for key, name in named:
            if name is not None and name not in names:
                raise ConfigError(
                    f"the pool has no column {name!r}", where=source.where(key), hint=suggest(name, names)
                )
        if not config.features.describing:
            raise ConfigError(
                "no features are named",
                where=source.where("features"),
                hint="name pool columns under features.text, numeric, categorical or embedding",
            )

    @property
    def shown(self) -> list[str]:
        """The columns that annotators see: `query.show`, else text, categorical and numeric features."""
        config = self._config
        if config.query.show is not None:
            return [name for name in config.query.show if name != config.id]
        features = config.features
        return [*features.text, *features.categorical, *features.numeric]

    @cached_property
    def n_rows(self) -> int | None:
        """The number of rows, where the files tell it without being read."""
        counts = [file.n_rows for file in self._files.files]
        return None if None in counts else sum(count or 0 for count in counts)

    def rows(
        self, features: Features | None = None, shown: Sequence[str] = (), *, unique: bool = False
    ) -> Iterator[Rows]:
        """All rows, a batch at a time, with the columns of `features` and the `shown` ones.

        Args:
            unique: make sure on the way that there is a row at all, and that no id stands twice. Memory stays
                flat for any number of rows: id hashes beyond some millions go to scratch files.
        """
        if unique:
            return self._unique(self._rows(features, shown))
        return self._rows(features, shown)

    def _rows(
        self, features: Features | None, shown: Sequence[str], only: Members | None = None
    ) -> Iterator[Rows]:
        by_kind = features.by_kind if features is not None else {}
        content = self._content if features is not None else []
        columns = [name for names in by_kind.values() for name in names] + [name for _, name in content]
        fill = features is not None and features.missing == "fill"
        widths: dict[str, int] = {}
        self.n_seen = 0
        for batch in self._files.batches([self._config.id, *columns, *shown]):
            self.n_seen += batch.table.num_rows
            part = batch if only is None else self._part(batch, only)
            if part.table.num_rows:
                rows = self._read(part, by_kind, shown, fill=fill, content=content)
                _same_width(part, rows, by_kind, widths)
                yield rows

    def _part(self, batch: Batch, only: Members) -> Batch:
        """The rows of some ids; the other rows' values need not be looked at."""
        found = only.find(self._read(batch, {}, (), fill=False, content=()))
        return batch.take(np.flatnonzero(found))

    @property
    def _n_classes(self) -> int:
        return len(self._config.task.classes or ())

    @cached_property
    def _content(self) -> list[tuple[str, str]]:
        """(kind, column) of what makes a row's content: the features, as they were at seed."""
        kinds = self._project.content_columns or self._config.features.describing
        return [(kind, name) for kind, names in kinds.items() for name in names]

    def _unique(self, stream: Iterator[Rows]) -> Iterator[Rows]:
        with DuplicateFinder(self._project.scratch) as finder:
            count = 0
            for rows in stream:
                finder.add(rows.id_hash)
                count += len(rows)
                yield rows
            suspects = finder.duplicates()
        if count == 0:
            raise DataError("the pool has no rows", where=self._config.pool)
        if len(suspects):
            self._refuse_duplicates(suspects)

    def _read(
        self,
        batch: Batch,
        by_kind: Mapping[str, Sequence[str]],
        shown: Sequence[str],
        *,
        fill: bool,
        content: Sequence[tuple[str, str]],
    ) -> Rows:
        ids = col.read_ids(batch, self._config.id)
        features = {
            kind: [
                col.read_column(batch, name, kind, fill=fill, n_classes=self._n_classes) for name in columns
            ]
            for kind, columns in by_kind.items()
        }
        read = {
            (kind, name): column
            for kind, columns in by_kind.items()
            for name, column in zip(columns, features[kind], strict=True)
        }
        contents = [
            read[part] if part in read else col.read_column(batch, part[1], part[0], fill=True)
            for part in content
        ]
        return Rows(
            ids,
            hash_strings(ids),
            features,
            {name: col.as_text(batch.table.column(name), f"{batch.file}, column {name}") for name in shown},
            contents,
        )

    def take(
        self,
        ids: Collection[str] | pa.Array,
        features: Features | None = None,
        shown: Sequence[str] = (),
    ) -> Rows:
        """The rows of some distinct ids, sorted by id; ids that the pool does not have are left out."""
        wanted = ids if isinstance(ids, pa.Array) else pa.array(sorted(ids), pa.string())
        parts = list(self._rows(features, shown, Members(wanted)))
        if not parts:
            first = next(self.rows(features, shown), None)
            if first is None:
                raise DataError("the pool has no rows", where=self._config.pool)
            parts = [first.take(np.empty(0, dtype=np.int64))]
        rows = concat_rows(parts)
        rows = rows.take(pa.compute.sort_indices(rows.ids).to_numpy().astype(np.int64))
        if pa.compute.any(pa.compute.equal(rows.ids[1:], rows.ids[:-1])).as_py():
            self._refuse_duplicates(rows.id_hash)
        return rows

    def _refuse_duplicates(self, suspects: Hashes) -> None:
        """Name the first id that truly stands twice among ids of equal hash."""
        seen: dict[str, str] = {}
        for batch in self._files.batches([self._config.id]):
            ids = col.read_ids(batch, self._config.id)
            for row in np.flatnonzero(np.isin(hash_strings(ids), suspects, kind="sort")):
                name, place = ids[int(row)].as_py(), batch.place(int(row))
                if name in seen:
                    raise DataError(
                        f"the id {name!r} stands twice, also in {seen[name]}",
                        where=f"{place}, column {self._config.id}",
                        hint="ids must be unique in the pool",
                    )
                seen[name] = place


class Members:
    """A set of ids that finds its members in batches of rows."""

    def __init__(self, ids: pa.Array) -> None:
        self._ids = ids
        self._hashes = np.sort(hash_strings(ids))

    def find(self, rows: Rows) -> Mask:
        """(n,) which rows are members: by hash, then by the id itself."""
        found = self.find_hashes(rows.id_hash)
        if found.any():
            positions = np.flatnonzero(found)
            same = pa.compute.is_in(rows.ids.take(pa.array(positions)), value_set=self._ids)
            found[positions] = same.to_numpy(zero_copy_only=False)
        return found

    def find_hashes(self, hashes: Hashes) -> Mask:
        """(n,) which hashes are those of members."""
        return isin_sorted(hashes, self._hashes)


def group_hashes(rows: Rows, group_by: str) -> Hashes:
    """(n,) hash of each row's group; a row without one is a group of its own."""
    groups = rows.shown[group_by]
    blank = pa.compute.equal(groups, "").to_numpy(zero_copy_only=False)
    return np.where(blank, rows.id_hash, hash_strings(groups))


def isin_sorted(values: Hashes, known: Hashes) -> Mask:
    """(n,) which values stand in the sorted array `known`."""
    if not len(known):
        return np.zeros(len(values), dtype=np.bool_)
    if len(known) > len(values):
        return _isin_sorted(values, known)
    first_bits = np.zeros(1 << 16, dtype=np.bool_)  # they rule out most values, 20 times as fast
    first_bits[known >> np.uint64(48)] = True
    found = np.asarray(first_bits[values >> np.uint64(48)])
    found[found] = _isin_sorted(values[found], known)
    return found


def _isin_sorted(values: Hashes, known: Hashes) -> Mask:
    at = np.searchsorted(known, values)
    return np.asarray(known[np.minimum(at, len(known) - 1)] == values)


def _same_width(
    batch: Batch, rows: Rows, by_kind: Mapping[str, Sequence[str]], widths: dict[str, int]
) -> None:
    for name, column in zip(by_kind.get("embedding", ()), rows.features.get("embedding", ()), strict=True):
        width = widths.setdefault(name, column.shape[1])
        if column.shape[1] != width:
            raise DataError(
                f"the embedding has {column.shape[1]} numbers, earlier rows have {width}",
                where=f"{batch.place(0)}, column {name}",
            )
