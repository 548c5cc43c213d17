"""Embedding columns: scaled by one number each, so that every cosine stays what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from alcli.features import Arrays, Column, Feature


@dataclass
class Embedding(Feature):
    """Each of m columns of vectors times one number, so that rows have a mean squared norm of 1.

    Example:
        >>> embedding = Embedding()
        >>> vectors = np.array([[3, 4], [0, 5]], dtype=np.float32)
        >>> embedding.fit([vectors])
        >>> embedding.transform([vectors])
        array([[0.6, 0.8],
               [0. , 1. ]], dtype=float32)
    """

    similar: ClassVar[bool] = True

    def fit(self, columns: list[Column]) -> None:
        """Learn the scale of each column from a sample, in whatever order it comes."""
        lengths = np.array([_root_mean_square(column) for column in columns]) * np.sqrt(len(columns))
        self.load_arrays({"scale": np.divide(1.0, lengths, out=np.ones_like(lengths), where=lengths > 0)})

    def transform(self, columns: list[Column]) -> NDArray[np.float32]:
        """(n, e) float32, e the sum of the columns' dimensions."""
        scaled = [column * np.float32(scale) for column, scale in zip(columns, self._scale, strict=True)]
        return scaled[0] if len(scaled) == 1 else np.concatenate(scaled, axis=1)

    def to_arrays(self) -> Arrays:
        """scale: (m,) float64."""
        return {"scale": self._scale}

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave."""
        self._scale = arrays["scale"]
        return self


def _root_mean_square(vectors: Any) -> float:
    """Root of the mean squared norm; sorted first, since sums depend on the order."""
    squares = np.sort((vectors.astype(np.float64) ** 2).sum(axis=1))
    return float(np.sqrt(squares.mean())) if len(squares) else 0.0
