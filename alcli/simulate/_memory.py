"""A pool and its features held in memory: many rounds are replayed over the same rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alcli.config import Features
from alcli.engine import FeatureSpace
from alcli.project.pool import Rows

PLACE = "place"
"""A kind of column beside the features: where a row lies in the pool."""


@dataclass(frozen=True)
class HeldPool:
    """Pool rows in memory; a `RowSource`.

    Attributes:
        held: the rows, sorted by id, each with its place.
    """

    held: Rows

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """From rows with their features and all columns that anything may ask to be shown."""
        rows = rows.take(pc.sort_indices(rows.ids).to_numpy().astype(np.int64))
        placed = {**rows.features, PLACE: [np.arange(len(rows))]}
        return cls(Rows(rows.ids, rows.id_hash, placed, rows.shown, (), rows.content()))

    def __len__(self) -> int:
        return len(self.held)

    @property
    def ids(self) -> pa.Array:
        """(n,) Arrow strings, sorted."""
        return self.held.ids

    def rows(
        self,
        features: Features | None = None,  # noqa: ARG002 - all are there
        shown: Sequence[str] = (),  # noqa: ARG002
        *,
        unique: bool = False,  # noqa: ARG002 - they were when they were read
    ) -> Iterator[Rows]:
        """All rows at once."""
        yield self.held

    def take(
        self,
        ids: Collection[str] | pa.Array,
        features: Features | None = None,  # noqa: ARG002
        shown: Sequence[str] = (),  # noqa: ARG002
    ) -> Rows:
        """The rows of some distinct ids, sorted by id; ids that the pool does not have are left out."""
        wanted = ids if isinstance(ids, pa.Array) else pa.array(list(ids), pa.string())
        places = pc.index_in(wanted, value_set=self.held.ids).drop_null().to_numpy()
        return self.held.take(np.sort(places.astype(np.int64)))

    def lean(self, kinds: Collection[str]) -> HeldPool:
        """The same rows with the raw columns of some kinds: features worked out need no others."""
        kept = {kind: cells for kind, cells in self.held.features.items() if kind in {*kinds, PLACE}}
        return HeldPool(replace(self.held, features=kept))

    def only(self, ids: pa.Array) -> HeldPool:
        """A pool of some of the rows."""
        return HeldPool.of(self.take(ids))


class HeldSpace(FeatureSpace):
    """Features that were worked out once for all rows of a held pool."""

    def __init__(self, space: FeatureSpace, pool: HeldPool) -> None:
        super().__init__(space.parts)
        (rows,) = pool.rows()
        self._features = space.transform(rows.features)
        self._units = space.similar(rows.features)

    def transform(self, columns: Mapping[str, list[Any]]) -> Any:
        """(n, d) the features of rows of the pool."""
        return self._features[columns[PLACE][0]]

    def similar(self, columns: Mapping[str, list[Any]]) -> Any | None:
        """(n, s) rows of length 1 whose products are cosines of likeness; None where no kind has such."""
        return None if self._units is None else self._units[columns[PLACE][0]]
