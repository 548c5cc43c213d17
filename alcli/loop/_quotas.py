"""How many rows of a batch each segment of the pool gets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from alcli.errors import ConfigError, suggest


def check_segments(
    column: str, wanted: Collection[str], there: Collection[str], rows: str, where: Callable[[str], str]
) -> None:
    """Every segment that a quota names has rows.

    Raises:
        ConfigError: the first that none of the `rows` has, with the nearest right one.
    """
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise ConfigError(
            f"no {rows} has {missing[0]!r} in {column!r}",
            where=where("query.quotas"),
            hint=suggest(missing[0], sorted(there)),
        )


def named_seats(shares: Mapping[str, float], size: int, most: int) -> dict[str, int]:
    """Seats for shares of `size`, `most` in all, by largest remainders; the rest of the seats is free.

    >>> named_seats({"en": 0.5, "de": 0.25}, 10, 10)
    {'en': 5, 'de': 3}
    """
    exact = np.array(list(shares.values())) * size
    seats = np.floor(exact + 1e-9).astype(np.int64)
    left = min(most, round(float(exact.sum()))) - int(seats.sum())
    seats[np.argsort(seats - exact, kind="stable")[: max(0, left)]] += 1
    return dict(zip(shares, seats.tolist(), strict=True))


def equal_seats(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """As many seats for each segment, fewer only for those with fewer rows; one more for the largest.

    The smallest come first: a row that stands in several segments goes to the one with fewest.

    >>> equal_seats({"a": 90, "b": 90, "c": 1}, 10)
    {'c': 1, 'b': 4, 'a': 5}
    """
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    room = np.array([sizes[name] for name in names], dtype=np.int64)
    seats = np.zeros(len(names), dtype=np.int64)
    while (left := min(size, int(room.sum())) - int(seats.sum())) > 0:
        open_ = np.flatnonzero(seats < room)
        more = max(1, left // len(open_))
        taking = open_ if left >= len(open_) else open_[:left]
        seats[taking] += np.minimum(more, room[taking] - seats[taking])
    return dict(zip(names[::-1], seats[::-1].tolist(), strict=True))
