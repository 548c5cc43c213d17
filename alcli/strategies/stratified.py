"""Stratified random sampling, the default seed set."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from alcli.strategies import Candidates, Need, Strategy, allocate


@dataclass(frozen=True)
class Stratified(Strategy):
    """Asks for rows at random from every stratum, in proportion to its size.

    Strata are k-means clusters of the features (of their first 50 singular directions where they are
    sparse). Every stratum gets a row before any gets its share of
    the rest, by largest remainders; within a stratum the rows with the lowest keys are taken.

    Source: Cochran (1977), Sampling Techniques, chapter 5; clusters as strata for a first batch: Nguyen &
    Smeulders (2004), Active learning using pre-clustering.

    Args:
        clusters: number of k-means clusters; None: a quarter of the batch, at most 50.

    >>> rows = np.array([[0.0], [0.1], [0.2], [0.3], [9.0], [9.1]], dtype=np.float32)
    >>> candidates = Candidates(key=np.arange(6, dtype=np.uint64), features=rows)
    >>> Stratified(clusters=2).select(candidates, 3, np.random.default_rng(0)).tolist()
    [0, 1, 4]
    """

    clusters: int | None = None

    needs: ClassVar[tuple[Need, ...]] = ("features",)
    kind: ClassVar[Literal["score", "set"]] = "set"
    cost: ClassVar[str] = "O(n d c) time, O(n d) memory, c clusters; on a sample"

    def __post_init__(self) -> None:
        if self.clusters is not None and self.clusters < 1:
            raise ValueError("clusters must be at least 1")

    def select(self, candidates: Candidates, batch_size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Positions of the chosen rows, by rising key."""
        n = len(candidates)
        if n <= batch_size:
            return np.arange(n, dtype=np.int64)
        count = self.clusters or int(np.clip(batch_size // 4, 1, 50))
        clusters = _clusters(candidates.need("features"), min(count, n), rng)
        _, strata, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
        seats = allocate(sizes, batch_size)
        order = np.lexsort((candidates.key, strata))
        rank_within = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        chosen = order[rank_within < seats[strata[order]]]
        return chosen[np.argsort(candidates.key[chosen])].astype(np.int64)


def _clusters(features: Any, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) cluster numbers; one thread, so that sums come in one order."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from threadpoolctl import threadpool_limits

    seed = int(rng.integers(2**31))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct rows than clusters: fewer clusters
        if not isinstance(features, np.ndarray):
            width = min(50, *(side - 1 for side in features.shape))
            if width < 1:
                return np.zeros(features.shape[0], dtype=np.int64)
            features = TruncatedSVD(width, n_iter=3, random_state=seed).fit_transform(features)
            norms = np.linalg.norm(features, axis=1, keepdims=True)
            features = features / np.where(norms > 0, norms, 1)
        means = KMeans(count, n_init=1, max_iter=50, random_state=seed)
        return np.asarray(means.fit_predict(features), dtype=np.int64)
