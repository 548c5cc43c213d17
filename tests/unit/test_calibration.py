"""Calibration against scikit-learn, plain loops of the papers' formulas, and what chance really does."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from alcli.metrics import evaluate
from alcli.metrics.calibration import BrierParts, Reliability, brier_parts, reliability

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def predictions(n: int, n_classes: int, seed: int) -> tuple[Floats, Ints]:
    """Random probabilities, many of them equal, and true classes that they do not know."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_classes, 0.5), size=n)
    proba[::3] = proba[0]
    proba[1::7] = np.eye(n_classes)[rng.integers(0, n_classes, size=len(proba[1::7]))]
    return proba.astype(np.float32), rng.integers(0, n_classes, size=n)


def honest(n: int, n_classes: int, seed: int, power: float = 1.0) -> tuple[Floats, Ints]:
    """Labels drawn from probabilities, which are then sharpened by `power`."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(n_classes), size=n)
    y = (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    powers = proba**power
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), np.minimum(y, n_classes - 1)


def one_hot(predicted: list[int], n_classes: int) -> Floats:
    return np.eye(n_classes, dtype=np.float32)[predicted]


def measured(proba: Floats, y: Ints, n_bootstrap: int = 200) -> Reliability:
    return reliability(proba, y, np.random.default_rng(0), n_bootstrap)


CASES = st.tuples(st.integers(1, 90), st.integers(1, 6), st.integers(0, 10_000))


@given(CASES)
@settings(max_examples=40, deadline=None)
def test_the_error_and_its_bins_are_those_that_train_reports(case: tuple[int, int, int]) -> None:
    proba, y = predictions(*case)
    found = measured(proba, y, n_bootstrap=2)
    classes = tuple(str(c) for c in range(proba.shape[1]))
    assert found.ece.value == pytest.approx(
        evaluate(proba, y, classes, np.random.default_rng(0), 2).ece.value
    )
    again = sum(one.n * abs(one.confidence - one.accuracy.value) for one in found.bins) / len(y)
    assert found.ece.value == pytest.approx(again, abs=1e-9)
    assert sum(one.n for one in found.bins) == found.n == len(y)
    confidences = [one.confidence for one in found.bins]
    assert confidences == sorted(confidences)


@pytest.mark.parametrize(("n", "n_bins"), [(20, 1), (60, 3), (300, 15), (3000, 15)])
def test_the_bins_and_the_error_are_scikit_learns(n: int, n_bins: int) -> None:
    proba, y = honest(n, 3, seed=n, power=2.0)
    right, confidence = proba.argmax(axis=1) == y, proba.max(axis=1)
    accuracy, mean = calibration_curve(right, confidence, n_bins=n_bins, strategy="quantile")
    found = measured(proba, y)
    assert [one.accuracy.value for one in found.bins] == pytest.approx(accuracy, abs=1e-6)
    assert [one.confidence for one in found.bins] == pytest.approx(mean, abs=1e-6)
    assert found.ece.value == pytest.approx(np.abs(accuracy - mean).mean(), abs=1e-6)


def test_a_bins_interval_is_that_of_clopper_and_pearson() -> None:
    proba, y = honest(300, 3, seed=1)
    for one in measured(proba, y).bins:
        exact = binomtest(round(one.accuracy.value * one.n), one.n).proportion_ci(method="exact")
        assert (one.accuracy.low, one.accuracy.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def slow_parts(proba: Floats, y: Ints) -> dict[str, float]:
    """The formulas of the papers, row by row, bin by bin and class by class."""
    n, n_classes = proba.shape
    n_bins = min(max(n // 20, 1), 15)
    parts = dict.fromkeys(BrierParts.__dataclass_fields__, 0.0)
    for c in range(n_classes):
        p = [float(value) for value in proba[:, c]]
        o = [float(label == c) for label in y]
        bins: dict[int, list[int]] = {}
        for i in range(n):
            bins.setdefault(sum(other < p[i] for other in p) * n_bins // n, []).append(i)
        mean = sum(o) / n
        parts["score"] += sum((a - b) ** 2 for a, b in zip(p, o, strict=True)) / n
        parts["uncertainty"] += mean * (1 - mean)
        for rows in bins.values():
            p_bin, o_bin = sum(p[i] for i in rows) / len(rows), sum(o[i] for i in rows) / len(rows)
            parts["reliability"] += len(rows) / n * (p_bin - o_bin) ** 2
            parts["resolution"] += len(rows) / n * (o_bin - mean) ** 2
            parts["within_variance"] += sum((p[i] - p_bin) ** 2 for i in rows) / n
            parts["within_covariance"] += 2 * sum((p[i] - p_bin) * (o[i] - o_bin) for i in rows) / n
    return parts


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_the_parts_of_the_brier_score_are_those_of_a_plain_loop_and_add_up(
    case: tuple[int, int, int],
) -> None:
    proba, y = predictions(*case)
    found = brier_parts(proba, y)
    assert vars(found) == pytest.approx(slow_parts(proba, y), abs=1e-9)
    assert found.score == pytest.approx(
        found.reliability
        - found.resolution
        + found.uncertainty
        + found.within_variance
        - found.within_covariance,
        abs=1e-12,
    )


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_the_brier_score_is_the_sum_of_scikit_learns_over_the_classes(case: tuple[int, int, int]) -> None:
    proba, y = predictions(*case)
    shares = np.clip(proba.astype(np.float64), 0, 1)
    ours = sum(brier_score_loss(y == c, shares[:, c], pos_label=True) for c in range(proba.shape[1]))
    assert brier_parts(proba, y).score == pytest.approx(ours, abs=1e-6)


def test_equal_forecasts_a_bin_leave_murphys_three_parts() -> None:
    """Weather, by hand: 40 times 20% rain, of which it rains 10 times; 20 times 80%, of which 18."""
    rain = np.array([0.2] * 40 + [0.8] * 20)
    proba = np.column_stack([1 - rain, rain]).astype(np.float32)
    y = np.array([1] * 10 + [0] * 30 + [1] * 18 + [0] * 2)
    found = brier_parts(proba, y)
    assert found.reliability == pytest.approx(2 * (40 * 0.05**2 + 20 * 0.1**2) / 60, abs=1e-6)
    climate = 28 / 60
    assert found.resolution == pytest.approx(
        2 * (40 * (0.25 - climate) ** 2 + 20 * (0.9 - climate) ** 2) / 60, abs=1e-6
    )
    assert found.uncertainty == pytest.approx(2 * climate * (1 - climate))
    assert (found.within_variance, found.within_covariance) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("power", "verdict"), [(1.0, "calibrated"), (2.5, "over-confident"), (0.4, "under-confident")]
)
def test_the_verdict_names_the_side_on_which_confidence_errs(power: float, verdict: str) -> None:
    found = measured(*honest(2000, 3, seed=4, power=power))
    assert found.verdict == verdict
    assert found.gap.low <= found.gap.value <= found.gap.high
    assert (found.p_value > 0.05) == (verdict == "calibrated")


def test_a_calibrated_model_is_not_blamed_for_the_error_that_few_rows_give_it() -> None:
    p_values, excesses = [], []
    for seed in range(200):
        found = measured(*honest(60, 3, seed), n_bootstrap=99)
        p_values.append(found.p_value)
        excesses.append(found.excess)
        assert found.ece_by_chance.value > 0.03
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.1
    assert np.mean(excesses) == pytest.approx(0, abs=0.01)


def test_errors_that_cancel_in_the_gap_are_seen_by_the_p_value() -> None:
    y = np.array([0] * 80 + [1] * 20 + [0] * 100)  # 80% right at 0.9, all right at 0.81
    proba = np.array([[0.9, 0.1]] * 100 + [[0.81, 0.19]] * 100, dtype=np.float32)
    found = measured(proba, y, n_bootstrap=999)
    assert found.verdict == "calibrated"
    assert found.p_value == 0.001


@pytest.mark.parametrize(("n", "verdict"), [(1, "calibrated"), (20, "calibrated"), (200, "under-confident")])
def test_all_right_is_not_taken_for_under_confidence_on_few_rows(n: int, verdict: str) -> None:
    found = measured(np.tile(np.float32([0.9, 0.1]), (n, 1)), np.zeros(n, dtype=np.int64))
    assert found.gap.value == pytest.approx(-0.1, abs=1e-6)
    assert found.verdict == verdict


def test_perfect_and_all_wrong_certainties_are_the_two_ends() -> None:
    y = np.array([0, 1] * 30)
    perfect, wrong = measured(one_hot([0, 1] * 30, 2), y), measured(one_hot([1, 0] * 30, 2), y)
    assert (perfect.ece.value, perfect.brier.score, perfect.p_value) == (0, 0, 1)
    assert perfect.verdict == "calibrated"
    assert (wrong.ece.value, wrong.brier.score, wrong.gap.value) == (1, 2, 1)
    assert (wrong.verdict, wrong.ece_by_chance.value) == ("over-confident", 0)


@pytest.mark.parametrize("case", [(1, 1), (1, 2), (30, 1), (19, 4)])
def test_one_row_or_one_class_is_no_trouble(case: tuple[int, int]) -> None:
    found = measured(*predictions(*case, seed=0))
    for one in (found.ece, found.ece_by_chance, found.gap):
        assert -1 <= one.low <= one.value <= one.high <= 1
    json.dumps(found.to_json(), allow_nan=False)


def test_the_same_generator_gives_the_same_document_and_inputs_stay_untouched() -> None:
    proba, y = predictions(150, 5, seed=1)
    proba.flags.writeable = y.flags.writeable = False
    first, second = (json.dumps(measured(proba, y).to_json()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("proba", "y", "words"),
    [
        (np.empty((0, 2)), [], "no rows"),
        ([[0.5, 0.6]], [0], "each row summing to 1"),
        ([[0.5, 0.5]], [2], "class numbers run from 2"),
    ],
)
def test_what_is_no_prediction_is_refused(proba: object, y: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        measured(np.asarray(proba, dtype=np.float32), np.array(y, dtype=np.int64))
