"""ProbCover, MaxHerding and uncertainty herding against their formulas, all pairs seen at every pick."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from alcli.errors import ConfigError
from alcli.registry import STRATEGIES
from alcli.strategies import Candidates, Labeled
from alcli.strategies.prob_cover import _clusters, pure_radius
from alcli.strategies.uncertainty_herding import (
    UncertaintyHerding,
    calibration_error,
    chance_of,
    out_of_fold,
    spread,
    temperature,
    uncertainty,
)


def pool(n: int, d: int = 5, m: int = 0, seed: int = 0) -> Candidates:
    """Rows in a few clumps, with m labeled ones among three classes."""
    rng = np.random.default_rng(seed)
    centres = 2 * rng.normal(size=(6, d))
    rows = (centres[rng.integers(6, size=n + m)] + rng.normal(size=(n + m, d))).astype(np.float32)
    proba = rng.dirichlet([0.5] * 3, size=n).astype(np.float32)
    labeled = Labeled(rows[n:], rng.integers(3, size=m))
    return Candidates(np.arange(n, dtype=np.uint64), proba=proba, features=rows[:n], labeled=labeled)


def select(spec: object, candidates: Candidates, k: int, seed: int = 0) -> list[int]:
    return STRATEGIES.build(spec).select(candidates, k, np.random.default_rng(seed)).tolist()


def unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def squared(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    return ((rows[:, None, :] - others[None, :, :]) ** 2).sum(axis=2)


def plain_cover(rows: np.ndarray, known: np.ndarray, radius: float, k: int) -> tuple[list[int], int]:
    """The centres, then the first of the others; and how many rows are covered in the end."""
    edges = squared(rows, rows) <= radius**2
    covered = (squared(rows, known) <= radius**2).any(axis=1)
    chosen: list[int] = []
    while len(chosen) < k:
        count = edges[:, ~covered].sum(axis=1)
        best = int(count.argmax())
        if count[best] == 0:
            break
        chosen.append(best)
        covered |= edges[best]
    chosen += [row for row in range(len(rows)) if row not in chosen][: k - len(chosen)]
    return chosen, int(covered.sum())


@pytest.mark.parametrize("radius", [0.2, 0.6, 1.2])
@pytest.mark.parametrize("m", [0, 1, 40])
def test_centres_are_those_of_plain_greedy_maximum_coverage(radius: float, m: int) -> None:
    candidates = pool(1300, m=m, seed=m)  # more than one block of rows
    expected, _ = plain_cover(unit(candidates.features), unit(candidates.labeled.features), radius, 60)
    assert select({"name": "prob_cover", "radius": radius}, candidates, 60) == expected


def test_once_all_is_covered_the_lowest_keys_fill_the_batch() -> None:
    candidates = pool(50)
    chosen = select({"name": "prob_cover", "radius": 2.0}, candidates, 5)
    assert chosen == [0, 1, 2, 3, 4]


def test_rows_that_labeled_ones_cover_are_counted_for_nobody() -> None:
    angle = np.array([0.0, 0.05, 0.1, 1.0, 1.05, 2.0])
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    known = Labeled(rows[:1], np.array([0]))
    candidates = Candidates(np.arange(6, dtype=np.uint64), features=rows, labeled=known)
    assert select({"name": "prob_cover", "radius": 0.2}, candidates, 2) == [3, 5]


@pytest.mark.parametrize("name", ["prob_cover", "max_herding", "uncertainty_herding"])
@pytest.mark.parametrize("sparse", [False, True])
def test_rows_near_those_that_people_have_are_not_asked(name: str, sparse: bool) -> None:
    rng = np.random.default_rng(0)
    rows = (np.repeat(np.eye(6, 9), 5, axis=0) + 0.01 * rng.random((30, 9))).astype(np.float32)
    given = csr_array(rows) if sparse else rows
    labeled = Labeled(given[[0, 5]], np.array([0, 1]), asked=given[[10, 15]])
    proba = np.full((30, 2), 0.5, dtype=np.float32)
    candidates = Candidates(np.arange(30, dtype=np.uint64), proba=proba, features=given, labeled=labeled)
    spec = {"name": name, "radius": 0.5} if name == "prob_cover" else name
    assert {row // 5 for row in select(spec, candidates, 2)} == {4, 5}


@pytest.mark.parametrize("n_clusters", [2, 3, 6])
def test_the_radius_is_the_largest_at_which_95_percent_of_the_balls_are_pure(n_clusters: int) -> None:
    rows = unit(pool(900).features).astype(np.float32)
    radius = pure_radius(rows, n_clusters, np.random.default_rng(3))
    cluster = _clusters(rows, n_clusters, np.random.default_rng(3))
    apart = np.sqrt(squared(rows.astype(np.float64), rows.astype(np.float64)))

    def purity(radius: float) -> float:
        impure = ((apart <= radius) & (cluster[:, None] != cluster)).any(axis=1)
        return 1 - float(impure.mean())

    assert purity(radius) >= 0.95
    assert purity(1.002 * radius) < 0.95


def test_without_a_radius_the_classes_among_the_labels_choose_it() -> None:
    candidates = pool(600, m=30)
    rows, known = unit(candidates.features), unit(candidates.labeled.features)
    radius = pure_radius(rows.astype(np.float32), 3, np.random.default_rng(0))
    expected, _ = plain_cover(rows, known, radius, 20)
    assert select("prob_cover", candidates, 20) == expected
    assert select({"name": "prob_cover", "classes": 3}, candidates, 20) == expected


@pytest.mark.parametrize("name", ["prob_cover", "max_herding", "uncertainty_herding"])
def test_sparse_rows_of_zeros_and_ones_are_chosen(name: str) -> None:
    rng = np.random.default_rng(0)
    rows = csr_array((rng.random((300, 2000)) < 0.01).astype(np.float32))
    known = Labeled(rows[:20], rng.integers(2, size=20))
    candidates = Candidates(
        np.arange(300, dtype=np.uint64), proba=pool(300).proba, features=rows, labeled=known
    )
    assert len(set(select(name, candidates, 40))) == 40


@pytest.mark.parametrize("name", ["prob_cover", "max_herding", "uncertainty_herding"])
def test_rows_of_zeros_lie_apart_from_all_others_and_together(name: str) -> None:
    rows = np.zeros((30, 2), dtype=np.float32)
    rows[20:] = [[1, 0.01 * i] for i in range(10)]
    known = Labeled(rows[:0], np.empty(0, dtype=np.int64))
    proba = np.full((30, 2), 0.5, dtype=np.float32)
    candidates = Candidates(np.arange(30, dtype=np.uint64), proba=proba, features=rows, labeled=known)
    first, second = select(name, candidates, 2)
    assert first == 0
    assert second >= 20


def plain_herding(
    rows: np.ndarray, targets: int, worth: np.ndarray, known: np.ndarray, width: float, k: int
) -> list[int]:
    kernel = np.exp(-squared(rows, rows[:targets]) / width**2)
    covered = np.exp(-squared(rows[:targets], known) / width**2).max(axis=1, initial=0.0)
    chosen: list[int] = []
    for _ in range(k):
        gain = np.maximum(kernel - covered, 0) @ worth[:targets]
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        covered = np.maximum(covered, kernel[chosen[-1]])
    return chosen


@pytest.mark.parametrize("width", [1.0, 0.3])
@pytest.mark.parametrize("m", [0, 1, 40])
def test_herding_chooses_what_plain_greedy_chooses(width: float, m: int) -> None:
    candidates = pool(500, m=m, seed=m)
    rows, known = unit(candidates.features), unit(candidates.labeled.features)
    expected = plain_herding(rows, 500, np.ones(500), known, width, 50)
    assert select({"name": "max_herding", "width": width}, candidates, 50) == expected


def test_herding_is_plain_greedy_too_with_more_rows_than_it_looks_at_together() -> None:
    candidates = pool(6000, m=10)
    rows, known = unit(candidates.features), unit(candidates.labeled.features)
    spec = {"name": "max_herding", "width": 0.5, "targets": 200}
    kernel = np.exp(-squared(rows, rows[:200]) / 0.5**2)
    covered = np.exp(-squared(rows[:200], known) / 0.5**2).max(axis=1)
    for row in select(spec, candidates, 120):
        gain = np.maximum(kernel - covered, 0).sum(axis=1)
        assert gain[row] >= gain.max() * (1 - 1e-5)  # as good as any, as far as float32 can tell
        covered = np.maximum(covered, kernel[row])


def test_when_no_row_has_anything_to_gain_the_lowest_keys_fill_the_batch() -> None:
    candidates = pool(40)
    chosen = select({"name": "max_herding", "width": 0.01, "targets": 3}, candidates, 6)
    assert sorted(chosen[:3]) == [0, 1, 2]
    assert chosen[3:] == [3, 4, 5]


@pytest.mark.parametrize("degree", [0.5, 1.0, 3.0])
def test_uncertainty_is_one_less_the_margin_at_a_temperature(degree: float) -> None:
    proba = np.random.default_rng(0).dirichlet([0.5] * 4, size=200).astype(np.float32)
    cooled = proba.astype(np.float64) ** (1 / degree)
    ranked = np.sort(cooled / cooled.sum(axis=1, keepdims=True), axis=1)
    assert np.allclose(uncertainty(proba, degree), 1 - (ranked[:, -1] - ranked[:, -2]), atol=1e-6)


@pytest.mark.parametrize("m", [1, 2, 30])
def test_uncertainty_herding_weighs_each_target_by_its_uncertainty(m: int) -> None:
    candidates = pool(400, m=m, seed=m)
    rows, known = unit(candidates.features), unit(candidates.labeled.features)
    apart = np.sqrt(squared(known, known)) + 9 * np.eye(m)
    width = float(np.quantile(apart.min(axis=1), 0.05)) if m > 1 else 1.0
    worth = uncertainty(candidates.proba, 1.0).astype(np.float64)  # too few labels for a temperature
    expected = plain_herding(rows, 400, worth, known, width, 40)
    assert select("uncertainty_herding", candidates, 40) == expected


def test_the_width_is_a_low_quantile_of_the_distances_to_the_nearest_row_that_is_not_the_same() -> None:
    angle = np.array([0.0, 0.0, 0.001, 0.5, 1.2])
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    rng = np.random.default_rng(0)
    apart = 2 * np.sin(np.array([0.5, 0.5, 0.499, 0.499, 0.7]) / 2)
    assert spread(rows, rng) == pytest.approx(np.quantile(apart, 0.05), rel=1e-4)
    assert spread(rows[:3], rng) == spread(rows[:1], rng) == spread(rows[:0], rng) == 1.0


def test_the_calibration_error_is_that_of_its_formula() -> None:
    rng = np.random.default_rng(0)
    log, y = rng.normal(size=(500, 4)), rng.integers(4, size=500)
    proba = np.exp(log) / np.exp(log).sum(axis=1, keepdims=True)
    sure, right, error = proba.max(axis=1), proba.argmax(axis=1) == y, 0.0
    for bin_ in range(15):
        inside = [i for i in range(500) if bin_ / 15 <= sure[i] < (bin_ + 1) / 15]
        if inside:
            error += len(inside) / 500 * abs(sure[inside].mean() - right[inside].mean())
    assert calibration_error(log, y) == pytest.approx(error)


def test_the_temperature_is_high_where_predictions_are_too_sure_and_1_with_few_labels() -> None:
    rng = np.random.default_rng(0)
    rows = 5 * rng.normal(size=(100, 60)).astype(np.float32)
    noise = Labeled(rows, rng.integers(2, size=100))
    assert temperature(noise, 2, rng) > 2
    assert temperature(Labeled(rows[:49], noise.y[:49]), 2, rng) == 1.0
    assert temperature(Labeled(rows, np.zeros(100, dtype=np.int64)), 2, rng) == 1.0
    assert temperature(Labeled(np.ones_like(rows), noise.y), 2, rng) == 1.0


@pytest.mark.parametrize("sparse", [False, True])
def test_the_temperature_is_that_of_logistic_regressions_with_the_strength_of_alclis(sparse: bool) -> None:
    candidates = pool(1, d=7, m=120)
    rows, y = candidates.labeled.features.astype(np.float64), candidates.labeled.y
    rows -= rows.mean(axis=0)
    rows /= np.sqrt((rows**2).sum(axis=1).mean())
    fold, expected = np.empty(120, dtype=np.int64), np.empty((120, 3))
    for own in range(3):
        fold[y == own] = (np.arange((y == own).sum()) + (y < own).sum()) % 5
    for held_out in range(5):
        model = LogisticRegression(C=300 if sparse else 30, max_iter=1000, tol=1e-8).fit(
            rows[fold != held_out], y[fold != held_out]
        )
        expected[fold == held_out] = model.predict_log_proba(rows[fold == held_out])
    given = candidates.labeled.features
    if sparse:  # most columns are empty
        wide = np.zeros((120, 50), dtype=np.float32)
        wide[:, ::8] = given
        given = csr_array(wide)
    assert np.allclose(out_of_fold(given, y, 3), expected, atol=0.02)
    for other in (given * np.float32(1 / 1024), given * np.float32(1000)):
        assert np.allclose(out_of_fold(other, y, 3), expected, atol=0.02)


def test_a_temperature_from_many_columns_that_are_empty_takes_no_longer() -> None:
    labeled = pool(1, d=20, m=300).labeled
    narrow = csr_array(labeled.features)
    wide = csr_array((narrow.data, narrow.indices, narrow.indptr), shape=(300, 10_000_000))
    assert np.array_equal(out_of_fold(wide, labeled.y, 3), out_of_fold(narrow, labeled.y, 3))


def test_a_class_with_too_few_labels_for_every_fold_stops_nothing() -> None:
    candidates = pool(100, m=60)
    y = candidates.labeled.y.copy()
    y[y == 2] = 0
    y[0] = 2
    labeled = Labeled(candidates.labeled.features, y)
    assert 0.1 < temperature(labeled, 4, np.random.default_rng(0)) < 10


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "prob_cover", "radius": 0}, "radius must be above 0 and at most 2; found 0"),
        ({"name": "prob_cover", "classes": 1}, "classes must be at least 2; found 1"),
        ({"name": "max_herding", "width": 0.001}, "width must be at least 0.01; found 0.001"),
        ({"name": "max_herding", "targets": 0}, "targets must be at least 1; found 0"),
        ({"name": "uncertainty_herding", "targets": 0}, "targets must be at least 1; found 0"),
    ],
)
def test_a_parameter_out_of_range_is_refused(spec: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        STRATEGIES.build(spec)


def test_a_shortlist_drawn_by_uncertainty_stands_for_the_whole_pool() -> None:
    rng = np.random.default_rng(5)
    first = (1 - 0.5 * rng.beta(0.3, 3.0, size=20_000)).astype(np.float32)
    proba = np.stack([first, 1 - first], axis=1)
    worth = uncertainty(proba, 1.0).astype(np.float64)
    sums, plain = [], []
    for draw in range(40):
        key = np.random.default_rng(draw).integers(2**63, size=len(proba)).astype(np.uint64)
        score = UncertaintyHerding().score(Candidates(key, proba))
        order = np.argsort(-score, kind="stable")
        chosen = order[:1000]
        sums.append((worth[chosen] / chance_of(proba[chosen], float(score[order[1000]]))).sum())
        plain.append(worth[np.argsort(key)[:1000]].sum() * 20)
    assert np.mean(sums) == pytest.approx(worth.sum(), rel=0.01)
    assert np.std(sums) < 0.8 * np.std(plain)


def test_no_row_beyond_the_shortlist_means_that_each_row_stands_for_itself() -> None:
    proba = np.array([[1.0, 0.0], [0.6, 0.4]], dtype=np.float32)
    assert chance_of(proba, -np.inf).tolist() == [1.0, 1.0]


def test_the_few_uncertain_rows_of_a_large_pool_are_on_the_shortlist() -> None:
    rng = np.random.default_rng(0)
    first = np.full(200_000, 0.9999, dtype=np.float32)
    rare = rng.choice(len(first), 100, replace=False)
    first[rare] = 0.6
    key = rng.integers(2**63, size=len(first)).astype(np.uint64)
    score = UncertaintyHerding().score(Candidates(key, np.stack([first, 1 - first], axis=1)))
    top = np.argsort(-score)[: UncertaintyHerding().shortlist(100)]
    assert np.isin(rare, top).all()


def test_the_kernel_narrows_once_classes_have_more_labels_than_are_enough() -> None:
    candidates = pool(400, m=120, seed=3)
    labeled = candidates.labeled
    wide, narrow = (UncertaintyHerding(temperature=1.0, enough=many) for many in (1e9, 1.0))
    rng = np.random.default_rng(0)
    alone = top_of(uncertainty(candidates.proba, 1.0), 30)
    found = [set(strategy.select(candidates, 30, rng).tolist()) for strategy in (wide, narrow)]
    assert len(np.unique(labeled.y)) == 3
    assert len(found[1] & alone) > len(found[0] & alone)


def top_of(score: np.ndarray, k: int) -> set[int]:
    return set(np.argsort(-score, kind="stable")[:k].tolist())
