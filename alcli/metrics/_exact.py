"""Exact bounds of shares."""

from __future__ import annotations

from scipy.special import betaincinv

from alcli.estimate import Estimate
from alcli.metrics._sampling import TAIL


def share(part: int, whole: int) -> Estimate:
    """Part of whole with the interval of Clopper and Pearson (Biometrika 26, 1934); whole is above 0."""
    low = float(betaincinv(part, whole - part + 1, TAIL)) if part else 0.0
    high = float(betaincinv(part + 1, whole - part, 1 - TAIL)) if part < whole else 1.0
    return Estimate(part / whole, low, high)
