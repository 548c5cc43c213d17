"""`scores/part-*.parquet` as a stream, and the rows that stand highest in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.project.columns import take
from alcli.project.pool import Members
from alcli.tables.hashing import Hashes, hash_strings

Floats = NDArray[np.float32]
KeyOf = Callable[[Hashes], Hashes]


@dataclass(frozen=True)
class Ranked:
    """Rows in the order in which they are wanted: by falling score, ties by rising key."""

    ids: pa.Array
    score: Floats
    n_candidates: int

    def __len__(self) -> int:
        return len(self.ids)


class Scores:
    """A round's scores.

    Args:
        folder: where the parts lie.
        closed: ids that may not be asked.
    """

    def __init__(self, folder: Path, closed: Members) -> None:
        self._parts = sorted(folder.glob("part-*.parquet"))
        self._closed = closed

    def top(self, k: int, key_of: KeyOf, *, by_score: bool) -> Ranked:
        """The k candidates that stand highest, in one pass and memory of order k.

        Args:
            k: how many.
            key_of: from id hashes to keys.
            by_score: rank by score, ties by key; else by key alone, that is at random.
        """
        front, total = _Front(k), 0
        for ids, score in self._batches(by_score=by_score):
            hashes = hash_strings(ids)
            open_ = ~self._closed.find_hashes(hashes)
            total += int(open_.sum())
            front.add(ids, score, key_of(hashes), open_)
        return Ranked(*front.ranked(), total)

    def _batches(self, *, by_score: bool) -> Iterator[tuple[pa.Array, Floats]]:
        for path in self._parts:
            with pq.ParquetFile(path) as part:
                for batch in part.iter_batches(1 << 16, columns=["id", "score"] if by_score else ["id"]):
                    n = batch.num_rows
                    score = batch.column("score").to_numpy(zero_copy_only=False) if by_score else np.zeros(n)
                    yield batch.column("id"), score.astype(np.float32, copy=False)


class _Front:
    """The best k rows so far, and the score below which a row need not be looked at."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._ids = pa.array([], pa.string())
        self._score: Floats = np.empty(0, dtype=np.float32)
        self._keys: Hashes = np.empty(0, dtype=np.uint64)
        self._last: tuple[np.float32, np.uint64] | None = None

    def add(self, ids: pa.Array, score: Floats, keys: Hashes, allowed: NDArray[np.bool_]) -> None:
        if self._last is not None:
            last_score, last_key = self._last
            allowed = allowed & ((score > last_score) | ((score == last_score) & (keys < last_key)))
        rows = np.flatnonzero(allowed)
        if not len(rows):
            return
        self._ids = pa.concat_arrays([self._ids, take(ids, rows)])
        self._score = np.concatenate([self._score, score[rows]])
        self._keys = np.concatenate([self._keys, keys[rows]])
        if len(self._keys) > self._k:
            self._cut()

    def ranked(self) -> tuple[pa.Array, Floats]:
        self._cut()
        return self._ids, self._score

    def _cut(self) -> None:
        order = np.lexsort((self._keys, -self._score))[: self._k]
        self._ids, self._score, self._keys = take(self._ids, order), self._score[order], self._keys[order]
        if len(order) == self._k:
            self._last = (self._score[-1], self._keys[-1])
