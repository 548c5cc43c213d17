"""`splits.parquet`: which rows are sealed from scoring, asking and training; which are the seed set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alcli.errors import DataError, IntegrityError
from alcli.project import LABELS, SPLITS, Project
from alcli.project.pool import Mask, Members, Pool, Rows, RowSource, group_hashes, isin_sorted
from alcli.tables.hashing import Hashes, hash_strings, salted

VALIDATION, SEED, RESERVE, HELD_OUT = "validation", "seed", "reserve", "held_out"
SCHEMA = pa.schema([("id", pa.string()), ("split", pa.string()), ("content", pa.uint64())])


class Splits:
    """The rows that `seed` put aside, by id and by content."""

    def __init__(self, table: pa.Table, group_by: str | None = None, groups: Hashes | None = None) -> None:
        self._table = table
        self.group_by = group_by
        self._groups = groups

    @classmethod
    def read(cls, project: Project) -> Splits:
        """The project's splits; `Project.writing` has checked their seal."""
        return cls(pq.read_table(project.root / SPLITS, schema=SCHEMA))

    @classmethod
    def read_with_groups(cls, project: Project, pool: Pool) -> Splits:
        """The same, with the sealed rows' groups where they were drawn by group; rows are to show theirs."""
        table = pq.read_table(project.root / SPLITS, schema=SCHEMA)
        return cls.with_groups(table, project.rounds[0].steps["seed"].more["group_by"], pool)

    @classmethod
    def with_groups(cls, table: pa.Table, group_by: str | None, pool: RowSource) -> Splits:
        """The splits of a table, which were drawn by group where `group_by` names a column."""
        splits = cls(table)
        if group_by is None:
            return splits
        sealed = pool.take(splits.ids(VALIDATION, RESERVE).to_pylist(), shown=[group_by])
        return splits.grouped(group_by, sealed)

    def grouped(self, group_by: str, sealed: Rows) -> Splits:
        """The same, drawn by group: that of each of the sealed rows, which show theirs."""
        return Splits(self._table, group_by, np.unique(group_hashes(sealed, group_by)))

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns that rows must show to `find_sealed`."""
        return (self.group_by,) if self.group_by is not None else ()

    def ids(self, *splits: str) -> pa.Array:
        """Ids of some splits, Arrow strings."""
        return self._of(*splits).column("id").combine_chunks()

    def contents(self, *splits: str) -> Hashes:
        """Sorted distinct contents of some splits."""
        return np.unique(self._of(*splits).column("content").to_numpy())

    def reserve(self, random_state: int) -> list[str]:
        """Ids of the reserve in the order in which they were drawn.

        Args:
            random_state: of the seed step, which drew them by rising key.
        """
        ids = self.ids(RESERVE)
        order = np.argsort(salted(hash_strings(ids), random_state, 0), kind="stable")
        drawn: list[str] = ids.take(pa.array(order)).to_pylist()
        return drawn

    def extended(self, ids: Sequence[str]) -> pa.Table:
        """The table of `splits.parquet` with some rows of the reserve in validation."""
        moved = pc.is_in(self._table.column("id"), value_set=pa.array(ids, pa.string()))
        split = pc.if_else(moved, VALIDATION, self._table.column("split"))
        return self._table.set_column(1, SCHEMA.field("split"), split)

    @cached_property
    def split_of(self) -> Mapping[str, str]:
        """The split of each id that has one."""
        table = self._table
        return dict(zip(table.column("id").to_pylist(), table.column("split").to_pylist(), strict=True))

    @cached_property
    def sealed(self) -> Members:
        """Ids that are never scored, asked after round 000, or trained on."""
        return Members(self.ids(VALIDATION, RESERVE, HELD_OUT))

    @cached_property
    def sealed_contents(self) -> Hashes:
        """Sorted contents of validation and reserve rows; a row of the same content is sealed too."""
        return self.contents(VALIDATION, RESERVE)

    def find_sealed(self, rows: Rows, content: Hashes) -> Mask:
        """(n,) which rows are sealed: by id or, under whatever id, by content or group."""
        found = self.sealed.find(rows) | isin_sorted(content, self.sealed_contents)
        if self.group_by is not None and self._groups is not None:
            found |= isin_sorted(group_hashes(rows, self.group_by), self._groups)
        return found

    def check_content(self, rows: Rows, content: Hashes) -> None:
        """Sealed rows still hold what they held when they were drawn.

        Raises:
            IntegrityError: the first one that does not.
        """
        found = np.flatnonzero(self.sealed.find_hashes(rows.id_hash))
        for row in found:
            name = rows.ids[int(row)].as_py()
            expected = self._content_of.get(name)
            if expected is not None and expected != int(content[row]):
                raise IntegrityError(
                    f"the {self.split_of[name]} row {name!r} has other content than when it was drawn",
                    where=SPLITS,
                    hint="sealed rows must not change: bring the old content back, or use a new id",
                )

    def check_labeled(self, rows: Rows) -> None:
        """Labeled rows are validation rows, which hold what they held, or may be trained on.

        Raises:
            IntegrityError: a sealed row's content was changed.
            DataError: a row to be trained on is sealed, or a copy or group-mate of one that is.
        """
        content = rows.content()
        self.check_content(rows, content)
        leaks = self.find_sealed(rows, content) & ~Members(self.ids(VALIDATION)).find(rows)
        if leaks.any():
            name = rows.ids[int(np.flatnonzero(leaks)[0])].as_py()
            raise DataError(
                f"the labeled row {name!r} belongs to the sealed rows, or is a copy of one",
                where=LABELS,
                hint="undo the file that brought it: `alcli ingest --retract SOURCE`",
            )

    @cached_property
    def _content_of(self) -> Mapping[str, int]:
        table = self._of(VALIDATION, RESERVE)
        return dict(zip(table.column("id").to_pylist(), table.column("content").to_pylist(), strict=True))

    def _of(self, *splits: str) -> pa.Table:
        return self._table.filter(pc.is_in(self._table.column("split"), value_set=pa.array(splits)))


def splits_table(parts: Mapping[str, tuple[pa.Array, Hashes]]) -> pa.Table:
    """Ids and contents by split, sorted by id, as `splits.parquet` holds them."""
    table = pa.table(
        {
            "id": pa.concat_arrays([ids for ids, _ in parts.values()]),
            "split": pa.array(
                [split for split, (ids, _) in parts.items() for _ in range(len(ids))], pa.string()
            ),
            "content": np.concatenate([content for _, content in parts.values()]),
        },
        schema=SCHEMA,
    )
    return table.sort_by("id")


def write_splits(path: Path, parts: Mapping[str, tuple[pa.Array, Hashes]]) -> int:
    """Write ids and contents by split; returns the number of rows."""
    table = splits_table(parts)
    pq.write_table(table, path)
    return int(table.num_rows)
