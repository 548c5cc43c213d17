"""Logistic regression: the default, quick, hard to beat on text and embeddings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from alcli.models import Arrays, Model
from alcli.models._linear import LinearSoftmax
from alcli.models._threads import one_thread

SPARSE, DENSE = 300.0, 30.0
"""C for rows of texts, and for numbers and embeddings."""


@dataclass
class LogisticRegression(Model):
    """A linear softmax classifier with a ridge penalty, fitted by scikit-learn (newton-cg).

    Two classes have one weight vector w in scikit-learn; it is kept as the rows 0 and w of a softmax, which
    gives the same probabilities.

    Attributes:
        C: inverse strength of the penalty; larger trusts the labels more. null: 300 for sparse rows (texts),
            30 for dense ones. Both suit features whose rows have a mean squared norm of about 1, as
            alcli's have (docs/decisions/0010).
        class_weight: null, or balanced: rare classes weigh as much as common ones, at the price of
            probabilities that no longer match frequencies.
        max_iter: Newton steps at most.

    Example:
        >>> rows = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32)
        >>> model = LogisticRegression(C=1.0)
        >>> model.fit(rows, np.array([0, 0, 1, 1]), 2, np.random.default_rng(0))
        >>> model.predict_proba(rows[:1]).round(2)
        array([[0.81, 0.19]], dtype=float32)
    """

    C: float | None = None
    class_weight: Literal["balanced"] | None = None
    max_iter: int = 1000

    def __post_init__(self) -> None:
        if self.C is not None and not self.C > 0:
            raise ValueError(f"C must be above 0; found {self.C!r}")
        if self.class_weight not in (None, "balanced"):
            raise ValueError(f"class_weight must be null or balanced; found {self.class_weight!r}")
        if self.max_iter < 1:
            raise ValueError(f"max_iter must be at least 1; found {self.max_iter!r}")

    def fit(self, rows: Any, y: NDArray[np.int64], n_classes: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Fit the seen classes; the optimum is unique, so `rng` is not used."""
        classes = np.unique(y)
        if len(classes) == 1:
            self._layer = LinearSoftmax.constant(int(classes[0]), rows.shape[1], n_classes)
            return
        coef, intercept = self._optimum(rows, y)
        if len(classes) == 2:
            coef, intercept = np.vstack([np.zeros_like(coef), coef]), np.append(0.0, intercept)
        self._layer = LinearSoftmax(coef, intercept, classes, n_classes)

    def predict_proba(self, rows: Any) -> NDArray[np.float32]:
        """(n, C) float32 class probabilities, 0 for a class that was not seen."""
        return self._layer.predict_proba(rows)

    def embedding(self, rows: Any) -> Any:
        """The rows themselves: they are what the linear layer is given."""
        return rows

    def head(self, embedding: Any) -> NDArray[np.float32]:
        """(n, C) float32: the model is its last layer."""
        return self.predict_proba(embedding)

    def to_arrays(self) -> Arrays:
        """The linear layer: weights, bias, classes, n_classes."""
        return self._layer.to_arrays()

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave."""
        self._layer = LinearSoftmax.from_arrays(arrays)
        return self

    def _optimum(self, rows: Any, y: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """scikit-learn's coefficients; those at `max_iter` are good enough to go on with."""
        # 2 s of import that prediction does without
        from sklearn import linear_model
        from sklearn.exceptions import ConvergenceWarning

        # Newton's method comes ten times closer to the optimum than lbfgs does, in a third of its time
        sklearns = linear_model.LogisticRegression(
            C=self.C or usual_strength(rows),
            class_weight=self.class_weight,
            max_iter=self.max_iter,
            solver="newton-cg",
        )
        present = _present(rows)
        with warnings.catch_warnings(), one_thread():  # BLAS adds in another order with more threads
            warnings.simplefilter("ignore", ConvergenceWarning)
            sklearns.fit(rows if present is None else rows[:, present], y)
        if present is None:
            return sklearns.coef_.astype(np.float64), sklearns.intercept_.astype(np.float64)
        coef = np.zeros((len(sklearns.coef_), rows.shape[1]))
        coef[:, present] = sklearns.coef_
        return coef, sklearns.intercept_.astype(np.float64)


def usual_strength(rows: Any) -> float:
    """C where none is set."""
    return DENSE if isinstance(rows, np.ndarray) else SPARSE


def _present(rows: Any) -> NDArray[np.int64] | None:
    """The columns of CSR rows that any row has; None for dense rows.

    The penalty holds the weight of any other column at 0; a few hundred texts have a part of the terms.
    """
    if isinstance(rows, np.ndarray):
        return None
    present = np.flatnonzero(np.bincount(rows.indices, minlength=rows.shape[1]))
    return present if len(present) else np.zeros(1, dtype=np.int64)
