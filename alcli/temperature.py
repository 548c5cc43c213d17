"""Temperature scaling: one number by which all probabilities become less, or more, sure of themselves.

    q_c = p_c^(1 / T) / sum_j p_j^(1 / T)

which is softmax(z / T) for p = softmax(z) (Guo et al., On Calibration of Modern Neural Networks, ICML 2017).
The likeliest class stays the likeliest, and what is impossible (p = 0) stays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures looked at."""
_HALVINGS = 60  # to the last bit
_KEY = "calibration/temperature"


class Tempered:
    """A model whose probabilities are at a temperature; all else is the model's own."""

    def __init__(self, model: Any, temperature: float) -> None:
        self.model = model
        self.temperature = temperature
        self.reads = model.reads

    @classmethod
    def loaded(cls, model: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
        """The model with its arrays, at the temperature that is among them, if there is one."""
        model = model.load_arrays({name: array for name, array in arrays.items() if name != _KEY})
        return cls(model, float(arrays[_KEY])) if _KEY in arrays else model

    def predict_proba(self, rows: Any) -> NDArray[np.float32]:
        """(n, C) float32, what the model predicts, tempered."""
        return self._tempered(self.model.predict_proba(rows))

    def embedding(self, rows: Any) -> Any | None:
        """The model's own."""
        return self.model.embedding(rows)

    def head(self, embedding: Any) -> NDArray[np.float32]:
        """(n, C) float32, class probabilities from an embedding: as `predict_proba`."""
        return self._tempered(self.model.head(embedding))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The model's, and the temperature."""
        return {**self.model.to_arrays(), _KEY: np.array(self.temperature)}

    def _tempered(self, proba: Any) -> NDArray[np.float32]:
        return apply_temperature(np.asarray(proba, dtype=np.float32), self.temperature)


def apply_temperature(proba: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """(n, C) float32, probabilities (n, C) at a temperature above 0; more than 1 makes them less sure.

    A row's answer is the same to the last bit whatever rows are beside it.

    >>> apply_temperature(np.array([[0.9, 0.1, 0.0]], dtype=np.float32), 2.0)
    array([[0.75, 0.25, 0.  ]], dtype=float32)
    """
    logits = _logits(proba) / temperature
    powers = np.exp(logits)
    total = np.zeros(len(proba))
    for column in powers.T:
        total += column
    tempered = (powers / total[:, None]).astype(np.float32)
    # a hair's breadth between two classes may be lost on the way
    top = proba.argmax(axis=1)
    lost = np.flatnonzero(tempered.argmax(axis=1) != top)
    tempered[lost, top[lost]] = np.nextafter(tempered[lost].max(axis=1), np.float32(2))
    return tempered


def fit_temperature(proba: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    """The temperature at which probabilities (n, C) foretell the true class numbers (n,) best.

    It has the least log loss, for targets that leave 1 / (n + 2) of each label to the row's other classes, in
    the proportions of `proba` (after Platt, Probabilistic Outputs for Support Vector Machines, 1999): where
    all n rows are right, the model becomes about as sure as n rows can show, and not certain. The loss is
    convex in 1 / T, so that there is one least; it is sought from 0.05 to 20. Rows whose true class is
    impossible (p = 0) are so at every temperature, and say nothing; 1 where no row says anything.
    """
    rows = np.flatnonzero(proba[np.arange(len(y)), y] > 0)
    logits, targets = _logits(proba[rows]), proba[rows].astype(np.float64)
    at_true = np.arange(len(rows)), y[rows]
    targets[at_true] = 0
    others = targets.sum(axis=1)
    left = np.where(others > 0, 1 / (len(rows) + 2), 0)
    targets *= (left / np.where(others > 0, others, 1))[:, None]
    targets[at_true] = 1 - left
    possible = np.where(np.isfinite(logits), logits, 0.0)
    wanted = (targets * possible).sum(axis=1)

    def slope(coldness: float) -> float:
        powers = np.exp(logits * coldness)
        return float(((powers * possible).sum(axis=1) / powers.sum(axis=1) - wanted).sum())

    if not possible.any():
        return 1.0
    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def _logits(proba: NDArray[np.float32]) -> Floats:
    """(n, C) logarithms, 0 for the likeliest class of a row, -inf for what is impossible."""
    with np.errstate(divide="ignore", invalid="ignore"):  # what is no number is told where models are asked
        logits: Floats = np.log(proba.astype(np.float64))
        logits -= logits.max(axis=1, keepdims=True)
    return logits
