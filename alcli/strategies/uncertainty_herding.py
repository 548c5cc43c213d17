"""Uncertainty herding: rows that stand for many uncertain ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from alcli.strategies import (
    MULTIPLIED,
    Candidates,
    Floats,
    Labeled,
    Need,
    Size,
    Strategy,
    Work,
    class_major,
    top,
)
from alcli.strategies._chance import gumbel
from alcli.strategies._herding import Coverage, filled, herd, work
from alcli.strategies._sphere import cosines, on_sphere

TEMPERATURES = (1.0, 0.75, 1.5, 0.5, 2.0, 0.35, 3.0, 0.25, 4.0, 6.0, 8.0)
"""Nearest to 1 first: of equally good ones the first is taken."""
FEWEST, MOST = 50, 400
"""Labeled rows for the temperature: with fewer it stays 1; of more, some are drawn."""
SPARSE, DENSE = 300.0, 30.0
"""C of the models that fit the temperature, as of alcli's logistic regression: a stronger penalty makes them
less sure than the model of the loop is, and the temperature then far too low."""
FOLDS, BINS, ITERATIONS = 5, 15, 100
SPREAD, CLOSE = 4096, 0.05
"""Labeled rows among which the nearest are looked for, and the quantile of their distances that is taken."""
SLOWEST = 1e-3
"""The pace of rows of which the model is certain, in the race for the shortlist."""
SAME = 0.01
"""Rows nearer than this are one row: float32 tells no smaller distance."""


@dataclass(frozen=True)
class UncertaintyHerding(Strategy):
    """Asks for rows that most raise the similarity of uncertain rows to their nearest labeled or chosen row.

    It is MaxHerding with the uncertainty of each row as its weight. With L the labeled and chosen rows and
    features of length 1, rows are chosen one by one:

        next = argmax_x 1/t sum_x' U(x') max(k(x', x) - max_{c in L} k(x', c), 0)
        U(x) = 1 - (p1 - p2),    p = softmax(log proba / T),    k(x, c) = exp(-|x - c|^2 / s^2)

    Both knobs follow the labels. s is the 5 % quantile of the distances of labeled rows to their nearest: it
    shrinks as labels come, from covering the pool towards plain uncertainty sampling; distances below 0.01 do
    not count, and with fewer than two labeled rows apart s is 1. With m labels of C classes and m / C above
    `enough`, s is multiplied by `enough` C / m: a class that is known well has nothing to cover but its
    borders. T is the temperature of least expected calibration error. Rows that people have and have not
    answered are in L, too. Equal gains go to the lower key. Once no row has anything to gain, the most
    uncertain rows fill the batch.

    Bae, Oliveira and Sutherland (2025), Uncertainty Herding: One Active Learning Method for All Label
    Budgets, ICLR, arXiv:2412.20644. There s is the smallest distance between two labeled rows, which one
    near-copy among them decides, and no more; `enough` is alcli's. The authors' code fits T on 30 % of the
    labeled rows, with a model trained on the other 70 %. Here it is fitted on out-of-fold predictions, in 5
    folds, of scikit-learn's logistic regression with the C of alcli's, on the features less their mean and
    at a mean squared length of 1, on at most 400 labeled rows; with fewer than 50, or fewer than two
    classes of at least 5 rows, T is 1. So T suits a logistic regression on these features; another model
    may be surer or less sure than that. s is taken from at most 4,096 labeled rows.

    Of a pool of more than `targets` rows it looks at a shortlist, drawn without replacement with chances in
    proportion to U at T = 1: the rows that come first in a race in which each takes a time E / U, E
    exponential, from its key. A row's U(x') in the sum is then divided by the chance 1 - exp(-t U) to be in
    the shortlist, t the time of the first row outside (Ohlsson, J. Official Statistics 14, 1998), so that the
    sum is an unbiased estimate of that over the whole pool, and rare uncertain rows are not missed. Where a
    shortlist holds more than `targets` rows, the ones among the targets, those of lowest key, also cover
    themselves, and are preferred for it. Sparse features are first projected to 64 singular directions.

    Use: as the default: it is best or near it from the first labels to many, with two classes or 77, with
    copies in the pool and with wrong answers (docs/decisions/0010).

    Avoid: where near rows do not look alike in the features; when it must be quick, take margin.

    Attributes:
        targets: how many rows are to be covered, at most.
        temperature: T; null: fitted to the labels as above, 1: probabilities as they are, which is quicker.
        enough: labels a class, on average, from which on s shrinks as 1 / labels.

    Example:
        >>> angle = np.array([0.0, 0.1, 0.2, 1.5, 1.6, 3.0])
        >>> rows = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
        >>> first = np.array([0.5, 0.5, 0.6, 0.9, 0.9, 0.5], dtype=np.float32)
        >>> known = Labeled(rows[[0, 5]], np.array([0, 1]))
        >>> proba = np.stack([first, 1 - first], axis=1)
        >>> candidates = Candidates(np.arange(6, dtype=np.uint64), proba, features=rows, labeled=known)
        >>> UncertaintyHerding().select(candidates, 2, np.random.default_rng(0)).tolist()
        [3, 1]
    """

    targets: int = 8192
    temperature: float | None = None
    enough: float = 30.0

    needs: ClassVar[tuple[Need, ...]] = ("proba", "features", "labeled")
    kind: ClassVar[Literal["score", "set"]] = "set"
    cost: ClassVar[str] = "O((n + k) t d) time, O(n d) memory, t targets; on 8,192 rows drawn by uncertainty"

    def __post_init__(self) -> None:
        if self.targets < 1:
            raise ValueError(f"targets must be at least 1; found {self.targets!r}")
        if self.temperature is not None and not 0 < self.temperature < np.inf:
            raise ValueError(f"temperature must be above 0; found {self.temperature!r}")
        if not self.enough > 0:
            raise ValueError(f"enough must be above 0; found {self.enough!r}")

    def score(self, candidates: Candidates) -> Floats:
        """(n,) float32: minus the logarithm of the row's time in the race; the first make the shortlist."""
        return (np.log(_pace(candidates.need("proba"))) + gumbel(candidates.key)).astype(np.float32)

    def shortlist(self, batch_size: int) -> int:
        """As many as there can be targets: fewer would show too little of the pool."""
        return max(2 * batch_size, self.targets)

    def work(self, size: Size) -> Work:
        """As for max_herding, with all distances of labeled rows and a few small models, in 30 steps each."""
        herding, seen = work(size, self.targets), min(size.n_labeled, MOST)
        width = min(seen, max(4 * size.d, 256))  # sparse rows span more directions than they have numbers
        fitted = FOLDS * 30 * 3.0 * seen * width * min(size.n_classes, seen / FOLDS)
        multiplied = fitted + 4.0 * seen**3 + size.d * min(size.n_labeled, SPREAD) ** 2
        memory = seen * (32.0 * seen + 16.0 * size.d + 32.0 * size.n_classes)
        return Work(herding.seconds + multiplied / MULTIPLIED, herding.memory + memory)

    def _sharper(self, y: NDArray[np.int64]) -> float:
        """By what the kernel is narrower, where a class has more labels on average than are `enough`."""
        return min(1.0, self.enough * max(1, len(np.unique(y))) / max(1, len(y)))

    def select(self, candidates: Candidates, batch_size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Positions in the order of choice."""
        n, labeled = len(candidates), candidates.need("labeled")
        proba = candidates.need("proba")
        if n <= batch_size:
            return np.arange(n, dtype=np.int64)
        degree = self.temperature or temperature(labeled, proba.shape[1], rng)
        unsure = uncertainty(proba, degree)
        rows, known = on_sphere(candidates.need("features"), labeled.covered, rng)
        targets = rows[: self.targets]
        worth = unsure[: self.targets] / chance_of(proba[: self.targets], candidates.beyond) / len(targets)
        width = spread(known[: len(labeled)], rng) * self._sharper(labeled.y)
        chosen = herd(rows, Coverage(targets, worth.astype(np.float32), known, width), batch_size)
        return filled(chosen, top(unsure, candidates.key, n), batch_size)


def _pace(proba: Floats) -> NDArray[np.float64]:
    """(n,) how fast rows are in the race for the shortlist; even of certain ones a few arrive."""
    return np.maximum(uncertainty(proba, 1.0), SLOWEST).astype(np.float64)


def chance_of(proba: Floats, beyond: float) -> NDArray[np.float64]:
    """(n,) how likely each row of the shortlist was to be there; 1 where no row is `beyond`."""
    with np.errstate(over="ignore"):
        time: NDArray[np.float64] = np.exp(-np.float64(beyond))
    chance: NDArray[np.float64] = -np.expm1(-_pace(proba) * time)
    return chance


def uncertainty(proba: Floats, temperature: float) -> Floats:
    """(n,) 1 less the margin between the two best classes at a temperature."""
    unsure = np.empty(len(proba), dtype=np.float32)
    for rows, block in class_major(proba):
        scaled = block / np.maximum(block.max(axis=0), np.finfo(np.float32).tiny)
        scaled **= 1 / temperature
        total, second = np.zeros(scaled.shape[1]), np.zeros(scaled.shape[1])
        first = np.zeros(scaled.shape[1])
        for column in scaled:
            total += column
            np.maximum(second, np.minimum(first, column), out=second)
            np.maximum(first, column, out=first)
        unsure[rows] = 1.0 - (first - second) / np.maximum(total, 1.0)
    return unsure


def spread(known: Floats, rng: np.random.Generator) -> float:
    """A low quantile of the distances of rows of length 1 to the nearest that is not the same; else 1."""
    if len(known) > SPREAD:
        known = known[np.sort(rng.choice(len(known), SPREAD, replace=False))]
    nearest = np.full(len(known), -1.0)
    for place, product in cosines(known, known):
        product[product > 1.0 - SAME**2 / 2] = -1.0
        nearest[place] = product.max(axis=1)
    apart = np.sqrt(2.0 - 2.0 * nearest[nearest > -1.0])
    return float(np.quantile(apart, CLOSE)) if len(apart) else 1.0


def temperature(labeled: Labeled, n_classes: int, rng: np.random.Generator) -> float:
    """The temperature at which predictions for unseen labeled rows are best calibrated."""
    features, y = labeled.features, labeled.y
    if len(y) > MOST:
        drawn = np.sort(rng.choice(len(y), MOST, replace=False))
        features, y = features[drawn], y[drawn]
    if len(y) < FEWEST or (np.bincount(y) >= FOLDS).sum() < 2:
        return 1.0
    log = out_of_fold(features, y, n_classes)
    return min(TEMPERATURES, key=lambda degree: calibration_error(log / degree, y))


def out_of_fold(features: Any, y: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """(m, C) log probabilities of each row by a model that has not seen it."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    order = np.argsort(y, kind="stable")
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % FOLDS  # every class is spread over all folds
    log = np.full((len(y), n_classes), -50.0)
    strength = DENSE if isinstance(features, np.ndarray) else SPARSE
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged is near enough for a temperature
        rows = spanned(features)
        for held_out in range(FOLDS):
            seen, unseen = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
            model = LogisticRegression(C=strength, max_iter=ITERATIONS).fit(rows[seen], y[seen])
            found = np.maximum(model.predict_log_proba(rows[unseen]), -50.0)
            log[np.ix_(unseen, model.classes_)] = found
    return log


def spanned(features: Any) -> NDArray[np.float64]:
    """(m, w) the rows, less their mean and at a mean squared length of 1, in directions that they span.

    Distances stay what they are, so a linear model with a ridge penalty predicts the same, and columns that
    are empty in all of the rows cost nothing.
    """
    rows = features.astype(np.float64)
    found = rows @ rows.T
    gram: NDArray[np.float64] = found if isinstance(found, np.ndarray) else found.toarray()
    least = 1e-12 * float(np.trace(gram))  # below it is rounding: all rows are the same
    gram -= gram.mean(axis=0)
    gram -= gram.mean(axis=1, keepdims=True)
    total = float(np.trace(gram))
    if total <= least:
        return np.zeros((len(gram), 1))
    values, directions = np.linalg.eigh(gram * (len(gram) / total))
    held = values > 1e-9 * values[-1]
    rotated: NDArray[np.float64] = directions[:, held] * np.sqrt(values[held])
    return rotated


def calibration_error(log: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """Expected calibration error of softmax(log): mean gap of confidence and accuracy in 15 equal bins."""
    proba = np.exp(log - log.max(axis=1, keepdims=True))
    confidence = 1.0 / proba.sum(axis=1)
    right = proba.argmax(axis=1) == y
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(place, weights=confidence - right, minlength=BINS)
    return float(np.abs(gap).sum() / len(y))
