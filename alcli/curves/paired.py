"""Tests of paired differences: Wilcoxon's signed ranks, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALPHA = 0.05
_DECIMALS = 12  # differences that agree so far are ties: 0.81 - 0.80 and 0.80 - 0.79 are both 0.01
_EXACT = 50  # differences up to which the distribution is enumerated


def signed_rank(differences: Floats) -> float:
    """The two-sided p-value of Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945) of differences (R,).

    Zeros are dropped, ties share their mean rank. Up to 50 differences the distribution is exact, given the
    ties; above it is normal, with the variance that the ties leave. With nothing to rank it is 1.

    >>> signed_rank(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))  # 2 of 2^6 choices of signs are as extreme
    0.03125
    """
    found = np.round(differences, _DECIMALS)
    found = found[found != 0]
    if not len(found):
        return 1.0
    _, place, counts = np.unique(np.abs(found), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[place]  # twice the mean rank is a whole number
    smaller = int(min(doubled[found > 0].sum(), doubled[found < 0].sum()))
    if len(found) > _EXACT:
        z = (doubled.sum() / 2 - smaller) / (math.sqrt((doubled**2).sum()) / 2)
        return math.erfc(float(z) / math.sqrt(2))
    ways = int(_ways(tuple(sorted(doubled.tolist())))[: smaller + 1].sum())
    return min(1.0, ways / 2.0 ** (len(found) - 1))


@lru_cache(maxsize=256)
def _ways(ranks: tuple[int, ...]) -> NDArray[np.int64]:
    """(sum + 1,) in how many ways a choice among the ranks adds up to each number."""
    ways = np.zeros(sum(ranks) + 1, dtype=np.int64)
    ways[0] = 1
    for rank in ranks:
        ways[rank:] += ways[:-rank].copy()
    return ways


def smallest_p(n_repeats: int, n_tests: int) -> float:
    """The least p-value that so many repeats can give, corrected for so many tests."""
    return min(1.0, n_tests * 2.0 ** (1 - n_repeats))


def repeats_needed(n_tests: int) -> int:
    """How many repeats can give a significant result at all in so many tests."""
    return math.ceil(1 + math.log2(n_tests / ALPHA))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for there being several (Holm, Scandinavian Journal of Statistics 6, 1979).

    >>> holm([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, test in enumerate(sorted(range(len(p_values)), key=lambda test: p_values[test])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[test]))
        corrected[test] = largest
    return corrected
