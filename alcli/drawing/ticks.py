"""Round numbers along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence


def ticks(values: Sequence[float], most: int = 6) -> list[float]:
    """Round numbers, evenly apart, from below the lowest value to above the highest."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    scale = 10.0 ** math.floor(math.log10((high - low) / (most - 1)))
    for step in (scale * factor for factor in (1, 2, 5, 10, 20)):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            break
    return [round(number * step, 10) for number in range(first, last + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """The numbers with as many decimals as their steps need, at least one below steps of 1."""
    step = values[1] - values[0]
    digits = max(1, -math.floor(math.log10(step) + 1e-9))
    return [f"{value:,.{digits if step < 1 else 0}f}" for value in values]
