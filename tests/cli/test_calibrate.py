"""`model.calibrate: temperature`: what train says, what score then reads, and where it cannot be had."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alcli.registry import MODELS
from alcli.temperature import apply_temperature

LEARNERS = [name for name, model in MODELS.members() if model.learns]
ON = ("--set", "model.calibrate=temperature")
SEED = {"size": 60}


def report(lab, round_=1):
    return json.loads((lab.root / f"rounds/{round_:03d}/metrics.json").read_text())


def proba(lab):
    scores = lab.scores()
    return scores["id"].to_pylist(), np.array(scores["proba"].to_pylist(), dtype=np.float32)


def settings(model):
    return {
        "name": model,
        "calibrate": "temperature",
        **({"n_trees": 15} if model == "random_forest" else {}),
    }


@pytest.mark.parametrize("model", LEARNERS)
def test_every_model_is_measured_and_scored_with_at_its_temperature(make_lab, model):
    lab = make_lab("text", seed=SEED, model=settings(model)).seeded()
    found = lab("train")
    assert found["warnings"] == []
    degree = found["temperature"]
    assert degree == report(lab)["temperature"]
    assert degree not in (None, 1.0)
    lab("score")
    ids, tempered = proba(lab)
    alone = lab("train", "--set", "model.calibrate=none")
    assert alone["temperature"] is None
    lab("score")
    assert proba(lab)[0] == ids
    assert np.allclose(apply_temperature(proba(lab)[1], degree), tempered, atol=1e-5)
    for name in ("accuracy", "macro_f1"):
        assert alone["metrics"][name] == found["metrics"][name]
    assert alone["metrics"]["confusion"] == found["metrics"]["confusion"]
    assert alone["metrics"]["log_loss"] != found["metrics"]["log_loss"]


def test_train_says_the_temperature_in_a_line(make_lab):
    lab = make_lab("embedding", seed=SEED, model={"calibrate": "temperature"}).seeded()
    out = lab.shell("train").stdout
    degree, effect = re.search(
        r"^Calibrated by temperature (\S+): (less|more) sure", out, re.MULTILINE
    ).groups()
    assert float(degree) == pytest.approx(report(lab)["temperature"], abs=0.005)
    assert effect == ("less" if float(degree) > 1 else "more")
    again = lab("train")
    assert not again["changed"]
    assert again["temperature"] == report(lab)["temperature"]


def test_a_model_that_is_too_sure_is_better_calibrated_for_it(make_lab):
    lab = make_lab("embedding", rows=900, split={"validation": 400}, seed=SEED).seeded()
    assert lab("train", "--set", "model.C=3000")["temperature"] is None
    before = report(lab)["metrics"]
    assert lab("train", "--set", "model.C=3000", *ON)["temperature"] > 1.5
    after = report(lab)["metrics"]
    assert after["ece"]["value"] < 0.6 * before["ece"]["value"]
    assert after["log_loss"]["value"] < before["log_loss"]["value"]
    assert after["accuracy"] == before["accuracy"]


def test_a_change_of_the_setting_trains_again_and_back_gives_the_same_bytes(make_lab):
    lab = make_lab(seed=SEED).seeded()
    lab("train")
    plain = lab.bytes()
    assert lab("train", *ON)["changed"]
    calibrated = lab.bytes()
    assert not lab("train", *ON)["changed"]
    assert lab("train")["changed"]
    assert lab.bytes() == plain
    lab("train", *ON)
    assert lab.bytes() == calibrated != plain


def test_a_model_that_was_lost_comes_out_the_same_again(make_lab):
    lab = make_lab(seed=SEED, model={"calibrate": "temperature"}).seeded().one_round(1)
    lab("train")
    whole = lab.bytes()
    (lab.root / "rounds/002/model/model.npz").unlink()
    assert lab("train")["changed"]
    assert lab.bytes() == whole


@pytest.mark.parametrize("members", [None, ["logistic_regression", "random_forest"]])
def test_a_committees_votes_are_tempered_too_and_the_run_is_the_same_again(make_lab, members):
    config = {
        "seed": SEED,
        "model": {"calibrate": "temperature"},
        "query": {"strategy": "query_by_committee"},
        "committee": {"size": 3, "members": members},
    }
    first, second = (make_lab("text", name=name, **config).seeded().one_round(1) for name in ("a", "b"))
    assert first.bytes() == second.bytes()
    with np.load(first.root / "rounds/001/model/members.npz") as arrays:
        degrees = [float(arrays[name]) for name in arrays.files if name.endswith("calibration/temperature")]
    model = report(first)["temperature"]
    assert degrees == pytest.approx([model] * 3 if members is None else [model, degrees[1]], abs=1e-6)
    assert len(set(degrees)) == len(members or [1])


def test_validation_labels_have_no_part_in_the_temperature(make_lab):
    lab = make_lab(seed=SEED, model={"calibrate": "temperature"})
    lab("seed")
    validation = lab.split("validation")
    lab("ingest", lab.labels([id_ for id_ in lab.ids(0) if id_ not in validation]))
    alone = lab("train")
    assert alone["metrics"] is None
    lab("ingest", lab.labels(sorted(validation), "validation.csv", label=next(iter(lab.data.truth.values()))))
    assert lab("train")["temperature"] == alone["temperature"]


@pytest.mark.parametrize("label", [None, "stone"])
def test_too_few_labels_or_one_class_are_said_and_trained_without(make_lab, label):
    lab = make_lab(seed={"size": 18 if label is None else 60}, model={"calibrate": "temperature"})
    lab("seed")
    lab("ingest", lab.labels(lab.ids(0), label=label))
    found = lab("train")
    (warning,) = [text for text in found["warnings"] if "calibrated" in text]
    assert warning == (
        "the model is not calibrated: that takes 20 labels or more, "
        "of two classes at least that have two or more each"
    )
    assert found["temperature"] is None
    lab("score")


def test_a_teams_own_predictions_are_not_calibrated_and_that_is_said_before_anything_is_done(make_lab):
    lab = make_lab(
        features={"embedding": "vector", "predictions": "proba"},
        task={"classes": ["a", "b"]},
        model={"name": "external", "calibrate": "temperature"},
    )
    error = lab.fails("seed")
    assert "model.calibrate" in error
    assert "'temperature' needs a model that alcli trains, and 'external' is none" in error
    assert "calibrate your predictions before you write them into the pool" in error


def test_a_way_that_is_not_known_is_named(make_lab):
    assert "model.calibrate" in make_lab(model={"calibrate": "isotonic"}).fails("seed")


@pytest.mark.parametrize("group_by", [None, "person"])
def test_a_replay_calibrates_as_train_does(make_lab, make_data_of, group_by):
    data = make_data_of("text")
    people = pa.array([f"p{int(id_[1:]) // 4}" for id_ in data.table["id"].to_pylist()])
    lab = make_lab(
        data=dataclasses.replace(data, table=data.table.append_column("person", people)),
        seed=SEED,
        split={"validation": 40, "reserve": 0, "group_by": group_by},
        model={"calibrate": "temperature"},
    )
    truth = lab.labels(lab.data.truth, "truth.csv")
    lab("simulate", "--labels", truth, "--repeats", 1, "--rounds", 1, "--test", 40)
    lab.seeded().one_round(1)
    lab("train")
    walked = [report(lab, number)["metrics"] for number in (1, 2)]
    rows = pq.read_table(lab.root / "simulation/results.parquet").to_pylist()
    for metric in ("log_loss", "ece"):
        replayed = [r["value"] for r in rows if r["strategy"] == "margin" and r["metric"] == metric]
        assert replayed == pytest.approx([one[metric]["value"] for one in walked], abs=1e-6)
    assert None not in [report(lab, number)["temperature"] for number in (1, 2)]


def test_many_classes_of_few_labels_are_no_warning_from_below(make_lab):
    """scikit-learn remarks on it; in tests such a remark is an error."""
    lab = make_lab(seed=SEED, model={"calibrate": "temperature"})
    lab("seed")
    path = lab.root / "answers.csv"
    path.write_text("id,label\n" + "".join(f"{id_},class{n % 45}\n" for n, id_ in enumerate(lab.ids(0))))
    lab("ingest", path)
    assert lab("train")["temperature"] is not None
