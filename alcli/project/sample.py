"""Rows drawn at random from the pool: those with the lowest keys."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from alcli.project.columns import take
from alcli.project.pool import Rows
from alcli.tables.hashing import Hashes


class LowestKeys:
    """Keeps the ids of the k rows with the lowest keys out of a stream, in memory of order k."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._ids = pa.array([], pa.string())
        self._keys: Hashes = np.empty(0, dtype=np.uint64)
        self._limit: np.uint64 | None = None

    def add(self, ids: pa.Array, keys: Hashes) -> None:
        """Look at some more rows."""
        low = np.arange(len(keys)) if self._limit is None else np.flatnonzero(keys < self._limit)
        if not len(low):
            return
        self._ids = pa.concat_arrays([self._ids, take(ids, low)])
        self._keys = np.concatenate([self._keys, keys[low]])
        if len(self._keys) >= 2 * self._k:
            self._cut()

    def ids(self) -> list[str]:
        """The ids kept, by rising key."""
        self._cut()
        order = np.argsort(self._keys, kind="stable")
        return list(take(self._ids, order).to_pylist())

    def _cut(self) -> None:
        if len(self._keys) > self._k:
            kept = np.argpartition(self._keys, self._k - 1)[: self._k]
            self._ids, self._keys = take(self._ids, kept), self._keys[kept]
            self._limit = self._keys.max()


def lowest(rows: Iterable[Rows], k: int, random_state: int, round_: int) -> list[str]:
    """Ids of the k rows with the lowest keys, by rising key: the same sample in any order of the rows."""
    kept = LowestKeys(k)
    for batch in rows:
        kept.add(batch.ids, batch.keys(random_state, round_))
    return kept.ids()
