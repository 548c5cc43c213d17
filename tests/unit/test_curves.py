"""Learning curves made into evidence: against hand-worked cases, scipy and scikit-learn, and known truths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn.isotonic import isotonic_regression

from alcli.curves import Comparison, Curves, compare, verdict
from alcli.curves.crossing import end, first_at
from alcli.curves.paired import holm, repeats_needed, signed_rank, smallest_p
from alcli.curves.resampling import Resamples

Floats = NDArray[np.float64]

BASE = "random_sampling"


def curves(labels: list[float], *rows: list[float]) -> Curves:
    """A row of values a repeat, all on the same label counts."""
    return Curves(np.tile(np.array(labels, dtype=float), (len(rows), 1)), np.array(rows, dtype=float))


def compared(arms: dict[str, Curves], *, higher: bool = True, n_bootstrap: int = 300) -> Comparison:
    rng = np.random.default_rng(0)
    return compare(arms, BASE, higher_is_better=higher, rng=rng, n_bootstrap=n_bootstrap)


def generated(
    rng: np.random.Generator, saving: float = 0.0, *, tau: float = 600, repeats: int = 10, noise: float = 0.01
) -> Curves:
    """Curves that rise as 1 - exp(-n / tau); an arm with a saving is where the baseline is with more."""
    labels = np.linspace(100, 1100, 11)
    truth = 0.85 - 0.25 * np.exp(-labels / (1 - saving) / tau)
    return Curves(np.tile(labels, (repeats, 1)), truth + rng.normal(0, noise, (repeats, len(labels))))


def several(seed: int, repeats: int = 8) -> dict[str, Curves]:
    rng = np.random.default_rng(seed)
    savings = {BASE: 0.0, "margin": 0.4, "badge": 0.38, "core_set": 0.0, "outlier": -0.5}
    return {name: generated(rng, saving, repeats=repeats) for name, saving in savings.items()}


# --- hand-worked cases ---


def test_the_figures_of_a_small_case_are_those_worked_out_by_hand() -> None:
    arms = {
        BASE: curves([100, 200, 300], [0.5, 0.6, 0.7], [0.5, 0.6, 0.9]),
        "margin": curves([100, 200, 300], [0.5, 0.9, 0.9], [0.5, 0.7, 0.9]),
    }
    found = compared(arms)
    assert (found.start, found.budget, found.n_repeats, found.best) == (100, 300, 2, "margin")
    assert found.target == pytest.approx(0.8)  # the mean of 0.7 and 0.9
    assert found.arms[BASE].auc.value == pytest.approx((0.6 + 0.65) / 2)
    margin = found.arms["margin"]
    assert margin.auc.value == pytest.approx((0.8 + 0.7) / 2)
    assert margin.final.value == pytest.approx(0.9)
    assert margin.labels_to_target == pytest.approx(200)  # its mean curve has 0.8 there
    assert margin.saving.value == pytest.approx(1 / 3)
    assert (margin.rounds_to_target, margin.not_reached) == (1, 0)


def test_the_baseline_reaches_its_own_target_at_the_full_budget_and_saves_nothing() -> None:
    arm = compared({BASE: curves([10, 20, 40], [0.1, 0.2, 0.3], [0.2, 0.3, 0.5])}).arms[BASE]
    assert arm.labels_to_target == 40
    assert (arm.rounds_to_target, arm.not_reached) == (2, 0)
    assert (arm.saving.value, arm.saving.low, arm.saving.high) == (0, 0, 0)
    assert (arm.p_value, arm.p_best, arm.worse_until, arm.better_from) == (1, 1, None, None)


def test_an_arm_that_never_gets_there_counts_as_the_full_budget() -> None:
    arms = {
        BASE: curves([10, 20, 30], [0.1, 0.2, 0.3], [0.1, 0.3, 0.4]),
        "bad": curves([10, 20, 30], [0.1, 0.1, 0.2], [0.1, 0.4, 0.4]),
    }
    bad = compared(arms).arms["bad"]
    assert (bad.labels_to_target, bad.saving.value, bad.rounds_to_target) == (30, 0, None)
    assert bad.not_reached == 1


def test_between_rounds_the_crossing_is_linear_and_the_round_that_reaches_it_counts() -> None:
    arms = {BASE: curves([0, 100], [0.0, 0.5]), "fast": curves([0, 50, 100], [0.0, 0.4, 0.8])}
    fast = compared(arms).arms["fast"]
    assert fast.labels_to_target == pytest.approx(62.5)
    assert fast.rounds_to_target == 2


def test_a_baseline_that_has_levelled_off_did_not_need_the_whole_budget() -> None:
    arms = {
        BASE: curves([100, 200, 300, 400], [0.5, 0.7, 0.8, 0.8]),
        "fast": curves([100, 200, 300, 400], [0.5, 0.8, 0.8, 0.8]),
    }
    found = compared(arms)
    assert found.arms[BASE].labels_to_target == 300
    assert found.arms["fast"].saving.value == pytest.approx(1 / 3)  # of 300, not a half of 400


def test_a_lucky_round_of_the_baseline_is_no_target_reached() -> None:
    arms = {
        BASE: curves([1, 2, 3, 4], [0.0, 0.5, 0.1, 0.4]),
        "same": curves([1, 2, 3, 4], [0.0, 0.5, 0.1, 0.4]),
    }
    found = compared(arms)
    assert found.arms["same"].labels_to_target == found.arms[BASE].labels_to_target == 4
    assert found.arms["same"].saving.value == 0


def test_arms_are_compared_on_the_label_counts_that_all_share() -> None:
    arms = {
        BASE: curves([100, 200, 300, 400], [0.1, 0.2, 0.3, 0.4]),
        "late": curves([150, 350], [0.15, 0.35]),
    }
    found = compared(arms)
    assert (found.start, found.budget) == (150, 350)
    assert found.target == pytest.approx(0.35)
    assert found.arms["late"].auc.value == pytest.approx(found.arms[BASE].auc.value)


def test_a_repeat_with_fewer_rounds_ends_the_shared_range() -> None:
    labels = np.array([[10.0, 20.0, 30.0], [10.0, 20.0, np.nan]])
    values = np.array([[0.1, 0.2, 0.9], [0.1, 0.4, np.nan]])
    found = compared({BASE: Curves(labels, values)})
    assert (found.budget, found.target) == (20, pytest.approx(0.3))


def test_where_lower_is_better_the_figures_keep_their_sign() -> None:
    arms = {
        BASE: curves([10, 20, 30], [1.0, 0.8, 0.6], [1.2, 0.8, 0.6]),
        "margin": curves([10, 20, 30], [1.0, 0.6, 0.4], [1.2, 0.6, 0.4]),
    }
    found = compared(arms, higher=False)
    margin = found.arms["margin"]
    assert found.best == "margin"
    assert found.target == pytest.approx(0.6)
    assert margin.labels_to_target == pytest.approx(20)
    assert margin.final.value == pytest.approx(0.4)
    assert margin.auc.low <= margin.auc.value <= margin.auc.high


def test_worse_at_first_and_better_later_is_seen_where_it_is_sure() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0.5, 0.6, 0.65, 0.7, 0.75, 0.8])
    lead = np.array([0.0, -0.1, -0.1, 0.0, 0.1, 0.1])
    labels = np.tile(np.arange(100.0, 700, 100), (12, 1))
    noise = rng.normal(0, 0.005, (2, 12, 6)) * (lead != 0)  # all start, and cross, at the same values
    arms = {BASE: Curves(labels, truth + noise[0]), "entropy": Curves(labels, truth + lead + noise[1])}
    entropy = compared(arms).arms["entropy"]
    assert (entropy.worse_until, entropy.better_from) == (300, 500)


# --- one repeat, one round ---


def test_of_one_repeat_the_intervals_collapse_and_nothing_is_claimed() -> None:
    arms = {BASE: curves([1, 2, 3], [0.1, 0.2, 0.3]), "a": curves([1, 2, 3], [0.1, 0.3, 0.3])}
    found = compared(arms)
    for arm in found.arms.values():
        for estimate in (arm.auc, arm.final, arm.saving):
            assert estimate.low == estimate.value == estimate.high
        assert arm.p_value == arm.p_best == 1
    assert verdict(found, "accuracy") == ["One repeat proves nothing: any difference may be luck."]


def test_arms_of_a_single_round_have_a_height_and_no_saving() -> None:
    found = compared({BASE: curves([50], [0.5], [0.7]), "a": curves([50], [0.6], [0.8])})
    assert found.start == found.budget == 50
    assert found.arms["a"].auc.value == pytest.approx(0.7)
    assert (found.arms["a"].labels_to_target, found.arms["a"].saving.value) == (50, 0)
    assert found.arms["a"].rounds_to_target == 0


# --- what must not matter ---


@given(st.integers(0, 50), st.permutations(range(5)), st.permutations(range(8)))
@settings(max_examples=15, deadline=None)
def test_neither_the_order_of_the_arms_nor_that_of_the_repeats_matters(
    seed: int, by_arm: list[int], by_repeat: list[int]
) -> None:
    arms = several(seed)
    names = list(arms)
    moved = {
        names[i]: Curves(arms[names[i]].n_labels[by_repeat], arms[names[i]].values[by_repeat]) for i in by_arm
    }
    one, other = compared(arms), compared(moved)
    assert one.arms == other.arms
    assert (one.best, one.target) == (other.best, other.target)
    assert list(other.arms) == [names[i] for i in by_arm]
    assert verdict(one, "accuracy") == verdict(other, "accuracy")


def test_another_arm_leaves_the_savings_of_the_others_as_they_are() -> None:
    arms = several(3)
    few = compared({name: arms[name] for name in (BASE, "margin")})
    assert compared(arms).arms["margin"].saving == few.arms["margin"].saving


def test_a_metric_turned_upside_down_tells_the_same_story() -> None:
    arms = several(1)
    turned = {name: Curves(arm.n_labels, -arm.values) for name, arm in arms.items()}
    one, other = compared(arms), compared(turned, higher=False)
    assert other.target == pytest.approx(-one.target)
    for name, arm in one.arms.items():
        assert other.arms[name].saving.value == pytest.approx(arm.saving.value)
        assert other.arms[name].p_value == arm.p_value
        assert other.arms[name].worse_until == arm.worse_until


@given(
    st.integers(1, 5).flatmap(
        lambda repeats: st.lists(
            st.lists(
                st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=1, max_size=6),
                min_size=repeats,
                max_size=repeats,
            ),
            min_size=1,
            max_size=4,
        )
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_curves_every_figure_is_finite_and_in_order(ragged: list[list[list[float]]]) -> None:
    arms = {}
    for number, rows in enumerate(ragged):
        widest = max(map(len, rows))
        values = np.array([row + [np.nan] * (widest - len(row)) for row in rows])
        labels = np.where(np.isnan(values), np.nan, 10.0 + (number + 1) * np.arange(widest))
        arms[f"arm_{number}" if number else BASE] = Curves(labels, values)
    found = compared(arms, n_bootstrap=40)
    assert math.isfinite(found.target)
    for arm in found.arms.values():
        for estimate in (arm.auc, arm.final, arm.saving):
            assert estimate.low <= estimate.value <= estimate.high
            assert math.isfinite(estimate.low)
            assert math.isfinite(estimate.high)
        assert -1 < arm.saving.low <= arm.saving.high < 1
        assert found.start <= arm.labels_to_target <= found.budget
        assert 0 <= arm.not_reached <= found.n_repeats
        assert 0 < arm.p_value <= 1
        assert 0 < arm.p_best <= 1
    assert all(sentence.endswith(".") for sentence in verdict(found, "accuracy"))


@pytest.mark.parametrize(
    ("labels", "values", "said"),
    [
        ([[1.0, 2.0]], [[0.1, np.nan]], "without"),
        ([[np.nan, 2.0]], [[np.nan, 0.2]], "first round"),
        ([[2.0, 1.0]], [[0.1, 0.2]], "ascend"),
        ([[1.0, 2.0]], [[0.1]], "values"),
    ],
)
def test_curves_that_are_none_are_refused(
    labels: list[list[float]], values: list[list[float]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Curves(np.array(labels), np.array(values))


def test_arms_that_cannot_be_compared_are_refused() -> None:
    base = curves([1, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="none of the arms"):
        compared({"margin": base})
    with pytest.raises(ValueError, match="not paired"):
        compared({BASE: base, "margin": curves([1, 2], [0.1, 0.2], [0.1, 0.2])})
    with pytest.raises(ValueError, match="share no label count"):
        compared({BASE: base, "margin": curves([3, 4], [0.1, 0.2])})


# --- the monotone curve ---

ROWS = st.lists(st.integers(0, 30).map(lambda k: k / 30), min_size=1, max_size=12)


@given(ROWS, st.integers(0, 30).map(lambda k: k / 30))
@settings(max_examples=200, deadline=None)
def test_ends_and_crossings_are_those_of_scikit_learns_isotonic_regression(
    row: list[float], level: float
) -> None:
    grid = 100.0 + 10 * np.arange(len(row))
    smooth = isotonic_regression(np.array(row))
    assert end(np.array([row]))[0] == pytest.approx(smooth[-1])
    found = first_at(grid, np.array([row]), np.array([level]))[0]
    enough = np.flatnonzero(smooth >= level - 1e-9)
    if not len(enough):
        assert found == np.inf
    elif enough[0] == 0:
        assert found == grid[0]
    else:
        around = slice(enough[0] - 1, enough[0] + 1)
        assert found == pytest.approx(np.interp(level, smooth[around], grid[around]))


# --- the tests ---


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_with_ties_and_zeros_the_p_value_is_that_of_all_choices_of_signs(whole: list[int]) -> None:
    differences = np.array(whole) / 40
    nonzero = np.abs(differences[differences != 0])
    if not len(nonzero):
        assert signed_rank(differences) == 1
        return
    ranks = stats.rankdata(nonzero)
    seen = ranks[differences[differences != 0] > 0].sum() - ranks.sum() / 2
    every = np.array(list(itertools.product([0, 1], repeat=len(ranks)))) @ ranks - ranks.sum() / 2
    assert signed_rank(differences) == pytest.approx(np.mean(np.abs(every) >= abs(seen) - 1e-9))


@pytest.mark.parametrize("n", [2, 5, 10, 25, 50])
def test_without_ties_the_p_value_is_scipys_exact_one(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.2, 1, n)
    assert signed_rank(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


def test_of_many_differences_the_p_value_is_scipys_normal_one() -> None:
    differences = np.round(np.random.default_rng(0).normal(0.2, 1, 80), 1)
    expected = stats.wilcoxon(differences, method="approx", correction=False, zero_method="wilcox").pvalue
    assert signed_rank(differences) == pytest.approx(expected)


def test_differences_that_only_rounding_tells_apart_are_ties() -> None:
    assert signed_rank(np.array([0.81 - 0.80, 0.79 - 0.80, 0.5 - 0.5])) == 1


def test_holms_correction_is_the_one_worked_out_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize("arms", range(1, 20))
def test_the_repeats_that_are_asked_for_are_just_enough(arms: int) -> None:
    needed = repeats_needed(arms)
    assert smallest_p(needed, arms) <= 0.05 < smallest_p(needed - 1, arms)


def test_the_p_value_of_an_arm_is_of_its_areas_and_corrected_for_the_arms() -> None:
    arms = several(5, repeats=10)
    areas = {name: np.trapezoid(arm.values, arm.n_labels, axis=1) / 1000 for name, arm in arms.items()}
    names = [name for name in arms if name != BASE]
    expected = holm([stats.wilcoxon(areas[name], areas[BASE]).pvalue for name in names])
    found = compared(arms)
    assert [found.arms[name].p_value for name in names] == pytest.approx(expected)


# --- what chance does ---


def test_the_interval_of_a_mean_holds_the_truth_however_few_the_repeats() -> None:
    rng = np.random.default_rng(0)
    for repeats in (5, 10, 20):
        held = 0
        for _ in range(300):
            resamples = Resamples(repeats, 500, rng)
            estimate = resamples.estimate(resamples.means(rng.normal(0, 1, repeats)))
            held += estimate.low <= 0 <= estimate.high
        assert held / 300 >= 0.90, repeats


@pytest.mark.parametrize("repeats", [5, 20])
def test_the_interval_of_a_saving_holds_the_true_one(repeats: int) -> None:
    rng = np.random.default_rng(repeats)
    held = 0
    for _ in range(200):
        arms = {BASE: generated(rng, repeats=repeats), "margin": generated(rng, 0.4, repeats=repeats)}
        saving = compared(arms).arms["margin"].saving
        held += saving.low <= 0.4 <= saving.high
    assert held / 200 >= 0.90


@pytest.mark.parametrize(
    ("tau", "bias"), [(1.0, 0.08), (200, 0.03), (600, 0.03)]
)  # flat, levelling off, rising
def test_an_arm_that_is_the_baseline_saves_nothing_on_average(tau: float, bias: float) -> None:
    rng = np.random.default_rng(7)
    savings, claims = [], 0
    for _ in range(400):
        found = compared({BASE: generated(rng, tau=tau), "twin": generated(rng, tau=tau)}, n_bootstrap=200)
        savings.append(found.arms["twin"].saving.value)
        claims += "saves" in " ".join(verdict(found, "accuracy"))
    assert abs(np.mean(savings)) < bias
    assert np.median(savings) == pytest.approx(0, abs=0.02)
    assert claims / 400 <= 0.03


# --- the sentences ---


def test_the_verdict_says_what_is_sure_and_no_more() -> None:
    rng = np.random.default_rng(0)
    arms = {
        BASE: generated(rng, noise=0.003),
        "margin": generated(rng, 0.4, noise=0.003),
        "badge": generated(rng, 0.4, noise=0.003),
        "core_set": generated(rng, noise=0.003),
        "outlier": generated(rng, -0.5, noise=0.003),
    }
    assert verdict(compared(arms), "accuracy") == [
        (
            "margin saves 40% [38, 42] of the labels on this data: "
            "it reaches random sampling's accuracy at 1,100 labels (0.810) with 660."
        ),
        (
            "badge saves 40% [36, 43] of the labels on this data: "
            "it reaches random sampling's accuracy at 1,100 labels (0.810) with 659."
        ),
        "core_set does no better than random sampling on this data (p = 0.7).",
        "outlier does worse than random sampling on this data (p = 0.0078).",
        "badge is not distinguishable from margin.",
    ]


def test_a_slow_start_that_pays_later_is_said() -> None:
    rng = np.random.default_rng(0)
    base, entropy = generated(rng, noise=0.003), generated(rng, 0.5, noise=0.003)
    entropy.values[:, 0] = base.values[:, 0]  # from one seed set
    entropy.values[:, 1:3] -= 0.15
    sentences = verdict(compared({BASE: base, "entropy": entropy}), "accuracy")
    assert "entropy is worse than random sampling up to 300 labels, and better from 400 on." in sentences


def test_too_few_repeats_are_told_how_many_it_takes() -> None:
    assert verdict(compared(several(0, repeats=5)), "accuracy") == [
        (
            "5 repeats are too few to tell 4 arms from the baseline: no difference, however large, would be "
            "significant. It takes at least 8."
        )
    ]


def test_a_baseline_alone_has_nothing_said_about_it() -> None:
    assert verdict(compared({BASE: curves([1, 2], [0.1, 0.2], [0.1, 0.3])}), "accuracy") == []
