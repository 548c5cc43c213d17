"""A power law through learning curves: what it knows, what it does not, and whether its intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from alcli.curves.forecast import forecast
from alcli.curves.power_law import BackTest, back_test, fit

N = np.array([200.0, 400, 600, 800, 1000, 1200])


def error(n, floor=0.08, rate=0.6):
    return floor + 0.3 * (np.asarray(n) / 200) ** -rate


def history(values, width=0.08, metric="accuracy"):
    return [
        {"n_labels": int(n), "metrics": {metric: [v, v - width / 2, v + width / 2]}}
        for n, v in zip(N, values, strict=False)
    ]


def test_a_curve_that_is_seen_clearly_is_followed_beyond_its_end():
    law = fit(N, 1 - error(N), [0.005] * 6)
    assert law is not None
    truth = error(1200) - error(2400)
    gain = law.gain(1200, 2400)
    assert gain.low < truth < gain.high
    assert gain.value == pytest.approx(truth, rel=0.15)
    value = law.value(2400)
    assert value.low < 1 - error(2400) < value.high
    labels = law.labels_for(1 - float(error(2000)))
    assert labels is not None
    assert labels.low < 2000 < labels.high
    assert labels.value == pytest.approx(2000, rel=0.1)


def test_luck_that_all_rounds_share_moves_the_level_and_leaves_the_gain():
    one, other = (fit(N, 1 - error(N) + luck, [0.03] * 6, shared=0.9) for luck in (0.0, 0.03))
    assert one is not None
    assert other is not None
    assert other.value(1200).value - one.value(1200).value == pytest.approx(0.03, abs=0.005)
    assert other.gain(1200, 1800).value == pytest.approx(one.gain(1200, 1800).value, abs=0.004)


def test_one_round_has_no_curve_and_two_have_a_wide_interval():
    assert fit([200], [0.6], [0.03]) is None
    assert fit([200, 200], [0.6, 0.61], [0.03, 0.03]) is None
    assert fit([], [], []) is None
    few, many = (fit(N[:k], 1 - error(N[:k]), [0.03] * k) for k in (2, 6))
    assert few is not None
    assert many is not None
    widths = [law.gain(law.at, 2 * law.at) for law in (few, many)]
    assert widths[0].high - widths[0].low > 2 * (widths[1].high - widths[1].low)


def test_a_metric_of_which_less_is_better_tells_the_same_gains():
    as_error = fit(N, error(N), [0.02] * 6, higher_is_better=False)
    as_share = fit(N, 1 - error(N), [0.02] * 6)
    assert as_error is not None
    assert as_share is not None
    assert as_error.gain(1200, 1400).value == pytest.approx(as_share.gain(1200, 1400).value)
    assert as_error.measured_gain(1400).low == pytest.approx(as_share.measured_gain(1400).low)
    assert as_error.value(1400).value == pytest.approx(1 - as_share.value(1400).value)
    assert as_error.value(1400).low <= as_error.value(1400).value <= as_error.value(1400).high


def test_what_is_measured_next_is_less_certain_than_the_gain_and_may_be_a_loss():
    law = fit(N, 1 - error(N), [0.02] * 6)
    assert law is not None
    gain, measured = law.gain(1200, 1400), law.measured_gain(1400)
    assert 0 <= gain.low <= gain.value <= gain.high
    assert measured.low < 0 < gain.low
    assert measured.high > gain.high


def test_a_last_round_that_was_lucky_is_expected_to_be_followed_by_less():
    values = 1 - error(N)
    lucky = np.append(values[:-1], values[-1] + 0.05)
    plain, after = fit(N, values, [0.02] * 6), fit(N, lucky, [0.02] * 6)
    assert plain is not None
    assert after is not None
    assert after.measured_gain(1400).value < plain.measured_gain(1400).value - 0.02


def test_a_value_out_of_reach_has_no_label_count():
    law = fit(N, 1 - error(N, floor=0.2, rate=1.0), [0.002] * 6)
    assert law is not None
    assert law.labels_for(0.95) is None
    near = law.labels_for(0.79)
    assert near is not None
    assert math.isinf(near.high)


@pytest.mark.parametrize("values", [[1.0] * 6, [0.0] * 6, [0.5] * 6, list(np.linspace(0.9, 0.5, 6))])
def test_curves_that_do_not_rise_give_finite_figures(values):
    law = fit(N, values, [0.0] * 6)
    assert law is not None
    for found in (law.gain(1200, 1400), law.measured_gain(1400), law.value(1400)):
        assert math.isfinite(found.low)
        assert found.low <= found.value <= found.high
    assert law.gain(1200, 1400).value < 0.02


@pytest.mark.parametrize(
    ("n", "values", "sds", "shared", "said"),
    [
        ([1, 2], [0.1], [0.1, 0.1], 0.6, "1 values"),
        ([2, 1], [0.1, 0.2], [0.1, 0.1], 0.6, "ascend"),
        ([0, 1], [0.1, 0.2], [0.1, 0.1], 0.6, "above 0"),
        ([1, 2], [0.1, math.nan], [0.1, 0.1], 0.6, "finite"),
        ([1, 2], [0.1, 0.2], [0.1, -0.1], 0.6, "below 0"),
        ([1, 2], [0.1, 0.2], [0.1, 0.1], 1.0, "shared"),
    ],
)
def test_numbers_that_cannot_be_are_refused(n, values, sds, shared, said):
    with pytest.raises(ValueError, match=said):
        fit(n, values, sds, shared=shared)


def drawn_project(rng, n_rounds, n_validation):
    """Label counts, true errors and measured ones: difficulty is a row's own, and a round has luck too."""
    n = 200.0 * np.arange(1, n_rounds + 2)
    floor, rate, start = rng.uniform(0, 0.2), rng.uniform(0.2, 1.2), rng.uniform(0.25, 0.6)
    errors = floor + (start - floor) * (n / 200) ** -rate
    of_models = np.clip(errors + rng.normal(0, rng.uniform(0, 0.012), len(n)), 0.001, 0.99)
    weight = rng.uniform(0.6, 0.95)
    difficulty = rng.normal(size=(n_validation, 1))
    latent = np.sqrt(weight) * difficulty + np.sqrt(1 - weight) * rng.normal(size=(n_validation, len(n)))
    return n, errors, (latent < ndtri(of_models)).mean(axis=0)


@pytest.mark.parametrize("n_rounds", [2, 4, 8])
def test_the_intervals_hold_what_comes_in_nine_of_ten_projects(n_rounds):
    rng, held = np.random.default_rng(0), []
    for _ in range(60):
        n, errors, measured = drawn_project(rng, n_rounds, 300)
        sds = np.sqrt(measured * (1 - measured) / 300)
        law = fit(n[:-1], 1 - measured[:-1], sds[:-1])
        assert law is not None
        gain, shown = law.gain(n[-2], n[-1]), law.measured_gain(n[-1])
        came = measured[-2] - measured[-1]
        held.append((gain.low <= errors[-2] - errors[-1] <= gain.high, shown.low <= came <= shown.high))
    assert np.mean(held, axis=0).min() >= 0.9


def test_a_back_test_sees_only_the_rounds_before_the_one_it_forecasts():
    values = list(1 - error(N))
    whole = back_test(N, values, [0.02] * 6)
    assert whole is not None
    assert whole.n == 4
    assert whole.held == 4
    assert whole.mean_error < 0.02
    wild = back_test(N, [*values[:5], values[4] - 0.4], [0.02] * 6)
    assert wild is not None
    assert (wild.n, wild.held) == (4, 3)
    first = back_test(N[:5], values[:5], [0.02] * 5)
    assert first is not None
    assert wild.mean_error * 4 == pytest.approx(first.mean_error * 3 + 0.4, abs=0.02)
    assert back_test(N[:2], values[:2], [0.02] * 2) is None


def test_a_forecast_is_said_with_its_record():
    found = forecast(history(1 - error(N)), 200)
    assert found is not None
    gain, past = found.gain, found.past
    said = f"{100 * gain.value:.1f} points ({100 * gain.low:.1f} to {100 * gain.high:.1f})"
    assert found.sentence == f"the next 200 labels are expected to bring +{said}"
    assert past is not None
    assert found.record.endswith(
        f"; 4 earlier forecasts were off by {100 * past.mean_error:.1f} points on average, "
        f"{past.held} of 4 in the interval"
    )
    assert found.to_json()["past"] == {"n": 4, "mean_error": round(past.mean_error, 6), "held": past.held}


def test_a_forecast_of_a_loss_says_what_it_is_lowered_by():
    found = forecast(history(error(N) * 3, metric="log_loss"), 1000, "log_loss")
    assert found is not None
    assert found.sentence.startswith(
        f"the next 1,000 labels are expected to lower log loss by {found.gain.value:.3f}"
    )
    assert f"may be {-found.measured.high:+.3f} to {-found.measured.low:+.3f};" in found.record


def test_a_forecast_needs_two_rounds_that_were_measured():
    rounds = history(1 - error(N))
    assert forecast(rounds[:1], 200) is None
    assert forecast([], 200) is None
    assert forecast([rounds[0], {"n_labels": 400, "metrics": {}}], 200) is None
    young = forecast(rounds[:2], 200)
    assert young is not None
    assert young.past is None
    assert young.record.endswith("no earlier round was forecast yet")


def test_one_earlier_forecast_is_one():
    found = forecast(history(1 - error(N))[:3], 200)
    assert found is not None
    assert found.past == BackTest(1, found.past.mean_error, 1)
    assert "1 earlier forecast was off by" in found.record
