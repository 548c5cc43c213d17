"""How long answers take: time at the screen, not at lunch."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

IDLE = 60.0
"""Seconds: a pause between two keys counts as no more than this."""


class Pace:
    """A stopwatch that stands still while nobody is there.

    Args:
        before: seconds that were spent on rows in earlier sessions, by id.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, before: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent: defaultdict[str, float] = defaultdict(float, before)
        self._answers: list[float] = []
        self._last = clock()

    def touch(self, id_: str | None) -> None:
        """A key was pressed while a row was shown, or none."""
        now = self._clock()
        if id_ is not None:
            self._spent[id_] += min(now - self._last, IDLE)
        self._last = now

    def seconds(self, id_: str) -> float:
        """What was spent on a row, all looks at it together."""
        return round(self._spent[id_], 2)

    def answered(self, id_: str) -> None:
        """One more answer, for the figures below."""
        self._answers.append(self._spent[id_])

    @property
    def median(self) -> float | None:
        """Seconds of half of this session's answers; None before the first."""
        return statistics.median(self._answers) if self._answers else None

    def left(self, n_rows: int) -> float | None:
        """Seconds that some further rows will take, by the mean of this session's last 50 answers."""
        return statistics.fmean(self._answers[-50:]) * n_rows if self._answers else None
