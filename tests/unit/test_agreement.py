"""Agreement against scikit-learn, the library krippendorff, published examples and plain loops."""

from __future__ import annotations

import json
import warnings

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from alcli.estimate import Estimate
from alcli.metrics.agreement import Agreement, agreement, alpha, kappa

Ints = NDArray[np.int64]
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)
SEEDS = st.tuples(st.integers(1, 30), st.integers(1, 5), st.integers(1, 5), st.integers(0, 10_000))


def both(pairs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    a, b = zip(*pairs, strict=True)
    return np.array(a), np.array(b)


def agreed(a: Ints, b: Ints, n_bootstrap: int = 300) -> Agreement:
    return agreement(a, b, np.random.default_rng(0), n_bootstrap)


def rated(ratings: object, n_bootstrap: int = 300) -> Estimate | None:
    return alpha(np.asarray(ratings, dtype=np.int64), np.random.default_rng(0), n_bootstrap)


def some_ratings(n_items: int, n_raters: int, n_classes: int, seed: int) -> Ints:
    """Raters who mostly agree, and leave out a third."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, size=(n_items, 1))
    noise = rng.integers(0, n_classes, size=(n_items, n_raters))
    ratings = np.where(rng.random((n_items, n_raters)) < 0.7, truth, noise)
    return np.where(rng.random((n_items, n_raters)) < 0.33, -1, ratings)


@given(PAIRS)
@settings(max_examples=100, deadline=None)
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    a, b = both(pairs)
    assume(len(set(a) | set(b)) > 1)
    assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b), abs=1e-9)
    assert agreed(a, b, n_bootstrap=2).kappa.value == pytest.approx(kappa(a, b), abs=1e-12)


def test_kappa_of_names_is_that_of_their_numbers() -> None:
    names = np.array(["ham", "spam", "eggs"])
    a, b = np.random.default_rng(0).integers(0, 3, size=(2, 50))
    assert kappa(names[a], names[b]) == kappa(a, b)


def test_one_class_alone_agrees_perfectly_and_proves_nothing() -> None:
    a = np.zeros(30, dtype=np.int64)
    assert kappa(a, a) == 1.0
    assert agreed(a, a).kappa == Estimate(1.0, -1.0, 1.0)


def test_complete_disagreement_is_below_chance() -> None:
    assert kappa(np.array([0, 1]), np.array([1, 0])) == -1.0
    assert kappa(np.zeros(5, dtype=np.int64), np.ones(5, dtype=np.int64)) == 0.0


def test_perfect_agreement_on_few_rows_is_not_taken_for_certainty() -> None:
    few, many = (agreed(labels, labels) for labels in (np.arange(10) % 2, np.arange(1000) % 2))
    assert few.kappa.value == many.kappa.value == 1.0
    assert few.kappa.low == pytest.approx(2 * 0.025 ** (1 / 10) - 1)
    assert few.same.low == pytest.approx(0.025 ** (1 / 10))
    assert many.kappa.low > 0.99


def test_the_interval_of_kappa_is_that_of_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 3, size=100)
    b = np.where(rng.random(100) < 0.7, a, rng.integers(0, 3, size=100))
    slow = [cohen_kappa_score(a[rows], b[rows]) for rows in rng.integers(0, 100, size=(600, 100))]
    found = agreed(a, b, n_bootstrap=4000)
    assert (found.kappa.low, found.kappa.high) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.03)
    assert found.same.low < found.same.value == (a == b).mean() < found.same.high


@pytest.mark.parametrize(("a", "b"), [([], []), ([0, 1], [0])])
def test_kappa_needs_the_same_rows(a: list[int], b: list[int]) -> None:
    for measure in (kappa, agreed):
        with pytest.raises(ValueError, match="as many are needed, and any"):
            measure(np.array(a, dtype=np.int64), np.array(b, dtype=np.int64))


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_alpha_is_that_of_the_library_krippendorff(case: tuple[int, int, int, int]) -> None:
    ratings = some_ratings(*case)
    pairable = ratings[(ratings >= 0).sum(axis=1) > 1]
    found = alpha(ratings, np.random.default_rng(0), 5)
    if not len(pairable):
        assert found is None
        return
    assert found is not None
    if len(np.unique(pairable[pairable >= 0])) == 1:
        assert found.value == 1.0
        return
    data = np.where(ratings < 0, np.nan, ratings).T
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.low <= found.value <= found.high


def test_alpha_of_krippendorffs_own_example() -> None:
    """Four observers, twelve units: Computing Krippendorff's Alpha-Reliability (2011), nominal: 0.743."""
    nan = 0
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ]
    found = rated(np.array(observers).T - 1)
    assert found is not None
    assert found.value == pytest.approx(0.743, abs=5e-4)


def test_the_interval_of_alpha_is_that_of_a_plain_bootstrap_of_the_items() -> None:
    ratings, rng = some_ratings(80, 3, 3, seed=2), np.random.default_rng(1)
    data = np.where(ratings < 0, np.nan, ratings)[(ratings >= 0).sum(axis=1) > 1]
    with warnings.catch_warnings():
        slow = [
            krippendorff.alpha(reliability_data=data[rows].T, level_of_measurement="nominal")
            for rows in rng.integers(0, len(data), size=(600, len(data)))
        ]
    found = rated(ratings, n_bootstrap=4000)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.03)


def test_items_of_one_rating_or_none_say_nothing() -> None:
    lone = [[2, -1, -1], [-1, -1, -1]]
    assert rated(lone) is None
    assert rated(np.empty((0, 3))) is None
    pairs = [[0, 0, -1], [1, -1, 1], [0, 1, -1]]
    assert rated(pairs) == rated([*lone, *pairs])


def test_raters_who_agree_on_few_items_are_not_taken_for_perfect() -> None:
    few, one_class = rated([[0, 0], [1, 1], [0, 0]]), rated([[3, 3]] * 40)
    assert few is not None
    assert few.value == few.high == 1.0
    assert few.low < 0.5
    assert one_class == Estimate(1.0, -1.0, 1.0)


@pytest.mark.parametrize("ratings", [[[-2, 0]], [0, 1]])
def test_what_is_no_table_of_ratings_is_refused(ratings: list[object]) -> None:
    with pytest.raises(ValueError, match="class numbers or -1"):
        rated(ratings)


def test_the_same_generator_gives_the_same_document() -> None:
    a, b = np.random.default_rng(0).integers(0, 3, size=(2, 70))
    assert json.dumps(agreed(a, b).to_json()) == json.dumps(agreed(a, b).to_json())
