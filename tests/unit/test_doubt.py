"""How labels in doubt are ranked."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from alcli.loop._doubt import suspicion, together
from alcli.project.pool import Rows
from alcli.project.splits import SCHEMA, Splits
from alcli.tables.hashing import hash_strings


def planted(n_classes, n=600, share=0.1, seed=0):
    """Probabilities that are right more often than not, and labels of which a share is wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n)
    logits = rng.normal(size=(n, n_classes)) + 2.5 * np.eye(n_classes)[truth]
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.random(n) < share
    y = np.where(wrong, (truth + rng.integers(1, n_classes, size=n)) % n_classes, truth)
    return proba.astype(np.float32), y, wrong


def precision(doubt, wrong, k):
    return wrong[np.argsort(-doubt)[:k]].mean()


@pytest.mark.parametrize("n_classes", [2, 3, 20])
def test_planted_errors_stand_first(n_classes):
    proba, y, wrong = planted(n_classes)
    doubt = suspicion(proba, y, np.zeros(len(y), dtype=np.int64))
    assert precision(doubt, wrong, 40) >= 5 * wrong.mean()
    assert ((doubt > 0) & (doubt < 1)).all()


def test_one_annotator_changes_nothing_and_nobody_is_no_annotator():
    proba, y, _ = planted(3)
    own = 1 - proba[np.arange(len(y)), y].astype(np.float64)
    for who in (0, -1):
        assert suspicion(proba, y, np.full(len(y), who)) == pytest.approx(np.clip(own, 1e-6, 1 - 1e-6))


def test_labels_of_a_careless_annotator_are_doubted_more():
    rng = np.random.default_rng(1)
    proba, y, wrong = planted(4, n=2000, share=0.05)
    who = rng.integers(5, size=len(y))
    spoiled = (who == 4) & (rng.random(len(y)) < 0.4)
    y = np.where(spoiled, (y + 1) % 4, y)
    wrong = wrong | spoiled
    alone = suspicion(proba, y, np.zeros(len(y), dtype=np.int64))
    weighed = suspicion(proba, y, who)
    assert precision(weighed, wrong, 200) > precision(alone, wrong, 200)
    assert (weighed > alone)[who == 4].all()


def test_certain_probabilities_give_finite_doubts():
    proba = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32)
    doubt = suspicion(proba, np.array([0, 0, 1]), np.array([0, 1, -1]))
    assert np.isfinite(doubt).all()
    assert doubt[0] < 0.5 < doubt[1]


def rows(contents, groups):
    ids = pa.array([f"r{n}" for n in range(len(contents))])
    shown = {"group": pa.array(groups)} if groups else {}
    return Rows(ids, hash_strings(ids), {}, shown, (), np.array(contents, dtype=np.uint64))


@pytest.mark.parametrize(
    ("contents", "groups", "wanted"),
    [
        ([7, 8, 7, 9], None, [{0, 2}, {1}, {3}]),
        ([1, 2, 3, 4], ["a", "b", "a", ""], [{0, 2}, {1}, {3}]),
        ([1, 1, 2, 2, 3], ["a", "b", "b", "c", ""], [{0, 1, 2, 3}, {4}]),
        ([5, 4, 4, 3, 3, 2], ["a", "a", "b", "b", "c", "c"], [{0, 1, 2, 3, 4, 5}]),
    ],
)
def test_copies_and_group_mates_are_held_out_together(contents, groups, wanted):
    splits = Splits(SCHEMA.empty_table(), "group" if groups else None)
    number = together(rows(contents, groups), splits)
    found = [set(np.flatnonzero(number == n).tolist()) for n in np.unique(number)]
    assert sorted(found, key=min) == wanted


def test_of_no_rows_there_are_no_groups():
    assert len(together(rows([], None), Splits(SCHEMA.empty_table()))) == 0
