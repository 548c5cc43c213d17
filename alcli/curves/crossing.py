"""Where noisy learning curves reach a level, by a rule that flatters nobody.

A noisy curve touches a level before it has reached it, and the more rounds it has the earlier: taken at its
word, an arm no better than the baseline "saves" labels. So each curve is first made monotone by isotonic
regression (Barlow et al., Statistical Inference under Order Restrictions, 1972), whose values are slopes of
the greatest convex minorant of the cumulated curve. Only its end and one crossing are needed, which takes
no more than a few passes over the curve: n curves of M points, (n, M), are worked on at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TOLERANCE = 1e-9  # a level missed by less is reached: sums round
_DECIMALS = 6  # of a label count


def end(curves: Floats) -> Floats:
    """(n,) the last value of each monotone curve: the largest mean of a stretch up to the end.

    >>> end(np.array([[1.0, 3.0, 2.0]]))
    array([2.5])
    """
    lengths = np.arange(1, curves.shape[1] + 1)
    found: Floats = (np.cumsum(curves[:, ::-1], axis=1) / lengths).max(axis=1)
    return found


def first_at(grid: Floats, curves: Floats, level: Floats) -> Floats:
    """(n,) the labels at which each monotone curve reaches its level, (n,); infinite where it never does.

    `grid`, (M,), is the label count of each point, ascending; the curve is linear between points.

    >>> first_at(np.array([100.0, 200.0, 300.0]), np.array([[0.0, 3.0, 1.0]]), np.array([1.0]))
    array([150.])
    """
    n, m = curves.shape
    rows, points = np.arange(n), np.arange(m + 1)
    reached = level - TOLERANCE
    sums = np.concatenate([np.zeros((n, 1)), np.cumsum(curves, axis=1)], axis=1)
    below = np.argmin(sums - reached[:, None] * points, axis=1)  # so many points lie below the level
    steps = points - below[:, None]
    slopes = (sums - sums[rows, below][:, None]) / np.where(steps, steps, 1)
    before = np.where(steps < 0, slopes, -np.inf).max(axis=1)
    after = np.where(steps > 0, slopes, np.inf).min(axis=1)
    inside = (below > 0) & (below < m)
    share = np.divide(level - before, after - before, out=np.ones(n), where=inside)
    left, right = grid[np.maximum(below - 1, 0)], grid[np.minimum(below, m - 1)]
    found: Floats = np.where(below < m, left + np.minimum(share, 1.0) * (right - left), np.inf)
    return found.round(_DECIMALS)
