"""A class that is added mid-way: with no label, one or two, in training or validation, everything goes on."""

from __future__ import annotations

import pytest

from alcli.registry import MODELS, STRATEGIES

CLASSES = ["sand", "sea", "sky", "stone"]
STATES = {
    "no label": (0, 0),
    "one in training": (1, 0),
    "one in validation": (0, 1),
    "one in each": (1, 1),
    "two in training": (2, 0),
}


@pytest.fixture(params=STATES)
def lab(request, make_lab):
    """A project after one round in which a class was added that has so few labels."""
    config = {"task": {"classes": CLASSES}, "committee": {"size": 2}}
    lab = make_lab("embedding", 120, **config, query={"batch_size": 6, "explore": 0.2})
    lab("seed")
    n_train, n_validation = STATES[request.param]
    train = sorted(set(lab.ids(0)) - lab.split("validation"))[:n_train]
    new = {*train, *sorted(lab.split("validation"))[:n_validation]}
    lab("ingest", lab.labels(set(lab.ids(0)) - new, "old.csv"))
    lab.one_round(1)
    if new:
        lab("ingest", lab.labels(new, "new.csv", "sand"))
    lab.state = request.param
    return lab


@pytest.mark.parametrize("model", [name for name in MODELS.names() if MODELS.load(name).learns])
@pytest.mark.parametrize("calibrate", ["none", "temperature"])
def test_every_model_learns_and_is_measured(lab, model, calibrate):
    settings = ("--set", f"model.name={model}", "--set", f"model.calibrate={calibrate}")
    if model == "complement_naive_bayes":
        pytest.skip("reads counts, and this pool has vectors")
    document = lab("train", *settings)
    assert document["counts"]["classes"] == 4
    assert 0 <= document["metrics"]["accuracy"]["value"] <= 1


def test_every_strategy_chooses_a_batch(lab):
    """Of one training with a committee, so that every strategy finds what it needs."""
    lab("train", "--set", "query.strategy=query_by_committee")
    for strategy in STRATEGIES.names():
        lab("score", "--set", f"query.strategy={strategy}", "--set", "query.max_minutes=1000")
        scores = lab.scores(2)
        assert scores.num_rows, strategy
    lab("score", "--set", "query.strategy=margin")
    lab("query", "--set", "query.strategy=margin", "--set", "query.class_balance=true")
    assert len(set(lab.ids(2))) == 6


@pytest.mark.parametrize(
    "strategy", [name for name in STRATEGIES.names() if STRATEGIES.load(name).kind == "set"]
)
def test_every_set_strategy_chooses_beside_it(lab, strategy):
    settings = ("--set", f"query.strategy={strategy}")
    for step in ("train", "score", "query"):
        lab(step, *settings)
    assert len(set(lab.ids(2))) == 6


def test_check_plan_status_and_simulation_go_on_and_say_what_is_missing(lab):
    for step in ("train", "score", "query"):
        lab(step)
    checks = {found["name"]: found for found in lab("check")["checks"]}
    advice = checks["seed"]["advice"]
    if lab.state in {"no label", "one in validation"}:
        assert "no label of 'sand'" in advice
        assert "query.seek" in advice
    else:
        assert "'sand'" in advice
    lab("plan")
    lab("status")
    lab("simulate", "--from-project", "--repeats", "1", "--rounds", "1", "--jobs", "1")


def test_train_says_what_it_cannot_learn_or_measure(lab):
    warnings = " ".join(lab("train")["warnings"])
    expected = {
        "no label": "no label of 'sand'",
        "one in training": "only one label of 'sand'",
        "one in validation": "no training label of 'sand', though validation has some",
        "one in each": "only one label of 'sand'",
        "two in training": "no validation label of 'sand'",
    }
    assert expected[lab.state] in warnings
    assert ("no validation label of 'sand'" in warnings) == (
        lab.state in {"one in training", "two in training"}
    )
