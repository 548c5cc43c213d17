"""Query by committee: several models vote, and disagree most where labels would teach most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from alcli.strategies import Candidates, Floats, Need, Strategy

BLOCK = 2048
"""Rows scored together: the votes of a small committee on them stay in cache."""


@dataclass(frozen=True)
class QueryByCommittee(Strategy):
    """Asks for rows about which the members of a committee disagree most.

    With p_m the probabilities of member m of M, p their mean, and V(y) the number of members whose most
    likely class is y (of equal ones, the first):

        vote_entropy      - sum_y V(y)/M ln V(y)/M
        consensus_kl      1/M sum_m KL(p_m || p)
        max_disagreement  max_m KL(p_m || p)

    Seung, Opper and Sompolinsky (1992), Query by Committee; vote entropy: Dagan and Engelson (1995),
    Committee-Based Sampling for Training Probabilistic Classifiers; the divergence to the mean: McCallum and
    Nigam (1998), Employing EM and Pool-Based Active Learning for Text Classification; its maximum is modAL's.

    Attributes:
        disagreement: how disagreement is measured: vote_entropy, consensus_kl or max_disagreement.

    Example:
        >>> votes = np.array([[[1, 0], [0.75, 0.25]], [[0, 1], [0.75, 0.25]]], dtype=np.float32)
        >>> QueryByCommittee().score(Candidates(np.arange(2, dtype=np.uint64), votes=votes)).round(3)
        array([0.693, 0.   ], dtype=float32)
    """

    needs: ClassVar[tuple[Need, ...]] = ("votes",)
    kind: ClassVar[Literal["score", "set"]] = "score"
    cost: ClassVar[str] = "O(nmC)"

    disagreement: Literal["vote_entropy", "consensus_kl", "max_disagreement"] = "vote_entropy"

    def __post_init__(self) -> None:
        if self.disagreement not in MEASURES:
            choices = ", ".join(MEASURES)
            raise ValueError(f"disagreement must be one of {choices}; found {self.disagreement!r}")

    def score(self, candidates: Candidates) -> Floats:
        """(n,) float32, 0 where all members agree, in nats."""
        votes, measure = candidates.need("votes"), MEASURES[self.disagreement]
        score = np.empty(len(candidates), dtype=np.float32)
        for start in range(0, len(score), BLOCK):
            rows = slice(start, start + BLOCK)
            score[rows] = measure(votes[:, rows])
        return score


def vote_entropy(votes: Floats) -> NDArray[np.float64]:
    """(n,) entropy of the members' hard votes; rows whose votes are split alike have exactly equal scores."""
    m, n, n_classes = votes.shape
    cells = votes.argmax(axis=2) + n_classes * np.arange(n)
    counts = np.bincount(cells.ravel(), minlength=n * n_classes).reshape(n, n_classes)
    share = np.arange(m + 1) / m
    terms = -share * np.log(np.maximum(share, 1 / m))
    terms = np.rint(terms * 2.0**40) * 2.0**-40  # sums of these are exact, in whatever order the classes come
    total: NDArray[np.float64] = terms[counts].sum(axis=1)
    return total


def consensus_kl(votes: Floats) -> NDArray[np.float64]:
    """(n,) mean over the members of the divergence from their mean."""
    divergence = divergence_from_mean(votes)
    total = np.zeros(divergence.shape[1])
    for member in divergence:
        total += member
    return total / len(divergence)


def max_disagreement(votes: Floats) -> NDArray[np.float64]:
    """(n,) divergence from their mean of the member that is farthest from it."""
    farthest: NDArray[np.float64] = divergence_from_mean(votes).max(axis=0)
    return farthest


def divergence_from_mean(votes: Floats) -> NDArray[np.float64]:
    """(m, n) KL(p_m || p) of each member's probabilities from their mean p, never below 0.

    Taken member by member, not as a difference of entropies: it is exactly 0 where all members agree.
    """
    m, n, _ = votes.shape
    members = votes.transpose(2, 0, 1).astype(np.float64, order="C")
    divergence = np.zeros((m, n))
    for proba in members:
        mean = np.zeros(n)
        for member in proba:
            mean += member
        mean /= m
        divergence += proba * (_log(proba) - _log(mean))
    return np.maximum(divergence, 0.0, out=divergence)


def _log(proba: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm, finite at 0, where it is multiplied by 0."""
    return np.log(np.maximum(proba, np.finfo(np.float64).tiny))


MEASURES: dict[str, Callable[[Floats], NDArray[np.float64]]] = {
    "vote_entropy": vote_entropy,
    "consensus_kl": consensus_kl,
    "max_disagreement": max_disagreement,
}
