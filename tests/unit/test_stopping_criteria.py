"""Each stopping criterion: when it stops, when it does not, what it says and what it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from alcli.curves.power_law import fit
from alcli.errors import ConfigError
from alcli.estimate import Estimate
from alcli.registry import STOPPING
from alcli.stopping import Past, StopSet, Verdict
from alcli.stopping.budget import Budget
from alcli.stopping.classification_change import ClassificationChange
from alcli.stopping.expected_gain import ExpectedGain
from alcli.stopping.max_confidence import MaxConfidence
from alcli.stopping.overall_uncertainty import OverallUncertainty
from alcli.stopping.plateau import Plateau
from alcli.stopping.pool_exhausted import PoolExhausted
from alcli.stopping.stabilizing_predictions import StabilizingPredictions
from alcli.stopping.target import Target

Interval = tuple[float, float, float]


def history(*intervals: Interval | None, metric: str = "accuracy") -> list[Past]:
    """Rounds from 1 on, with the intervals of one metric; None: not measured."""
    return [
        Past(round=i, n_labels=100 * i, n_candidates=9000, metrics={metric: found} if found else {})
        for i, found in enumerate(intervals, start=1)
    ]


def around(value: float) -> Interval:
    return value, value - 0.05, value + 0.05


@pytest.mark.parametrize(
    ("n_labels", "verdict"),
    [
        (499, Verdict(False, "499 of 500 training labels: 1 to go")),
        (500, Verdict(True, "500 of 500 training labels: the budget is spent")),
        (612, Verdict(True, "612 of 500 training labels: the budget is spent")),
    ],
)
def test_a_budget_stops_when_it_is_spent(n_labels: int, verdict: Verdict) -> None:
    assert Budget(labels=500).judge([Past(4, n_labels, 9000, {})]) == verdict


@pytest.mark.parametrize(
    ("spent", "verdict"),
    [
        (961.5, Verdict(True, "961.5 of 900 spent: the budget is used up")),
        (900.0, Verdict(True, "900 of 900 spent: the budget is used up")),
        (899.75, Verdict(False, "899.75 of 900 spent: 0.25 to go")),
        (None, Verdict(False, "nobody knows what round 4's labels cost: set cost.per_label")),
    ],
)
def test_a_budget_of_money_stops_when_it_is_used_up(spent: float | None, verdict: Verdict) -> None:
    assert Budget(money=900).judge([Past(4, 500, 9000, {}, spent=spent)]) == verdict


def test_of_labels_and_money_the_one_that_is_used_up_first_stops() -> None:
    past = [Past(4, 500, 9000, {}, spent=40.0)]
    assert Budget(labels=500, money=90).judge(past) == Budget(labels=500).judge(past)
    assert Budget(labels=900, money=40).judge(past) == Budget(money=40).judge(past)
    assert Budget(labels=900, money=90).judge(past) == Verdict(
        False, "500 of 900 training labels: 400 to go; 40 of 90 spent: 50 to go"
    )


@pytest.mark.parametrize(
    ("n_candidates", "verdict"),
    [
        (0, Verdict(True, "0 candidates left: the whole pool has been asked")),
        (1, Verdict(False, "1 candidate left to ask")),
        (900, Verdict(False, "900 candidates left to ask")),
    ],
)
def test_an_exhausted_pool_stops(n_candidates: int, verdict: Verdict) -> None:
    assert PoolExhausted().judge([Past(4, 500, n_candidates, {})]) == verdict


def test_a_target_is_reached_by_the_low_end_not_by_the_value() -> None:
    lucky, sure = history((0.93, 0.89, 0.96)), history((0.93, 0.90, 0.96))
    assert Target(value=0.9).judge(lucky) == Verdict(
        False, "accuracy is 0.930; its low end 0.890 has not reached the target 0.9"
    )
    assert Target(value=0.9).judge(sure) == Verdict(
        True, "accuracy is 0.930; its low end 0.900 has reached the target 0.9"
    )


def test_a_target_looks_at_the_newest_round_only() -> None:
    assert not Target(value=0.9).judge(history((0.95, 0.92, 0.97), (0.88, 0.85, 0.91))).stop


@pytest.mark.parametrize("metric", ["log_loss", "brier", "ece"])
def test_a_target_for_what_should_be_low_is_reached_by_the_high_end(metric: str) -> None:
    newest = history((0.2, 0.15, 0.25), metric=metric)
    assert not Target(value=0.2, metric=metric).judge(newest).stop
    assert Target(value=0.25, metric=metric).judge(newest) == Verdict(
        True, f"{metric} is 0.200; its high end 0.250 has reached the target 0.25"
    )


def test_a_plateau_needs_one_round_more_than_it_looks_at() -> None:
    flat = history(*[around(0.8)] * 4)
    assert Plateau(rounds=3).judge(flat[:3]) == Verdict(False, "4 trained rounds show a plateau, there are 3")
    assert Plateau(rounds=3).judge(flat) == Verdict(
        True,
        "all within round 1's interval, 0.750 to 0.850; accuracy since then: 0.800, 0.800, 0.800",
    )


@pytest.mark.parametrize("outlier", [0.86, 0.74])
@pytest.mark.parametrize("place", [1, 2, 3])
def test_one_round_outside_the_interval_is_no_plateau(outlier: float, place: int) -> None:
    values = [0.8] * 4
    values[place] = outlier
    verdict = Plateau().judge(history(*map(around, values)))
    assert not verdict.stop
    assert verdict.reason.startswith("not all within round 1's interval, 0.750 to 0.850; accuracy since then")


def test_a_plateau_forgets_the_climb_before_it() -> None:
    climb_then_flat = history(*map(around, [0.4, 0.6, 0.8, 0.82, 0.81, 0.83]))
    assert Plateau().judge(climb_then_flat).stop
    assert not Plateau(rounds=4).judge(climb_then_flat).stop


def test_a_plateau_follows_any_metric() -> None:
    assert Plateau(metric="brier", rounds=1).judge(history(around(0.3), around(0.28), metric="brier")).stop


@pytest.mark.parametrize("criterion", [Target(value=0.9), Plateau(rounds=1), ExpectedGain()])
def test_a_round_without_validation_labels_decides_nothing(criterion: Any) -> None:
    verdict = criterion.judge(history(around(0.97), None))
    assert verdict == Verdict(
        False, "round 2 has no accuracy yet: no validation row was labeled when it was trained"
    )


def watched(*stop_sets: StopSet | None) -> list[Past]:
    """Rounds from 1 on, with what their models say of the stop set."""
    return [Past(n, 100 * n, 9000, {}, stop_set=found) for n, found in enumerate(stop_sets, start=1)]


def agreeing(*kappas: float | None) -> list[Past]:
    """A first round, and rounds whose models agree so far with the one before."""
    return watched(*(StopSet(2000, 1900, kappa, 0.01, 0.1, 0.9) for kappa in (None, *kappas)))


def changing(share: float) -> list[Past]:
    return watched(StopSet(2400, 2000, 0.98, share, 0.1, 0.9))


def doubting(mean: float, highest: float) -> list[Past]:
    return watched(StopSet(2000, 1900, 0.98, 0.01, mean, highest))


def test_predictions_have_settled_where_three_kappas_are_0_99_on_average() -> None:
    assert StabilizingPredictions().judge(agreeing(0.5, 0.985, 0.99, 0.995)) == Verdict(
        True,
        "predictions agree by a mean kappa of 0.9900 over 3 rounds, which has reached 0.99 "
        "(where F changes by 4(1-T)/T = 0.040 at most)",
    )
    assert StabilizingPredictions().judge(agreeing(1.0, 0.985, 0.99, 0.9949)) == Verdict(
        False,
        "predictions agree by a mean kappa of 0.9900 over 3 rounds, which has not reached 0.99 "
        "(where F changes by 4(1-T)/T = 0.040 at most)",
    )


def test_the_bound_on_the_change_of_f_is_that_of_the_threshold() -> None:
    verdict = StabilizingPredictions(kappa=0.8, rounds=1).judge(agreeing(0.9))
    assert verdict.stop
    assert "4(1-T)/T = 1.000 at most" in verdict.reason


def test_three_comparisons_need_four_rounds() -> None:
    assert StabilizingPredictions().judge(agreeing(1.0, 1.0)) == Verdict(
        False, "4 trained rounds give 3 comparisons; so far: 3"
    )
    assert StabilizingPredictions().judge(agreeing(1.0, 1.0, 1.0)).stop


def test_the_first_round_with_a_stop_set_has_nothing_to_compare_with() -> None:
    upgraded = watched(None, *(past.stop_set for past in agreeing(1.0, 1.0)))
    assert StabilizingPredictions().judge(upgraded) == Verdict(
        False, "round 2 is the first with a stop set: its predictions have none to compare with"
    )


@pytest.mark.parametrize(
    ("share", "allowed", "verdict"),
    [
        (0.0, 0.0, Verdict(True, "0 of 2000 predictions changed since the round before; 0 may")),
        (0.0005, 0.0, Verdict(False, "1 of 2000 predictions changed since the round before; 0 may")),
        (0.005, 0.005, Verdict(True, "10 of 2000 predictions changed since the round before; 10 may")),
        (0.0055, 0.005, Verdict(False, "11 of 2000 predictions changed since the round before; 10 may")),
    ],
)
def test_a_change_of_classes_goes_on(share: float, allowed: float, verdict: Verdict) -> None:
    assert ClassificationChange(share=allowed).judge(changing(share)) == verdict


def test_a_model_that_is_certain_on_the_whole_stops() -> None:
    assert OverallUncertainty().judge(doubting(0.05, 1.0)) == Verdict(
        True, "mean entropy of the stop set's 1900 unlabeled rows is 0.0500, at most 0.05"
    )
    assert OverallUncertainty().judge(doubting(0.0501, 1.0)) == Verdict(
        False, "mean entropy of the stop set's 1900 unlabeled rows is 0.0501, above 0.05"
    )


def test_a_model_that_is_certain_of_every_row_stops() -> None:
    assert MaxConfidence().judge(doubting(0.0005, 0.001)) == Verdict(
        True, "highest entropy of the stop set's 1900 unlabeled rows is 0.0010, at most 0.001"
    )
    assert MaxConfidence().judge(doubting(0.0005, 0.0011)) == Verdict(
        False, "highest entropy of the stop set's 1900 unlabeled rows is 0.0011, above 0.001"
    )


FLAT = (0.70, 0.80, 0.84, 0.855, 0.858, 0.860, 0.861, 0.861, 0.862, 0.862)
STEEP = (0.40, 0.50, 0.57, 0.62, 0.66, 0.69)


def curve(values: Sequence[float], **more: float) -> list[Past]:
    """Rounds of 100 labels each, measured within 0.02 either way; a fall for what should be low."""
    return [
        dataclasses.replace(past, **more)
        for past in history(*((value, value - 0.02, value + 0.02) for value in values))
    ]


def forecast(values: Sequence[float]) -> Estimate:
    """What the next 100 labels bring by the power law."""
    n = len(values)
    law = fit([100 * (i + 1) for i in range(n)], values, [0.04 / 3.92] * n)
    assert law is not None
    return law.gain(100 * n, 100 * n + 100)


def test_a_flat_curve_stops_and_a_steep_one_goes_on() -> None:
    assert ExpectedGain().judge(curve(FLAT)).stop
    assert not ExpectedGain().judge(curve(STEEP)).stop


def test_the_forecast_in_the_verdict_is_that_of_the_power_law() -> None:
    gain = forecast(FLAT)
    assert ExpectedGain().judge(curve(FLAT)) == Verdict(
        True,
        f"100 more labels bring {100 * gain.value:.2f} points of accuracy, {100 * gain.high:.2f} at most; "
        "0.3 are worth asking for",
    )


def test_a_small_round_does_not_make_the_next_batch_small() -> None:
    *earlier, newest = curve(FLAT)
    partly = dataclasses.replace(newest, n_labels=910)
    assert ExpectedGain().judge([*earlier, partly]).reason.startswith("100 more labels bring")
    assert ExpectedGain(labels=30).judge([*earlier, partly]).reason.startswith("30 more labels bring")


def test_the_high_end_decides_not_the_value() -> None:
    high = 100 * forecast(FLAT).high
    assert not ExpectedGain(points=high * 0.999).judge(curve(FLAT)).stop
    assert ExpectedGain(points=high * 1.001).judge(curve(FLAT)).stop


def test_where_the_user_says_what_labels_cost_and_a_point_is_worth_these_decide() -> None:
    worth = 100 * forecast(FLAT).high * 90  # of the next 100 labels, at most
    dear = curve(FLAT, cost_per_label=worth / 100 * 1.001, value_per_point=90.0)
    cheap = curve(FLAT, cost_per_label=worth / 100 * 0.999, value_per_point=90.0)
    assert ExpectedGain().judge(dear).stop
    assert not ExpectedGain().judge(cheap).stop
    assert "are worth the" in ExpectedGain().judge(cheap).reason
    assert ExpectedGain(points=50).judge(cheap).stop, "what the criterion itself says comes first"


def test_a_loss_that_falls_no_more_stops() -> None:
    values = (0.9, 0.7, 0.65, 0.648, 0.647, 0.647)
    flat = history(*((v, v - 0.02, v + 0.02) for v in values), metric="log_loss")
    assert ExpectedGain(metric="log_loss", points=2).judge(flat).stop
    steep = history(*((v, v - 0.02, v + 0.02) for v in (0.9, 0.8, 0.72, 0.65, 0.6)), metric="log_loss")
    assert not ExpectedGain(metric="log_loss", points=2).judge(steep).stop


def test_one_round_is_no_curve() -> None:
    assert ExpectedGain().judge(curve(FLAT[:1])) == Verdict(
        False, "2 measured rounds with different numbers of labels give a forecast; so far: 1"
    )


def test_a_round_with_labels_that_were_taken_back_is_left_out() -> None:
    dropped = dataclasses.replace(curve(FLAT)[0], round=9, n_labels=900)
    first, *rest = curve(FLAT)
    with_it = ExpectedGain().judge([first, dropped, *rest])
    assert with_it == ExpectedGain().judge(curve(FLAT))


STOP_SET_CRITERIA = [
    StabilizingPredictions(rounds=1),
    ClassificationChange(share=1.0),
    OverallUncertainty(threshold=1.0),
    MaxConfidence(threshold=1.0),
]


@pytest.mark.parametrize("criterion", STOP_SET_CRITERIA, ids=lambda one: type(one).__name__)
def test_a_round_of_an_older_alcli_decides_nothing(criterion: Any) -> None:
    assert criterion.judge(watched(None, None)) == Verdict(
        False, "round 2 has no stop set: an older alcli trained it"
    )


@pytest.mark.parametrize("criterion", STOP_SET_CRITERIA, ids=lambda one: type(one).__name__)
def test_where_every_row_is_labeled_there_is_nothing_to_look_at(criterion: Any) -> None:
    nothing = StopSet(40, 0, None, None, None, None)
    assert criterion.judge(watched(nothing, nothing)) == Verdict(
        False, "round 2's stop set has no unlabeled row (40 in all)"
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "budget", "labels": 0}, "labels must be a whole number of at least 1, found 0"),
        ({"name": "budget", "labels": True}, "found True"),
        ({"name": "budget", "labels": 0.5}, "found 0.5"),
        ({"name": "budget", "labels": "many"}, "found 'many'"),
        ({"name": "budget"}, "write labels: a number of labels, or money: a sum"),
        ({"name": "budget", "money": 0}, "money must be a number above 0, found 0"),
        ({"name": "budget", "money": "all"}, "found 'all'"),
        ({"name": "stabilizing_predictions", "kappa": 99}, "kappa must be a number from 0 to 1, found 99"),
        ({"name": "stabilizing_predictions", "kappa": 0}, "kappa must be above 0, found 0"),
        ({"name": "stabilizing_predictions", "rounds": 2.5}, "rounds must be a whole number"),
        ({"name": "classification_change", "share": -0.1}, "share must be a number from 0 to 1"),
        ({"name": "expected_gain", "metric": "ece"}, "metric must be one that labels improve"),
        ({"name": "expected_gain", "points": 0}, "points must be a number above 0, found 0"),
        (
            {"name": "expected_gain", "labels": 10.5},
            "labels must be a whole number of at least 1, found 10.5",
        ),
        ({"name": "overall_uncertainty", "threshold": True}, "found True"),
        ({"name": "max_confidence", "threshold": "low"}, "found 'low'"),
        ({"name": "target", "value": 90}, "a number above 0 and at most 1 for accuracy, found 90"),
        ({"name": "target", "value": 0}, "found 0"),
        ({"name": "target", "value": float("nan")}, "found nan"),
        ({"name": "target", "value": True}, "found True"),
        ({"name": "target", "value": "0.9"}, "found '0.9'"),
        ({"name": "target", "value": -1, "metric": "log_loss"}, "a number above 0 for log_loss, found -1"),
        ({"name": "target", "value": 0.9, "metric": "f1"}, "accuracy, macro_f1, .*, found 'f1'"),
        ({"name": "target", "value": 0.9, "metric": ["accuracy"]}, "metric must be one of"),
        ({"name": "plateau", "rounds": 0}, "rounds must be a whole number of at least 1, found 0"),
        ({"name": "plateau", "metric": None}, "metric must be one of"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_right_ones(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        STOPPING.build(spec)
