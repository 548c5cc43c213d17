"""Each strategy against its formula, written out row by row in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression

from alcli.errors import ConfigError
from alcli.registry import STRATEGIES
from alcli.strategies import Candidates

BINARY = ("least_confidence", "margin", "entropy")


def keys(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.uint64)


def score(spec: object, proba: np.ndarray) -> np.ndarray:
    return STRATEGIES.build(spec).score(Candidates(keys(len(proba)), proba=proba.astype(np.float32)))


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def entropy(p: list[float]) -> float:
    return -sum(a * math.log(a) for a in p if a > 0)


def mean(members: list[list[float]]) -> list[float]:
    return [sum(column) / len(members) for column in zip(*members, strict=True)]


def vote_entropy(members: list[list[float]]) -> float:
    votes = Counter(member.index(max(member)) for member in members)
    return entropy([count / len(members) for count in votes.values()])


REFERENCE = {
    "least_confidence": lambda p: 1 - max(p),
    "margin": lambda p: 1 - (max(p) - sorted(p)[-2]),
    "entropy": entropy,
}
COMMITTEE = {
    "vote_entropy": vote_entropy,
    "consensus_kl": lambda members: sum(kl(p, mean(members)) for p in members) / len(members),
    "max_disagreement": lambda members: max(kl(p, mean(members)) for p in members),
}

distributions = (
    arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(2, 6)), elements=st.floats(0, 1, width=32))
    .map(lambda raw: raw + (raw.sum(axis=1, keepdims=True) == 0))
    .map(lambda raw: (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32))
)


@pytest.mark.parametrize("name", REFERENCE)
@given(proba=distributions)
def test_uncertainty_is_what_its_formula_says(name: str, proba: np.ndarray) -> None:
    expected = [REFERENCE[name](row) for row in proba.tolist()]
    assert np.allclose(score(name, proba), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("disagreement", COMMITTEE)
@pytest.mark.parametrize("members", [1, 2, 5])
def test_disagreement_is_what_its_formula_says(disagreement: str, members: int) -> None:
    votes = np.random.default_rng(members).dirichlet([0.3] * 4, size=(members, 3000)).astype(np.float32)
    strategy = STRATEGIES.build({"name": "query_by_committee", "disagreement": disagreement})
    expected = [COMMITTEE[disagreement](row) for row in votes.transpose(1, 0, 2).tolist()]
    assert np.allclose(strategy.score(Candidates(keys(3000), votes=votes)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("disagreement", COMMITTEE)
def test_a_committee_of_one_mind_has_nothing_to_disagree_about(disagreement: str) -> None:
    votes = np.repeat(np.random.default_rng(0).dirichlet([1] * 3, size=(1, 500)), 7, axis=0).astype(
        np.float32
    )
    strategy = STRATEGIES.build({"name": "query_by_committee", "disagreement": disagreement})
    assert not strategy.score(Candidates(keys(500), votes=votes)).any()


def test_votes_that_are_split_alike_tie_exactly_whichever_classes_they_are_for() -> None:
    strategy = STRATEGIES.build("query_by_committee")
    hard = np.eye(6, dtype=np.float32)
    splits = [[0, 0, 1, 1, 2, 3, 4], [5, 3, 3, 2, 2, 1, 0], [4, 4, 0, 5, 5, 1, 2]]
    votes = hard[np.array(splits)].transpose(1, 0, 2)
    assert len(set(strategy.score(Candidates(keys(3), votes=votes)).tolist())) == 1


def test_an_unknown_disagreement_is_refused_with_the_right_ones_named() -> None:
    with pytest.raises(ConfigError, match="vote_entropy, consensus_kl, max_disagreement; found 'kl'"):
        STRATEGIES.build({"name": "query_by_committee", "disagreement": "kl"})


def gradient_length(weights: np.ndarray, bias: np.ndarray, row: np.ndarray, label: int) -> float:
    """Length of the softmax loss's gradient by central differences, for one label."""

    def loss(flat: np.ndarray) -> float:
        w, b = flat[: weights.size].reshape(weights.shape), flat[weights.size :]
        logits = w @ row + b
        return float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[label])

    flat, step = np.concatenate([weights.ravel(), bias]), 1e-6
    steps = np.eye(len(flat)) * step
    return math.sqrt(sum(((loss(flat + s) - loss(flat - s)) / (2 * step)) ** 2 for s in steps))


def test_expected_model_change_is_the_expected_length_of_the_losss_own_gradient() -> None:
    rng = np.random.default_rng(0)
    weights, bias, rows = rng.normal(size=(3, 5)), rng.normal(size=3), rng.normal(size=(20, 5))
    logits = rows @ weights.T + bias
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = [
        sum(proba[i, y] * gradient_length(weights, bias, row, y) for y in range(3))
        for i, row in enumerate(rows)
    ]
    candidates = Candidates(keys(20), proba=proba.astype(np.float32), embedding=rows.astype(np.float32))
    assert np.allclose(STRATEGIES.build("expected_model_change").score(candidates), expected, rtol=1e-4)


def test_random_sampling_takes_the_lowest_keys() -> None:
    key = np.random.default_rng(0).integers(2**64, size=5000, dtype=np.uint64)
    chosen = STRATEGIES.build("random_sampling").select(Candidates(key), 100, np.random.default_rng(1))
    assert np.array_equal(key[chosen], np.sort(key)[:100])


def binary(first: np.ndarray) -> np.ndarray:
    return np.stack([first, 1 - first], axis=1)


@given(first=arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 1)))
def test_with_two_classes_no_uncertainty_strategy_contradicts_another(first: np.ndarray) -> None:
    scores = np.stack([score(name, binary(first)) for name in BINARY])
    order = np.sign(scores[:, :, np.newaxis] - scores[:, np.newaxis, :])
    for one, other in combinations(order, 2):
        assert (one * other >= 0).all()


@given(rows=st.lists(st.tuples(st.integers(1, 500), st.booleans()), min_size=2, max_size=40))
def test_with_two_classes_all_uncertainty_strategies_ask_the_same_rows_in_the_same_order(
    rows: list[tuple[int, bool]],
) -> None:
    smaller = np.array([step for step, _ in rows], dtype=np.float32) / 1000
    proba = binary(smaller)
    mirrored = [flip for _, flip in rows]
    proba[mirrored] = proba[mirrored][:, ::-1]
    candidates = Candidates(keys(len(rows)), proba=proba)
    batches = [
        STRATEGIES.build(name).select(candidates, len(rows), np.random.default_rng(0)).tolist()
        for name in BINARY
    ]
    expected = sorted(range(len(rows)), key=lambda row: (-rows[row][0], row))
    assert batches == [expected] * len(BINARY)


def test_with_two_classes_no_row_is_more_uncertain_than_the_one_closest_to_the_boundary() -> None:
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(500, 3)), rng.integers(2, size=500)
    model = LogisticRegression().fit(rows, y)
    closest = int(np.abs(model.decision_function(rows)).argmin())
    for name in BINARY:
        scores = score(name, model.predict_proba(rows))
        assert scores[closest] == scores.max()
