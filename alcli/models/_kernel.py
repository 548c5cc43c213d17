"""A radial kernel expansion: what kernel models come down to; predicts without scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from alcli.models import Arrays

BLOCK = 128
"""Rows predicted together: few, so that a small pool costs little, and always as many, so that bits agree."""


@dataclass(frozen=True)
class RadialKernel:
    """How near rows are to kept ones: exp(-gamma |x - v|^2) for each kept row v.

    Attributes:
        support: (m, d) the kept rows v, float32 array or CSR.
        gamma: above 0; larger reaches less far.
    """

    support: Any
    gamma: float

    def blocks(self, rows: Any) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Blocks of rows with their (m, BLOCK) kernel values, in one array for all; columns past the slice
        are no rows.

        Raises:
            ValueError: rows of another width than the kept ones.
        """
        if rows.shape[1] != self.support.shape[1]:
            raise ValueError(
                f"the model was fitted on {self.support.shape[1]} features, found {rows.shape[1]}"
            )
        padded, near = (
            np.zeros((BLOCK, rows.shape[1] * (not self._sparse))),
            np.zeros((len(self._squares), BLOCK)),
        )
        for start in range(0, rows.shape[0], BLOCK):
            part = rows[start : start + BLOCK]
            if self._sparse:
                self._from_sparse(part, near)
            else:
                self._from_dense(part, padded, near)
            np.maximum(near, 0.0, out=near)
            near *= -self.gamma
            yield slice(start, start + part.shape[0]), np.exp(near, out=near)

    def to_arrays(self) -> Arrays:
        """gamma, and support: the array, or what CSR is made of."""
        gamma = np.array(self.gamma, dtype=np.float64)
        if not self._sparse:
            return {"gamma": gamma, "support": self.support}
        return {
            "gamma": gamma,
            "support_shape": np.array(self.support.shape, dtype=np.int64),
            **{f"support_{part}": getattr(self.support, part) for part in ("data", "indices", "indptr")},
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave.

        Raises:
            ValueError: the parts are no CSR matrix.
        """
        if "support" in arrays:
            return cls(arrays["support"], float(arrays["gamma"]))
        parts = tuple(arrays[f"support_{part}"] for part in ("data", "indices", "indptr"))
        support = csr_array(parts, shape=tuple(arrays["support_shape"].tolist()))
        support.check_format(full_check=True)  # scipy's products trust the indices
        return cls(support, float(arrays["gamma"]))

    @property
    def _sparse(self) -> bool:
        return not isinstance(self.support, np.ndarray)

    @cached_property
    def _center(self) -> NDArray[np.float64]:
        """Where dense rows are measured from: far from it |x|^2 - 2 x v + |v|^2 would lose its digits."""
        center: NDArray[np.float64] = self.support.mean(axis=0, dtype=np.float64)
        return center

    @cached_property
    def _kept(self) -> Any:
        """(m, d) centered array, or (d, m) CSR; float64."""
        if self._sparse:
            return csr_array(self.support.T, dtype=np.float64)
        return self.support - self._center

    @cached_property
    def _squares(self) -> NDArray[np.float64]:
        """(m, 1) |v|^2."""
        kept = self._kept
        squares = kept.multiply(kept).sum(axis=0) if self._sparse else np.einsum("ij,ij->i", kept, kept)
        return np.asarray(squares, dtype=np.float64)[:, np.newaxis]

    def _from_dense(self, part: Any, padded: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        """Squared distances. The whole block is multiplied, since BLAS adds by the block's shape."""
        values = part if isinstance(part, np.ndarray) else part.toarray()
        np.subtract(values, self._center, out=padded[: len(values)])
        np.matmul(self._kept, padded.T, out=out)
        out *= -2.0
        out += self._squares
        out += np.einsum("ij,ij->i", padded, padded)

    def _from_sparse(self, part: Any, out: NDArray[np.float64]) -> None:
        """Squared distances. scipy adds row by row, whatever the block."""
        rows = csr_array(part, dtype=np.float64)
        ours = out[:, : rows.shape[0]]
        ours[:] = (rows @ self._kept).toarray().T
        ours *= -2.0
        ours += self._squares
        ours += rows.multiply(rows).sum(axis=1)
