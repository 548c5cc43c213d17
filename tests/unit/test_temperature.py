"""Temperature scaling against its definition and scipy; and what it does where models are trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from alcli.config import Config
from alcli.engine import FeatureSpace, Views
from alcli.loop._calibration import prospect
from alcli.loop._learning import HeldOut, learn, out_of_fold
from alcli.metrics import figures
from alcli.registry import FEATURES, MODELS
from alcli.temperature import HIGHEST, LOWEST, Tempered, apply_temperature, fit_temperature

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
LEARNERS = [name for name, model in MODELS.members() if model.learns]


def logits_and_classes(n: int, n_classes: int, seed: int, sharp: float) -> tuple[NDArray[np.float64], Ints]:
    """Labels drawn from softmax(z), and the logits `sharp` z that a model gives of them."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(n, n_classes))
    y = (softmax(z, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return sharp * z, np.minimum(y, n_classes - 1)


def predictions(n: int, n_classes: int, seed: int, sharp: float = 1.0) -> tuple[Floats, Ints]:
    z, y = logits_and_classes(n, n_classes, seed, sharp)
    return softmax(z, axis=1).astype(np.float32), y


CASES = st.tuples(st.integers(2, 80), st.integers(2, 6), st.integers(0, 10_000), st.floats(0.3, 4))
DEGREES = st.floats(0.05, 20)


@given(CASES, DEGREES)
@settings(max_examples=60, deadline=None)
def test_probabilities_at_a_temperature_are_the_softmax_of_cooler_logits(
    case: tuple[int, int, int, float], degree: float
) -> None:
    z, _ = logits_and_classes(*case)
    found = apply_temperature(softmax(z, axis=1).astype(np.float32), degree)
    assert found.dtype == np.float32
    assert found == pytest.approx(softmax(z / degree, axis=1), abs=2e-5)


@given(CASES, DEGREES)
@settings(max_examples=60, deadline=None)
def test_the_likeliest_class_stays_the_likeliest_and_the_impossible_impossible(
    case: tuple[int, int, int, float], degree: float
) -> None:
    proba, _ = predictions(*case)
    proba[::2, 0] = 0
    proba[1::4] = np.float32(1 / proba.shape[1])
    proba[1::4, -1] = np.nextafter(proba[1::4, -1], np.float32(1))  # by a hair
    found = apply_temperature(proba, degree)
    assert np.array_equal(found.argmax(axis=1), proba.argmax(axis=1))
    assert np.array_equal(found == 0, proba == 0) or degree < 1  # what is near 0 may underflow
    assert not found[proba == 0].any()
    assert np.allclose(found.sum(axis=1), 1, atol=1e-6)


def slow_loss(z: NDArray[np.float64], y: Ints, degree: float) -> float:
    """The log loss for Platt's targets, row by row."""
    total, n = 0.0, len(y)
    for row, label in zip(z, y, strict=True):
        before, after = softmax(row), log_softmax(row / degree)
        for c in range(len(row)):
            share = (n + 1) / (n + 2) if c == label else before[c] / (before.sum() - before[label]) / (n + 2)
            total -= share * after[c]
    return total / n


@given(CASES)
@settings(max_examples=25, deadline=None)
def test_the_temperature_is_the_one_that_scipy_finds(case: tuple[int, int, int, float]) -> None:
    z, y = logits_and_classes(*case)
    z = np.log(softmax(z, axis=1).astype(np.float32).astype(np.float64))  # as the model's numbers say
    within = {"bounds": (np.log(LOWEST), np.log(HIGHEST)), "method": "bounded", "options": {"xatol": 1e-9}}
    best = np.exp(minimize_scalar(lambda log: slow_loss(z, y, np.exp(log)), **within).x)
    found = fit_temperature(np.exp(z).astype(np.float32), y)
    assert found == pytest.approx(best, rel=1e-3)
    assert slow_loss(z, y, found) <= slow_loss(z, y, best) + 1e-9


@pytest.mark.parametrize("sharp", [0.5, 1.0, 1.7, 3.0])
def test_it_finds_how_much_too_sure_a_model_is(sharp: float) -> None:
    proba, y = predictions(20_000, 4, seed=1, sharp=sharp)
    assert fit_temperature(proba, y) == pytest.approx(sharp, rel=0.03)


@pytest.mark.parametrize("n", [20, 1000])
def test_a_model_that_is_always_right_does_not_become_certain(n: int) -> None:
    proba = np.tile(np.float32([0.9, 0.1]), (n, 1))
    found = apply_temperature(proba, fit_temperature(proba, np.zeros(n, dtype=np.int64)))
    assert found[0, 0] == pytest.approx((n + 1) / (n + 2), abs=1e-6)


def test_a_model_that_is_always_wrong_becomes_as_unsure_as_it_can() -> None:
    proba = np.tile(np.float32([0.9, 0.1]), (30, 1))
    assert fit_temperature(proba, np.ones(30, dtype=np.int64)) == pytest.approx(HIGHEST)


@pytest.mark.parametrize(
    ("proba", "y"),
    [
        (np.empty((0, 3)), []),
        ([[1, 0]] * 3, [0, 1, 0]),
        ([[0.5, 0.5]] * 3, [0, 1, 0]),
        ([[0.2, 0.8, 0]] * 2, [2, 2]),
    ],
    ids=["no rows", "certainties", "even", "impossible classes"],
)
def test_rows_that_say_nothing_leave_the_temperature_at_1(proba: object, y: list[int]) -> None:
    rows = np.asarray(proba, dtype=np.float32)
    assert fit_temperature(rows, np.array(y, dtype=np.int64)) == 1.0
    assert np.array_equal(apply_temperature(rows, 1.0), rows)


def test_rows_of_an_impossible_class_change_nothing_for_the_others() -> None:
    proba, y = predictions(200, 3, seed=3, sharp=2)
    lost = proba.copy()
    lost[0, y[0]] = 0
    assert fit_temperature(lost, y) == pytest.approx(fit_temperature(proba[1:], y[1:]))


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_row_is_the_same_to_the_last_bit_in_whatever_chunk(size: int) -> None:
    proba, _ = predictions(4000, 5, seed=0)
    whole = apply_temperature(proba, 1.37)
    for start in (0, 1, 1234, 2999):
        chunk = np.ascontiguousarray(proba[start : start + size])
        assert np.array_equal(apply_temperature(chunk, 1.37), whole[start : start + size])


# where models are trained: labels that none can foretell well, since each column knows little of them


def noisy(n: int, seed: int = 0) -> tuple[Views, Ints]:
    """Rows of 12 categories, each of which is the class of a row in one case of four, and else any."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, size=n)
    columns = [np.where(rng.random(n) < 0.25, y, rng.integers(0, 3, size=n)) for _ in range(12)]
    found = {"categorical": [column.astype(str).astype(object) for column in columns]}
    space = FeatureSpace({"categorical": FEATURES.build("categorical")})
    known = [np.array(["0", "1", "2"], dtype=object)] * 12
    return Views(space.fit({"categorical": known}), found), y


def config(name: str = "logistic_regression", calibrate: str = "temperature", **more: Any) -> Config:
    few = {"n_trees": 15} if name == "random_forest" else {}
    return Config.model_validate({"model": {"name": name, "calibrate": calibrate, **few}, **more})


def learned(views: Views, y: Ints, settings: Config, *, votes: bool = False) -> tuple[Any, list[Any]]:
    return learn(settings, 1, views, y, 3, votes=votes)


def predicted(model: Any, views: Views) -> Floats:
    proba: Floats = model.predict_proba(views.read_by(model))
    return proba


@pytest.mark.parametrize("name", LEARNERS)
def test_every_model_keeps_its_answers_and_gets_sounder_probabilities(name: str) -> None:
    (views, y), (test, y_test) = noisy(150), noisy(2000, seed=1)
    bare, _ = learned(views, y, config(name, "none"))
    model, _ = learned(views, y, config(name))
    assert isinstance(model, Tempered)
    before, after = predicted(bare, test), predicted(model, test)
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert np.array_equal(after, apply_temperature(before, model.temperature))
    old, new = (figures(proba, y_test, ("a", "b", "c")) for proba in (before, after))
    assert new["log_loss"] < old["log_loss"] + 0.02
    assert new["ece"] < max(0.5 * old["ece"], 0.08)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_model_comes_back_from_its_arrays_with_its_temperature(name: str) -> None:
    views, y = noisy(90)
    model, _ = learned(views, y, config(name))
    again = Tempered.loaded(MODELS.build(config(name).model.spec), model.to_arrays())
    assert again.temperature == model.temperature
    assert np.array_equal(predicted(again, views), predicted(model, views))
    other, _ = learned(views, y, config(name))
    assert {key: array.tobytes() for key, array in other.to_arrays().items()} == {
        key: array.tobytes() for key, array in model.to_arrays().items()
    }


def test_arrays_without_a_temperature_are_those_of_a_plain_model() -> None:
    views, y = noisy(60)
    bare, _ = learned(views, y, config(calibrate="none"))
    again = Tempered.loaded(MODELS.build("logistic_regression"), bare.to_arrays())
    assert type(again) is type(bare)
    assert np.array_equal(predicted(again, views), predicted(bare, views))


def test_the_last_layer_gives_what_the_model_predicts() -> None:
    views, y = noisy(90)
    model, _ = learned(views, y, config("mlp"))
    rows = views.read_by(model)
    assert np.array_equal(model.head(model.embedding(rows)), model.predict_proba(rows))


def test_bootstraps_take_the_models_temperature_and_other_models_their_own() -> None:
    views, y = noisy(90)
    model, members = learned(views, y, config(committee={"size": 3}), votes=True)
    assert [member.temperature for _, member in members] == [model.temperature] * 3
    names = ("logistic_regression", "random_forest")
    model, members = learned(views, y, config(committee={"members": names}), votes=True)
    degrees = [member.temperature for _, member in members]
    assert degrees[0] == model.temperature != degrees[1]


def held_out(y: list[int] | Ints, **settings: Any) -> HeldOut | None:
    views, _ = noisy(len(y))
    return out_of_fold(config(**settings), 1, views, np.asarray(y, dtype=np.int64), 3)


def test_predictions_for_labels_are_of_models_that_have_not_learned_from_them() -> None:
    """Labels at random: a model that had seen them would know them."""
    views, _ = noisy(120)
    y = np.random.default_rng(7).integers(0, 3, size=120)
    forest, _ = learned(views, y, config("random_forest", "none"))
    found = out_of_fold(config("random_forest"), 1, views, y, 3)
    assert found is not None
    assert np.array_equal(found.positions, np.arange(120))
    assert (predicted(forest, views).argmax(axis=1) == y).mean() > 0.95
    assert (found.proba.argmax(axis=1) == y).mean() < 0.5


def test_the_only_row_of_a_class_is_not_held_out_and_two_rows_are_never_held_out_together() -> None:
    y = np.array([0] * 30 + [1, 1] + [2])
    found = held_out(y)
    assert found is not None
    assert found.positions.tolist() == list(range(32))
    assert (found.proba[y[found.positions] == 1, 1] > 0).all()


def test_a_group_is_held_out_as_a_whole() -> None:
    """Rows that are there twice: of a forest that has seen one of a pair, the other is no test."""
    views, _ = noisy(60)
    y = np.tile(np.random.default_rng(7).integers(0, 3, size=60), 2)
    twice = Views(
        views.space, {"categorical": [np.tile(column, 2) for column in views._columns["categorical"]]}
    )
    groups = np.tile(np.random.default_rng(0).permutation(60).astype(np.uint64), 2)
    apart, together = (
        out_of_fold(config("random_forest"), 1, twice, y, 3, groups=given) for given in (None, groups)
    )
    assert apart is not None
    assert together is not None
    assert together.positions.tolist() == list(range(120))
    assert (apart.proba.argmax(axis=1) == y).mean() > 0.7
    assert (together.proba.argmax(axis=1) == y).mean() < 0.5
    assert np.array_equal(together.proba[:60], together.proba[60:])


def test_the_only_group_of_a_class_is_not_held_out() -> None:
    y = np.repeat([0, 1, 2], [30, 30, 10])
    groups = np.where(y == 2, 99, np.arange(70)).astype(np.uint64)
    found = out_of_fold(config(), 1, noisy(70)[0], y, 3, groups=groups)
    assert found is not None
    assert found.positions.tolist() == list(range(60))


@pytest.mark.parametrize("y", [[0], [0] * 60, [0] * 59 + [1], [0, 1] * 9, [0, 1, 2]])
def test_one_class_or_a_few_labels_are_too_little_to_calibrate_on(y: list[int]) -> None:
    assert held_out(y) is None
    views, _ = noisy(len(y))
    model, _ = learned(views, np.array(y), config())
    assert not isinstance(model, Tempered)


def test_a_prospect_is_what_calibration_then_does() -> None:
    (views, y), (test, y_test) = noisy(150), noisy(1000, seed=1)
    bare, _ = learned(views, y, config(calibrate="none"))
    model, _ = learned(views, y, config())
    found = prospect(config(calibrate="none"), 1, views, y, predicted(bare, test), y_test)
    assert found is not None
    assert found.temperature == model.temperature > 1
    then = figures(predicted(model, test), y_test, ("a", "b", "c"))
    assert found.after == {name: then[name] for name in ("ece", "brier", "log_loss")}
    assert found.after["ece"] < 0.5 * found.before["ece"]
    for name in ("log_loss", "brier"):
        assert found.change[name].value == pytest.approx(found.after[name] - found.before[name], abs=1e-9)
    assert found.helps
    assert prospect(config(), 1, *noisy(10), predicted(bare, test), y_test) is None
