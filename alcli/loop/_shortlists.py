"""Shortlists: the candidates that stand highest, or random ones, with their features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.engine import Batch
from alcli.loop._ground import Ground
from alcli.project.pool import Rows
from alcli.project.scores import PREDICTION, Ranked, Scores, ScoreTables, Segments
from alcli.tables.hashing import Hashes, salted

_COPIES = 4
"""A shortlist's rows are held as they were read, in their order, and as features; some room is for work."""


Name = TypeVar("Name", str, None)
"""A value of the column that parts the pool; None is the whole pool."""


@dataclass(frozen=True)
class Order:
    """How candidates are ranked: by score, or at random by the keys of one purpose; ties by key.

    Attributes:
        scores: others than the round's, of the same rows.
    """

    by_score: bool
    purpose: tuple[str, ...] = ()
    scores: ScoreTables | None = None


AT_RANDOM = Order(by_score=False, purpose=("explore",))


@dataclass(frozen=True)
class Shortlist:
    """Candidates of distinct content with their features, by rank.

    Attributes:
        rows: the candidates.
        score: theirs.
        content: hashes of theirs.
        beyond: the highest score of a candidate that is not among them, where they are not all; minus
            infinity where they are, or where memory holds no more.
        complete: whether there is no further candidate.
        capped: whether memory holds no more.
        n_copies: where there is none beyond: rows that are copies of these or of rows asked before.
    """

    rows: Rows
    score: NDArray[np.float32]
    content: Hashes
    beyond: float
    complete: bool
    capped: bool
    n_copies: int

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: NDArray[Any]) -> Shortlist:
        """Some of them."""
        return replace(
            self,
            rows=self.rows.take(positions),
            score=self.score[positions],
            content=self.content[positions],
        )


class Shortlists:
    """Reads shortlists of one round; rows that were asked, and copies of them, are no candidates.

    Args:
        closed: ids of rows that were asked.
        batch: is told of their features, to keep away from them.
    """

    def __init__(self, ground: Ground, scores: ScoreTables, closed: Collection[str], batch: Batch) -> None:
        self._config = ground.config
        self._round = ground.round
        self._pool = ground.pool
        self._space = ground.trained.space
        self._unknown = pa.array(sorted(closed), pa.string())
        self._scores = Scores(scores, self._unknown)
        self._batch = batch
        self._segments = self._parted_by()
        self.n_candidates = self._scores.n_candidates
        room = ground.config.query.max_gib * 2**30
        self.most = max(1, int(room / (_COPIES * max(1, ground.row["bytes"]))))

    def look(self, widths: Mapping[Name, int], order: Order) -> dict[Name, Shortlist]:
        """Of each segment as many candidates as asked for, those that stand highest.

        All of them in one pass, and together no more than memory holds.

        Args:
            widths: how many, by segment; or by None alone, of the whole pool.
        """
        most = max(1, self.most // max(1, len(widths)))
        scores = self._scores if order.scores is None else self._scores.over(order.scores)
        sizes, keys = [min(width, most) for width in widths.values()], self._keys(order)
        if self._segments is None or None in widths:
            ranked = [scores.top(sizes[0], keys, by_score=order.by_score)]
        else:
            named = dict(zip(map(str, widths), sizes, strict=True))
            found = scores.top_of(self._segments, named, keys, by_score=order.by_score)
            ranked = list(found.values())
        return dict(zip(widths, self._read(ranked, most), strict=True))

    def segment_sizes(self) -> Counter[str]:
        """How many candidates each segment has; empty where nothing parts them."""
        return self._scores.sizes(self._segments) if self._segments is not None else Counter()

    def segment_names(self, wanted: Collection[str]) -> set[str]:
        """The segments that there are: of many, at least those of the wanted ones."""
        return self._scores.names(self._segments, wanted) if self._segments is not None else set()

    def close(self, content: Hashes) -> None:
        """Rows of these contents are no candidates from now on."""
        self._scores.close(content)

    def units(self, rows: Rows) -> Any | None:
        """The rows' features at length 1, whose products are likeness; None where it is not looked at."""
        if self._config.query.max_similarity is None:
            return None
        return self._space.similar(rows.features)

    def _parted_by(self) -> Segments | None:
        query = self._config.query
        if query.class_balance:
            return Segments(PREDICTION, None)
        return Segments(next(iter(query.quotas)), self._pool) if query.quotas else None

    def _keys(self, order: Order) -> Any:
        def key_of(hashes: Hashes) -> Hashes:
            keys = salted(hashes, self._config.random_state, self._round)
            return salted(keys, *order.purpose) if order.purpose else keys

        return key_of

    def _read(self, rankings: Sequence[Ranked], most: int) -> list[Shortlist]:
        """Ranked rows with their features, in one pass over the pool.

        The first pass finds those of closed rows too, which the batch must know.
        """
        ids = pa.concat_arrays([ranked.ids for ranked in rankings])
        rows = self._pool.take(pa.concat_arrays([ids, self._unknown]).unique(), self._config.features)
        if len(self._unknown):
            found = pc.index_in(self._unknown, value_set=rows.ids).drop_null().to_numpy()
            known = rows.take(np.sort(found))
            self._batch.know(known.content(), self.units(known))
            self._unknown = self._unknown[:0]
        return [_shortlist(ranked, rows, most) for ranked in rankings]


def _shortlist(ranked: Ranked, rows: Rows, most: int) -> Shortlist:
    positions = pc.index_in(ranked.ids, value_set=rows.ids).to_numpy()
    capped = len(ranked) >= most and not ranked.complete
    return Shortlist(
        rows.take(positions),
        ranked.score,
        ranked.content,
        -np.inf if capped else ranked.beyond,
        ranked.complete,
        capped,
        ranked.n_copies,
    )
