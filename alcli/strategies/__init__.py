"""The contract of a query strategy. One module a strategy; arrays in, arrays out.

A strategy says what it `needs` and is handed only that. Its score means one thing everywhere:
higher = ask sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Need = Literal["proba", "votes", "features", "embedding", "labeled"]
NEEDS: tuple[Need, ...] = ("proba", "votes", "features", "embedding", "labeled")


@dataclass(frozen=True)
class Labeled:
    """The labeled rows: `features` (m, d), as candidates have them, and `y`, (m,) class numbers."""

    features: Any
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """n rows that may be asked, or a chunk of them; what a strategy did not ask for is None.

    Attributes:
        key: (n,) uint64, the row's only randomness; breaks ties, the lowest first.
        proba: (n, C) float32, the model's class probabilities.
        votes: (m, n, C) float32, the class probabilities of the m committee members.
        features: (n, d) float32 array or CSR matrix, rows as the feature steps made them.
        embedding: (n, e) float32 array or CSR matrix, what the model's last linear layer is given,
            without its constant 1.
        labeled: the labeled rows.
    """

    key: NDArray[np.uint64]
    proba: Floats | None = None
    votes: Floats | None = None
    features: Any | None = None
    embedding: Any | None = None
    labeled: Labeled | None = None

    def __len__(self) -> int:
        return len(self.key)

    def need(self, what: Need) -> Any:
        """One of the arrays above.

        Raises:
            ValueError: it was not handed over, since the strategy does not name it in `needs`.
        """
        array = getattr(self, what)
        if array is None:
            raise ValueError(f"the strategy reads {what!r} without naming it in `needs`")
        return array


@dataclass(frozen=True)
class Strategy:
    """Which candidates to ask people about.

    Attributes:
        needs: what it reads of the candidates, beside `key`.
        kind: `score` (a number a row, streamed) or `set` (chooses rows together).
        cost: time and memory in n rows, C classes, d features, m members, k = batch size.
    """

    needs: ClassVar[tuple[Need, ...]] = ()
    kind: ClassVar[Literal["score", "set"]] = "score"
    cost: ClassVar[str] = "O(n)"

    def score(self, candidates: Candidates) -> Floats:
        """(n,) float32, higher = ask sooner. Called a chunk at a time: a score depends on its row only."""
        raise NotImplementedError(f"{type(self).__name__} ranks by no number")

    def select(
        self,
        candidates: Candidates,
        batch_size: int,
        rng: np.random.Generator,  # noqa: ARG002 - for strategies that draw
    ) -> NDArray[np.int64]:
        """Positions of at most `batch_size` distinct rows, the most wanted first.

        The default takes the highest scores, ties by key. Rows come sorted by key.
        """
        return top(self.score(candidates), candidates.key, batch_size)


def top(score: Floats, key: NDArray[np.uint64], k: int) -> NDArray[np.int64]:
    """Positions of the k highest scores in falling order, ties by the lower key; never sorts all n rows."""
    k = min(k, len(score))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    if k < len(score):
        threshold = np.partition(score, len(score) - k)[len(score) - k]
        near = np.flatnonzero(score >= threshold)
    else:
        near = np.arange(len(score))
    order = np.lexsort((key[near], -score[near]))
    return near[order[:k]].astype(np.int64)


def class_major(proba: Floats, block: int = 8192) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Blocks of rows that stay in cache, as (C, block) float64: classes are added up whole rows at a time.

    Add classes with a loop over the first axis, never `sum(axis=0)`: numpy adds in another order where a
    block has one row, and a row's score must not depend on its block.
    """
    for start in range(0, len(proba), block):
        rows = slice(start, start + block)
        yield rows, proba[rows].T.astype(np.float64, order="C")


def squared_norms(rows: Any) -> NDArray[np.float64]:
    """(n,) squared Euclidean norms of dense or CSR rows, summed in float64 so that no chunking shows."""
    if not isinstance(rows, np.ndarray):
        return _squared_norms_of_csr(rows)
    norms = np.empty(len(rows), dtype=np.float64)
    block = max(1, 2**19 // max(1, rows.shape[1]))  # in float64, 4 MiB
    for start in range(0, len(rows), block):
        part = rows[start : start + block].astype(np.float64)
        norms[start : start + block] = np.einsum("ij,ij->i", part, part)
    return norms


def _squared_norms_of_csr(rows: Any) -> NDArray[np.float64]:
    squares = np.concatenate([rows.data.astype(np.float64) ** 2, [0.0]])
    sums = np.add.reduceat(squares, rows.indptr[:-1]) if rows.shape[0] else np.empty(0)
    return np.where(np.diff(rows.indptr) > 0, sums, 0.0)


def allocate(sizes: NDArray[np.int64], seats: int) -> NDArray[np.int64]:
    """(m,) seats for m strata of these sizes: one each, the rest in proportion, by largest remainders.

    With fewer seats than strata the largest get one. No stratum gets more than its size.

    >>> allocate(np.array([90, 9, 1]), 10).tolist()
    [8, 1, 1]
    """
    given = np.zeros(len(sizes), dtype=np.int64)
    seats = min(seats, int(sizes.sum()))
    given[np.argsort(-sizes, kind="stable")[:seats]] = 1
    while (left := seats - int(given.sum())) > 0:
        wanted = np.maximum(sizes / sizes.sum() * seats - given, 0) * (given < sizes)
        if not wanted.any():
            wanted = (sizes - given).astype(np.float64)
        exact = wanted / wanted.sum() * left
        more = np.minimum(np.floor(exact).astype(np.int64), sizes - given)
        if not more.any():
            more[np.argsort(-np.where(given < sizes, exact, -1.0), kind="stable")[:left]] = 1
        given += np.minimum(more, sizes - given)
    return given
