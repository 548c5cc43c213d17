"""Each stopping criterion: when it stops, when it does not, what it says and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from alcli.errors import ConfigError
from alcli.registry import STOPPING
from alcli.stopping import Past, Verdict
from alcli.stopping.budget import Budget
from alcli.stopping.plateau import Plateau
from alcli.stopping.pool_exhausted import PoolExhausted
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


@pytest.mark.parametrize("criterion", [Target(value=0.9), Plateau(rounds=1)])
def test_a_round_without_validation_labels_decides_nothing(criterion: Target | Plateau) -> None:
    verdict = criterion.judge(history(around(0.97), None))
    assert verdict == Verdict(
        False, "round 2 has no accuracy yet: no validation row was labeled when it was trained"
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "budget", "labels": 0}, "labels must be a whole number of at least 1, found 0"),
        ({"name": "budget", "labels": True}, "found True"),
        ({"name": "budget", "labels": 0.5}, "found 0.5"),
        ({"name": "budget", "labels": "many"}, "found 'many'"),
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
