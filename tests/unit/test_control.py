"""The saving against random collection, from figures whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alcli.curves.control import Measured, Saving, saving, share_of
from alcli.estimate import Estimate
from alcli.metrics import figures, resampled

SIZES = np.array([71.0, 100, 141, 200, 283, 400])
POOL = 100_000
COUNTS = {"n_random": 400, "n_control": 200}


def error(n):
    return 0.1 + 0.35 * (np.asarray(n) / 60) ** -0.7


def measured(own, rng=None, luck_of_rows=0.0, validation=20_000, orders=6, *, higher=True):
    """A random curve and a project's model, with as much luck of rows and of the validation set."""
    rng = rng or np.random.default_rng(0)
    rows = rng.normal(size=400)
    orders_rows = [rng.permutation(rows) for _ in range(orders)]
    means = np.array([[order[: int(k)].mean() for k in SIZES] for order in orders_rows])
    shared, apart = rng.normal(0, 0.4 / math.sqrt(validation)), 0.2 / math.sqrt(validation)
    errors = error(SIZES) + luck_of_rows * means + shared + rng.normal(0, apart, len(SIZES))
    resamples = rng.normal(0, 0.4 / math.sqrt(validation), 400) + rng.normal(0, apart, (len(SIZES) + 1, 400))
    errors[:, -1] = errors[0, -1]
    mine = own + shared + rng.normal(0, apart)
    centre = np.append(errors.mean(axis=0), mine)[:, None]
    turn = (lambda values: 1 - values) if higher else (lambda values: values)
    return Measured(SIZES, turn(errors), float(turn(mine)), turn(centre + resamples), higher)


def test_with_little_luck_the_saving_is_found_and_claimed():
    found = saving(measured(float(error(900)), validation=500_000), 500, POOL, **COUNTS)
    truth = share_of(500, 900)
    assert found.share.low < truth < found.share.high
    assert found.share.value == pytest.approx(truth, abs=0.1)
    assert found.verdict == "saved"
    assert found.of.value - found.n_labels == pytest.approx(found.labels.value)
    low, value, high = (round(100 * x) for x in (found.share.low, found.share.value, found.share.high))
    assert found.sentence == (
        f"labels saved against random so far: {found.labels.value:,.0f} of {found.of.value:,.0f} "
        f"({value}%), 95% interval {low} to {high}%"
    )
    assert (found.n_labels, found.n_random, found.n_control) == (500, 400, 200)


def test_a_project_that_does_worse_is_told_so():
    found = saving(measured(float(error(600))), 1090, POOL, **COUNTS)
    assert found.verdict == "lost"
    assert found.share.low < share_of(1090, 600) < found.share.high < 0
    assert found.sentence.startswith("random collection would have needed fewer labels: ")
    assert f"{-round(100 * found.share.high)} to {-round(100 * found.share.low)}%" in found.sentence


def test_a_project_as_good_as_random_collection_is_not_distinguishable():
    found = saving(measured(float(error(1090))), 1090, POOL, **COUNTS)
    assert found.verdict == "alike"
    assert found.sentence.startswith("not distinguishable from random: ")


def test_the_luck_of_few_validation_rows_leaves_nothing_to_claim():
    clear, blurred = (
        saving(measured(float(error(2000)), validation=n), 1090, POOL, **COUNTS) for n in (500_000, 300)
    )
    assert clear.verdict == "saved"
    assert blurred.verdict == "alike"
    assert blurred.share.high - blurred.share.low > 1.5 * (clear.share.high - clear.share.low)


def test_what_lies_beyond_the_curve_is_left_open():
    found = saving(measured(0.02), 1000, POOL, **COUNTS)
    assert found.farthest == 4000  # 10 times the random rows
    assert found.open
    assert found.of.value == found.of.high == 4000
    low = round(100 * found.share.low)
    assert found.sentence == (
        f"labels saved against random so far: at least {found.labels.low:,.0f} of {found.of.low:,.0f} "
        f"({low}%), 95% interval from {low}% up"
    )
    later = saving(measured(0.02), 3000, POOL, **COUNTS)
    assert later.farthest == 6000  # twice the labels, where that is more


def test_random_collection_ends_with_the_pool():
    found = saving(measured(0.02), 1000, 1500, **COUNTS)
    assert not found.open
    assert found.of.high == 1500
    assert found.sentence.endswith(" to 33%")


def test_a_metric_of_which_less_is_better_tells_the_same():
    one = saving(measured(float(error(1400))), 1090, POOL, **COUNTS)
    other = saving(measured(float(error(1400)), higher=False), 1090, POOL, **COUNTS)
    assert other.share.low == pytest.approx(one.share.low)
    assert other.share.value == pytest.approx(one.share.value)
    assert other.curve[0][1].value == pytest.approx(1 - one.curve[0][1].value)


@pytest.mark.parametrize("of", [700.0, 1090.0, 1800.0])
def test_the_interval_holds_the_truth_in_nine_of_ten_draws(of):
    rng = np.random.default_rng(0)
    draws = [
        saving(measured(float(error(of)), rng, luck_of_rows=0.12, validation=1000), 1090, POOL, **COUNTS)
        for _ in range(40)
    ]
    held = [found.of.low <= of and (found.open or of <= found.of.high) for found in draws]
    assert sum(held) >= 36


def test_a_saving_as_a_document_has_only_finite_numbers():
    document = saving(measured(0.02), 1000, POOL, **COUNTS).to_json()
    numbers = [*document["of"].values(), *document["share"].values(), *document["labels"].values()]
    assert all(math.isfinite(number) for number in numbers)
    assert document["open"] is True
    assert [point["n_labels"] for point in document["curve"]] == [*SIZES.tolist(), 1000.0]


def test_an_interval_that_rounds_to_nothing_is_no_saving():
    whole = Estimate(1010.0, 1002.0, 1020.0)
    share = Estimate(0.01, 0.002, 0.02)
    found = Saving(Estimate(10.0, 2.0, 20.0), whole, share, 4000.0, False, 1000, 400, 200, ())
    assert found.verdict == "alike"


def test_models_are_measured_on_the_same_resamples_whatever_order_their_rows_are_sorted_in():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=200)
    probas = [rng.dirichlet(np.ones(3), size=200).astype(np.float32) for _ in range(2)]
    for name in ("accuracy", "macro_f1", "log_loss", "brier"):
        found = resampled([*probas, probas[0]], y, ("a", "b", "c"), name, np.random.default_rng(1), 50)
        assert found.shape == (3, 51)
        assert np.array_equal(found[0], found[2])
        assert found[:2, 0] == pytest.approx([figures(p, y, ("a", "b", "c"))[name] for p in probas])
    accuracy = resampled(probas, y, ("a", "b", "c"), "accuracy", np.random.default_rng(1), 2000)
    right = [p.argmax(axis=1) == y for p in probas]
    difference = (right[0].astype(float) - right[1]).std() / math.sqrt(200)
    assert (accuracy[0] - accuracy[1])[1:].std() == pytest.approx(difference, rel=0.1)
