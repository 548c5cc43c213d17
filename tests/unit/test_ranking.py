"""The area under the risk-coverage curve against its definition, row by row and over all orders of ties."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcli.metrics.ranking import RiskCoverage, risk_coverage


def measured(uncertainty: object, wrong: object, n_bootstrap: int = 300) -> RiskCoverage:
    rng = np.random.default_rng(0)
    return risk_coverage(np.asarray(uncertainty, dtype=np.float64), np.asarray(wrong), rng, n_bootstrap)


def slow_area(wrong: list[int]) -> float:
    """Geifman and El-Yaniv: the mean over k of the selective risk of the k surest rows, these being first."""
    return sum(sum(wrong[:k]) / k for k in range(1, len(wrong) + 1)) / len(wrong)


ROWS = st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(0, 1)), min_size=1, max_size=60)


@given(ROWS.filter(lambda rows: len({uncertainty for uncertainty, _ in rows}) == len(rows)))
@settings(max_examples=100, deadline=None)
def test_the_area_is_that_of_the_definition(rows: list[tuple[int, int]]) -> None:
    found = measured(*zip(*rows, strict=True), n_bootstrap=2)
    in_order = [wrong for _, wrong in sorted(rows)]
    assert found.area.value == pytest.approx(slow_area(in_order), abs=1e-9)
    assert found.perfect == pytest.approx(slow_area(sorted(in_order)), abs=1e-9)
    assert found.random == pytest.approx(sum(in_order) / len(in_order), abs=1e-9)
    assert found.difference.value == pytest.approx(found.area.value - found.random, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_ties_count_as_the_mean_over_all_their_orders(rows: list[tuple[int, int]]) -> None:
    orders = [order for order in permutations(rows) if [u for u, _ in order] == sorted(u for u, _ in order)]
    mean = np.mean([slow_area([wrong for _, wrong in order]) for order in orders])
    assert measured(*zip(*rows, strict=True), n_bootstrap=2).area.value == pytest.approx(mean, abs=1e-9)


def test_a_random_order_has_the_error_rate_in_the_mean() -> None:
    rng, wrong = np.random.default_rng(0), np.repeat([0, 1], [35, 15])
    areas = [measured(rng.random(50), wrong, n_bootstrap=1).area.value for _ in range(2000)]
    assert np.mean(areas) == pytest.approx(measured(np.zeros(50), wrong).random, abs=0.01)


def test_the_interval_is_that_of_a_bootstrap_of_whole_rows() -> None:
    rng = np.random.default_rng(1)
    uncertainty = rng.integers(0, 30, size=80)  # many ties
    wrong = rng.random(80) < uncertainty / 40
    slow = []
    for _ in range(1500):
        rows = rng.integers(0, 80, size=80)
        rows = rows[np.lexsort((rng.random(80), uncertainty[rows]))]  # ties in any order: their mean
        slow.append(slow_area(wrong[rows].astype(int).tolist()) - wrong[rows].mean())
    found = measured(uncertainty, wrong, n_bootstrap=3000).difference
    assert (found.low, found.high) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.015)


@pytest.mark.parametrize(
    ("sign", "verdict", "informative"), [(1, "informative", True), (-1, "inverted", False)]
)
def test_the_verdict_says_whether_the_unsure_rows_are_the_wrong_ones(
    sign: int, verdict: str, informative: bool
) -> None:
    rng = np.random.default_rng(2)
    uncertainty = rng.random(300)
    found = measured(sign * uncertainty, rng.random(300) < uncertainty / 2)
    assert (found.verdict, found.informative) == (verdict, informative)


def test_uncertainty_that_knows_nothing_is_seldom_called_informative() -> None:
    rng = np.random.default_rng(3)
    verdicts = [measured(rng.random(100), rng.random(100) < 0.3).verdict for _ in range(200)]
    assert verdicts.count("unclear") >= 180


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("n", [1, 7, 49])
def test_all_right_and_all_wrong_leave_nothing_to_rank(wrong: int, n: int) -> None:
    found = measured(np.arange(n), np.full(n, wrong))
    assert (found.area.value, found.random, found.perfect) == pytest.approx((wrong, wrong, wrong))
    assert found.verdict == "unclear"


def test_equal_uncertainty_everywhere_is_a_random_order() -> None:
    found = measured(np.full(50, 0.5), np.arange(50) % 3 == 0)
    assert found.area.value == pytest.approx(found.random, abs=1e-12)
    assert found.verdict == "unclear"


def test_a_perfect_order_reaches_the_best_area() -> None:
    found = measured(np.arange(40), np.arange(40) >= 30)
    assert found.area.value == pytest.approx(found.perfect, abs=1e-12)
    assert found.informative


def test_the_same_generator_gives_the_same_document() -> None:
    rng = np.random.default_rng(4)
    uncertainty, wrong = rng.random(90), rng.random(90) < 0.4
    first, second = (json.dumps(measured(uncertainty, wrong).to_json(), allow_nan=False) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("uncertainty", "wrong", "words"),
    [
        ([], [], "0 uncertainties of 0 rows"),
        ([0.1], [0, 1], "1 uncertainties of 2"),
        ([np.nan], [0], "finite"),
    ],
)
def test_what_cannot_be_ranked_is_refused(uncertainty: list[float], wrong: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        measured(uncertainty, wrong)
