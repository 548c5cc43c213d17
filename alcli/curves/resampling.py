"""The bootstrap over repeats: every arm and figure on the same resamples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate

Floats = NDArray[np.float64]

_TAIL = 0.025  # on either side of a 95% interval


class Resamples:
    """Weightings of R repeats: of the data as it is first, then of each resample.

    Percentiles are widened to what Student's t would have (Hesterberg, The American Statistician 69, 2015,
    "expanded percentile interval"): plain ones are too narrow for few repeats. Two or three span
    no more than they span themselves, and one repeat has an interval of no width.
    """

    def __init__(self, n_repeats: int, n_bootstrap: int, rng: np.random.Generator) -> None:
        drawn = rng.multinomial(n_repeats, np.full(n_repeats, 1 / n_repeats), size=n_bootstrap)
        self._weights = np.concatenate([np.ones((1, n_repeats)), drawn]) / n_repeats
        self._tail = _tail(n_repeats)

    def means(self, values: Floats) -> Floats:
        """(B + 1,) or (B + 1, M) means over the repeats of values (R,) or (R, M)."""
        found: Floats = np.einsum("br,r...->b...", self._weights, values)  # no BLAS: same bits on any cores
        return found

    def estimate(self, draws: Floats) -> Estimate:
        """The figure of the data, (B + 1,)[0], with the interval of its resamples."""
        value = float(draws[0])
        low, high = np.quantile(draws, [self._tail, 1 - self._tail]).tolist()
        return Estimate(value, min(low, value), max(high, value))


def _tail(n_repeats: int) -> float:
    if n_repeats == 1:
        return _TAIL
    from scipy.special import stdtrit  # slow to import

    spread = -float(stdtrit(n_repeats - 1, _TAIL)) * math.sqrt(n_repeats / (n_repeats - 1))
    return math.erfc(spread / math.sqrt(2)) / 2
