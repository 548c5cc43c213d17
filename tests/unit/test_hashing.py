"""Hashes of columns: by a row's own bytes only, whatever the chunk."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcli.tables.hashing import combine, hash_floats, hash_strings, salted


@given(st.lists(st.text(), max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_a_texts_hash_does_not_depend_on_the_rows_around_it(texts, start, length):
    whole = hash_strings(pa.array(texts, pa.string()))
    part = hash_strings(pa.array(texts, pa.string()).slice(start, length))
    assert (whole[start : start + length] == part).all()


@given(st.lists(st.text(max_size=30), max_size=60))
def test_texts_have_equal_hashes_exactly_where_they_are_equal(texts):
    hashes = hash_strings(pa.array(texts, pa.string())).tolist()
    assert len(set(hashes)) == len(set(texts))


def test_texts_that_differ_in_length_or_trailing_zeros_differ():
    texts = ["", "\0", "\0\0", "a", "a\0", "aaaaaaaa", "aaaaaaaa\0", "a" * 16, "a" * 17]
    assert len(set(hash_strings(pa.array(texts)).tolist())) == len(texts)


def test_large_strings_chunks_and_nulls_hash_like_plain_texts():
    plain = hash_strings(pa.array(["a", "", "ü"]))
    assert (hash_strings(pa.array(["a", None, "ü"], pa.large_string())) == plain).all()
    assert (hash_strings(pa.chunked_array([["a"], ["", "ü"]])) == plain).all()


@pytest.mark.parametrize("width", [1, 2, 7, 64])
def test_a_number_rows_hash_does_not_depend_on_the_rows_around_it(width):
    rows = np.random.default_rng(0).normal(size=(300, width)).astype(np.float32)
    assert (hash_floats(rows)[17:40] == hash_floats(rows[17:40])).all()


def test_zeros_of_either_sign_are_one_number_and_so_is_every_nan():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [np.nan, 1.0], [-np.nan, 1.0]], dtype=np.float32)
    first, second, third, fourth = hash_floats(rows).tolist()
    assert (first, third) == (second, fourth)
    assert first != third


def test_numbers_that_are_all_powers_of_two_do_not_collide():
    rows = np.array(np.meshgrid(*[[0.0, 1.0, 2.0, 4.0]] * 6)).reshape(6, -1).T.astype(np.float32)
    assert len(np.unique(hash_floats(rows))) == len(rows) == 4**6


def test_the_order_of_columns_counts():
    one, other = hash_strings(pa.array(["a"])), hash_strings(pa.array(["b"]))
    assert combine([one, other]) != combine([other, one])


def test_each_purpose_gives_other_hashes_and_the_same_ones_again():
    ids = hash_strings(pa.array([f"r{n}" for n in range(1000)]))
    first, again, other = salted(ids, 0, 1), salted(ids, 0, 1), salted(ids, 0, 2)
    assert (first == again).all()
    assert not (first == other).any()
    # keys are uniform: the mean of 1,000 lies within 5 standard errors of a half
    assert abs((first / 2.0**64).mean() - 0.5) < 5 * (1 / 12) ** 0.5 / 1000**0.5
