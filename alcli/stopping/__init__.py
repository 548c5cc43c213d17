"""The contract of a stopping criterion. One module a criterion; the project's history in, a verdict out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Past:
    """One trained round: how many training labels it had, how many rows could still be asked, and its
    metrics on the validation set, each as (value, low, high).
    """

    round: int
    n_labels: int
    n_candidates: int
    metrics: Mapping[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Verdict:
    """Whether to stop asking for labels, and why in words."""

    stop: bool
    reason: str


@dataclass(frozen=True)
class Criterion(ABC):
    """When to stop."""

    @abstractmethod
    def judge(self, history: Sequence[Past]) -> Verdict:
        """The verdict after the newest round; `history` has the trained rounds, oldest first."""
