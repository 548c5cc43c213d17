"""What the measures share: rows drawn again, intervals, calibration bins, and the look at what is given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TAIL = 0.025  # on either side of a 95% interval
_MAX_BINS = 15
_ROWS_A_BIN = 20
_BLOCK = 1 << 19  # weights held at a time; the draws do not depend on it


def equal_mass(confidence: Floats) -> Ints:
    """(n,) bin numbers of equal mass; a row's rank is that of the first with its confidence."""
    n = len(confidence)
    n_bins = min(max(n // _ROWS_A_BIN, 1), _MAX_BINS)
    rank = np.searchsorted(np.sort(confidence), confidence, side="left")
    return (rank * n_bins // n).astype(np.int64)


def blocks(n: int, n_draws: int) -> Iterator[int]:
    """How many draws of n numbers to hold at a time."""
    size = max(_BLOCK // n, 1)
    for start in range(0, n_draws, size):
        yield min(size, n_draws - start)


def resamples(n: int, n_bootstrap: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Blocks (b, n) of how often each resample drew each row; every resample draws n."""
    for b in blocks(n, n_bootstrap):
        drawn = rng.integers(0, n, size=(b, n)) + n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n)


def sums(counts: Ints, group: Ints, n_groups: int) -> Ints:
    """(b, n_groups) sums of the columns of `counts` that `group` puts together."""
    summed = np.zeros((len(counts), n_groups), dtype=np.int64)
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    if len(present):
        summed[:, present] = np.add.reduceat(counts[:, order], starts, axis=1)
    return summed


def interval(value: float, draws: Floats, trials: int | None = None) -> Estimate:
    """The value with its interval; draws where it is undefined are left out. `trials`: it is a share of."""
    value = float(value)
    if trials and value in (0.0, 1.0):
        near = TAIL ** (1 / trials)
        return Estimate(1.0, near, 1.0) if value else Estimate(0.0, 0.0, 1 - near)
    known = np.append(draws[np.isfinite(draws)], value)  # never empty
    low, high = np.quantile(known, [TAIL, 1 - TAIL]).tolist()
    return Estimate(value, min(low, value), max(high, value))


def check(proba: NDArray[np.float32], y: Ints, n_classes: int, n_bootstrap: int = 1) -> None:
    """Refuse what cannot be measured.

    Raises:
        ValueError: no rows, shapes that do not fit, or numbers that are no class numbers or probabilities.
    """
    if len(y) == 0:
        raise ValueError("no rows to evaluate on: the validation set has no labels yet")
    if proba.shape != (len(y), n_classes):
        raise ValueError(f"proba is {proba.shape}, {len(y)} rows of {n_classes} classes are needed")
    if y.min() < 0 or y.max() >= n_classes:
        raise ValueError(f"class numbers run from {y.min()} to {y.max()}, there are {n_classes} classes")
    possible = np.isfinite(proba).all() and proba.min() >= 0
    if not (possible and np.abs(proba.sum(axis=1, dtype=np.float64) - 1).max() < 1e-3):
        raise ValueError("proba must be probabilities: finite, none negative, each row summing to 1")
    if n_bootstrap < 1:
        raise ValueError(f"n_bootstrap must be at least 1, found {n_bootstrap}")
