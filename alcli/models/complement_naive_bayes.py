"""Complement naive Bayes: counts words, fits in a blink, errs differently from a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from alcli.models import Arrays, Model
from alcli.models._linear import LinearSoftmax


@dataclass
class ComplementNaiveBayes(Model):
    """Naive Bayes on how often each feature occurs outside a class; for text and other non-negative features.

    With N_yj the sum of feature j over the rows that are not of class y, a the smoothing and d features,

        log p(y | x) = - sum_j x_j ln((N_yj + a) / sum_i (N_yi + a)) + constant

    Rennie, Shih, Teevan and Karger (2003), Tackling the Poor Assumptions of Naive Bayes Text Classifiers.

    Attributes:
        alpha: smoothing, added to every sum.

    Example:
        >>> rows = np.array([[2.0, 0.0], [0.0, 2.0]], dtype=np.float32)
        >>> model = ComplementNaiveBayes(alpha=1.0)
        >>> model.fit(rows, np.array([0, 1]), 2, np.random.default_rng(0))
        >>> model.predict_proba(rows[:1])
        array([[0.9, 0.1]], dtype=float32)
    """

    linear: ClassVar[bool] = False

    alpha: float = 0.1

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise ValueError(f"alpha must be above 0; found {self.alpha!r}")

    def fit(self, rows: Any, y: NDArray[np.int64], n_classes: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Count; there is no chance in it, so `rng` is not used.

        Raises:
            ValueError: a feature is negative.
        """
        if rows.min() < 0:
            raise ValueError(
                "complement_naive_bayes needs features that are never negative, such as text or categories; "
                "numeric columns and embeddings have negative ones: use logistic_regression or random_forest"
            )
        classes = np.unique(y)
        if len(classes) == 1:
            self._layer = LinearSoftmax.constant(int(classes[0]), rows.shape[1], n_classes)
            return
        sums = np.stack([_column_sums(rows[y == label]) for label in classes])
        outside = sums.sum(axis=0) - sums + self.alpha
        weights = -np.log(outside / outside.sum(axis=1, keepdims=True))
        self._layer = LinearSoftmax(weights, np.zeros(len(classes)), classes, n_classes)

    def predict_proba(self, rows: Any) -> NDArray[np.float32]:
        """(n, C) float32 class probabilities, 0 for a class that was not seen."""
        return self._layer.predict_proba(rows)

    def to_arrays(self) -> Arrays:
        """The linear layer: weights, bias, classes, n_classes."""
        return self._layer.to_arrays()

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave."""
        self._layer = LinearSoftmax.from_arrays(arrays)
        return self


def _column_sums(rows: Any) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.asarray(rows.sum(axis=0, dtype=np.float64)).ravel()
    return sums
