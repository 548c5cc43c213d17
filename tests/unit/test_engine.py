"""Distinct rows for people, and samples for a committee."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from alcli.engine import Batch, asked_choice, asked_score, highest_cosine, stratified_bootstrap
from alcli.errors import ConfigError
from alcli.strategies import Candidates, allocate


def units(angles):
    """Rows of length 1 at these angles, in degrees."""
    radians = np.deg2rad(np.asarray(angles, dtype=np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def plain_choice(angles, cap, limit):
    """Row after row, kept when far from every one kept before."""
    rows, kept = units(angles), []
    for row in range(len(rows)):
        if len(kept) < limit and all(rows[row] @ rows[other] <= cap for other in kept):
            kept.append(row)
    return kept


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
@given(
    angles=st.lists(st.integers(0, 3599).map(lambda tenth: tenth / 10), max_size=40), limit=st.integers(1, 12)
)
def test_a_batch_keeps_what_a_plain_loop_over_all_pairs_keeps(layout, angles, limit):
    content = np.arange(len(angles), dtype=np.uint64)
    batch = Batch(0.9)
    kept = batch.accept(content, layout(units(angles)) if angles else None, limit) if angles else []
    assert list(kept) == plain_choice(angles, 0.9, limit)


def test_content_that_was_kept_is_never_kept_again():
    batch = Batch(None)
    assert batch.accept(np.array([3, 3, 5], dtype=np.uint64), None, 9).tolist() == [0, 2]
    assert batch.accept(np.array([5, 7, 3], dtype=np.uint64), None, 9).tolist() == [1]


def test_the_highest_cosine_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    rows, known = units(rng.uniform(0, 360, 30)), units(rng.uniform(0, 360, 9000))
    expected = (rows @ known.T).max(axis=1)
    assert np.allclose(highest_cosine(rows, known), expected)
    assert np.allclose(highest_cosine(sparse.csr_array(rows), sparse.csr_array(known)), expected)


def test_a_bootstrap_keeps_the_number_of_rows_of_every_class():
    y = np.array([0] * 50 + [1] * 3 + [4])
    chosen = stratified_bootstrap(y, np.random.default_rng(0))
    assert np.bincount(y[chosen]).tolist() == np.bincount(y).tolist()
    assert len(set(chosen.tolist())) < len(y)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.integers(0, 600))
def test_seats_are_shared_out_whole_and_cover_every_stratum_they_can(sizes, seats):
    given_seats = allocate(np.array(sizes, dtype=np.int64), seats)
    assert given_seats.sum() == min(seats, sum(sizes))
    assert (given_seats <= sizes).all()
    assert (given_seats > 0).sum() == min(len(sizes), seats)


class Faulty:
    def __init__(self, answer):
        self.answer = answer

    def score(self, _candidates):
        return self.answer

    def select(self, _candidates, _size, _rng):
        return np.asarray(self.answer)


@pytest.mark.parametrize(
    "answer", [np.array([1.0]), np.array([np.nan, 0.0, 1.0]), np.ones((3, 1)), "abc", None]
)
def test_a_score_that_is_no_finite_number_a_row_is_refused(answer):
    with pytest.raises(ConfigError, match="mine:Mine"):
        asked_score(Faulty(answer), "mine:Mine", Candidates(key=np.arange(3, dtype=np.uint64)))


@pytest.mark.parametrize("answer", [[0, 0], [3], [-1], [0.5], [[0, 1]]])
def test_a_choice_that_is_no_distinct_positions_is_refused(answer):
    candidates = Candidates(key=np.arange(3, dtype=np.uint64))
    with pytest.raises(ConfigError, match="mine:Mine"):
        asked_choice(Faulty(answer), "mine:Mine", candidates, 2, np.random.default_rng(0))
