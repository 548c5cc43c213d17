"""`check` looks at a real project and says whether active learning is the right call there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CLASSES = ["stone", "sea", "sky"]
IO = Path("/proc/self/io")


def found(document, name):
    """One check of a document."""
    return next(one for one in document["checks"] if one["name"] == name)


@pytest.fixture
def lab(make_lab):
    lab = make_lab("text", rows=1500, split={"validation": 200, "reserve": 100}, seed={"size": 60})
    lab.seeded()
    lab("train")
    return lab


def test_a_sound_project_has_a_page_without_a_stop_and_nothing_is_written(lab):
    lab("score")
    lab("query", "--set", "query.batch_size=20")
    lab.answer(1)
    lab("train")
    before = lab.stamps()
    document = lab("check")
    assert lab.stamps() == before
    assert document["changed"] is False
    assert document["verdict"] in {"good", "caution"}
    for one in document["checks"]:
        assert one["verdict"] in {"good", "caution", "stop"}
        assert one["figure"]
        assert one["decides"] or "not known" in one["figure"]
        assert one["advice"] or one["verdict"] == "good"
    names = [one["name"] for one in document["checks"]]
    assert names[:3] == ["seed", "learning", "calibration"]
    assert found(document, "seed")["by_class"].keys() == {"sea", "sky", "stone"}
    assert found(document, "ranking")["verdict"] == "good"


def test_the_page_for_people_says_what_the_document_says(lab):
    document = lab("check")
    page = lab.shell("check", "-v").stdout
    for one in document["checks"]:
        assert one["figure"] in page
        assert one["advice"] in page
        assert all(line in page for line in one["lines"])
    assert page.splitlines()[-1].startswith(document["verdict"])


def test_the_same_project_has_the_same_page(lab):
    assert lab("check") == lab("check")


@pytest.mark.parametrize("stage", ["new", "seeded"])
def test_before_there_is_a_model_what_can_be_said_is_said(make_lab, stage):
    lab = make_lab("text", rows=1500, split={"validation": 200, "reserve": 100}, seed={"size": 60})
    if stage == "seeded":
        lab.seeded()
    document = lab("check")
    assert found(document, "pool")["verdict"] != "stop"
    assert found(document, "ranking")["decides"] is False
    assert found(document, "seed")["decides"] is (stage == "seeded")
    assert document["warnings"]


def test_the_exit_code_tells_only_when_it_is_asked_for(make_lab):
    lab = make_lab("text", rows=300).seeded()
    assert lab("check")["verdict"] == "stop"
    assert lab("check", "--exit-code", code=10)["verdict"] == "stop"


# ---- where active learning is the wrong call -----------------------------------------------------------


def test_random_labels_are_a_stop_for_what_cannot_be_learned(make_lab):
    lab = make_lab("text", rows=1500, split={"validation": 200, "reserve": 100}, seed={"size": 60})
    rng = np.random.default_rng(1)
    for id_ in lab.data.truth:
        lab.data.truth[id_] = CLASSES[int(rng.integers(3))]
    lab.seeded()
    lab("train")
    document = lab("check")
    assert document["verdict"] == "stop"
    learning = found(document, "learning")
    assert learning["verdict"] == "stop"
    assert learning["value"] > 0.05
    assert "look at the labels" in learning["advice"]


@pytest.mark.parametrize("price", [0.0, 0.0001, 0.02])
def test_labels_that_cost_next_to_nothing_are_a_stop_for_the_money(lab, price):
    document = lab("check", "--set", f"cost.per_label={price}")
    money = found(document, "money")
    assert (document["verdict"], money["verdict"]) == ("stop", "stop")
    assert "cheaper than your time" in money["advice"]


def test_dear_labels_speak_for_selection(lab):
    money = found(lab("check", "--set", "cost.per_label=40", "--set", "cost.currency=EUR"), "money")
    assert money["verdict"] == "good"
    assert money["spent"] == 40 * 260
    assert money["rounds_ahead"] == 5
    assert money["with_selection"] == 40 * 60 + 5 * 25
    assert "EUR" in money["figure"]


def test_a_pool_of_300_rows_is_a_stop_for_its_size(make_lab):
    lab = make_lab("text", rows=300).seeded()
    lab("train")
    document = lab("check")
    pool = found(document, "pool")
    assert (document["verdict"], pool["verdict"]) == ("stop", "stop")
    assert pool["candidates"] == 300 - 24 - 12 - 18
    assert f"label the {pool['candidates']} that are left" in pool["advice"]


def test_confidence_that_is_inverted_is_a_stop_for_the_ranking(make_lab):
    lab = make_lab(
        "embedding",
        rows=1500,
        split={"validation": 200, "reserve": 100},
        seed={"size": 60},
        features={"embedding": "vector", "predictions": "proba"},
        task={"classes": CLASSES},
        model={"name": "external"},
    )
    rng = np.random.default_rng(0)
    truth = np.array([CLASSES.index(lab.data.truth[id_]) for id_ in lab.data.table["id"].to_pylist()])
    wrong = rng.random(len(truth)) < 0.2
    said = (truth + wrong) % 3
    confidence = np.where(wrong, 0.9, 0.5) + 0.05 * rng.random(len(truth))
    proba = np.full((len(truth), 3), 0.0)
    proba += ((1 - confidence) / 2)[:, None]
    proba[np.arange(len(truth)), said] = confidence
    column = pa.array(proba.tolist(), pa.list_(pa.float32()))
    pq.write_table(lab.data.table.append_column("proba", column), lab.root / "pool.parquet")
    lab.seeded()
    lab("train")
    document = lab("check")
    ranking = found(document, "ranking")
    assert (document["verdict"], ranking["verdict"]) == ("stop", "stop")
    assert ranking["value"] > 0
    assert "surest where it is wrong" in ranking["advice"]


# ---- single checks -------------------------------------------------------------------------------------


def test_a_class_without_a_label_is_named(make_lab):
    lab = make_lab("text", rows=1500, task={"classes": ["sea", "sky", "stone", "swamp"]})
    lab.seeded()
    lab("train")
    seed = found(lab("check"), "seed")
    assert seed["verdict"] == "caution"
    assert seed["missing"] == ["swamp"]
    assert "'swamp'" in seed["advice"]


def test_a_seed_set_from_one_corner_of_the_pool_is_told_from_a_random_one(make_lab):
    spread, corner = (
        make_lab("embedding", rows=1500, name=name, seed={"size": 30}, task={"classes": CLASSES})
        for name in ("a", "b")
    )
    table = spread.data.table
    vectors = np.array(table["vector"].to_pylist(), dtype=np.float32) * ([6] + 11 * [1])  # a long pool
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), 12)
    for lab in (spread, corner):
        at = table.column_names.index("vector")
        pq.write_table(table.set_column(at, "vector", column), lab.root / "pool.parquet")
    spread.seeded()
    nearest = [table["id"][int(n)].as_py() for n in np.argsort(-vectors[:, 0])[:30]]
    corner("seed", "--labels", corner.labels(nearest, "had.csv"))
    corner.answer(0)
    far = found(corner("check"), "seed")
    near = found(spread("check"), "seed")
    assert near["farther"] < 1.15 < far["farther"]
    assert far["value"] < near["value"]


def test_a_model_that_is_too_sure_is_told_from_one_that_calibration_has_cured(make_lab):
    lab = make_lab(
        "text",
        rows=1500,
        split={"validation": 300, "reserve": 0},
        seed={"size": 200},
        model={"name": "logistic_regression", "C": 1e6},
    )
    rng = np.random.default_rng(0)
    for id_, label in lab.data.truth.items():  # three of ten labels say something else
        if rng.random() < 0.3:
            lab.data.truth[id_] = CLASSES[(CLASSES.index(label) + 1) % 3]
    lab.seeded()
    lab("train")
    before = found(lab("check"), "calibration")
    assert before["verdict"] == "caution"
    assert before["figure"].startswith("over-confident")
    assert "model.calibrate: temperature" in before["advice"]
    cured = ("--set", "model.calibrate=temperature")
    lab("train", *cured)
    after = found(lab("check", *cured), "calibration")
    assert after["value"] < before["value"] / 2
    assert after["value"] == pytest.approx(before["temperature"]["after"]["ece"], abs=1e-6)


def test_copies_are_counted(make_lab):
    lab = make_lab("text", rows=600)
    lab.data.repeated(3).write_parquet(lab.root / "pool.parquet")
    copies = found(lab("check"), "copies")
    assert copies["value"] == pytest.approx(2 / 3, abs=0.01)
    assert copies["verdict"] == "caution"


def test_new_rows_of_another_kind_are_a_caution_for_drift(lab):
    lab("score")
    lab("query")
    lab.answer(1)
    strange = [{"id": f"new-{n}", "text": f"wave cloud quartz {n} tide star cliff"} for n in range(400)]
    table = pq.read_table(lab.root / "pool.parquet")
    pq.write_table(
        pa.concat_tables([table, pa.Table.from_pylist(strange, table.schema)]), lab.root / "pool.parquet"
    )
    lab("train")
    lab("score")
    drift = found(lab("check"), "drift")
    assert drift["new_rows"] == 400
    assert drift["verdict"] == "caution"


def test_people_who_agree_less_in_the_newest_round_are_a_caution(lab):
    lab("score")
    lab("query", "--set", "query.batch_size=60")
    for number in (0, 1):
        ids = lab.ids(number)
        for name, wrong in (("anna", 0), ("ben", 2 if number == 0 else 30)):
            label = [lab.data.truth[id_] for id_ in ids]
            label[:wrong] = ["sky" if one == "sea" else "sea" for one in label[:wrong]]
            lines = [f"{id_},{one},{name},{4 + 6 * number}" for id_, one in zip(ids, label, strict=True)]
            path = lab.root / f"{name}-{number}.csv"
            path.write_text("\n".join(["id,label,annotator,seconds", *lines]) + "\n")
            lab("ingest", path)
    document = lab("check")
    people, guideline = found(document, "people"), found(document, "guideline")
    assert guideline["verdict"] == "caution"
    assert "people agree less in round 1, whose rows are harder than those drawn" in guideline["advice"]
    assert "plan more time" in people["advice"]
    first, newest = people["rounds"]
    assert first["shared"] == 260
    assert first["disagreement"] < newest["disagreement"]
    assert (first["seconds"], newest["seconds"]) == (4, 10)


def test_replays_of_the_project_are_quoted(lab):
    summary = {
        "strategies": {
            "margin": {
                "saving": {"value": 0.4, "low": 0.3, "high": 0.5},
                "difference": {"value": 0.4, "low": 0.3, "high": 0.5},
                "p_value": 0.01,
                "auc": 0.9,
            }
        },
        "default": "margin",
        "n_repeats": 30,
    }
    (lab.root / "simulation").mkdir()
    (lab.root / "simulation/summary.json").write_text(json.dumps(summary))
    replays = found(lab("check"), "replays")
    assert replays["verdict"] == "good"
    assert "40%" in replays["figure"]


@pytest.mark.skipif(not IO.exists(), reason="the kernel counts no bytes read here")
def test_the_pool_is_read_once(make_lab):
    lab = make_lab("embedding", rows=100_000, seed={"size": 60}).seeded()
    lab("train")
    lab("check")  # all is imported now
    before = _read_so_far()
    lab("check")
    size = (lab.root / "pool.parquet").stat().st_size
    assert size > 4_000_000
    assert _read_so_far() - before < 1.9 * size


def _read_so_far() -> int:
    return int(IO.read_text().split("rchar: ")[1].split()[0])


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("cost.per_label=-1", "cost.per_label"),
        ("cost.metric=speed", "cost.metric"),
        ("cost.currency=EUR", "per_label"),
    ],
)
def test_prices_that_cannot_be_are_refused(lab, setting, key):
    assert key in lab.fails("check", "--set", setting)


# ---- odd projects --------------------------------------------------------------------------------------


def test_a_model_that_knows_one_class_is_looked_at_without_a_crash(make_lab):
    lab = make_lab("text", rows=300)
    lab.data.truth.update(dict.fromkeys(lab.data.truth, "sea"))
    lab.seeded()
    lab("train")
    document = lab("check")
    assert found(document, "seed")["verdict"] == "stop"
    assert found(document, "ranking")["decides"] is False


def test_features_that_changed_since_training_are_said_and_the_old_model_is_not_judged_by_them(make_lab):
    lab = make_lab("mixed", rows=300).seeded()
    lab("train")
    document = lab("check", "--set", "features={categorical: [place]}")
    assert any("features were changed" in warning for warning in document["warnings"])
    assert found(document, "learning")["decides"] is False


def test_new_rows_of_the_same_kind_are_no_drift(make_lab):
    lab = make_lab("text", rows=2000, split={"validation": 200, "reserve": 0}, seed={"size": 100})
    table = pq.read_table(lab.root / "pool.parquet")
    pq.write_table(table.slice(0, 1500), lab.root / "pool.parquet")
    lab.seeded()
    lab.one_round(1)
    pq.write_table(table, lab.root / "pool.parquet")
    lab("train")
    lab("score")
    drift = found(lab("check"), "drift")
    assert (drift["new_rows"], drift["verdict"]) == (500, "good")
    shutil.rmtree(lab.root / "rounds/001/scores")
    assert found(lab("check"), "drift")["decides"] is False


def test_a_width_that_is_older_than_the_validation_labels_is_not_quoted(make_lab):
    lab = make_lab("text", rows=600, split={"validation": 100, "reserve": 0})
    lab("seed")
    validation = sorted(lab.split("validation"))
    lab("ingest", lab.labels([*sorted(lab.split("seed")), *validation[:20]], "some.csv"))
    lab("train")
    lab("ingest", lab.labels(validation[20:], "rest.csv"))
    measured = found(lab("check"), "validation")
    assert "measured on 20 of them" in measured["figure"]
    assert measured["advice"] == "alcli train"


def test_groups_are_those_of_the_draw_whatever_the_config_says_later(make_lab, make_data_of):
    data = make_data_of("text", 600)
    rows = [{**row, "speaker": f"s{n % 100}"} for n, row in enumerate(data.table.to_pylist())]
    lab = make_lab(data=type(data)(pa.Table.from_pylist(rows), data.truth, data.features))
    lab.configure(split={"validation": 24, "reserve": 12, "group_by": "speaker"}).seeded()
    lab("train")
    before = found(lab("check"), "leakage")["near_in_pool"]
    sealed = lab.split("validation")
    mates = [
        {**row, "id": f"{row['id']}-b", "text": row["text"] + " ."} for row in rows if row["id"] in sealed
    ]
    pq.write_table(pa.Table.from_pylist([*rows, *mates]), lab.root / "pool.parquet")
    for setting in ("split.group_by=speaker", "split.group_by=null"):
        assert found(lab("check", "--set", setting), "leakage")["near_in_pool"] == before


def test_the_speed_and_the_passes_of_each_annotator_are_told(at):
    loop = at("answered")
    rows = [
        (id_, "pets" if n % 2 else "skip", "ann" if n < 4 else "bob", 10 if n < 4 else 30)
        for n, id_ in enumerate(loop.asked(1))
    ]
    loop.doc("ingest", loop.csv("more.csv", rows, ("id", "label", "annotator", "seconds")))
    people = next(check for check in loop.doc("check")["checks"] if check["name"] == "people")
    found = {p["annotator"]: (p["answers"], p["seconds"], p["passed"]) for p in people["annotators"]}
    assert found["ann"] == (4, 10, 0.5)
    assert found["bob"] == (2, 30, 0.5)
