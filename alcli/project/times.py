"""Points in time as people and tools write them, column by column."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

TIME = pa.timestamp("us", "UTC")

_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?"
_NAIVE, _ZONED = _ISO + "$", _ISO.removesuffix("?") + r"(Z|[+-]\d\d(:?\d\d)?)$"
_NUMBER = re.compile(r"\d+(\.\d*)?([eE]\+?\d+)?")
# an epoch count and what divides it to seconds: until the year 5138 each range means one unit
_EPOCH_UNITS = ((1e8, 1e11, 1.0), (1e11, 1e14, 1e3), (1e14, 1e17, 1e6))
_START = datetime(1970, 1, 1, tzinfo=UTC)


def parse_times(column: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.bool_]]:
    """(times in UTC, null where blank or unreadable; (n,) mask of the unreadable ones).

    ISO 8601 with or without zone (none means UTC), and seconds, milliseconds or microseconds since 1970.
    """
    text = pc.utf8_trim_whitespace(column).combine_chunks()
    blank = _mask(pc.equal(text, ""))
    naive = _mask(pc.match_substring_regex(text, _NAIVE))
    zoned = _mask(pc.match_substring_regex(text, _ZONED))
    ticks = np.zeros(len(text), dtype=np.int64)
    readable = np.zeros(len(text), dtype=bool)
    for rows, kind in ((naive, pa.timestamp("us")), (zoned, TIME), (~(blank | naive | zoned), None)):
        where = np.flatnonzero(rows)
        if len(where):
            ticks[where], readable[where] = _parse(text.take(pa.array(where)), kind)
    times = pa.array(ticks, mask=~readable).cast(TIME)
    return times, ~(blank | readable)


def _mask(condition: pa.Array) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = condition.to_numpy(zero_copy_only=False)
    return mask


def _parse(text: pa.Array, kind: pa.DataType | None) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(microseconds since 1970, whether readable); by Arrow where all texts are of one kind."""
    if kind is not None:
        try:
            return text.cast(kind).cast(pa.int64()).to_numpy(), np.ones(len(text), dtype=bool)
        except pa.ArrowInvalid:  # at least one names no real day or hour, such as February 30
            pass
    coded = text.dictionary_encode()
    parsed = [_parse_one(one) for one in coded.dictionary.to_pylist()]
    codes = coded.indices.to_numpy()
    ticks = np.array([tick or 0 for tick in parsed], dtype=np.int64)
    readable = np.array([tick is not None for tick in parsed])
    return ticks[codes], readable[codes]


def _parse_one(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return _parse_epoch(text)
    return (moment - _START) // timedelta(microseconds=1)


def _parse_epoch(text: str) -> int | None:
    if not _NUMBER.fullmatch(text):
        return None
    count = float(text)
    return next((round(count / unit * 1e6) for low, high, unit in _EPOCH_UNITS if low <= count < high), None)
