"""A measured value with its interval, as every figure of alcli that chance touches is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_DECIMALS = 6


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval; low <= value <= high."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """`value`, `low` and `high`, rounded to 6 decimals."""
        return {"value": rounded(self.value), "low": rounded(self.low), "high": rounded(self.high)}

    @classmethod
    def from_json(cls, document: Mapping[str, float]) -> Self:
        """What `to_json` wrote."""
        return cls(document["value"], document["low"], document["high"])


def rounded(number: float) -> float:
    """To 6 decimals, and never -0.0: as numbers stand in JSON documents."""
    return round(number, _DECIMALS) + 0.0
