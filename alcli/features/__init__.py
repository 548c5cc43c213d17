"""The contract of a feature kind. One module a kind: raw columns of the pool in, float32 features out.

`features: {text: [title, body], numeric: [age]}` in the config builds one `Feature` a kind, fitted
once on a sample of the pool and stored as plain arrays (see `alcli.models` for why).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Column = Any
"""A pool column as its kind reads it: text and categorical (n,) arrays of str objects, numeric (n,)
float32 with NaN for missing, embedding (n, e) float32."""


@dataclass
class Feature(ABC):
    """Features from one kind of columns.

    Attributes:
        similar: whether cosine similarity of these features means likeness of content (text, embeddings),
            so that `query.max_similarity` looks at them.
    """

    similar: ClassVar[bool] = False

    @abstractmethod
    def fit(self, columns: list[Column]) -> None:
        """Learn vocabulary, scale or categories from a sample of the pool."""

    @abstractmethod
    def transform(self, columns: list[Column]) -> Any:
        """(n, d) float32 array or CSR matrix; a row's features depend on that row only."""

    @abstractmethod
    def to_arrays(self) -> Arrays:
        """What was learned, as named arrays without objects."""

    @abstractmethod
    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave; returns itself."""


def pack(name: str, strings: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Strings as two plain arrays: all their UTF-8 bytes, and the length of each in bytes."""
    encoded = [string.encode("utf-8", "surrogatepass") for string in strings]
    return {
        f"{name}_utf8": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}_lengths": np.array([len(string) for string in encoded], dtype=np.int32),
    }


def unpack(name: str, arrays: Arrays) -> list[str]:
    """Take back what `pack` gave."""
    utf8 = arrays[f"{name}_utf8"].tobytes()
    lengths = arrays[f"{name}_lengths"].astype(np.int64)
    return [
        utf8[end - length : end].decode("utf-8", "surrogatepass")
        for length, end in zip(lengths.tolist(), np.cumsum(lengths).tolist(), strict=True)
    ]
