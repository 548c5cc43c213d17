"""Where people differ: which classes they take for each other, and whether they agree less than before.

Votes are given as (n,) numbers of items from 0, ascending, all of them in use and each with two votes at
least, and (n,) numbers of classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from alcli.metrics._sampling import Floats, Ints

_DRAWS = 9_999


@dataclass(frozen=True)
class Confusion:
    """Two classes that people gave to the same items.

    Attributes:
        classes: their numbers, ascending.
        rows: items to which both were given.
        of: items to which either was given.
        rows_now, of_now: those among the items asked about; see `confusions`.
        p_more: that so many are chance, if any two classes were taken for each other as often as they occur.
        p_rose: that so many of `rows` are among `rows_now` is chance.
    """

    classes: tuple[int, int]
    rows: int
    of: int
    rows_now: int
    of_now: int
    p_more: float
    p_rose: float


def vote_pairs(item: Ints) -> tuple[Ints, Ints]:
    """(p,) and (p,) positions of every two votes on an item.

    >>> [found.tolist() for found in vote_pairs(np.array([0, 0, 1, 1, 1]))]
    [[0, 2, 3, 2], [1, 3, 4, 4]]
    """
    first, second = [], []
    for step in range(1, int(np.bincount(item).max(initial=0))):
        at = np.flatnonzero(item[:-step] == item[step:])
        first.append(at)
        second.append(at + step)
    if not first:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(first), np.concatenate(second)


def differing(item: Ints, label: Ints) -> Floats:
    """(items,) the share of every two votes on an item that differ, however many votes it has."""
    a, b = vote_pairs(item)
    differ: Floats = np.bincount(item[a], weights=label[a] != label[b]) / np.bincount(item[a])
    return differ


def p_of_rise(before: Floats, now: Floats, rng: np.random.Generator) -> float:
    """The one-sided p-value of a higher mean in `now`: a permutation test of the items.

    As values are few, each permutation is one draw of how many of each value fall to `now` (for shares of 0
    and 1 that is Fisher's exact test).

    >>> before, now = np.repeat([0.0, 1.0], [45, 5]), np.repeat([0.0, 1.0], [30, 20])
    >>> round(p_of_rise(before, now, np.random.default_rng(0)), 3)
    0.001
    """
    values, place = np.unique(np.concatenate([before, now]), return_inverse=True)
    drawn = rng.multivariate_hypergeometric(np.bincount(place), len(now), size=_DRAWS) @ values
    as_high = int((drawn >= now.sum() - 1e-9).sum())
    return (as_high + 1) / (_DRAWS + 1)


def class_agreement(item: Ints, label: Ints, n_classes: int) -> Floats:
    """(C,) of two votes on an item of which one gave the class, how likely the other gave it too.

    Specific agreement, for two raters Dice's coefficient (Cicchetti and Feinstein, Journal of Clinical
    Epidemiology 43, 1990), for several by Krippendorff's coincidences, in which an item counts by its votes.
    Not a number for a class that nobody gave.

    >>> class_agreement(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 1]), 2).round(3).tolist()
    [0.667, 0.667]
    """
    a, b = vote_pairs(item)
    same = label[a] == label[b]
    others = (np.bincount(item) - 1)[item[a]]
    alike = np.bincount(label[a][same], weights=2 / others[same], minlength=n_classes)
    given = np.bincount(label, minlength=n_classes)
    found: Floats = np.where(given > 0, alike / np.maximum(given, 1), np.nan)
    return found


def confusions(item: Ints, label: Ints, now: NDArray[np.bool_] | None = None) -> list[Confusion]:
    """Every two classes that were given to the same item, those of the most items first.

    Both p-values are one-sided binomial tests, corrected (Bonferroni) for all pairs of classes that occur: of
    all confusions, those of these two against the product of how often each class was given; of their own,
    those among the items `now` (items,) against the share that these are of the items with either class.
    """
    n_classes, n_items = int(label.max(initial=0)) + 1, int(item.max(initial=-1)) + 1
    chosen = np.zeros(n_items, dtype=bool) if now is None else now
    given_to, given = np.divmod(np.unique(item * n_classes + label), n_classes)
    a, b = vote_pairs(given_to)
    kinds, place = np.unique(given[a] * n_classes + given[b], return_inverse=True)
    low, high = np.divmod(kinds, n_classes)

    def counted(items: NDArray[np.bool_]) -> tuple[Ints, Ints]:
        rows = np.bincount(place[items[given_to[a]]], minlength=len(kinds))
        of = np.bincount(given[items[given_to]], minlength=n_classes)
        return rows, of[low] + of[high] - rows

    (rows, of), (rows_now, of_now) = counted(np.ones(n_items, dtype=bool)), counted(chosen)
    votes = np.bincount(label).astype(np.float64)
    expected = 2 * votes[low] * votes[high] / max(1.0, votes.sum() ** 2 - (votes**2).sum())
    seen = int((votes > 0).sum())
    possible = seen * (seen - 1) // 2
    more = np.minimum(1, possible * _at_least(rows, int(rows.sum()), expected))
    rose = np.minimum(1, possible * _at_least(rows_now, rows, of_now / of))
    order = np.argsort(-rows, kind="stable")
    columns = [c[order].tolist() for c in (low, high, rows, of, rows_now, of_now, more, rose)]
    return [Confusion((one, other), *rest) for one, other, *rest in zip(*columns, strict=True)]


def _at_least(k: Ints, n: Ints | int, share: Floats) -> Floats:
    """The chance of k successes or more in n trials."""
    tail: Floats = np.where(k > 0, betainc(np.maximum(k, 1), n - k + 1, np.minimum(share, 1)), 1.0)
    return tail
