"""How good a model is on the validation rows, each figure with what chance alone would do to it.

Every interval is a 95% percentile interval over bootstrap resamples of the rows (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, ch. 13), widened where needed to hold the value itself. A share
that is exactly 0 or 1 looks certain to the bootstrap; there the exact bound of Clopper and Pearson
(Biometrika 26, 1934) stands in: 20 of 20 right means at least 0.83, not 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate, rounded
from alcli.metrics._sampling import TAIL, check, equal_mass, interval, resamples, sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NAMES = ("accuracy", "macro_f1", "log_loss", "brier", "ece")
HIGHER_IS_BETTER = ("accuracy", "macro_f1")

_NORMAL = 1.96
_TINY = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest.

    Attributes:
        precision: right of those predicted so; None where the model never predicted the class.
        recall: found of those that are so; None where no row is of the class.
        f1: 2 tp / (2 tp + fp + fn); None where both are None.
        support: rows of the class.
    """

    precision: Estimate | None
    recall: Estimate | None
    f1: float | None
    support: int

    def to_json(self) -> dict[str, Any]:
        """The four figures in order; null for what is undefined."""
        return {
            "precision": self.precision.to_json() if self.precision else None,
            "recall": self.recall.to_json() if self.recall else None,
            "f1": None if self.f1 is None else rounded(self.f1),
            "support": self.support,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        precision, recall = document["precision"], document["recall"]
        return cls(
            Estimate.from_json(precision) if precision else None,
            Estimate.from_json(recall) if recall else None,
            document["f1"],
            document["support"],
        )


@dataclass(frozen=True)
class Metrics:
    """A model's quality on n rows of C classes.

    Attributes:
        accuracy: share of rows whose likeliest class is right; equal probabilities go to the lower number.
        macro_f1: mean F1 over the classes that any row has or the model predicts, as scikit-learn does
            without `labels`; a class that is nowhere seen counts neither for nor against.
        log_loss: mean of -ln p(true class), p cut to [2^-23, 1 - 2^-23]: a certain error costs 15.9.
        brier: mean of sum_c (p_c - [c is true])^2, from 0 to 2 (Brier, Monthly Weather Review 78, 1950).
        ece: expected calibration error, sum over bins of (n_b / n) |accuracy_b - mean confidence_b|
            (Naeini et al., AAAI 2015), in equal-mass bins of about 20 rows or more, 15 at most; rows of
            equal confidence share a bin. The bins stay as they are in the resamples. On few rows chance
            alone makes it larger than 0, and its interval lies mostly above it.
        per_class: in the order of `classes`.
        confusion: (C, C) row counts, true class down, predicted class across.
    """

    n: int
    classes: tuple[str, ...]
    accuracy: Estimate
    macro_f1: Estimate
    log_loss: Estimate
    brier: Estimate
    ece: Estimate
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]

    def headline(self) -> dict[str, tuple[float, float, float]]:
        """The five figures of the whole model as (value, low, high): what stopping criteria are shown."""
        estimates = {name: getattr(self, name) for name in NAMES}
        return {name: (found.value, found.low, found.high) for name, found in estimates.items()}

    def to_json(self) -> dict[str, Any]:
        """A plain document: the same keys in the same order, floats rounded to 6 decimals."""
        return {
            "n": self.n,
            "classes": list(self.classes),
            **{name: getattr(self, name).to_json() for name in NAMES},
            "per_class": {
                name: found.to_json() for name, found in zip(self.classes, self.per_class, strict=True)
            },
            "confusion": [list(row) for row in self.confusion],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote; keys that a newer alcli adds are passed over."""
        classes = tuple(document["classes"])
        return cls(
            n=document["n"],
            classes=classes,
            **{name: Estimate.from_json(document[name]) for name in NAMES},
            per_class=tuple(ClassMetrics.from_json(document["per_class"][name]) for name in classes),
            confusion=tuple(tuple(row) for row in document["confusion"]),
        )


def evaluate(
    proba: NDArray[np.float32],
    y: Ints,
    classes: tuple[str, ...],
    rng: np.random.Generator,
    n_bootstrap: int = 1000,
) -> Metrics:
    """The quality of probabilities `proba`, (n, C), for rows whose true class numbers are `y`, (n,).

    The intervals depend on the order of the rows: bring them sorted by id.

    Raises:
        ValueError: no rows, shapes that do not fit, or numbers that are no class numbers or probabilities.

    >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], dtype=np.float32)
    >>> found = evaluate(proba, np.array([0, 0, 1, 1]), ("ham", "spam"), np.random.default_rng(0))
    >>> found.accuracy.value, found.confusion
    (0.75, ((2, 0), (1, 1)))
    """
    check(proba, y, len(classes), n_bootstrap)
    rows = _rows(proba, y)
    point = _statistics(rows, np.ones((1, rows.n), dtype=np.int64))
    blocks = [_statistics(rows, weights) for weights in resamples(rows.n, n_bootstrap, rng)]
    drawn = {name: np.concatenate([block[name] for block in blocks]) for name in point}
    confusion = np.bincount(y * len(classes) + rows.predicted, minlength=len(classes) ** 2)
    confusion = confusion.reshape(len(classes), len(classes))
    accuracy = interval(point["accuracy"][0], drawn["accuracy"], trials=rows.n)
    all_or_none = accuracy.value in (0.0, 1.0)  # then F1 is the same number, and known no better
    return Metrics(
        n=rows.n,
        classes=tuple(classes),
        accuracy=accuracy,
        macro_f1=accuracy if all_or_none else interval(point["macro_f1"][0], drawn["macro_f1"]),
        **{name: interval(point[name][0], drawn[name]) for name in ("log_loss", "brier", "ece")},
        per_class=_per_class(point, drawn, confusion),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def figures(proba: NDArray[np.float32], y: Ints, classes: tuple[str, ...]) -> dict[str, float]:
    """The five figures of `evaluate` without their intervals, for those who measure often.

    Raises:
        ValueError: as `evaluate`.
    """
    check(proba, y, len(classes))
    rows = _rows(proba, y)
    point = _statistics(rows, np.ones((1, rows.n), dtype=np.int64))
    return {name: float(point[name][0]) for name in NAMES}


def standard_errors(proba: NDArray[np.float32], y: Ints, classes: tuple[str, ...]) -> dict[str, float]:
    """The sampling errors of all figures but the calibration error, without resampling.

    Those of means over the rows as usual; that of macro F1 by the delta method (each cell of the confusion
    matrix moves it by its derivative). Where all rows or none are right: half the interval of `evaluate`.

    Raises:
        ValueError: as `evaluate`.
    """
    check(proba, y, len(classes))
    rows = _rows(proba, y)
    cells = np.diff(np.append(rows.cell_starts, rows.n))
    true, predicted, hits = (counts[0] for counts in _counts(rows, cells[np.newaxis]))
    if hits.sum() in (0, rows.n):
        accuracy = macro_f1 = (1 - TAIL ** (1 / rows.n)) / _NORMAL
    else:
        share = hits.sum() / rows.n
        accuracy = np.sqrt(share * (1 - share) / rows.n)
        size = np.maximum(true + predicted, 1)
        own = 2 * hits / size / size
        pull = 2 / size[rows.cell_true] * (rows.cell_true == rows.cell_predicted)
        pull = (pull - own[rows.cell_true] - own[rows.cell_predicted]) / np.count_nonzero(true + predicted)
        macro_f1 = np.sqrt((cells * pull**2).sum())
    log_loss, brier = rows.losses.std(axis=0) / np.sqrt(rows.n)
    found = {"accuracy": accuracy, "macro_f1": macro_f1, "log_loss": log_loss, "brier": brier}
    return {name: float(error) for name, error in found.items()}


def paired_change(
    proba_before: NDArray[np.float32],
    proba_after: NDArray[np.float32],
    y: Ints,
    rng: np.random.Generator,
    n_bootstrap: int = 1000,
) -> Estimate:
    """The gain in accuracy from one model to another on the same n rows, by a paired bootstrap.

    A resample draws whole rows, so it counts only rows that one model has right and the other has not:
    the interval is narrower than two separate ones would suggest. Where the models are right on the very
    same rows it has no width. Class numbers must mean the same to both; either may know fewer classes.

    Raises:
        ValueError: no rows, or not as many in all three.
    """
    if len(y) == 0:
        raise ValueError("no rows to compare two models on")
    if not len(proba_before) == len(proba_after) == len(y):
        raise ValueError(
            f"rows differ: {len(proba_before)} before, {len(proba_after)} after, {len(y)} true classes"
        )
    n = len(y)
    right_before, right_after = proba_before.argmax(axis=1) == y, proba_after.argmax(axis=1) == y
    gained, lost = int((right_after & ~right_before).sum()), int((right_before & ~right_after).sum())
    draws = rng.multinomial(n, [gained / n, lost / n, (n - gained - lost) / n], size=n_bootstrap)
    return interval((gained - lost) / n, (draws[:, 0] - draws[:, 1]) / n)


def paired_losses(
    proba_before: NDArray[np.float32],
    proba_after: NDArray[np.float32],
    y: Ints,
    rng: np.random.Generator,
    n_bootstrap: int = 1000,
) -> dict[str, Estimate]:
    """The change in log loss and Brier score, after minus before, on the same n rows, by a paired bootstrap.

    Raises:
        ValueError: as `evaluate`, for either.
    """
    for proba in (proba_before, proba_after):
        check(proba, y, proba.shape[-1], n_bootstrap)
    change = _losses(proba_after, y) - _losses(proba_before, y)
    drawn = [np.einsum("bn,nm->bm", weights, change) for weights in resamples(len(y), n_bootstrap, rng)]
    means, draws = change.mean(axis=0), np.concatenate(drawn) / len(y)
    return {name: interval(means[k], draws[:, k]) for k, name in enumerate(("log_loss", "brier"))}


def resampled(
    probas: Sequence[NDArray[np.float32]],
    y: Ints,
    classes: tuple[str, ...],
    name: str,
    rng: np.random.Generator,
    n_bootstrap: int = 400,
) -> Floats:
    """(M, B + 1) one figure of M models on the same n rows: as they are, then on each of B resamples.

    All models are measured on the same resamples, so that what one resample does to two of them is seen.

    Raises:
        ValueError: as `evaluate`.
    """
    for proba in probas:
        check(proba, y, len(classes), n_bootstrap)
    rows = [_rows(proba, y) for proba in probas]
    weightings = chain([np.ones((1, len(y)), dtype=np.int64)], resamples(len(y), n_bootstrap, rng))
    blocks = [[_statistics(part, w[:, part.order])[name] for part in rows] for w in weightings]
    return np.concatenate(blocks, axis=1)


@dataclass(frozen=True)
class _Rows:
    """The rows as the statistics need them, sorted by cell (true class, predicted class).

    Attributes:
        losses: (n, 2) log loss and Brier score of each row.
        gap: (n,) confidence minus right or wrong.
        cell_starts, cell_true, cell_predicted: (K,) the cells that any row is in.
        by_bin, bin_starts: (n,) and (bins,) the rows sorted by calibration bin.
        predicted: (n,) class numbers, in the order that the rows came.
        order: (n,) where the sorted rows stood when they came.
    """

    n: int
    n_classes: int
    losses: Floats
    gap: Floats
    cell_starts: Ints
    cell_true: Ints
    cell_predicted: Ints
    by_bin: Ints
    bin_starts: Ints
    predicted: Ints
    order: Ints


def _rows(proba: NDArray[np.float32], y: Ints) -> _Rows:
    n, n_classes = proba.shape
    predicted = proba.argmax(axis=1).astype(np.int64)
    confidence = proba.max(axis=1).astype(np.float64)
    losses = _losses(proba, y)
    order = np.argsort(y * n_classes + predicted, kind="stable")
    cells, cell_starts = np.unique((y * n_classes + predicted)[order], return_index=True)
    bins = equal_mass(confidence[order])
    by_bin = np.argsort(bins, kind="stable")
    return _Rows(
        n=n,
        n_classes=n_classes,
        losses=losses[order],
        gap=(confidence - (predicted == y))[order],
        cell_starts=cell_starts,
        cell_true=cells // n_classes,
        cell_predicted=cells % n_classes,
        by_bin=by_bin,
        bin_starts=np.unique(bins[by_bin], return_index=True)[1],
        predicted=predicted,
        order=order,
    )


def _statistics(rows: _Rows, weights: Ints) -> dict[str, Floats]:
    """Each figure for b weightings of the rows, (b,), or (b, C) for those of classes; NaN: undefined."""
    true, predicted, hits = _counts(rows, np.add.reduceat(weights, rows.cell_starts, axis=1))
    f1 = _ratio(2 * hits, true + predicted)
    losses = np.einsum("bn,nm->bm", weights, rows.losses) / rows.n  # no BLAS: same bits on any cores
    gaps = np.add.reduceat((weights * rows.gap)[:, rows.by_bin], rows.bin_starts, axis=1)
    return {
        "accuracy": hits.sum(axis=1) / rows.n,
        "macro_f1": np.nansum(f1, axis=1) / np.isfinite(f1).sum(axis=1),
        "log_loss": losses[:, 0],
        "brier": losses[:, 1],
        "ece": np.abs(gaps).sum(axis=1) / rows.n,
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, true),
        "f1": f1,
    }


def _losses(proba: NDArray[np.float32], y: Ints) -> Floats:
    """(n, 2) log loss and Brier score of each row."""
    p_true = proba[np.arange(len(y)), y].astype(np.float64)
    squares = np.einsum("ij,ij->i", proba, proba, dtype=np.float64)
    return np.column_stack(
        [-np.log(np.clip(p_true, _TINY, 1 - _TINY)), np.maximum(squares - 2 * p_true + 1, 0.0)]
    )


def _counts(rows: _Rows, cells: Ints) -> tuple[Ints, Ints, Ints]:
    """(b, C) each: rows of a class, rows predicted so, rows rightly predicted so."""
    right = rows.cell_true == rows.cell_predicted
    return (
        sums(cells, rows.cell_true, rows.n_classes),
        sums(cells, rows.cell_predicted, rows.n_classes),
        sums(cells[:, right], rows.cell_true[right], rows.n_classes),
    )


def _ratio(part: Ints, whole: Ints) -> Floats:
    """Part / whole, NaN where whole is 0."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _per_class(
    point: Mapping[str, Floats], drawn: Mapping[str, Floats], confusion: Ints
) -> tuple[ClassMetrics, ...]:
    support, predicted = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()

    def share(name: str, c: int, trials: int) -> Estimate | None:
        return interval(point[name][0, c], drawn[name][:, c], trials) if trials else None

    return tuple(
        ClassMetrics(
            precision=share("precision", c, predicted[c]),
            recall=share("recall", c, support[c]),
            f1=float(point["f1"][0, c]) if support[c] + predicted[c] else None,
            support=support[c],
        )
        for c in range(len(confusion))
    )
