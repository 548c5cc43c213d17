"""Entropy: uncertainty sampling by the whole distribution over classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from alcli.strategies import Candidates, Floats, Need, Strategy, class_major


@dataclass(frozen=True)
class Entropy(Strategy):
    """Asks for rows whose class probabilities are most spread out.

        score(x) = - sum_y p(y | x) ln p(y | x),    in nats

    Shannon (1948), A Mathematical Theory of Communication; for choosing rows, Dagan and Engelson (1995),
    Committee-Based Sampling for Training Probabilistic Classifiers.

    Example:
        >>> proba = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]], dtype=np.float32)
        >>> Entropy().score(Candidates(np.arange(3, dtype=np.uint64), proba=proba)).round(3)
        array([0.693, 0.562, 0.   ], dtype=float32)
    """

    needs: ClassVar[tuple[Need, ...]] = ("proba",)
    kind: ClassVar[Literal["score", "set"]] = "score"
    cost: ClassVar[str] = "O(nC)"

    def score(self, candidates: Candidates) -> Floats:
        """(n,) float32 in [0, ln C]; in float64, since entropy is flat where the rows wanted most lie."""
        tiny = np.finfo(np.float64).tiny
        score = np.empty(len(candidates), dtype=np.float32)
        for rows, proba in class_major(candidates.need("proba")):
            entropy = np.zeros(proba.shape[1])
            for term in proba * np.log(np.maximum(proba, tiny)):
                entropy -= term
            score[rows] = entropy
        return score
