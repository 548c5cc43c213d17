"""Categorical columns: one-hot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from alcli.features import Arrays, Column, Feature, pack, unpack

SMALL_SAMPLE = 200
"""Below this many rows a category counts from its first row on."""
DENSE_WIDTH = 64
"""Up to this many columns rows are a dense array, above it CSR."""


@dataclass
class Categorical(Feature):
    """A 1 for the row's category in each of m columns, divided by sqrt(m), so that rows have length 1.

    Each column ends with one for all other categories: the rare ones of the sample and those it has not.
    A missing value is a category like any other.

    Attributes:
        min_count: rows of the sample that must have a category (1 where the sample is small).
        max_categories: categories of a column at most, the most common ones.

    Example:
        >>> country = Categorical()
        >>> country.fit([np.array(["fr", "de", "fr"], dtype=object)])
        >>> country.transform([np.array(["fr", "it"], dtype=object)])
        array([[0., 1., 0.],
               [0., 0., 1.]], dtype=float32)
    """

    similar: ClassVar[bool] = False

    min_count: int = 5
    max_categories: int = 1000

    def __post_init__(self) -> None:
        if self.min_count < 1 or self.max_categories < 1:
            raise ValueError("min_count and max_categories must be at least 1")

    def fit(self, columns: list[Column]) -> None:
        """Learn the categories of each column from a sample, in whatever order it comes."""
        min_count = self.min_count if len(columns[0]) >= SMALL_SAMPLE else 1
        chosen = [self._choose(Counter(column.tolist()), min_count) for column in columns]
        sizes = np.array([len(categories) for categories in chosen], dtype=np.int64)
        self.load_arrays({**pack("categories", list(chain.from_iterable(chosen))), "sizes": sizes})

    def transform(self, columns: list[Column]) -> Any:
        """(n, sum of the columns' categories + 1) float32, dense where that is narrow, else CSR."""
        n, m = len(columns[0]), len(columns)
        cells = np.empty((n, m), dtype=np.int32)
        start = 0
        for j, (column, place) in enumerate(zip(columns, self._places, strict=True)):
            codes = map(place.get, column.tolist(), repeat(len(place)))
            cells[:, j] = start + np.fromiter(codes, dtype=np.int32, count=n)
            start += len(place) + 1
        if start > DENSE_WIDTH:
            return _csr(cells, start)
        rows = np.zeros((n, start), dtype=np.float32)
        rows[np.arange(n)[:, np.newaxis], cells] = 1.0 / np.sqrt(m)
        return rows

    def to_arrays(self) -> Arrays:
        """The categories of all columns as UTF-8 with their lengths; how many each column has."""
        return self._arrays

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave."""
        self._arrays = arrays
        categories, ends = unpack("categories", arrays), np.cumsum(arrays["sizes"])
        self._places: list[dict[str, int]] = [
            {category: place for place, category in enumerate(categories[end - size : end])}
            for size, end in zip(arrays["sizes"], ends, strict=True)
        ]
        return self

    def _choose(self, counts: Counter[str], min_count: int) -> list[str]:
        common = [category for category, count in counts.items() if count >= min_count]
        common.sort(key=lambda category: (-counts[category], category))
        return sorted(common[: self.max_categories])


def _csr(cells: NDArray[np.int32], width: int) -> Any:
    """CSR rows with an equal entry at each of the row's cells."""
    from scipy.sparse import csr_array  # not needed where rows are dense

    n, m = cells.shape
    data = np.full(n * m, 1.0 / np.sqrt(m), dtype=np.float32)
    return csr_array((data, cells.ravel(), np.arange(0, n * m + 1, m, dtype=np.int32)), shape=(n, width))
