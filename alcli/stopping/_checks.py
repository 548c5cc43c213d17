"""Checks of the parameters that several criteria have."""

from __future__ import annotations

from math import isfinite
from typing import Any


def check_count(name: str, value: Any) -> None:
    """Raises ValueError for anything but a whole number of at least 1."""
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, found {value!r}")


def check_share(name: str, value: Any) -> None:
    """Raises ValueError for anything but a number from 0 to 1."""
    if not (is_number(value) and 0 <= value <= 1):
        raise ValueError(f"{name} must be a number from 0 to 1, found {value!r}")


def check_positive(name: str, value: Any) -> None:
    """Raises ValueError for anything but a number above 0."""
    if not (is_number(value) and value > 0):
        raise ValueError(f"{name} must be a number above 0, found {value!r}")


def is_number(value: Any) -> bool:
    """Whether it is a finite int or float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
