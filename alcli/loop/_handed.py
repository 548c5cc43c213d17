"""What a strategy is handed of some rows: what it needs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from alcli.engine import stacked
from alcli.loop._ground import Ground
from alcli.project.pool import Rows, RowSource
from alcli.strategies import Candidates, Labeled, Strategy
from alcli.tables.hashing import Hashes, salted


class Handing:
    """Makes `Candidates` of pool rows for one strategy in one round.

    Args:
        ground: the round's model and pool.
        strategy: says what it needs.
        labels: the label of each training row; None: nobody looks at them.
        asked: ids of rows that people have, and have not answered.
    """

    def __init__(
        self,
        ground: Ground,
        strategy: Strategy,
        labels: Mapping[str, str] | None,
        asked: Iterable[str] = (),
    ) -> None:
        self.trained = ground.trained
        self.needs = frozenset(strategy.needs)
        self._config = ground.config
        self._round = ground.round
        self._labeled: Labeled | None = None
        if "labeled" in self.needs and labels is not None:
            self._labeled = self._read_labeled(ground.pool, labels, frozenset(asked))

    def __len__(self) -> int:
        """Labeled rows that the strategy looks at, and rows with people."""
        return self._labeled.covered.shape[0] if self._labeled is not None else 0

    def keys(self, hashes: Hashes) -> Hashes:
        """(n,) the keys of id hashes in this round."""
        return salted(hashes, self._config.random_state, self._round)

    def candidates(
        self, rows: Rows, evidence: Mapping[str, Any] | None = None, beyond: float = -np.inf
    ) -> Candidates:
        """Some rows as the strategy reads them.

        Args:
            rows: with their features.
            evidence: of the model about them, where it is known already.
            beyond: the highest score of a row that is not among them.
        """
        if evidence is None:
            evidence = self.trained.evidence(rows.features, self.needs)
        wanted = {*self.needs, *(["head"] if "embedding" in self.needs else [])} - {"labeled"}
        given = {name: evidence[name] for name in wanted}
        return Candidates(self.keys(rows.id_hash), labeled=self._labeled, beyond=beyond, **given)

    def ask(self, rows: Rows) -> None:
        """Count rows as asked: a strategy that covers the pool need not cover their neighbourhood again."""
        if self._labeled is not None:
            features = self.trained.evidence(rows.features, ("features",))["features"]
            before = self._labeled.asked
            both = features if before is None else stacked([before, features])
            self._labeled = replace(self._labeled, asked=both)

    def _read_labeled(self, pool: RowSource, labels: Mapping[str, str], asked: frozenset[str]) -> Labeled:
        number = {name: n for n, name in enumerate(self.trained.classes)}
        label_of = {id_: label for id_, label in labels.items() if label in number}
        asked |= labels.keys() - label_of.keys()  # of a class that the model does not know yet
        rows = pool.take({*label_of, *asked}, self._config.features)
        ids = rows.ids.to_pylist()
        known = np.array([id_ in label_of for id_ in ids], dtype=np.bool_)
        y = np.array([number[label_of[id_]] for id_ in ids if id_ in label_of], dtype=np.int64)
        evidence = self.trained.evidence(rows.take(known).features, {*self.needs, "features"})
        waiting = None
        if not known.all():
            waiting = self.trained.evidence(rows.take(~known).features, ("features",))["features"]
        more = {name: evidence.get(name) for name in ("proba", "embedding") if name in self.needs}
        return Labeled(evidence["features"], y, asked=waiting, **more)
