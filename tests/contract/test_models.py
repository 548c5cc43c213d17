"""What every model keeps to; a new file in `alcli/models` is held to it by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB

from alcli.errors import ConfigError
from alcli.models import Model
from alcli.registry import MODELS

CLASSES = 5
SEEN = [0, 2, 3]
PARAMETERS: dict[str, dict[str, Any]] = {"random_forest": {"n_trees": 15}}


def pool(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Non-negative rows, a third of the values 0, and labels of 3 of 5 classes."""
    rng = np.random.default_rng(seed)
    y = rng.choice(SEEN, size=n)
    rows = np.abs(rng.normal(size=(n, 6)) + 4 * np.eye(6)[y]).astype(np.float32)
    rows[rng.random(rows.shape) < 0.33] = 0
    return rows, y.astype(np.int64)


def build(name: str) -> Model:
    model = MODELS.build({"name": name, **PARAMETERS.get(name, {})})
    assert isinstance(model, Model)
    return model


def fitted(name: str, rows: Any, y: np.ndarray, seed: int = 0) -> Model:
    model = build(name)
    model.fit(rows, y, CLASSES, np.random.default_rng(seed))
    return model


LEARNERS = [name for name, model in MODELS.members() if model.learns]
"""`external` predicts what the pool says: tests/cli/test_external.py."""


@pytest.fixture(params=LEARNERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[np.asarray, csr_array], ids=["dense", "sparse"])
def layout(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_probabilities_are_float32_that_sum_to_one(name: str, layout: Any) -> None:
    rows, y = pool(200)
    proba = fitted(name, layout(rows), y).predict_proba(layout(rows))
    assert proba.dtype == np.float32
    assert proba.shape == (200, CLASSES)
    assert np.allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert (proba >= 0).all()


def test_it_learns(name: str, layout: Any) -> None:
    rows, y = pool(300)
    proba = fitted(name, layout(rows), y).predict_proba(layout(rows))
    assert (proba.argmax(axis=1) == y).mean() > 0.6


def test_a_class_that_was_never_seen_has_probability_zero(name: str, layout: Any) -> None:
    rows, y = pool(100)
    proba = fitted(name, layout(rows), y).predict_proba(layout(rows))
    assert not proba[:, [1, 4]].any()


def test_one_class_alone_is_certain(name: str, layout: Any) -> None:
    rows, y = pool(50)
    proba = fitted(name, layout(rows), np.full_like(y, 3)).predict_proba(layout(rows))
    assert np.array_equal(proba, np.tile(np.eye(CLASSES, dtype=np.float32)[3], (50, 1)))


def test_one_row_is_enough(name: str, layout: Any) -> None:
    rows, _ = pool(1)
    proba = fitted(name, layout(rows), np.array([2])).predict_proba(layout(rows))
    assert proba.tolist() == [[0, 0, 1, 0, 0]]


def test_two_classes_with_one_row_each_are_enough(name: str, layout: Any) -> None:
    rows = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    proba = fitted(name, layout(rows), np.array([4, 1])).predict_proba(layout(rows))
    assert np.isfinite(proba).all()
    assert proba[0, 4] >= proba[0, 1]


def test_rows_of_zeros_are_no_trouble(name: str, layout: Any) -> None:
    rows, y = pool(60)
    zeros = np.zeros_like(rows)
    for learned in (rows, zeros):
        assert np.isfinite(fitted(name, layout(learned), y).predict_proba(layout(zeros))).all()


def test_no_rows_give_no_probabilities(name: str, layout: Any) -> None:
    rows, y = pool(60)
    assert fitted(name, layout(rows), y).predict_proba(layout(rows[:0])).shape == (0, CLASSES)


def test_what_it_is_given_is_left_as_it_was(name: str) -> None:
    rows, y = pool(60)
    rows.flags.writeable = y.flags.writeable = False
    assert len(fitted(name, rows, y).predict_proba(rows)) == 60


def test_the_same_labels_and_generator_give_the_same_arrays(name: str, layout: Any) -> None:
    rows, y = pool(120)
    one, other = (fitted(name, layout(rows), y).to_arrays() for _ in range(2))
    assert list(one) == list(other)
    assert all(one[key].tobytes() == other[key].tobytes() for key in one)


def test_numpys_global_generator_is_left_alone(name: str) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is what must not be touched
    fitted(name, *pool(60))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_file_read_without_pickle_gives_the_same_probabilities_to_the_last_bit(
    name: str, layout: Any, tmp_path: Path
) -> None:
    rows, y = pool(200)
    model = fitted(name, layout(rows), y)
    np.savez(tmp_path / "model.npz", **model.to_arrays())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:
        again = build(name).load_arrays(dict(file))
    assert np.array_equal(again.predict_proba(layout(rows)), model.predict_proba(layout(rows)))
    assert {key: a.tobytes() for key, a in again.to_arrays().items()} == {
        key: a.tobytes() for key, a in model.to_arrays().items()
    }


@pytest.mark.parametrize("size", [1, 3, 8191, 8192, 8193])
def test_a_rows_probabilities_are_the_same_to_the_last_bit_in_whatever_chunk(
    name: str, layout: Any, size: int
) -> None:
    rows, y = pool(200)
    model = fitted(name, layout(rows), y)
    many = layout(np.tile(rows, (50, 1)))
    whole = model.predict_proba(many)
    for start in (0, 1, 4097, 9000):
        assert np.array_equal(model.predict_proba(many[start : start + size]), whole[start : start + size])


def test_equal_rows_have_equal_probabilities_wherever_they_lie(name: str, layout: Any) -> None:
    rows, y = pool(100)
    model = fitted(name, layout(rows), y)
    proba = model.predict_proba(layout(np.tile(rows[7], (20_000, 1))))
    assert (proba == proba[0]).all()


def test_equal_rows_have_equal_probabilities_with_many_features_and_classes_too(name: str) -> None:
    """In float32 BLAS adds in another order from row to row of one product."""
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(240, 64))).astype(np.float32)
    model = build(name)
    model.fit(rows, np.arange(240) % 12, 12, rng)
    proba = model.predict_proba(np.tile(rows[:1], (9000, 1)))
    assert (proba == proba[0]).all()


def test_a_model_says_what_its_last_linear_layer_is_given_or_that_it_has_none(name: str) -> None:
    rows, y = pool(60)
    embedding = fitted(name, rows, y).embedding(rows)
    assert embedding is None or embedding.shape[0] == len(rows)


def test_rows_of_another_width_are_refused(name: str, layout: Any) -> None:
    rows, y = pool(60)
    model = fitted(name, layout(rows), y)
    with pytest.raises(ValueError, match="fitted on 6 features, found 4"):
        model.predict_proba(layout(rows[:, :4]))


@pytest.mark.parametrize("name", MODELS.names())
def test_every_parameter_has_a_sound_default(name: str) -> None:
    assert all(
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        for field in dataclasses.fields(MODELS.load(name))
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"name": "logistic_regression", "C": 0}, "C must be above 0; found 0"),
        ({"name": "logistic_regression", "class_weight": "rare"}, "null or balanced; found 'rare'"),
        ({"name": "logistic_regression", "max_iter": 0}, "at least 1; found 0"),
        ({"name": "logistic_regression", "c": 1}, "did you mean 'C'"),
        ({"name": "complement_naive_bayes", "alpha": -1}, "alpha must be above 0; found -1"),
        ({"name": "random_forest", "n_trees": 0}, "n_trees must be at least 1; found 0"),
        ({"name": "random_forest", "max_depth": 0}, "null or at least 1; found 0"),
        ({"name": "random_forest", "min_samples_leaf": 0}, "at least 1; found 0"),
        ({"name": "random_forest", "class_weight": "rare"}, "balanced_subsample; found 'rare'"),
        ({"name": "random_forest", "n_trees": "many"}, "random_forest"),
    ],
)
def test_a_wrong_parameter_is_refused_in_clear_words(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        MODELS.build(spec)
    assert words in str(refused.value)


def test_logistic_regression_with_two_classes_is_scikit_learns() -> None:
    rows, y = pool(200)
    y[y == 3] = 2
    sklearns = LogisticRegression(C=30.0, max_iter=1000, solver="newton-cg").fit(rows, y)
    proba = fitted("logistic_regression", rows, y).predict_proba(rows)
    assert np.allclose(proba[:, [0, 2]], sklearns.predict_proba(rows), atol=1e-6)


def test_logistic_regression_is_close_to_the_optimum() -> None:
    rows, y = pool(200)
    optimum = LogisticRegression(C=30.0, max_iter=10_000, tol=1e-10).fit(rows, y)
    proba = fitted("logistic_regression", rows, y).predict_proba(rows)
    assert np.allclose(proba[:, SEEN], optimum.predict_proba(rows), atol=1e-3)


def test_logistic_regression_leaves_out_columns_that_no_labeled_row_has_and_is_none_the_worse() -> None:
    rows, y = pool(200)
    rows[:, ::3] = 0
    dense = fitted("logistic_regression", rows, y).predict_proba(rows)
    sparse = fitted("logistic_regression", csr_array(rows), y).predict_proba(csr_array(rows))
    assert np.allclose(dense, sparse, atol=1e-3)


def test_logistic_regression_that_did_not_converge_goes_on_without_a_warning() -> None:
    rows, y = pool(200)
    model = MODELS.build({"name": "logistic_regression", "max_iter": 1})
    model.fit(rows, y, CLASSES, np.random.default_rng(0))
    assert np.isfinite(model.predict_proba(rows)).all()


def test_complement_naive_bayes_is_scikit_learns() -> None:
    rows, y = pool(200)
    sklearns = ComplementNB(alpha=0.1).fit(rows, y)
    proba = fitted("complement_naive_bayes", rows, y).predict_proba(rows)
    assert np.allclose(proba[:, SEEN], sklearns.predict_proba(rows), atol=1e-6)


def test_complement_naive_bayes_says_that_it_cannot_learn_from_negative_features(layout: Any) -> None:
    rows, y = pool(50)
    with pytest.raises(ValueError, match="never negative, such as text"):
        fitted("complement_naive_bayes", layout(-rows), y)


@pytest.mark.parametrize(
    ("array", "place", "value"),
    [
        ("left", 0, 10**6),
        ("right", 0, 0),
        ("feature", 0, 99),
        ("classes", 0, 7),
        ("sizes", 0, 1),
        ("left", 0, -1),
    ],
)
def test_a_forest_whose_nodes_were_tampered_with_is_refused(array: str, place: int, value: int) -> None:
    arrays = {key: a.copy() for key, a in fitted("random_forest", *pool(100)).to_arrays().items()}
    arrays[array][place] = value
    with pytest.raises(ValueError, match="forest"):
        build("random_forest").load_arrays(arrays)
