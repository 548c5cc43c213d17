"""Strata that the user names by columns: their true sizes in the pool, and rows from each at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.errors import ConfigError
from alcli.project.columns import take
from alcli.project.pool import Rows, RowSource
from alcli.project.sample import LowestKeys

Allocator = Callable[[NDArray[np.int64], int], NDArray[np.int64]]
"""Shares seats out to strata of these sizes."""

_MOST_STRATA = 10_000


def strata_of(rows: Rows, columns: Sequence[str]) -> pa.Array:
    """Each row's stratum: its values in the columns."""
    cells = [rows.shown[name] for name in columns]
    return cells[0] if len(cells) == 1 else pc.binary_join_element_wise(*cells, " / ")


@dataclass(frozen=True)
class Strata:
    """How many seed rows each stratum gets.

    Attributes:
        columns: the columns that name a row's stratum.
        seats: rows to choose, by stratum.
    """

    columns: tuple[str, ...]
    seats: Mapping[str, int]

    @classmethod
    def count(cls, pool: RowSource, columns: tuple[str, ...], size: int, allocate: Allocator) -> Strata:
        """Share `size` seats out in proportion to the strata's rows in the whole pool, every one covered.

        Raises:
            ConfigError: far too many strata.
        """
        sizes: Counter[str] = Counter()
        for rows in pool.rows(shown=columns):
            for entry in pc.value_counts(strata_of(rows, columns)).to_pylist():
                sizes[entry["values"]] += entry["counts"]
            if len(sizes) > _MOST_STRATA:
                raise ConfigError(
                    f"seed.stratify_by {', '.join(columns)} makes more than {_MOST_STRATA:,} strata",
                    hint="name columns of few distinct values",
                )
        names = sorted(sizes)
        seats = allocate(np.array([sizes[name] for name in names], dtype=np.int64), size)
        return cls(columns, dict(zip(names, seats.tolist(), strict=True)))

    @property
    def n_missed(self) -> int:
        """Strata without a seat: there are more strata than seed rows."""
        return sum(not seats for seats in self.seats.values())

    def sample(self, pool: RowSource, random_state: int) -> list[str]:
        """Ids of the rows with the lowest keys of every stratum, some more than it has seats."""
        kept = {name: LowestKeys(3 * seats + 10) for name, seats in self.seats.items() if seats}
        for rows in pool.rows(shown=self.columns):
            strata = strata_of(rows, self.columns).dictionary_encode()
            codes = strata.indices.to_numpy()
            keys = rows.keys(random_state, 0)
            for code, name in enumerate(strata.dictionary.to_pylist()):
                if name in kept:
                    members = np.flatnonzero(codes == code)
                    kept[name].add(take(rows.ids, members), keys[members])
        return [id_ for lowest in kept.values() for id_ in lowest.ids()]

    def choose(self, rows: Rows, distinct: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first rows of each stratum among the distinct ones; rows come by rising key."""
        strata = np.array(strata_of(rows.take(distinct), self.columns).to_pylist(), dtype=object)
        taken: Counter[str] = Counter()
        chosen = []
        for position, name in zip(distinct.tolist(), strata.tolist(), strict=True):
            if taken[name] < self.seats.get(name, 0):
                taken[name] += 1
                chosen.append(position)
        return np.array(chosen, dtype=np.int64)
