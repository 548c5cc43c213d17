"""How unsure the model is of each row: three measures of its class probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alcli.strategies import Floats, class_major


def margin(proba: Floats) -> Floats:
    """(n,) float32 in [0, 1], 1 less the difference of the two highest probabilities."""
    score = np.empty(len(proba), dtype=np.float32)
    for rows, classes in class_major(proba):
        first, second = classes[0].copy(), np.zeros_like(classes[0])
        for column in classes[1:]:
            np.maximum(second, np.minimum(first, column), out=second)
            np.maximum(first, column, out=first)
        score[rows] = (1.0 - first) + second  # not 1 - (first - second): that has no digits of a small second
    return score


def entropy(proba: Floats) -> Floats:
    """(n,) float32 in [0, ln C]; in float64, since entropy is flat where the rows wanted most lie."""
    tiny = np.finfo(np.float64).tiny
    score = np.empty(len(proba), dtype=np.float32)
    for rows, classes in class_major(proba):
        total = np.zeros(classes.shape[1])
        for term in classes * np.log(np.maximum(classes, tiny)):
            total -= term
        score[rows] = total
    return score


def least_confidence(proba: Floats) -> Floats:
    """(n,) float32 in [0, 1 - 1/C], 1 less the highest probability."""
    score = np.empty(len(proba), dtype=np.float32)
    for rows, classes in class_major(proba):
        score[rows] = 1.0 - classes.max(axis=0)
    return score


MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "entropy": entropy,
    "margin": margin,
    "least_confidence": least_confidence,
}
