"""Support vector machine: curved boundaries from few labels, for numbers and short embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from alcli.models import Arrays, Model
from alcli.models._kernel import RadialKernel
from alcli.models._linear import LinearSoftmax, affine, softmax

SCALE = 3.0
"""Logits a unit of decision: the loss with 40 to 100 labels of 9 data sets and C = 1 is least from 2 to 4."""


@dataclass
class SupportVectorMachine(Model):
    """A soft-margin classifier with a kernel, fitted by scikit-learn's SVC (libsvm).

    A machine gives the decision d(x) = sum_v a_v K(x, v) + b over its support vectors v. Of two classes one
    machine is above 0 for the second; of more, each class has a machine against the rest, which from few
    labels a class is better than SVC's machine for each pair. Probabilities need no cross-validation:

        p(2 | x) = 1 / (1 + exp(-3 d(x))),    of k classes p(c | x) = exp(3 d_c(x)) / sum_j exp(3 d_j(x))

    so that `margin` orders rows of two classes by |d|, nearest to the boundary first. They have the right
    size, but are no frequencies.

    Cortes and Vapnik (1995), Support-Vector Networks; Chang and Lin (2011), LIBSVM: A Library for Support
    Vector Machines; Tong and Koller (2001), Support Vector Machine Active Learning.

    Attributes:
        C: what a label on the wrong side costs; larger trusts the labels more.
        kernel: rbf, K(x, v) = exp(-gamma |x - v|^2); or linear, K(x, v) = x v.
        gamma: how fast rbf falls: scale is 1 / (d var), of d features and the variance of all their values;
            auto is 1 / d; or a number.
        class_weight: null, or balanced: rare classes weigh as much as common ones.

    Example:
        >>> rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
        >>> model = SupportVectorMachine()
        >>> model.fit(rows, np.array([0, 1, 1, 0]), 2, np.random.default_rng(0))
        >>> model.predict_proba(rows[:1]).round(2)
        array([[0.9, 0.1]], dtype=float32)
    """

    C: float = 1.0
    kernel: Literal["rbf", "linear"] = "rbf"
    gamma: float | Literal["scale", "auto"] = "scale"
    class_weight: Literal["balanced"] | None = None

    def __post_init__(self) -> None:
        if not self.C > 0:
            raise ValueError(f"C must be above 0; found {self.C!r}")
        if self.kernel not in ("rbf", "linear"):
            raise ValueError(f"kernel must be rbf or linear; found {self.kernel!r}")
        is_number = isinstance(self.gamma, int | float) and self.gamma > 0
        if not is_number and self.gamma not in ("scale", "auto"):
            raise ValueError(f"gamma must be scale, auto or a number above 0; found {self.gamma!r}")
        if self.class_weight not in (None, "balanced"):
            raise ValueError(f"class_weight must be null or balanced; found {self.class_weight!r}")

    def fit(self, rows: Any, y: NDArray[np.int64], n_classes: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Fit the seen classes; libsvm draws nothing, so `rng` is not used."""
        self._radial: RadialKernel | None = None
        classes = np.unique(y)
        if len(classes) == 1:
            self._last = LinearSoftmax.constant(int(classes[0]), rows.shape[1], n_classes)
            return
        exact = rows.astype(np.float64)
        gamma = self._reach(exact)
        weights, bias = self._machines(exact, y, gamma)
        used = np.flatnonzero(weights.any(axis=0))
        weights = weights[:, used]
        if self.kernel == "rbf":
            self._radial = RadialKernel(rows[used], gamma)
        else:
            weights = weights @ exact[used]
        self._last = LinearSoftmax(weights, bias, classes, n_classes)

    def predict_proba(self, rows: Any) -> NDArray[np.float32]:
        """(n, C) float32 class probabilities, 0 for a class that was not seen."""
        proba = np.zeros((rows.shape[0], self._last.n_classes), dtype=np.float32)
        for place, values in self._values(rows):
            proba[place, self._last.classes] = softmax(values).T
        return proba

    def to_arrays(self) -> Arrays:
        """weights, bias, classes, n_classes of the last layer; of an rbf gamma and the support vectors."""
        return {**(self._radial.to_arrays() if self._radial else {}), **self._last.to_arrays()}

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave.

        Raises:
            ValueError: the support vectors are no matrix.
        """
        self._radial = RadialKernel.from_arrays(arrays) if "gamma" in arrays else None
        self._last = LinearSoftmax.from_arrays(arrays)
        return self

    def _values(self, rows: Any) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Blocks of rows with their (k, block) values SCALE d."""
        weights, bias = self._last.weights, self._last.bias
        if self._radial is None:
            yield from affine(rows, weights, bias)
            return
        for place, near in self._radial.blocks(rows):
            values = weights @ near + bias[:, np.newaxis]
            yield place, values[:, : place.stop - place.start]

    def _reach(self, rows: Any) -> float:
        """The number that `gamma` stands for."""
        if not isinstance(self.gamma, str):
            return float(self.gamma)
        n_features: int = rows.shape[1]
        if self.gamma == "auto":
            return 1.0 / n_features
        dense = isinstance(rows, np.ndarray)
        variance = float(rows.var() if dense else rows.multiply(rows).mean() - rows.mean() ** 2)
        return 1.0 / (n_features * variance) if variance > 0 else 1.0

    def _machines(
        self, rows: Any, y: NDArray[np.int64], gamma: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(k, n) weights of the labels and (k,) biases; of two classes the first has none."""
        # 2 s of import that prediction does without
        from sklearn import config_context
        from sklearn.svm import SVC

        classes = np.unique(y)
        weights, bias = np.zeros((len(classes), len(y))), np.zeros(len(classes))
        # a seed, though libsvm draws nothing: without one SVC draws from numpy's global generator
        machine = SVC(
            C=self.C, kernel=self.kernel, gamma=gamma, class_weight=self.class_weight, random_state=0
        )
        # its checks take longer than a small fit
        with config_context(assume_finite=True, skip_parameter_validation=True):
            for place in range(1 if len(classes) == 2 else 0, len(classes)):
                machine.fit(rows, y == classes[place])
                dual = machine.dual_coef_
                weights[place, machine.support_] = SCALE * (
                    dual if isinstance(dual, np.ndarray) else dual.toarray()
                )
                bias[place] = SCALE * machine.intercept_[0]
        return weights, bias
