"""Numeric columns: standardized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from alcli.features import Arrays, Column, Feature

LIMIT = 1e6
"""Standard deviations that a value is held within, so that none becomes infinite."""


@dataclass
class Numeric(Feature):
    """Each of d columns as (x - mean) / (deviation * sqrt(d)), so that rows have a mean squared norm of 1.

    A missing value becomes 0, the mean; a column that does not vary in the sample becomes 0.

    Example:
        >>> numeric = Numeric()
        >>> age = np.array([20, 30, 40, np.nan], dtype=np.float32)
        >>> numeric.fit([age])
        >>> numeric.transform([age]).ravel().round(2)
        array([-1.22,  0.  ,  1.22,  0.  ], dtype=float32)
    """

    similar: ClassVar[bool] = False

    def fit(self, columns: list[Column]) -> None:
        """Learn mean and deviation of each column from the values there are, in whatever order."""
        moments = np.array([_moments(column) for column in columns])
        self.load_arrays({"mean": moments[:, 0], "deviation": moments[:, 1]})

    def transform(self, columns: list[Column]) -> NDArray[np.float32]:
        """(n, d) float32, always finite where the values are finite or missing."""
        rows = np.empty((len(columns[0]), len(columns)), dtype=np.float32)
        for j, (column, mean, deviation) in enumerate(zip(columns, self._mean, self._deviation, strict=True)):
            factor = 1.0 / deviation if deviation > 0 else 0.0
            values = ((column.astype(np.float64) - mean) * factor).clip(-LIMIT, LIMIT)
            rows[:, j] = np.nan_to_num(values, nan=0.0) / np.sqrt(len(columns))
        return rows

    def to_arrays(self) -> Arrays:
        """mean, deviation: (d,) float64."""
        return {"mean": self._mean, "deviation": self._deviation}

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave."""
        self._mean, self._deviation = arrays["mean"], arrays["deviation"]
        return self


def _moments(column: Any) -> tuple[float, float]:
    """Mean and standard deviation of what is not missing; sorted first, since sums depend on the order."""
    known = np.sort(column[~np.isnan(column)]).astype(np.float64)
    if not len(known) or known[0] == known[-1]:
        return (float(known[0]) if len(known) else 0.0), 0.0
    return float(known.mean()), float(known.std())
