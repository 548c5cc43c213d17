"""Equal values of columns as equal numbers, so that rows are grouped and compared by whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int64]


def coded(column: Any) -> tuple[Codes, pa.Array]:
    """(n,) code of each row's value, and the values by code in order of first appearance; a null is -1."""
    whole = pa.chunked_array(column.chunks if isinstance(column, pa.ChunkedArray) else [column], column.type)
    encoded = whole.dictionary_encode().chunks  # they share one dictionary
    if not encoded:
        return np.empty(0, dtype=np.int64), pa.array([], column.type)
    codes = [chunk.indices.fill_null(-1).to_numpy() for chunk in encoded]
    return np.concatenate(codes, dtype=np.int64), encoded[0].dictionary


def ordered(column: Any) -> tuple[Codes, pa.Array]:
    """(n,) rank of each row's value among the distinct ones, and these in byte order; a null is -1."""
    codes, values = coded(column)
    order = pc.sort_indices(values)
    ranks = np.empty(len(values) + 1, dtype=np.int64)
    ranks[order.to_numpy()] = np.arange(len(values))
    ranks[-1] = -1
    return np.asarray(ranks[codes], dtype=np.int64), values.take(order)


def ranked(column: Any) -> Codes:
    """(n,) rank of each row's value among the distinct ones, in byte order; a null is -1."""
    return ordered(column)[0]


def group(*keys: Codes) -> Codes:
    """(n,) a number from 0 for each distinct combination of the keys, ascending in their order."""
    whole = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        dense = _dense(key)
        width = int(dense.max(initial=-1)) + 1
        whole = _dense(whole * width + dense)
    return whole


def _dense(key: Codes) -> Codes:
    """The rank of each value among the distinct ones."""
    low, high = int(key.min(initial=0)), int(key.max(initial=0))
    if high - low <= 4 * len(key) + 1024:  # a table of the range is quicker than sorting
        present = np.zeros(high - low + 1, dtype=bool)
        present[key - low] = True
        ranks = np.cumsum(present) - 1
        return np.asarray(ranks[key - low], dtype=np.int64)
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def ticks(column: Any) -> tuple[Codes, NDArray[np.bool_]]:
    """(microseconds since 1970, 0 where null; (n,) mask of the nulls)."""
    null = column.is_null().to_numpy()
    return column.cast(pa.int64()).fill_null(0).to_numpy().astype(np.int64), null
