"""Margin: uncertainty sampling by the two best classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from alcli.strategies import Candidates, Floats, Need, Strategy, class_major


@dataclass(frozen=True)
class Margin(Strategy):
    """Asks for rows whose two most likely classes are closest.

        score(x) = 1 - (p(y1 | x) - p(y2 | x)),    y1, y2 the two most likely classes

    Scheffer, Decomain and Wrobel (2001), Active Hidden Markov Models for Information Extraction.

    Example:
        >>> proba = np.array([[0.5, 0.5, 0.0], [0.75, 0.25, 0.0]], dtype=np.float32)
        >>> Margin().score(Candidates(np.arange(2, dtype=np.uint64), proba=proba))
        array([1. , 0.5], dtype=float32)
    """

    needs: ClassVar[tuple[Need, ...]] = ("proba",)
    kind: ClassVar[Literal["score", "set"]] = "score"
    cost: ClassVar[str] = "O(nC)"

    def score(self, candidates: Candidates) -> Floats:
        """(n,) float32 in [0, 1]."""
        score = np.empty(len(candidates), dtype=np.float32)
        for rows, proba in class_major(candidates.need("proba")):
            first, second = proba[0].copy(), np.zeros_like(proba[0])
            for column in proba[1:]:
                np.maximum(second, np.minimum(first, column), out=second)
                np.maximum(first, column, out=first)
            score[rows] = 1.0 - (first - second)
        return score
