"""One pass over the pool: a random sample, the rows that were asked or sealed, and how many are copies."""

from __future__ import annotations

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
    """

    n_rows: int
    copies: float
    sample: Rows
    wanted: Rows


def look(project: Project, pool: Pool, ids: pa.Array, progress: Progress) -> Look:
    """Read the pool once.

    Args:
        ids: rows to bring back whole.
    """
    config, members = project.config, Members(ids)
    shown = [config.split.group_by] if config.split.group_by is not None else []
    sample, contents = _Thinned(SAMPLE), _Thinned(_CONTENTS)
    sampled: list[Rows] = []
    wanted: list[Rows] = []
    n_rows = 0
    for rows in pool.rows(config.features, shown, unique=True):
        n_rows += len(rows)
        wanted.append(rows.take(members.find(rows)))
        sampled.append(rows.take(sample.add(rows.keys(config.random_state, 0))))
        contents.add(rows.content())
        progress(n_rows, pool.n_rows)
    held = concat_rows(sampled)
    order = np.argsort(held.keys(config.random_state, 0), kind="stable")[:SAMPLE]
    brought = concat_rows(wanted)
    by_id = pa.compute.sort_indices(brought.ids).to_numpy().astype(np.int64)
    return Look(n_rows, contents.repeated(), held.take(order), brought.take(by_id))


class _Thinned:
    """Random numbers below a limit that is halved when there are too many: the same in any order of the rows.

    Equal numbers stay together, so that the share of repeated ones is that of the whole.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = _ALL
        self._held: Hashes = np.empty(0, dtype=np.uint64)

    def add(self, numbers: Hashes) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Positions of those that are kept for now."""
        low = np.flatnonzero(numbers <= self._limit)
        self._held = np.concatenate([self._held, numbers[low]])
        while len(self._held) > 2 * self._most and len(np.unique(self._held)) > 1:
            self._limit >>= np.uint64(1)
            self._held = self._held[self._held <= self._limit]
        return low[numbers[low] <= self._limit]

    def repeated(self) -> float:
        """The share of those kept that repeat another one."""
        return 1 - len(np.unique(self._held)) / max(1, len(self._held))
