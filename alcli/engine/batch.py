"""Rows in the order in which they are wanted, of which those are kept that are distinct."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.engine.space import stacked

Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]
_BLOCK, _SPARE = 512, 16


class Batch:
    """Takes rows in the order in which they are wanted, and keeps those that are distinct.

    A row is kept when its content is new, and when no kept or known row is nearer than `cap`.

    Args:
        cap: the highest cosine allowed; None: any.
    """

    def __init__(self, cap: float | None) -> None:
        self._contents: Hashes = np.empty(0, dtype=np.uint64)
        self._cap = 1.0 if cap is None else cap
        self._capped = cap is not None
        self._units: list[Any] = []
        self.near = 0

    def know(self, content: Hashes, units: Any | None) -> None:
        """Count rows that were asked before as known.

        Args:
            content: their contents.
            units: their features, rows of length 1; None: likeness is not looked at.
        """
        self._contents = np.union1d(self._contents, content)
        if units is not None and units.shape[0]:
            self._add(units)

    def accept(self, content: Hashes, units: Any | None, limit: int) -> Positions:
        """Positions of at most `limit` rows that are kept, in their order; these are known from now on."""
        kept: list[int] = []
        start = 0
        while start < len(content) and len(kept) < limit:
            # few rows are passed over: hardly more are looked at than are needed
            size = min(_BLOCK, limit - len(kept) + _SPARE)
            block = np.arange(start, min(start + size, len(content)))
            start += size
            block = self._new_content(block, content)
            if self._capped and units is not None and len(block):
                block = self._apart(block, units, limit - len(kept))
            block = block[: limit - len(kept)]
            self._contents = np.union1d(self._contents, content[block])
            kept.extend(block.tolist())
        return np.array(kept, dtype=np.int64)

    def _new_content(self, block: Positions, content: Hashes) -> Positions:
        _, first = np.unique(content[block], return_index=True)
        distinct = block[np.sort(first)]
        # by sorting: the other way of numpy 2.0 overflows on 64-bit hashes
        return distinct[~np.isin(content[distinct], self._contents, kind="sort")]

    def _apart(self, block: Positions, units: Any, limit: int) -> Positions:
        """Those rows of a block that are near neither to a known row nor to an earlier kept one."""
        rows = units[block]
        far = np.ones(len(block), dtype=np.bool_)
        for known in self._units:
            far &= highest_cosine(rows, known) <= self._cap
        among = _dense(rows @ rows.T)
        kept: list[int] = []
        for row in range(len(block)):
            if len(kept) == limit:
                break
            if far[row] and (not kept or among[row, kept].max() <= self._cap):
                kept.append(row)
            else:
                self.near += 1
        if kept:
            self._add(rows[np.array(kept)])
        return block[np.array(kept, dtype=np.int64)]

    def _add(self, units: Any) -> None:
        """Blocks of about the same size become one, so that there are few, and each row is copied seldom."""
        while self._units and self._units[-1].shape[0] <= units.shape[0]:
            units = stacked([self._units.pop(), units])
        self._units.append(units)


def highest_cosine(rows: Any, known: Any) -> NDArray[np.float32]:
    """(n,) the highest product of each row with any known row; both of length 1, dense or CSR."""
    highest = np.full(rows.shape[0], -1.0, dtype=np.float32)
    for start in range(0, known.shape[0], 4096):
        np.maximum(highest, _dense((rows @ known[start : start + 4096].T).max(axis=1)).ravel(), out=highest)
    return highest


def _dense(matrix: Any) -> NDArray[np.float32]:
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.todense(), dtype=np.float32)
