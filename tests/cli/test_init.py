"""`init` looks at a pool, and what it writes runs as it is."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ALCLI = Path(sys.executable).with_name("alcli")
WORDS = (
    "dog",
    "cat",
    "soup",
    "apple",
    "river",
    "stone",
    "cloud",
    "paper",
    "train",
    "music",
    "window",
    "garden",
)


def _texts(n_rows):
    chance = random.Random(0)
    return [" ".join(chance.sample(WORDS, 6)) + f" {n}" for n in range(n_rows)]


def _runs_as_it_is(loop):
    """init's config carries a whole round."""
    assert loop.doc("status")["stage"] == "new"
    asked = loop.doc("seed")["counts"]["asked"]
    id_ = next(line.split(":")[1].split("#")[0].strip() for line in _config(loop) if line.startswith("id:"))
    frame = pd.read_csv(loop.root / "rounds/000/query.csv", dtype=str)
    assert len(frame) == asked
    frame["label"] = ["a", "b"] * (asked // 2) + ["a"] * (asked % 2)
    frame.to_csv(loop.root / "answers.csv", index=False)
    options = [] if id_ == "id" else ["--id-column", "id"]
    loop.doc("ingest", loop.root / "answers.csv", *options)
    for command in ("train", "score"):
        assert loop.doc(command)["changed"]
    assert (
        loop.doc("query", "--set", "query.batch_size=5", "--set", "query.max_similarity=null")["counts"][
            "asked"
        ]
        == 5
    )


def _config(loop):
    return (loop.root / "alcli.yaml").read_text().splitlines()


def test_a_pool_of_texts_is_recognized_and_its_config_runs(empty, tmp_path):
    pd.DataFrame({"id": range(60), "text": _texts(60)}).to_csv(tmp_path / "texts.csv", index=False)
    found = empty.doc("init", "--pool", tmp_path / "texts.csv")
    assert (found["id"], found["features"]["text"], found["warnings"]) == ("id", ["text"], [])
    assert 'pool: "../texts.csv"' in (empty.root / "alcli.yaml").read_text()
    _runs_as_it_is(empty)


def test_a_mixed_table_is_recognized_its_label_and_other_ids_left_out_and_its_config_runs(empty, tmp_path):
    chance = random.Random(1)
    frame = pd.DataFrame(
        {
            "order_id": [f"o{n}" for n in range(80)],
            "customer_id": [n % 7 for n in range(80)],
            "review": _texts(80),
            "country": [chance.choice(["de", "fr", "it"]) for _ in range(80)],
            "price": [round(chance.random() * 100, 2) for _ in range(80)],
            "age": [chance.randrange(90) for _ in range(80)],
            "label": ["good", "bad"] * 40,
        }
    )
    frame.to_parquet(tmp_path / "orders.parquet")
    found = empty.doc("init", "--pool", tmp_path / "orders.parquet")
    assert found["id"] == "order_id"
    assert found["features"] == {
        "text": ["review"],
        "numeric": ["price", "age"],
        "categorical": ["country"],
        "embedding": None,
    }
    assert any("'label'" in warning for warning in found["warnings"])
    assert any("'customer_id'" in warning for warning in found["warnings"])
    _runs_as_it_is(empty)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_pool_of_embeddings_is_recognized_and_its_config_runs(empty, tmp_path, ending):
    vectors = np.random.default_rng(0).normal(size=(60, 4)).round(3)
    frame = pd.DataFrame(
        {"uid": [f"u{n}" for n in range(60)], "vector": [list(map(float, row)) for row in vectors]}
    )
    path = tmp_path / f"vectors.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    found = empty.doc("init", "--pool", path)
    assert (found["id"], found["features"]["embedding"]) == ("uid", "vector")
    _runs_as_it_is(empty)


def test_a_folder_of_files_is_a_pool(empty, tmp_path):
    (tmp_path / "pool").mkdir()
    for part in range(3):
        rows = {"id": [f"{part}-{n}" for n in range(20)], "text": _texts(60)[part * 20 : part * 20 + 20]}
        pd.DataFrame(rows).to_csv(tmp_path / f"pool/{part}.csv", index=False)
    assert empty.doc("init", "--pool", tmp_path / "pool")["counts"]["pool"] == 60
    _runs_as_it_is(empty)


def test_missing_values_set_features_missing_to_fill_and_the_config_runs(empty, tmp_path):
    frame = pd.DataFrame({"id": range(60), "text": _texts(60), "price": [1.5, None, 2.5] * 20})
    frame.to_csv(tmp_path / "pool.csv", index=False)
    found = empty.doc("init", "--pool", tmp_path / "pool.csv")
    assert any("features.missing is set to fill" in warning for warning in found["warnings"])
    _runs_as_it_is(empty)


def test_column_names_that_yaml_would_read_otherwise_run_too(empty, tmp_path):
    frame = pd.DataFrame(
        {"id": range(60), "yes": _texts(60), "a: b #c": range(60), "x, y]": [0.5, 1.5] * 30, "1": 1.0}
    )
    frame["1"] = [n / 7 for n in range(60)]
    frame.to_csv(tmp_path / "pool.csv", index=False)
    found = empty.doc("init", "--pool", tmp_path / "pool.csv")
    assert found["features"]["text"] == ["yes"]
    assert set(found["features"]["numeric"]) == {"a: b #c", "x, y]", "1"}
    _runs_as_it_is(empty)


def test_the_id_column_may_be_named(empty, tmp_path):
    frame = pd.DataFrame({"id": range(60), "sku": [f"s{n}" for n in range(60)], "text": _texts(60)})
    frame.to_csv(tmp_path / "pool.csv", index=False)
    assert empty.doc("init", "--pool", tmp_path / "pool.csv", "--id", "sku")["id"] == "sku"
    other = type(empty)(tmp_path / "other")
    other.refused(
        "init",
        "--pool",
        tmp_path / "pool.csv",
        "--id",
        "skü",
        kind="config",
        says="no column 'skü'",
        where="--id",
        hint="did you mean 'sku'?",
    )


def test_a_second_init_is_up_to_date_and_leaves_the_config_alone(empty, tmp_path):
    pd.DataFrame({"id": range(60), "text": _texts(60)}).to_csv(tmp_path / "texts.csv", index=False)
    empty.doc("init", "--pool", tmp_path / "texts.csv")
    empty.write("alcli.yaml", (empty.root / "alcli.yaml").read_text() + "# mine\n")
    before = empty.tree()
    again = empty.doc("init", "--pool", tmp_path / "texts.csv")
    assert (again["changed"], again["files"]) == (False, [])
    assert empty.tree() == before


def test_another_pool_is_refused_where_there_is_a_config(empty, tmp_path):
    for name in ("one", "two"):
        pd.DataFrame({"id": range(60), "text": _texts(60)}).to_csv(tmp_path / f"{name}.csv", index=False)
    empty.doc("init", "--pool", tmp_path / "one.csv")
    empty.refused(
        "init",
        "--pool",
        tmp_path / "two.csv",
        kind="state",
        says="a config already",
        where="alcli.yaml, line 4",
        hint="another directory",
    )


@pytest.mark.parametrize(("n_rows", "sizes"), [(10, (1, 1, 1)), (80, (10, 10, 8)), (1000, (125, 125, 100))])
def test_sizes_are_fitted_to_a_small_pool(empty, tmp_path, n_rows, sizes):
    pd.DataFrame({"id": range(n_rows), "text": _texts(n_rows)}).to_csv(tmp_path / "texts.csv", index=False)
    empty.doc("init", "--pool", tmp_path / "texts.csv")
    counts = empty.doc("seed")
    assert tuple(counts["counts"][name] for name in ("validation", "reserve", "seed")) == sizes
    assert counts["warnings"] == []


def test_every_key_of_the_config_stands_in_the_file_with_its_meaning(empty, tmp_path):
    pd.DataFrame({"id": range(60), "text": _texts(60)}).to_csv(tmp_path / "texts.csv", index=False)
    empty.doc("init", "--pool", tmp_path / "texts.csv")
    from alcli.config import Config, section_of

    text = (empty.root / "alcli.yaml").read_text()
    for section, field in Config.model_fields.items():
        assert f"\n{section}:" in text
        for key in getattr(section_of(field.annotation), "model_fields", {}):
            assert f"  {key}: " in text or f"  # {key}: " in text, f"{section}.{key}"


def test_the_config_still_runs_with_every_default_uncommented(empty, tmp_path):
    pd.DataFrame({"id": range(60), "text": _texts(60)}).to_csv(tmp_path / "texts.csv", index=False)
    empty.doc("init", "--pool", tmp_path / "texts.csv")
    text = (empty.root / "alcli.yaml").read_text().replace("\n  # ", "\n  ")
    empty.write("alcli.yaml", text)
    _runs_as_it_is(empty)


def test_the_schema_is_json_and_needs_neither_pool_nor_project(tmp_path):
    done = subprocess.run(
        [ALCLI, "init", "--schema"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    schema = json.loads(done.stdout)
    assert {"pool", "id", "features", "query", "random_state"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_the_directory_may_be_an_argument_and_the_pool_lies_relative_to_where_one_stands(tmp_path):
    pd.DataFrame({"id": range(60), "text": _texts(60)}).to_csv(tmp_path / "texts.csv", index=False)
    done = subprocess.run(
        [ALCLI, "init", "deep/below", "--pool", "texts.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "60 rows, ids in id; features: text from text." in done.stdout
    assert "cd deep/below && alcli seed" in done.stdout
    assert 'pool: "../../texts.csv"' in (tmp_path / "deep/below/alcli.yaml").read_text()
    subprocess.run([ALCLI, "seed", "-q"], cwd=tmp_path / "deep/below", check=True)


def test_settings_are_written_into_the_config_and_hold(at, empty, tmp_path):
    pool = at("new").root / "pool.csv"
    other = type(empty)(tmp_path / "fresh")
    settings = [
        "query.batch_size=5",
        "query.explore=0.5",
        "query.strategy=entropy",
        "seed.size=10",
        "split.validation=7",
        "split.reserve=3",
        "model.name=random_forest",
        "model.n_trees=11",
        "task.classes=[pets, food]",
        "stop.any=[{name: budget, labels: 14}]",
        "labels.resolve=latest",
        "random_state=9",
    ]
    other.doc("init", "--pool", pool, *(part for setting in settings for part in ("--set", setting)))
    found = other.doc("seed")["counts"]
    assert (found["validation"], found["reserve"], found["seed"]) == (7, 3, 10)
    other.doc("ingest", other.answer())
    train = other.alcli("train").out
    assert "Trained random_forest on 10 labels." in train
    assert "Scored 70 rows by entropy." in other.alcli("score").out
    other.doc("query")
    reasons = [row["reason"] for row in other.table("rounds/001/selection.parquet")]
    assert sorted(reasons) == ["explore"] * 2 + ["strategy"] * 3
    assert "of 14" in other.doc("status")["stop"]["reason"]
    card = json.loads((other.root / "rounds/001/model/card.json").read_text())
    assert card["model"] == {"name": "random_forest", "n_trees": 11}


@pytest.mark.parametrize(
    ("setting", "says", "hint"),
    [
        ("query.batchsize=5", "unknown key 'batchsize'", "'batch_size'"),
        ("qurey.batch_size=5", "unknown key 'qurey'", "'query'"),
        ("query.batch_size=many", "found 'many'", ""),
        ("query.strategy=margn", "unknown strategy 'margn'", "'margin'"),
        ("model.name=logistic_regresion", "unknown model", "'logistic_regression'"),
        ("model.treees=5", "has no parameter 'treees'", ""),
        ("stop.any=[{name: budgett}]", "unknown stopping criterion 'budgett'", "'budget'"),
        ("query.overlap=2", "less than or equal to 1", ""),
        ("cost={label: 1}", "unknown key 'label'", "'per_label'"),
        ("query.batch_size", "is no setting", "--set key.path=value"),
    ],
)
def test_a_wrong_setting_is_refused_and_no_project_is_made(at, empty, tmp_path, setting, says, hint):
    pool = at("new").root / "pool.csv"
    other = type(empty)(tmp_path / "fresh")
    other.refused("init", "--pool", pool, "--set", setting, kind="config", says=says, hint=hint)
    assert not other.root.exists()


def test_settings_that_yaml_would_read_otherwise_and_those_about_features_and_id_hold_too(empty, tmp_path):
    rows = [(f"r{n}", f"k{n}", text) for n, text in enumerate(_texts(40))]
    (tmp_path / "pool.csv").write_text(
        "\n".join(["id,key,text", *(",".join(row) for row in rows)]), encoding="utf-8"
    )
    settings = ["id=key", 'labels.label="null"', "labels.id='row: id'", "features.missing=fill"]
    line = [part for setting in settings for part in ("--set", setting)]
    found = empty.doc("init", "--pool", tmp_path / "pool.csv", *line)
    assert not [warning for warning in found["warnings"] if "missing values" in warning]
    empty.doc("seed")
    header = (empty.root / "rounds/000/query.csv").read_text().splitlines()[0].split(",")
    assert (header[0], header[-1]) == ("row: id", "null")
    assert {row["id"][0] for row in empty.table("splits.parquet")} == {"k"}
