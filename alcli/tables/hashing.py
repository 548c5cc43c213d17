"""64-bit hashes of whole columns: the keys that stand for chance, and the content that finds copies.

Every hash depends on the row's own bytes only, so rows may come in any order, chunk or file.
Not cryptographic: two different contents collide with a chance of about 2**-64 a pair.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BLOCK_WORDS = 1 << 14


def mix(words: Hashes) -> Hashes:
    """Finalizer of splitmix64 (Steele, Lea & Flood 2014): every input bit reaches every output bit."""
    words = words ^ (words >> np.uint64(30))
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def salt(*parts: object) -> np.uint64:
    """One 64-bit number from a few plain values, such as (random_state, round, purpose)."""
    digest = blake2b(repr(parts).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def salted(hashes: Hashes, *parts: object) -> Hashes:
    """An independent hash of each row for one purpose; `salted(ids, random_state, round)` is its key."""
    return mix(hashes ^ salt(*parts))


def hash_strings(column: pa.Array | pa.ChunkedArray) -> Hashes:
    """(n,) hash of each string's UTF-8 bytes; a null counts as the empty string."""
    if isinstance(column, pa.ChunkedArray):
        chunks = [hash_strings(chunk) for chunk in column.chunks]
        return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.uint64)
    column = column.cast(pa.large_string())
    if column.null_count:
        column = column.fill_null("")
    n = len(column)
    if n == 0:
        return np.empty(0, dtype=np.uint64)
    _, offset_buffer, data = column.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[column.offset : column.offset + n + 1]
    raw = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]] if data is not None else b""
    padded = np.zeros(int(offsets[-1] - offsets[0]) + 8, dtype=np.uint8)
    padded[: len(raw)] = raw
    return _hash_spans(padded, offsets - offsets[0])


def _hash_spans(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Hashes:
    """Hash the byte spans data[offsets[i]:offsets[i+1]]; `data` has 8 spare bytes at its end."""
    lengths = np.diff(offsets)
    n_words = (lengths + 7) >> 3
    out = np.empty(len(lengths), dtype=np.uint64)
    ends = np.cumsum(n_words)
    start = 0
    while start < len(lengths):  # a block of rows of about _BLOCK_WORDS words, so that scratch stays in cache
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK_WORDS, side="right")))
        out[start:stop] = _hash_block(data, offsets[start:stop], lengths[start:stop], n_words[start:stop])
        start = stop
    return out


def _hash_block(
    data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64], n_words: NDArray[np.int64]
) -> Hashes:
    first = np.cumsum(n_words) - n_words
    total = int(n_words.sum())
    sums = np.zeros(len(starts), dtype=np.uint64)
    if total:
        within = np.arange(total, dtype=np.int64) - np.repeat(first, n_words)
        # every unaligned 8-byte window of the data, as one view
        windows: Hashes = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
        words = windows[np.repeat(starts, n_words) + 8 * within]
        spare = np.maximum(8 * (within + 1) - np.repeat(lengths, n_words), 0).astype(np.uint64)
        words &= np.uint64(0xFFFFFFFFFFFFFFFF) >> (np.uint64(8) * spare)
        words = mix(words ^ mix((within.astype(np.uint64) + np.uint64(1)) * _GOLDEN))
        filled = n_words > 0
        sums[filled] = np.add.reduceat(words, first[filled])
    return mix(sums + lengths.astype(np.uint64) * _GOLDEN)


def hash_floats(rows: NDArray[np.float32]) -> Hashes:
    """(n,) hash of each row of an (n, d) float32 array; -0.0 counts as 0.0, every NaN as one."""
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    n, d = rows.shape
    position = mix(np.arange(1, d // 2 + d % 2 + 1, dtype=np.uint64) * _GOLDEN)
    out = np.empty(n, dtype=np.uint64)
    step = max(1, _BLOCK_WORDS // max(1, len(position)))
    for start in range(0, n, step):
        block = rows[start : start + step] + np.float32(0.0)  # turns -0.0 into 0.0, and copies
        block[np.isnan(block)] = np.nan
        if d % 2:
            block = np.pad(block, ((0, 0), (0, 1)))
        out[start : start + step] = mix(block.view(np.uint64) ^ position).sum(axis=1, dtype=np.uint64)
    return mix(out + np.uint64(d))


def combine(hashes: list[Hashes]) -> Hashes:
    """(n,) one hash from those of several columns, in their order."""
    whole = np.zeros_like(hashes[0])
    for number, column in enumerate(hashes):
        whole = mix(whole ^ salted(column, "column", number))
    return whole
