"""The contract of a stopping criterion. One module a criterion; the project's history in, a verdict out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class StopSet:
    """What a round's model says of the stop set: pool rows drawn at random at the first training, then fixed.

    All figures are of its rows that have no label: a model knows by heart what it has learned from.

    Attributes:
        n_rows: of it that the pool still has.
        n_unlabeled: rows of these that have no label.
        kappa: Cohen's kappa of the predicted classes with those of the round before; 0 where both predicted
            one and the same class only. None: there is no round before that has a stop set, or no row.
        changed: share of the rows whose predicted class is another one than then.
        mean_entropy: the mean entropy of a row's class probabilities, divided by that of equal ones: from 0
            (certain) to 1. None: there is no row.
        max_entropy: the highest of these.
    """

    n_rows: int
    n_unlabeled: int
    kappa: float | None
    changed: float | None
    mean_entropy: float | None
    max_entropy: float | None


@dataclass(frozen=True)
class Past:
    """One trained round.

    Attributes:
        round: its number.
        n_labels: training labels.
        n_candidates: rows that could still be asked.
        metrics: on the validation set, each as (value, low, high).
        spent: what all labels so far have cost; None: that is not known.
        stop_set: None where an older alcli trained the round.
        cost_per_label: what a label costs; None: that is not known.
        value_per_point: what a point of the metric, a hundredth, is worth in the same unit; None: not known.
    """

    round: int
    n_labels: int
    n_candidates: int
    metrics: Mapping[str, tuple[float, float, float]]
    spent: float | None = None
    stop_set: StopSet | None = None
    cost_per_label: float | None = None
    value_per_point: float | None = None


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
