"""Density, evidence, contrast and disagreement against their formulas, written out row by row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from scipy.stats import spearmanr

from alcli.errors import ConfigError
from alcli.registry import STRATEGIES
from alcli.strategies import Candidates, Labeled
from alcli.strategies.epistemic import plausibility, usual_bandwidth

RNG = np.random.default_rng


def keys(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.uint64)


def entropy(p: Any) -> float:
    return -math.fsum(a * math.log(a) for a in p.tolist() if a > 0)


def kl(p: Any, q: Any) -> float:
    return math.fsum(a * math.log(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True) if a > 0)


def probabilities(n: int, n_classes: int, seed: int = 0) -> np.ndarray:
    return RNG(seed).dirichlet(np.full(n_classes, 0.5), size=n).astype(np.float32)


def committee(members: int, n: int) -> np.ndarray:
    return np.stack([probabilities(n, 4, seed) for seed in range(members)])


@pytest.mark.parametrize("members", [1, 2, 5])
def test_bald_is_the_entropy_of_the_mean_less_the_mean_of_the_entropies(members: int) -> None:
    votes = committee(members, 3000)
    expected = [
        entropy(row.astype(np.float64).mean(axis=0)) - sum(map(entropy, row)) / members
        for row in votes.transpose(1, 0, 2)
    ]
    found = STRATEGIES.build("bald").score(Candidates(keys(3000), votes=votes))
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_bald_is_the_committees_divergence_to_the_last_bit() -> None:
    candidates = Candidates(keys(5000), votes=committee(5, 5000))
    divergence = STRATEGIES.build({"name": "query_by_committee", "disagreement": "consensus_kl"})
    assert np.array_equal(STRATEGIES.build("bald").score(candidates), divergence.score(candidates))


@pytest.mark.parametrize("n_classes", [2, 10, 700])
@pytest.mark.parametrize("name", ["entropy", "margin", "least_confidence", "bald", "expected_model_change"])
def test_a_score_is_the_same_to_the_last_bit_however_many_rows_are_measured_together(
    name: str, n_classes: int
) -> None:
    rng = RNG(0)
    votes = rng.dirichlet(np.full(n_classes, 0.5), size=(3, 2500)).astype(np.float32)
    rows = rng.normal(size=(2500, 3)).astype(np.float32)
    candidates = Candidates(keys(2500), votes[0], votes, embedding=rows)
    strategy = STRATEGIES.build(name)

    def some(start: int, stop: int) -> Candidates:
        part = slice(start, stop)
        return Candidates(keys(stop - start), votes[0, part], votes[:, part], embedding=rows[part])

    parts = [strategy.score(some(start, min(start + 37, 2500))) for start in range(0, 2500, 37)]
    assert np.array_equal(strategy.score(candidates), np.concatenate(parts))


@pytest.mark.parametrize("n_classes", [2, 5])
def test_margin_tells_rows_apart_of_which_the_model_is_almost_sure(n_classes: int) -> None:
    """In float32 they have p(y1) = 1 alike."""
    proba = np.zeros((60, n_classes), dtype=np.float32)
    proba[:, 1] = np.logspace(-2, -30, 60)
    proba[:, 0] = 1 - proba[:, 1]
    score = STRATEGIES.build("margin").score(Candidates(keys(60), proba=proba))
    assert (np.diff(score) < 0).all()


def test_bald_is_exactly_zero_where_all_members_agree() -> None:
    votes = np.repeat(probabilities(500, 3)[np.newaxis], 7, axis=0)
    assert not STRATEGIES.build("bald").score(Candidates(keys(500), votes=votes)).any()


def pool_of(rows: np.ndarray, seed: int = 0) -> Candidates:
    return Candidates(keys(len(rows)), proba=probabilities(len(rows), 3, seed), features=rows)


UNCERTAINTY: dict[str, Callable[[Any], Any]] = {
    "entropy": entropy,
    "margin": lambda p: 1 - (max(p) - sorted(p)[-2]),
    "least_confidence": lambda p: 1 - max(p),
}


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0


@pytest.mark.parametrize("uncertainty", UNCERTAINTY)
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_density_is_the_mean_cosine_with_every_row_of_the_pool(
    uncertainty: str, beta: float, signed: bool, kind: Any
) -> None:
    """Moved up and halved where numbers are negative."""
    rows = (RNG(1).normal(size=(120, 5)) + 0.3).astype(np.float32)
    rows = rows if signed else np.abs(rows)
    rows[7] = 0
    pool = pool_of(rows)
    strategy = STRATEGIES.build({"name": "information_density", "beta": beta, "uncertainty": uncertainty})
    means = [sum(cosine(row, other) for other in rows) / len(rows) for row in rows]
    density = [(1 + mean) / 2 for mean in means] if signed else means
    assert pool.proba is not None
    expected = [UNCERTAINTY[uncertainty](p) * d**beta for p, d in zip(pool.proba, density, strict=True)]
    given = replace(pool, features=kind(rows))
    assert np.allclose(strategy.survey([given]).score(given), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("place", [0, 999, 2999])
def test_one_negative_number_in_the_pool_is_seen_wherever_it_is(kind: Any, place: int) -> None:
    rows = RNG(2).random((3000, 7)).astype(np.float32)
    strategy = STRATEGIES.build("information_density")

    def signed() -> bool:
        return bool(strategy.survey(Candidates(keys(len(p)), features=kind(p)) for p in parts()).signed)

    def parts() -> list[np.ndarray]:
        return np.array_split(rows, 4)

    assert not signed()
    rows[place, 3] = -0.1
    assert signed()


def test_in_a_centered_pool_no_density_is_zero_and_its_order_is_that_of_the_mean_cosine() -> None:
    rows = RNG(3).normal(size=(400, 6)).astype(np.float32)
    pool = replace(pool_of(rows), proba=np.full((400, 2), 0.5, dtype=np.float32))
    score = STRATEGIES.build("information_density").survey([pool]).score(pool)
    means = [sum(cosine(row, other) for other in rows) / len(rows) for row in rows]
    assert min(means) < 0 < min(score)
    assert spearmanr(score, means)[0] > 0.999


def test_the_pools_mean_is_the_same_to_the_last_bit_in_any_order_dense_or_sparse() -> None:
    rows = RNG(2).normal(size=(3000, 17)).astype(np.float32)
    rows[RNG(3).random(rows.shape) < 0.5] = 0
    strategy = STRATEGIES.build("information_density")
    whole = strategy.survey([pool_of(rows)]).mean
    shuffled = rows[RNG(4).permutation(3000)]
    assert np.array_equal(whole, strategy.survey(map(pool_of, np.array_split(shuffled, 13))).mean)
    sparse = Candidates(keys(3000), features=csr_array(rows))
    assert np.allclose(whole, strategy.survey([sparse]).mean, rtol=0, atol=1e-9)


def test_a_row_that_points_away_from_the_whole_pool_has_a_finite_density_of_at_least_zero() -> None:
    rows = np.repeat(np.array([[1, 0], [-1, 0]], dtype=np.float32), [9999, 1], axis=0)
    pool = pool_of(rows)
    score = STRATEGIES.build({"name": "information_density", "beta": 0.5}).survey([pool]).score(pool)
    assert 0 <= score[-1] < 0.02
    assert np.isfinite(score).all()


@pytest.mark.parametrize("name", ["information_density", "expected_error_reduction"])
def test_to_score_before_the_pool_was_surveyed_is_refused(name: str) -> None:
    rows = np.ones((3, 2), dtype=np.float32)
    pool = Candidates(keys(3), proba=probabilities(3, 3), features=rows, embedding=rows)
    with pytest.raises(ValueError, match="`survey`"):
        STRATEGIES.build(name).score(pool)


def plausible(own: float, other: float) -> float:
    """The supremum of min(L(t), 2t - 1), by search on a fine grid and then between its neighbours."""
    total = own + other
    share = own / total if total else 1.0

    def log_likelihood(t: float) -> float:
        return (own * math.log(t) if own else 0.0) + (other * math.log(1 - t) if other else 0.0)

    best = log_likelihood(min(max(share, 1e-300), 1 - 1e-16)) if 0 < share < 1 else 0.0

    def worst(t: float) -> float:
        return -min(math.exp(log_likelihood(t) - best), 2 * t - 1)

    grid = np.linspace(0.5, 1, 4001)[1:-1]
    at = grid[int(np.argmin([worst(t) for t in grid]))]
    bounds = (max(at - 2e-4, 0.5 + 1e-12), min(at + 2e-4, 1 - 1e-12))
    return -float(minimize_scalar(worst, bounds=bounds, method="bounded", options={"xatol": 1e-12}).fun)


def test_plausibility_is_the_supremum_of_the_paper() -> None:
    evidence = [(0, 0), (0, 3), (3, 0), (1, 1), (0.2, 0.1), (5, 40), (40, 5), (300, 310), (1e-6, 0.5)]
    own, other = np.array(evidence, dtype=np.float64).T
    expected = [plausible(a, b) for a, b in evidence]
    assert np.allclose(plausibility(own, other), expected, atol=1e-6)


def test_plausibility_has_the_values_that_can_be_found_by_hand() -> None:
    own, other = np.array([0.0, 1.0, 0.0, 2.0]), np.array([0.0, 1.0, 1.0, 0.0])
    golden = (math.sqrt(5) - 1) / 2  # 1 - s^2 = s
    assert np.allclose(plausibility(own, other), [1, golden, 1 / 3, 1], atol=1e-8)


def labeled_rows(m: int, n_classes: int, d: int = 3) -> Labeled:
    rows = RNG(5).normal(size=(m, d)).astype(np.float32)
    return Labeled(rows, RNG(6).integers(n_classes, size=m), probabilities(m, n_classes, 7))


@pytest.mark.parametrize("part", ["epistemic", "aleatoric", "total"])
@pytest.mark.parametrize("n_classes", [1, 2, 5])
def test_evidence_is_the_kernels_sum_over_each_classs_labeled_rows(part: str, n_classes: int) -> None:
    known = labeled_rows(30, n_classes)
    rows = (2 * RNG(8).normal(size=(50, 3))).astype(np.float32)
    expected = []
    for row in rows.astype(np.float64):
        kernel = np.exp(-((known.features - row) ** 2).sum(axis=1) / (2 * 0.8**2))
        evidence = sorted(kernel[known.y == label].sum() for label in range(max(n_classes, 2)))
        one, other = plausible(evidence[-1], evidence[-2]), plausible(evidence[-2], evidence[-1])
        epistemic, aleatoric = min(one, other), 1 - max(one, other)
        expected.append(
            {"epistemic": epistemic, "aleatoric": aleatoric, "total": epistemic + aleatoric}[part]
        )
    strategy = STRATEGIES.build({"name": "epistemic", "part": part, "bandwidth": 0.8})
    found = strategy.score(Candidates(keys(50), features=rows, labeled=known))
    assert np.allclose(found, expected, atol=1e-5)


def test_far_from_all_labels_doubt_is_epistemic_and_between_many_of_two_classes_aleatoric() -> None:
    known = Labeled(np.zeros((200, 1), dtype=np.float32), np.arange(200) % 2)
    rows = np.array([[0.0], [50.0]], dtype=np.float32)
    candidates = Candidates(keys(2), features=rows, labeled=known)
    parts = {
        part: STRATEGIES.build({"name": "epistemic", "part": part}).score(candidates)
        for part in ("epistemic", "aleatoric")
    }
    assert parts["epistemic"][1] == pytest.approx(1)
    assert parts["aleatoric"][1] == pytest.approx(0)
    assert parts["aleatoric"][0] > 0.8
    assert parts["epistemic"][0] < 0.2


def test_the_usual_bandwidth_is_half_the_distance_to_the_nearest_other_labeled_row() -> None:
    def bandwidth(places: list[float]) -> float:
        rows = np.array(places, dtype=np.float32)[:, np.newaxis]
        return usual_bandwidth(Labeled(rows, np.zeros(len(rows), dtype=np.int64)))

    assert bandwidth([0, 2, 10]) == pytest.approx(0.5 * math.sqrt((4 + 4 + 64) / 3))
    assert bandwidth([3]) == bandwidth([3, 3, 3]) == 1


@pytest.mark.parametrize("neighbors", [1, 4, 100])
def test_contrast_is_the_mean_divergence_from_the_nearest_labeled_rows(neighbors: int) -> None:
    known = labeled_rows(40, 4)
    assert known.proba is not None
    rows, proba = RNG(9).normal(size=(60, 3)).astype(np.float32), probabilities(60, 4, 10)
    expected = []
    for row, mine in zip(rows, proba, strict=True):
        near = np.argsort(((known.features - row) ** 2).sum(axis=1))[:neighbors]
        expected.append(sum(kl(known.proba[i], mine) for i in near) / len(near))
    strategy = STRATEGIES.build({"name": "contrastive", "neighbors": neighbors})
    found = strategy.score(Candidates(keys(60), proba=proba, features=rows, labeled=known))
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_row_predicted_as_its_neighbours_are_has_no_contrast_and_certainty_no_infinite_one() -> None:
    known = Labeled(
        np.zeros((3, 1), dtype=np.float32), np.zeros(3, np.int64), np.full((3, 2), [0.25, 0.75], np.float32)
    )
    proba = np.array([[0.25, 0.75], [1, 0]], dtype=np.float32)
    rows = np.ones((2, 1), dtype=np.float32)
    score = STRATEGIES.build("contrastive").score(
        Candidates(keys(2), proba=proba, features=rows, labeled=known)
    )
    assert score[0] == 0
    assert 10 < score[1] < np.inf


def two_clumps() -> tuple[np.ndarray, Labeled]:
    """Rows at the left and at the right; labels at the left only."""
    side = np.repeat([-3.0, 3.0], 200)
    rows = RNG(11).normal(size=(400, 2)).astype(np.float32)
    rows[:, 0] += side
    known = RNG(12).normal(size=(30, 2)).astype(np.float32) - np.array([3, 0], dtype=np.float32)
    return rows, Labeled(known, np.zeros(30, dtype=np.int64))


def test_discrimination_asks_where_there_are_no_labels() -> None:
    rows, known = two_clumps()
    candidates = Candidates(keys(400), features=rows, labeled=known)
    chosen = STRATEGIES.build("discriminative").select(candidates, 20, RNG(0))
    assert (rows[chosen, 0] > 0).mean() > 0.8


def test_discrimination_goes_elsewhere_once_a_part_of_the_batch_is_chosen() -> None:
    """With one part all rows come from the far right; with many the later ones make up for it."""
    rows, known = two_clumps()
    candidates = Candidates(keys(400), features=rows, labeled=known)

    def spread(parts: int) -> float:
        strategy = STRATEGIES.build({"name": "discriminative", "sub_batches": parts})
        return float(rows[strategy.select(candidates, 60, RNG(0))].std(axis=0).sum())

    assert spread(20) > 1.2 * spread(1)


def test_discrimination_is_the_loop_of_the_paper() -> None:
    from sklearn.linear_model import LogisticRegression

    rows, known = two_clumps()
    candidates = Candidates(keys(400), features=rows, labeled=known)
    left, chosen = list(range(400)), list[int]()
    for size in (4, 3, 3):
        labeled = np.concatenate([known.features, rows[chosen]])
        side = [0] * len(labeled) + [1] * len(left)
        told = LogisticRegression(class_weight="balanced").fit(np.concatenate([labeled, rows[left]]), side)
        odds = dict(zip(left, told.decision_function(rows[left]).tolist(), strict=True))
        part = sorted(left, key=lambda row: -odds[row])[:size]
        chosen += part
        left = [row for row in left if row not in part]
    strategy = STRATEGIES.build({"name": "discriminative", "sub_batches": 3, "bandwidth": None})
    assert strategy.select(candidates, 10, RNG(0)).tolist() == chosen


def test_discrimination_takes_rows_that_people_have_for_labeled() -> None:
    rows, known = two_clumps()
    right = RNG(13).normal(size=(300, 2)).astype(np.float32) + np.array([3, 0], dtype=np.float32)
    both = Labeled(known.features, known.y, asked=right)
    candidates = Candidates(keys(400), features=rows, labeled=both)
    chosen = STRATEGIES.build("discriminative").select(candidates, 20, RNG(0))
    assert (rows[chosen, 0] < 0).mean() > 0.5


def test_discrimination_with_nothing_labeled_begins_at_random() -> None:
    rows, _ = two_clumps()
    nobody = Labeled(np.empty((0, 2), dtype=np.float32), np.empty(0, dtype=np.int64))
    candidates = Candidates(keys(400), features=rows, labeled=nobody)
    strategy = STRATEGIES.build({"name": "discriminative", "sub_batches": 5})
    chosen = strategy.select(candidates, 20, RNG(0)).tolist()
    assert chosen[:4] == [0, 1, 2, 3]
    assert len(set(chosen)) == 20


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"name": "information_density", "beta": -1}, "beta must be a number of at least 0; found -1"),
        ({"name": "information_density", "uncertainty": "x"}, "entropy, margin, least_confidence; found 'x'"),
        ({"name": "epistemic", "part": "x"}, "epistemic, aleatoric, total; found 'x'"),
        ({"name": "epistemic", "bandwidth": 0}, "bandwidth must be a number above 0; found 0"),
        ({"name": "contrastive", "neighbors": 0}, "neighbors must be at least 1; found 0"),
        ({"name": "discriminative", "sub_batches": 0}, "sub_batches must be at least 1; found 0"),
        ({"name": "expected_error_reduction", "error": "x"}, "log, zero_one; found 'x'"),
        ({"name": "expected_error_reduction", "sample": 0}, "sample must be at least 1; found 0"),
        ({"name": "expected_error_reduction", "ridge": 0}, "ridge must be a number above 0; found 0"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        STRATEGIES.build(parameters)
