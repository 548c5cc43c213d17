"""The support vector machine: scikit-learn's decisions without scikit-learn, and `margin` in their order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.svm import SVC

from alcli.errors import ConfigError
from alcli.models.support_vector_machine import SCALE, SupportVectorMachine
from alcli.registry import MODELS, STRATEGIES
from alcli.strategies import Candidates


def clouds(n: int, n_classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 12 numbers, half of them 0, around a center for each class; every class has a row."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % n_classes)
    rows = rng.normal(size=(n, 12)) + np.eye(12)[y]
    rows[np.abs(rows) < 0.7] = 0
    return rows.astype(np.float32), y.astype(np.int64)


def fitted(rows: Any, y: np.ndarray, n_classes: int = 2, **settings: Any) -> SupportVectorMachine:
    model = SupportVectorMachine(**settings)
    model.fit(rows, y, n_classes, np.random.default_rng(0))
    return model


def decision(model: SupportVectorMachine, rows: Any) -> np.ndarray:
    """(k, n) what the classes' machines say."""
    return np.hstack([values for _, values in model._values(rows)]) / SCALE


def far(rows: np.ndarray) -> np.ndarray:
    """The same rows, where |x|^2 - 2 x v + |v|^2 would have no digits left."""
    return (rows + np.float32(3000)).astype(np.float32)


LAYOUTS = pytest.mark.parametrize("layout", [np.asarray, csr_array], ids=["dense", "sparse"])
SETTINGS = pytest.mark.parametrize(
    "settings",
    [
        {},
        {"C": 30.0, "gamma": "auto"},
        {"gamma": 0.7, "class_weight": "balanced"},
        {"kernel": "linear", "C": 0.3},
    ],
    ids=str,
)


@LAYOUTS
@SETTINGS
def test_two_classes_are_told_apart_by_scikit_learns_machine(layout: Any, settings: dict[str, Any]) -> None:
    rows, y = clouds(150)
    fresh = layout(clouds(400, seed=1)[0])
    expected = SVC(**settings).fit(layout(rows), y).decision_function(fresh)
    first, second = decision(fitted(layout(rows), y, **settings), fresh)
    assert not first.any()
    assert np.abs(second - expected).max() < 1e-9 * np.abs(expected).max()


@LAYOUTS
@SETTINGS
def test_each_of_three_classes_has_scikit_learns_machine_against_the_rest(
    layout: Any, settings: dict[str, Any]
) -> None:
    rows, y = clouds(150, 3)
    fresh = layout(clouds(400, 3, seed=1)[0])
    found = decision(fitted(layout(rows), y, 3, **settings), fresh)
    for label in range(3):
        expected = SVC(**settings).fit(layout(rows), y == label).decision_function(fresh)
        assert np.abs(found[label] - expected).max() < 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_rows_far_from_the_origin_lose_no_digits(n_classes: int) -> None:
    rows, y = clouds(100, n_classes)
    fresh = far(clouds(200, n_classes, seed=1)[0])
    found = decision(fitted(far(rows), y, n_classes, gamma="auto"), fresh)
    for label in range(1, n_classes):
        expected = SVC(gamma="auto").fit(far(rows), y == label).decision_function(fresh)
        assert np.abs(found[label] - expected).max() < 1e-9 * np.abs(expected).max()


@LAYOUTS
def test_where_distances_tie_libsvm_goes_the_same_way(layout: Any) -> None:
    """A last bit of the kernel would send it another, to another answer within its tolerance."""
    rng = np.random.default_rng(0)
    for n in range(20, 160, 4):
        rows = layout(rng.integers(3, size=(n, 8)).astype(np.float32) / np.float32(3))
        y = np.arange(n) % 2
        expected = SVC().fit(rows, y).decision_function(rows)
        assert np.abs(decision(fitted(rows, y), rows)[1] - expected).max() < 1e-9


@pytest.mark.parametrize("settings", [{}, {"kernel": "linear"}], ids=str)
def test_probabilities_are_a_softmax_of_the_decisions(settings: dict[str, Any]) -> None:
    for n_classes in (2, 3):
        rows, y = clouds(120, n_classes)
        model = fitted(rows, y, n_classes, **settings)
        powers = np.exp(3 * decision(model, rows))
        assert np.abs(model.predict_proba(rows).T - powers / powers.sum(axis=0)).max() < 1e-7


@LAYOUTS
@SETTINGS
@pytest.mark.parametrize("spread", [1, 5])
def test_margin_orders_rows_by_their_nearness_to_the_boundary(
    layout: Any, settings: dict[str, Any], spread: int
) -> None:
    rows, y = clouds(120)
    fresh = layout(spread * clouds(3000, seed=1)[0])
    model = fitted(layout(rows), y, **settings)
    candidates = Candidates(np.arange(3000, dtype=np.uint64), proba=model.predict_proba(fresh))
    nearness = np.abs(decision(model, fresh)[1])
    nearest_first = np.argsort(nearness, kind="stable")
    score_steps = np.diff(STRATEGIES.build("margin").score(candidates)[nearest_first])
    assert (score_steps <= 0).all()
    assert (score_steps[np.diff(nearness[nearest_first]) > 1e-6] < 0).all()


@LAYOUTS
def test_rows_in_another_layout_than_the_labels_have_the_same_probabilities(layout: Any) -> None:
    rows, y = clouds(150, 3)
    other = csr_array if layout is np.asarray else np.asarray
    model = fitted(layout(rows), y, 3)
    assert np.abs(model.predict_proba(layout(rows)) - model.predict_proba(other(rows))).max() < 1e-6


def test_balanced_weights_and_no_generator_are_what_they_say() -> None:
    rows, y = clouds(100)
    y[:80] = 0
    share = [
        fitted(rows, y, class_weight=weight).predict_proba(rows)[:, 1].mean() for weight in (None, "balanced")
    ]
    assert share[1] > share[0]
    again = SupportVectorMachine()
    again.fit(rows, y, 2, np.random.default_rng(7))
    assert np.array_equal(again.predict_proba(rows), fitted(rows, y).predict_proba(rows))


def test_only_support_vectors_are_kept() -> None:
    rows, y = clouds(400)
    rows[:, 0] += 6 * y
    kept = fitted(rows, y).to_arrays()["support"]
    assert kept.dtype == np.float32
    assert len(kept) < 300


def test_it_predicts_without_scikit_learn(tmp_path: Path) -> None:
    rows, y = clouds(60)
    np.savez(tmp_path / "model.npz", **fitted(rows, y).to_arrays())
    code = """
import sys
import numpy as np
from alcli.models.support_vector_machine import SupportVectorMachine
model = SupportVectorMachine().load_arrays(dict(np.load(sys.argv[1])))
assert model.predict_proba(np.zeros((3, 12), dtype=np.float32)).shape == (3, 2)
assert "sklearn" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model.npz")], check=True)


@pytest.mark.parametrize(("part", "value"), [("support_indices", 99), ("support_indptr", 10**6)])
def test_support_vectors_that_were_tampered_with_are_refused(part: str, value: int) -> None:
    rows, y = clouds(60)
    arrays = {key: a.copy() for key, a in fitted(csr_array(rows), y).to_arrays().items()}
    arrays[part][-1] = value
    with pytest.raises(ValueError, match="ind"):
        SupportVectorMachine().load_arrays(arrays)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"C": 0}, "C must be above 0; found 0"),
        ({"kernel": "poly"}, "kernel must be rbf or linear; found 'poly'"),
        ({"gamma": "small"}, "gamma must be scale, auto or a number above 0; found 'small'"),
        ({"gamma": 0}, "found 0"),
        ({"gamma": None}, "found None"),
        ({"class_weight": "rare"}, "class_weight must be null or balanced; found 'rare'"),
        ({"c": 1}, "did you mean 'C'"),
    ],
)
def test_a_wrong_parameter_is_refused_in_clear_words(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        MODELS.build({"name": "support_vector_machine", **settings})
    assert words in str(refused.value)
