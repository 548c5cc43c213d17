"""How far labels agree beyond chance: of two models, or of several annotators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate
from alcli.metrics._exact import share
from alcli.metrics._sampling import TAIL, Floats, Ints, blocks, interval, resamples, sums


@dataclass(frozen=True)
class Agreement:
    """Two labels for each of n rows.

    Attributes:
        same: the share of rows on which they are the same, with the interval of Clopper and Pearson.
        kappa: Cohen's kappa, the share beyond chance; see `kappa`.
    """

    n: int
    same: Estimate
    kappa: Estimate

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, "same": self.same.to_json(), "kappa": self.kappa.to_json()}


def kappa(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Cohen's kappa of two arrays (n,) of labels: (same - by chance) / (1 - by chance).

    By chance two labels are the same with sum_c a_c b_c, of each one's shares of the classes (Cohen,
    Educational and Psychological Measurement 20, 1960). 1 is perfect, 0 is chance, and it can be below 0.
    Where both know one class only, and it is the same, it is 1.

    Raises:
        ValueError: no rows, or not as many in both.

    >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    0.5
    """
    cells, counts = _cells(a, b)
    return float(_kappas(counts[None], cells)[0])


def agreement(
    a: NDArray[Any], b: NDArray[Any], rng: np.random.Generator, n_bootstrap: int = 1000
) -> Agreement:
    """How far two arrays (n,) of labels agree on the same rows, by a bootstrap of the rows.

    Of two rounds' models on a stop set, rows set apart and never learned from, it says whether further labels
    still change predictions (Bloodgood and Vijay-Shanker, CoNLL 2009, take a kappa of 0.99 for settled).

    Raises:
        ValueError: no rows, or not as many in both.
    """
    cells, counts = _cells(a, b)
    n, shares = int(counts.sum()), counts / counts.sum()
    drawn = [rng.multinomial(n, shares, size=size) for size in blocks(len(counts), n_bootstrap)]
    same = share(int(counts[cells[:, 0] == cells[:, 1]].sum()), n)
    value = float(_kappas(counts[None], cells)[0])
    known = interval(value, np.concatenate([_kappas(block, cells) for block in drawn]))
    if same.value == 1:
        known = _hardly_perfect(n, float(_by_chance(counts[None], cells)[0]))
    return Agreement(n, same, known)


def alpha(ratings: Ints, rng: np.random.Generator, n_bootstrap: int = 1000) -> Estimate | None:
    """Krippendorff's alpha for nominal data, by a bootstrap of the items.

    1 - observed / expected disagreement: of two ratings of an item, and of any two (Krippendorff, Content
    Analysis, 2004, ch. 11). Items with fewer than two ratings say nothing. Where one class alone was ever
    given it is 1, as `kappa` is.

    Args:
        ratings: (items, raters) class numbers from 0; -1 where a rater gave none.

    Returns:
        None where no item has two ratings.

    >>> alpha(np.array([[0, 0, -1], [1, 1, 1], [0, 1, -1]]), np.random.default_rng(0)).value
    0.5
    """
    if ratings.ndim != 2 or (ratings < -1).any():
        raise ValueError(f"ratings must be class numbers or -1, (items, raters); found {ratings.shape}")
    items, raters = np.nonzero(ratings >= 0)
    several = np.bincount(items, minlength=1)[items] > 1
    item = np.unique(items[several], return_inverse=True)[1]
    return alpha_of_votes(item, ratings[items, raters][several], rng, n_bootstrap)


def alpha_of_votes(
    item: Ints, label: Ints, rng: np.random.Generator, n_bootstrap: int = 1000
) -> Estimate | None:
    """The same of (n,) item numbers from 0, each there twice at least, and (n,) class numbers."""
    if not len(item):
        return None
    m = np.bincount(item)
    cells, same = np.unique(item * (int(label.max()) + 1) + label, return_counts=True)
    squares = np.bincount(cells // (int(label.max()) + 1), weights=same.astype(np.float64) ** 2)
    observed = (m**2 - squares) / (m - 1)  # of each item, in ratings
    value = _alphas(np.ones((1, len(m)), dtype=np.int64), item, label, observed)[0]
    if not observed.any():
        total = np.bincount(label)
        n = int(total.sum())
        return _hardly_perfect(len(m), 1 - float((total * (n - total)).sum()) / (n * (n - 1)))
    drawn = [_alphas(weights, item, label, observed) for weights in resamples(len(m), n_bootstrap, rng)]
    return interval(value, np.concatenate(drawn))


def _cells(a: NDArray[Any], b: NDArray[Any]) -> tuple[Ints, Ints]:
    """(K, 2) pairs of class numbers that occur, and (K,) how often each does."""
    if not len(a) or len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} labels: as many are needed, and any")
    classes, numbers = np.unique(np.concatenate([a, b]), return_inverse=True)
    pairs, counts = np.unique(numbers[: len(a)] * len(classes) + numbers[len(a) :], return_counts=True)
    return np.column_stack(np.divmod(pairs, len(classes))), counts


def _by_chance(counts: Ints, cells: Ints) -> Floats:
    """(B,) expected agreement of B tables (B, K)."""
    n_classes = int(cells.max()) + 1
    of_a, of_b = (sums(counts, side, n_classes) for side in cells.T)
    by_chance: Floats = (of_a * of_b).sum(axis=1) / counts.sum(axis=1).astype(np.float64) ** 2
    return by_chance


def _kappas(counts: Ints, cells: Ints) -> Floats:
    """(B,) kappas of B tables (B, K)."""
    same = counts[:, cells[:, 0] == cells[:, 1]].sum(axis=1) / counts.sum(axis=1)
    by_chance = _by_chance(counts, cells)
    return np.where(by_chance < 1, (same - by_chance) / np.where(by_chance < 1, 1 - by_chance, 1), 1.0)


def _alphas(weights: Ints, item: Ints, label: Ints, observed: Floats) -> Floats:
    """(b,) alphas of b weightings (b, items) of the items."""
    total = sums(weights[:, item], label, int(label.max()) + 1)
    n = total.sum(axis=1)
    expected = (total * (n[:, None] - total)).sum(axis=1) / (n - 1)
    disagreed = np.einsum("bi,i->b", weights, observed)
    return np.where(expected > 0, 1 - disagreed / np.where(expected > 0, expected, 1), 1.0)


def _hardly_perfect(n: int, by_chance: float) -> Estimate:
    """1, and how little it may be where n of n agree: the exact bound of the share, beyond chance."""
    beyond = (TAIL ** (1 / n) - by_chance) / (1 - by_chance) if by_chance < 1 else -1.0
    return Estimate(1.0, max(-1.0, beyond), 1.0)
