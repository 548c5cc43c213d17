"""Where people differ: against scikit-learn, scipy and plain loops, and on simulated teams."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, fisher_exact
from sklearn.metrics import cohen_kappa_score, f1_score

from alcli.check._shared import FEWEST, MOST_ROWS, SURE, Fall, Shared, compare
from alcli.loop._people import Answers
from alcli.metrics.contested import class_agreement, confusions, differing, p_of_rise, vote_pairs

Ints = NDArray[np.int64]
ROWS = st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=5), min_size=1, max_size=25)
CLASSES = ["art", "food", "pets", "sky"]


def votes(rows: list[list[int]]) -> tuple[Ints, Ints]:
    item = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return item, np.array(list(itertools.chain(*rows)), dtype=np.int64)


# ---- against other libraries and plain loops -----------------------------------------------------------


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_every_two_votes_on_a_row_are_compared_once(rows: list[list[int]]) -> None:
    item, label = votes(rows)
    a, b = vote_pairs(item)
    found = Counter(zip(a.tolist(), b.tolist(), strict=True))
    places = [np.flatnonzero(item == n).tolist() for n in range(len(rows))]
    assert found == Counter(pair for own in places for pair in itertools.combinations(own, 2))
    plain = [np.mean([one != other for one, other in itertools.combinations(row, 2)]) for row in rows]
    assert differing(item, label) == pytest.approx(plain)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_agreement_about_a_class_is_dices_coefficient_for_two_people(
    pairs: list[tuple[int, int]],
) -> None:
    item, label = votes([list(pair) for pair in pairs])
    one, other = label[::2], label[1::2]
    expected = f1_score(one, other, average=None, labels=range(4), zero_division=np.nan)
    assert class_agreement(item, label, 4) == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=25))
@settings(max_examples=60, deadline=None)
def test_the_agreement_about_a_class_is_the_specific_agreement_of_several(rows: list[list[int]]) -> None:
    """Pairs that agree on the class by pairs of which one gives it, counted from either side."""
    item, label = votes(rows)
    for number, found in enumerate(class_agreement(item, label, 4)):
        counts = [row.count(number) for row in rows]
        possible = sum(n * 2 for n in counts)
        assert found == pytest.approx(
            sum(n * (n - 1) for n in counts) / possible if possible else np.nan, nan_ok=True
        )


@given(ROWS, st.data())
@settings(max_examples=60, deadline=None)
def test_confusions_are_counted_and_tested_as_by_hand(rows: list[list[int]], data: Any) -> None:
    now = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    item, label = votes(rows)
    both: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for n, row in enumerate(rows):
        for pair in itertools.combinations(sorted(set(row)), 2):
            both[pair].append(n)
    found = {one.classes: one for one in confusions(item, label, now)}
    assert found.keys() == both.keys()
    given_ = Counter(label.tolist())
    apart = sum(given_[a] * given_[b] for a, b in itertools.combinations(given_, 2))
    possible = len(given_) * (len(given_) - 1) // 2
    total = sum(map(len, both.values()))
    for (a, b), own in both.items():
        one = found[a, b]
        assert (one.rows, one.of) == (len(own), sum(a in row or b in row for row in rows))
        share = given_[a] * given_[b] / apart
        more = binomtest(len(own), total, min(1, share), alternative="greater").pvalue
        assert one.p_more == pytest.approx(min(1, possible * more))
        either = [n for n, row in enumerate(rows) if a in row or b in row]
        assert (one.rows_now, one.of_now) == (now[own].sum(), now[either].sum())
        rose = binomtest(one.rows_now, len(own), now[either].mean(), alternative="greater").pvalue
        assert one.p_rose == pytest.approx(min(1, possible * rose))
    order = [one.rows for one in confusions(item, label)]
    assert order == sorted(order, reverse=True)


@pytest.mark.parametrize(("before", "now"), [((40, 10), (30, 20)), ((100, 5), (15, 4)), ((20, 20), (20, 20))])
def test_the_test_of_a_rise_is_fishers_where_rows_have_two_votes(
    before: tuple[int, int], now: tuple[int, int]
) -> None:
    exact = fisher_exact([now[::-1], before[::-1]], alternative="greater").pvalue
    shares = (np.repeat([0.0, 1.0], counts) for counts in (before, now))
    assert p_of_rise(*shares, np.random.default_rng(0)) == pytest.approx(exact, abs=0.01)


# ---- simulated teams -----------------------------------------------------------------------------------


def team(
    sizes: list[int], harm: float = 0.0, since: int = 99, seed: int = 0, people: int = 3, shift: bool = True
) -> Answers:
    """Each round's rows are answered by all; since a round `food` and `pets` are taken for each other.

    With `shift` the classes that are asked change from round to round, and each round has a version.
    """
    rng = np.random.default_rng(seed)
    round_ = np.repeat(np.arange(len(sizes)), sizes)
    mix = rng.dirichlet(np.full(4, 5.0), size=len(sizes)) if shift else np.full((len(sizes), 4), 0.25)
    truth = (rng.random(len(round_))[:, None] > np.cumsum(mix, axis=1)[round_, :3]).sum(axis=1)
    said = np.where(
        rng.random((len(truth), people)) < 0.1, rng.integers(4, size=(len(truth), people)), truth[:, None]
    )
    swapped = (round_ >= since)[:, None] & np.isin(said, [1, 2]) & (rng.random(said.shape) < harm)
    said = np.where(swapped, 3 - said, said)
    n = said.size
    return Answers(
        np.repeat(np.arange(len(truth)), people),
        np.tile(np.arange(people), len(truth)),
        said.ravel(),
        np.repeat(round_ // 2, people),
        np.repeat(round_, people),
        np.full(n, np.nan),
        pa.array([f"{seed}-{n:06d}" for n in range(len(truth))]),
        pa.array([f"p{n}" for n in range(people)]),
        pa.array(CLASSES),
        [f"v{n}" for n in range(int(round_.max()) // 2 + 1)],
        np.full(len(truth), -1),
    )


def until(answers: Answers, newest: int) -> Answers:
    """The same project, as it stood with this round as its newest."""
    kept = answers.round <= newest
    names = ("row", "who", "label", "version", "round", "seconds")
    columns = {name: getattr(answers, name)[kept] for name in names}
    return replace(answers, **columns, versions=answers.versions[: newest // 2 + 1])


def compared(answers: Answers, seed: int = 0) -> dict[str, Fall]:
    return compare(answers, Shared.of(answers, 0), np.random.default_rng(seed))


def test_a_change_of_the_guideline_that_harms_two_classes_is_found_and_they_are_named() -> None:
    found, alone = 0, 0
    for seed in range(40):
        falls = compared(team([60, 60, 60, 60, 60], harm=0.5, since=4, seed=seed), seed)
        fell = [one for one in falls.values() if one.p < SURE]
        found += bool(fell)
        for one in fell:
            named = [tuple(CLASSES[n] for n in pair.classes) for pair in one.confused]
            assert named[0] == ("food", "pets")
            alone += len(named) == 1
    assert found >= 36
    assert alone >= 0.9 * found


def test_teams_that_change_nothing_are_seldom_advised_however_often_they_look() -> None:
    alarms = 0
    for seed in range(200):
        whole = team([50] * 6, seed=seed)
        looks = [compared(until(whole, n), seed) for n in range(1, 6)]
        alarms += any(one.p < SURE for falls in looks for one in falls.values())
    assert alarms <= 10  # of 200: 5%


def test_a_few_rows_are_never_advice() -> None:
    assert compared(team([200, FEWEST - 1], harm=1.0, since=1)) == {}
    assert compared(team([FEWEST - 1, 200], harm=1.0, since=1)) == {}
    assert compared(team([200])) == {}


def test_chosen_rows_are_compared_with_chosen_ones_where_there_are_enough() -> None:
    """Rows of round 0 are drawn at random; later ones are harder from the start."""
    first = compared(team([100, 60], harm=0.5, since=1))["round 1"]
    assert (first.by_chance, first.rows_before) == (True, 100)
    assert first.p < SURE
    second = compared(team([100, 60, 60], harm=0.5, since=1))["round 2 (guideline v1)"]
    assert (second.by_chance, second.rows_before) == (False, 60)
    assert second.p > SURE


def test_a_version_is_compared_over_all_its_rounds() -> None:
    falls = compared(team([60, 40, 40, 40], harm=0.5, since=2))
    assert falls.keys() == {"round 3", "guideline v1"}
    assert falls["round 3"].p > SURE > falls["guideline v1"].p
    assert (falls["guideline v1"].rows, falls["guideline v1"].rows_before) == (80, 40)


def test_of_large_rounds_a_random_part_is_looked_at_and_of_small_ones_all() -> None:
    shared = Shared.of(team([MOST_ROWS + 500, 30], people=2), 0)
    assert np.bincount(shared.round).tolist() == [MOST_ROWS, 30]
    assert len(shared.item) == 2 * (MOST_ROWS + 30)
    assert (np.bincount(shared.item) == 2).all()
    again = Shared.of(team([MOST_ROWS + 500, 30], people=2), 0)
    assert np.array_equal(again.row, shared.row)


def test_the_kappa_of_two_people_is_scikit_learns() -> None:
    answers = team([80, 40])
    found = Shared.of(answers, 0).by_people(np.random.default_rng(0))
    assert found.keys() == {(0, 1), (0, 2), (1, 2)}
    for (a, b), agreement in found.items():
        one, other = (answers.label[answers.who == who] for who in (a, b))
        assert agreement.n == 120
        assert agreement.kappa.value == pytest.approx(cohen_kappa_score(one, other))
