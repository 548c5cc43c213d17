"""Rows as the models and strategies read them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class FeatureSpace:
    """The features of rows, from one `Feature` a kind.

    Args:
        parts: by kind, in the order of the matrix's columns.
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)

    @classmethod
    def of(cls, stored: Any, registry: Any) -> Self:
        """The features that a model folder holds, built by the registry of features."""
        known = registry.names()  # predictions are no features: nothing is learned of them
        parts = {kind: registry.build(kind) for kind in stored.kinds if kind in known}
        return cls(parts).load_arrays(stored.features)

    def fit(self, columns: Mapping[str, list[Any]]) -> Self:
        """Learn every kind from a sample's raw columns, by kind."""
        for kind, part in self.parts.items():
            part.fit(_plain(columns[kind]))
        return self

    def transform(self, columns: Mapping[str, list[Any]]) -> Any:
        """(n, d) float32 array, or CSR matrix where a kind is sparse."""
        return _beside([part.transform(_plain(columns[kind])) for kind, part in self.parts.items()])

    def similar(self, columns: Mapping[str, list[Any]]) -> Any | None:
        """(n, s) rows of length 1 whose products are cosines of likeness; None where no kind has such."""
        blocks = [part.transform(_plain(columns[kind])) for kind, part in self.parts.items() if part.similar]
        return _unit(_beside(blocks)) if blocks else None

    def alike(self, columns: Mapping[str, list[Any]]) -> Any:
        """(n, s) as `similar`; where no kind has such, all features at length 1."""
        units = self.similar(columns)
        return _unit(self.transform(columns)) if units is None else units

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """What all kinds learned, as `kind/name` arrays."""
        return {
            f"{kind}/{name}": array
            for kind, part in self.parts.items()
            for name, array in part.to_arrays().items()
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take back what `to_arrays` gave."""
        for kind, part in self.parts.items():
            prefix = f"{kind}/"
            part.load_arrays(
                {
                    name.removeprefix(prefix): array
                    for name, array in arrays.items()
                    if name.startswith(prefix)
                }
            )
        return self


class Views:
    """Some rows as features, and as models read them; each is made when it is first asked for.

    Args:
        space: of the features.
        columns: the rows' raw columns by kind.
    """

    def __init__(self, space: FeatureSpace, columns: Mapping[str, list[Any]]) -> None:
        self.space = space
        self._columns = columns
        self._raw: dict[tuple[str, ...], Any] = {}

    @cached_property
    def features(self) -> Any:
        """(n, d) float32 array, or CSR matrix where a kind is sparse."""
        return self.space.transform(self._columns)

    def read_by(self, model: Any) -> Any:
        """(n, d) the features, or the columns of the kinds that the model names, as the pool has them."""
        if model.reads is None:
            return self.features
        if model.reads not in self._raw:
            kinds = [kind for kind in model.reads if kind in self._columns]
            self._raw[model.reads] = _beside([column for kind in kinds for column in self._columns[kind]])
        return self._raw[model.reads]


class Part(Views):
    """Some of the rows of others, by position or mask: what is worked out for those serves these."""

    def __init__(self, whole: Views, rows: NDArray[Any]) -> None:
        self._whole = whole
        self._rows = rows

    @cached_property
    def features(self) -> Any:
        """(n, d) as those of the others."""
        return self._whole.features[self._rows]

    def read_by(self, model: Any) -> Any:
        """(n, d) as those of the others."""
        return self._whole.read_by(model)[self._rows]


def _plain(columns: list[Any]) -> list[Any]:
    """Arrow strings as arrays of str; numbers as they are."""
    return [c if isinstance(c, np.ndarray) else c.to_numpy(zero_copy_only=False) for c in columns]


def stacked(blocks: list[Any]) -> Any:
    """Blocks of rows one below the other, dense or CSR."""
    if all(isinstance(block, np.ndarray) for block in blocks):
        return np.concatenate(blocks)
    from scipy import sparse

    return sparse.vstack(blocks, format="csr", dtype=np.float32)


def size_of_a_row(rows: Any) -> dict[str, int]:
    """The numbers that a row of features has, of CSR those that are not 0, on average; and its bytes."""
    if isinstance(rows, np.ndarray):
        return {"numbers": int(rows.shape[1]), "bytes": 4 * int(rows.shape[1])}
    numbers = -(-int(rows.nnz) // max(1, int(rows.shape[0])))
    return {"numbers": numbers, "bytes": 8 * (numbers + 1)}


def _beside(blocks: list[Any]) -> Any:
    if len(blocks) == 1:
        return blocks[0]
    if all(isinstance(block, np.ndarray) for block in blocks):
        return np.hstack(blocks)
    from scipy import sparse

    return sparse.hstack(blocks, format="csr", dtype=np.float32)


def _unit(rows: Any) -> Any:
    if isinstance(rows, np.ndarray):
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        return (rows / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
    from scipy import sparse

    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1), dtype=np.float64)).ravel()
    return sparse.csr_matrix(sparse.diags(1 / np.where(norms > 0, norms, 1)) @ rows, dtype=np.float32)
