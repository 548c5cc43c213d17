"""One pass over the pool: a random sample, the rows that were asked or sealed, and how many are copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from alcli.loop import Progress
from alcli.project import Project
from alcli.project.pool import Members, Pool, Rows, concat_rows
from alcli.tables.hashing import Hashes

SAMPLE = 10_000
"""Rows that stand for the pool."""
_CONTENTS = 1 << 21
"""Contents that are compared for copies, 16 MiB."""
_ALL = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Look:
    """What the pass found.

    Attributes:
        n_rows: rows of the pool.
        copies: share of the rows that repeat an earlier row's content.
        sample: some thousands of rows, the lowest keys, sealed ones among them; by rising key.
        wanted: the rows that were asked for by id, sorted by id.
        n_open: rows that are not closed.
    """

    n_rows: int
    n_open: int
    copies: float
    sample: Rows
    wanted: Rows


def look(
    project: Project,
    pool: Pool,
    ids: pa.Array,
    closed: pa.Array,
    shown: Sequence[str],
    progress: Progress,
) -> Look:
    """Read the pool once.

    Args:
        ids: rows to bring back whole.
        closed: rows that are no candidates; ids that the pool no longer has may be among them.
        shown: columns that rows are to show.
    """
    config, members, closed_ids = project.config, Members(ids), Members(closed)
    sample, contents = _Thinned(SAMPLE), _Thinned(_CONTENTS)
    sampled: list[Rows] = []
    wanted: list[Rows] = []
    n_rows = n_open = n_kept = 0
    for rows in pool.rows(config.features, shown, unique=True):
        n_rows += len(rows)
        n_open += len(rows) - int(closed_ids.find(rows).sum())
        wanted.append(rows.take(members.find(rows)))
        sampled.append(rows.take(sample.add(rows.keys(config.random_state, 0))))
        n_kept += len(sampled[-1])
        if n_kept > 4 * SAMPLE:
            sampled = [_lowest(concat_rows(sampled), config.random_state)]
            n_kept = SAMPLE
        contents.add(rows.content())
        progress(n_rows, pool.n_rows)
    held = _lowest(concat_rows(sampled), config.random_state)
    brought = concat_rows(wanted)
    by_id = pa.compute.sort_indices(brought.ids).to_numpy().astype(np.int64)
    copies = max(0.0, 1 - contents.distinct() / n_rows)
    return Look(n_rows, n_open, copies, held, brought.take(by_id))


def _lowest(rows: Rows, random_state: int) -> Rows:
    """The sample among some rows, by rising key."""
    return rows.take(np.argsort(rows.keys(random_state, 0), kind="stable")[:SAMPLE])


class _Thinned:
    """Random numbers below a limit that is halved when there are too many: the same in any order of the rows.

    Equal numbers are held once: one content that fills half of the pool does not crowd the others out.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = _ALL
        self._held: Hashes = np.empty(0, dtype=np.uint64)

    def add(self, numbers: Hashes) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Positions of those that are kept for now."""
        low = np.flatnonzero(numbers <= self._limit)
        self._held = np.concatenate([self._held, numbers[low]])
        if len(self._held) > 4 * self._most:
            self._held = np.unique(self._held)
            while len(self._held) > 2 * self._most:
                self._limit >>= np.uint64(1)
                self._held = self._held[self._held <= self._limit]
        return low[numbers[low] <= self._limit]

    def distinct(self) -> float:
        """How many distinct numbers there were: exact while all are held, else by those below the limit."""
        return len(np.unique(self._held)) * 2.0**64 / (float(self._limit) + 1)
