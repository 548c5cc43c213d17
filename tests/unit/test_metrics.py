"""The metrics against scikit-learn, against plain loops, and against what chance really does."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    mean_squared_error,
    precision_recall_fscore_support,
)

from alcli.estimate import Estimate
from alcli.metrics import HIGHER_IS_BETTER, NAMES, Metrics, evaluate, paired_change, standard_errors
from alcli.metrics._sampling import resamples
from alcli.stopping import _metric

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def predictions(n: int, n_classes: int, seed: int, peak: float = 0.3) -> tuple[Floats, Ints]:
    """Calibrated probabilities and true classes; every fifth row is a certainty, right or wrong."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(n_classes, peak), size=n).astype(np.float32)
    proba[::5] = np.eye(n_classes, dtype=np.float32)[rng.integers(0, n_classes, size=len(proba[::5]))]
    y = (proba.cumsum(axis=1) < rng.random((n, 1)) * proba.sum(axis=1, keepdims=True)).sum(axis=1)
    y[:: max(n // 7, 1)] = rng.integers(0, n_classes, size=len(y[:: max(n // 7, 1)]))
    return proba, np.minimum(y, n_classes - 1).astype(np.int64)


def measured(proba: Floats, y: Ints, seed: int = 0, n_bootstrap: int = 200) -> Metrics:
    classes = tuple(f"class {c}" for c in range(proba.shape[1]))
    return evaluate(proba, y, classes, np.random.default_rng(seed), n_bootstrap)


def one_hot(predicted: list[int], n_classes: int) -> Floats:
    return np.eye(n_classes, dtype=np.float32)[predicted]


CASES = st.tuples(st.integers(1, 60), st.integers(1, 6), st.integers(0, 10_000))
CASES_OF_SOME_CLASSES = CASES.filter(lambda case: case[1] > 1)  # of one, scikit-learn warns


@given(CASES_OF_SOME_CLASSES)
@settings(max_examples=60, deadline=None)
def test_accuracy_f1_and_confusion_are_scikit_learns(case: tuple[int, int, int]) -> None:
    proba, y = predictions(*case)
    found, predicted = measured(proba, y, n_bootstrap=2), proba.argmax(axis=1)
    assert found.n == len(y)
    assert found.accuracy.value == pytest.approx(accuracy_score(y, predicted))
    assert found.macro_f1.value == pytest.approx(f1_score(y, predicted, average="macro"))
    assert np.array_equal(found.confusion, confusion_matrix(y, predicted, labels=range(proba.shape[1])))


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_each_class_has_scikit_learns_figures_and_none_where_they_are_undefined(
    case: tuple[int, int, int],
) -> None:
    proba, y = predictions(*case)
    precision, recall, f1, support = precision_recall_fscore_support(
        y, proba.argmax(axis=1), labels=range(proba.shape[1]), zero_division=np.nan
    )
    seen = np.union1d(y, proba.argmax(axis=1))
    for c, found in enumerate(measured(proba, y, n_bootstrap=2).per_class):
        assert found.support == support[c]
        assert (found.precision.value if found.precision else np.nan) == pytest.approx(
            precision[c], nan_ok=True
        )
        assert (found.recall.value if found.recall else np.nan) == pytest.approx(recall[c], nan_ok=True)
        assert found.f1 == (pytest.approx(f1[c]) if c in seen else None)


@given(CASES_OF_SOME_CLASSES)
@settings(max_examples=60, deadline=None)
def test_log_loss_and_brier_are_scikit_learns(case: tuple[int, int, int]) -> None:
    proba, y = predictions(*case)
    found, labels = measured(proba, y, n_bootstrap=2), range(proba.shape[1])
    assert found.log_loss.value == pytest.approx(log_loss(y, proba, labels=labels), rel=1e-4, abs=1e-6)
    truth = one_hot(list(y), proba.shape[1])
    brier = sum(mean_squared_error(truth[:, n], proba[:, n]) for n in labels)
    assert found.brier.value == pytest.approx(brier, abs=1e-6)


def slow_calibration_error(proba: Floats, y: Ints) -> float:
    """The definition, row by row."""
    n = len(y)
    n_bins = min(max(n // 20, 1), 15)
    bins: dict[int, list[float]] = {}
    confidences = [float(max(row)) for row in proba]
    for confidence, row, truth in zip(confidences, proba, y, strict=True):
        rank = sum(other < confidence for other in confidences)
        bins.setdefault(rank * n_bins // n, []).append(float(int(row.argmax()) == truth) - confidence)
    return sum(abs(sum(gaps)) for gaps in bins.values()) / n


@pytest.mark.parametrize("n", [1, 19, 40, 333])
def test_the_calibration_error_is_that_of_a_plain_loop(n: int) -> None:
    proba, y = predictions(n, 3, seed=n)
    assert measured(proba, y).ece.value == pytest.approx(slow_calibration_error(proba, y), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_values_do_not_depend_on_the_order_of_rows_even_where_confidences_tie(seed: int) -> None:
    proba, y = predictions(120, 4, seed)
    proba = one_hot(list(proba.argmax(axis=1)), 4) * np.float32(0.6) + np.float32(0.1)
    shuffled = np.random.default_rng(seed).permutation(len(y))
    before, after = measured(proba, y), measured(proba[shuffled], y[shuffled])
    for name in NAMES:
        assert getattr(after, name).value == pytest.approx(getattr(before, name).value, abs=1e-12)


def test_a_known_small_case_is_as_counted_by_hand() -> None:
    proba = np.array([[0.75, 0.25], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]], dtype=np.float32)
    found = measured(proba, np.array([0, 0, 1, 1]))
    assert found.accuracy.value == 0.75
    assert found.macro_f1.value == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found.log_loss.value == pytest.approx(np.log([4 / 3, 2, 4, 4 / 3]).mean())
    assert found.brier.value == pytest.approx((0.125 + 0.5 + 1.125 + 0.125) / 4)
    assert found.ece.value == pytest.approx(abs(0.75 - (0.75 * 3 + 0.5) / 4))


def test_a_class_that_the_model_never_saw_costs_a_bounded_log_loss() -> None:
    found = measured(one_hot([0, 0, 0], 3), np.array([0, 0, 2]))
    assert found.log_loss.value == pytest.approx(-np.log(np.finfo(np.float32).eps) / 3, rel=1e-6)
    assert found.brier.value == pytest.approx(2 / 3)
    assert found.per_class[1].to_json() == {"precision": None, "recall": None, "f1": None, "support": 0}
    assert found.per_class[2].precision is None
    assert found.per_class[2].recall is not None
    assert found.per_class[2].f1 == 0.0


def test_a_class_nowhere_seen_does_not_pull_macro_f1_down() -> None:
    y = np.array([0, 0, 1, 1])
    predicted = [0, 1, 1, 1]
    assert (
        measured(one_hot(predicted, 2), y).macro_f1.value == measured(one_hot(predicted, 9), y).macro_f1.value
    )


def test_equal_probabilities_go_to_the_lower_class() -> None:
    assert measured(np.full((3, 2), 0.5, dtype=np.float32), np.array([0, 0, 1])).confusion == ((2, 0), (1, 0))


@given(CASES)
@settings(max_examples=40, deadline=None)
def test_every_interval_holds_its_value_and_stays_in_range(case: tuple[int, int, int]) -> None:
    found = measured(*predictions(*case), n_bootstrap=30)
    tops = {"accuracy": 1.0, "macro_f1": 1.0, "log_loss": 16.0, "brier": 2.0, "ece": 1.0}
    for name in NAMES:
        estimate = getattr(found, name)
        assert -1e-12 <= estimate.low <= estimate.value <= estimate.high <= tops[name] + 1e-6
    for one in found.per_class:
        for share in filter(None, (one.precision, one.recall)):
            assert 0 <= share.low <= share.value <= share.high <= 1


def test_all_right_on_few_rows_is_not_taken_for_certainty() -> None:
    found = measured(one_hot([0, 1] * 10, 2), np.array([0, 1] * 10))
    assert found.accuracy == Estimate(1.0, pytest.approx(0.8316, abs=1e-4), 1.0)  # type: ignore[arg-type]
    assert found.macro_f1 == found.accuracy
    assert found.per_class[0].recall == Estimate(1.0, pytest.approx(0.6915, abs=1e-4), 1.0)  # type: ignore[arg-type]


def test_all_wrong_is_not_taken_for_certainty_either() -> None:
    found = measured(one_hot([1, 0] * 10, 2), np.array([0, 1] * 10))
    assert found.accuracy.value == found.accuracy.low == 0.0
    assert found.accuracy.high == pytest.approx(1 - 0.8316, abs=1e-4)


def test_the_interval_of_accuracy_holds_the_truth_about_as_often_as_it_says() -> None:
    rng, truth, n, repeats = np.random.default_rng(7), 0.8, 200, 400
    covered = 0
    for _ in range(repeats):
        right = rng.random(n) < truth
        found = evaluate(one_hot([0] * n, 2), 1 - right.astype(np.int64), ("a", "b"), rng, 400)
        covered += found.accuracy.low <= truth <= found.accuracy.high
    assert 0.92 <= covered / repeats <= 0.98


def test_the_interval_of_accuracy_is_as_wide_as_the_normal_one() -> None:
    proba, y = predictions(2000, 3, seed=5)
    found = measured(proba, y, n_bootstrap=2000).accuracy
    width = 2 * 1.96 * np.sqrt(found.value * (1 - found.value) / 2000)
    assert found.high - found.low == pytest.approx(width, rel=0.1)


def test_the_bootstrap_of_macro_f1_is_that_of_a_plain_loop() -> None:
    proba, y = predictions(80, 4, seed=2)
    predicted, rng = proba.argmax(axis=1), np.random.default_rng(11)
    draws = [
        f1_score(y[rows], predicted[rows], average="macro")
        for rows in (rng.integers(0, len(y), size=len(y)) for _ in range(400))
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    found = measured(proba, y, n_bootstrap=4000).macro_f1
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)


def test_the_same_generator_gives_the_same_bytes_and_inputs_stay_untouched() -> None:
    proba, y = predictions(150, 5, seed=1)
    copies = proba.copy(), y.copy()
    first, second, other = (json.dumps(measured(proba, y, seed).to_json()) for seed in (0, 0, 1))
    assert first == second != other
    assert np.array_equal(proba, copies[0])
    assert np.array_equal(y, copies[1])


def test_resamples_are_the_same_draws_however_they_are_cut_into_blocks() -> None:
    n, n_bootstrap = 1100, 1000
    blocks = list(resamples(n, n_bootstrap, np.random.default_rng(0)))
    drawn = np.random.default_rng(0).integers(0, n, size=(n_bootstrap, n))
    assert len(blocks) > 1
    assert np.array_equal(np.vstack(blocks), [np.bincount(rows, minlength=n) for rows in drawn])


def test_json_is_read_back_as_it_was_written() -> None:
    found = measured(*predictions(60, 7, seed=3))
    document = json.loads(json.dumps(found.to_json()))
    assert Metrics.from_json(document).to_json() == document == found.to_json()
    assert list(document) == ["n", "classes", *NAMES, "per_class", "confusion"]
    assert Metrics.from_json(document | {"new": 1}).classes == found.classes


def test_json_has_six_decimals_and_no_negative_zero() -> None:
    assert json.dumps(Estimate(1 / 3, -1e-9, 2 / 3).to_json()) == (
        '{"value": 0.333333, "low": 0.0, "high": 0.666667}'
    )


def test_stopping_criteria_know_the_same_metrics() -> None:
    found = measured(*predictions(60, 3, seed=3))
    assert tuple(_metric.HIGHER_IS_BETTER) == tuple(found.headline()) == NAMES
    assert tuple(name for name, higher in _metric.HIGHER_IS_BETTER.items() if higher) == HIGHER_IS_BETTER
    assert found.headline()["brier"] == (found.brier.value, found.brier.low, found.brier.high)


@pytest.mark.parametrize(
    ("proba", "y", "classes", "words"),
    [
        (np.empty((0, 2)), [], ("a", "b"), "no rows to evaluate on"),
        ([[0.5, 0.5]], [0], ("a", "b", "c"), r"proba is \(1, 2\), 1 rows of 3 classes"),
        ([[0.5, 0.5]], [0, 1], ("a", "b"), "2 rows of 2 classes"),
        ([[0.5, 0.5]], [2], ("a", "b"), "class numbers run from 2 to 2, there are 2 classes"),
        ([[0.5, 0.5]], [-1], ("a", "b"), "from -1"),
        ([[0.5, 0.6]], [0], ("a", "b"), "each row summing to 1"),
        ([[1.5, -0.5]], [0], ("a", "b"), "none negative"),
        ([[np.nan, 0.5]], [0], ("a", "b"), "finite"),
        ([[np.inf, -np.inf]], [0], ("a", "b"), "finite"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_clear_words(
    proba: object, y: list[int], classes: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        evaluate(
            np.asarray(proba, dtype=np.float32),
            np.array(y, dtype=np.int64),
            classes,
            np.random.default_rng(0),
        )


def test_no_resamples_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="n_bootstrap must be at least 1, found 0"):
        measured(*predictions(5, 2, seed=0), n_bootstrap=0)


def test_a_paired_change_is_surer_than_two_separate_intervals() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, size=400)
    before = np.where(np.arange(400) < 80, 1 - y, y)
    after = np.where((np.arange(400) >= 20) & (np.arange(400) < 80), 1 - y, y)
    change = paired_change(one_hot(list(before), 2), one_hot(list(after), 2), y, rng)
    assert change.value == pytest.approx(20 / 400)
    assert 0 < change.low < change.value < change.high
    assert change.high - change.low < 0.05
    separate = measured(one_hot(list(after), 2), y).accuracy
    assert change.high - change.low < separate.high - separate.low


def test_a_paired_change_counts_a_class_that_only_the_newer_model_knows() -> None:
    y = np.array([0, 1, 2, 2])
    change = paired_change(one_hot([0, 1, 0, 0], 2), one_hot([0, 1, 2, 0], 3), y, np.random.default_rng(0))
    assert change.value == 0.25


def test_models_that_are_right_on_the_same_rows_have_no_change() -> None:
    proba, y = predictions(50, 3, seed=0)
    assert paired_change(proba, proba, y, np.random.default_rng(0)) == Estimate(0.0, 0.0, 0.0)


@given(CASES)
@settings(max_examples=30, deadline=None)
def test_a_paired_change_is_the_difference_of_the_accuracies(case: tuple[int, int, int]) -> None:
    (before, y), (after, _) = predictions(*case), predictions(case[0], case[1], case[2] + 1)
    change = paired_change(before, after, y, np.random.default_rng(0), n_bootstrap=20)
    difference = accuracy_score(y, after.argmax(axis=1)) - accuracy_score(y, before.argmax(axis=1))
    assert change.value == pytest.approx(difference)
    assert change.low <= change.value <= change.high


@pytest.mark.parametrize(("n_before", "n", "words"), [(0, 0, "no rows"), (2, 3, "2 before, 3 after, 3 true")])
def test_a_paired_change_needs_the_same_rows(n_before: int, n: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        paired_change(
            one_hot([0] * n_before, 2),
            one_hot([0] * n, 2),
            np.zeros(n, dtype=np.int64),
            np.random.default_rng(0),
        )


def test_metrics_and_criteria_load_neither_sklearn_nor_pandas() -> None:
    code = (
        "import sys, alcli.metrics, alcli.stopping.target; "
        "print([name for name in ('sklearn', 'scipy', 'pandas', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("n_classes", [2, 4])
def test_standard_errors_are_those_that_resampling_finds(n_classes: int) -> None:
    rng = np.random.default_rng(0)
    n = 2_000
    y = rng.integers(n_classes, size=n)
    logits = rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[y]
    proba = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    classes = tuple("abcd"[:n_classes])
    found = standard_errors(proba, y, classes)
    resampled = evaluate(proba, y, classes, rng).headline()
    assert found.keys() == {"accuracy", "macro_f1", "log_loss", "brier"}
    for name, error in found.items():
        _, low, high = resampled[name]
        assert error == pytest.approx((high - low) / 3.92, rel=0.12)


def test_where_all_rows_are_right_the_error_is_not_0() -> None:
    y = np.array([0, 1] * 10)
    proba = np.eye(2, dtype=np.float32)[y]
    found = standard_errors(proba, y, ("ham", "spam"))
    low = evaluate(proba, y, ("ham", "spam"), np.random.default_rng(0)).accuracy.low
    assert 1 - 1.96 * found["accuracy"] == pytest.approx(low)
    assert found["macro_f1"] == found["accuracy"]
