"""`train` fits the model on the labels there are and measures it honestly, or says in words why it cannot."""

from __future__ import annotations

import json

import pytest


def _metrics(loop, round_=1):
    return json.loads((loop.root / f"rounds/{round_:03d}/metrics.json").read_text())


def _label(loop, truth, *options):
    return loop.doc("ingest", loop.answer(truth=truth), *options)


def test_one_class_only_is_said_and_trained_all_the_same(at):
    loop = at("seeded")
    _label(loop, lambda _: "pets")
    found = loop.doc("train")
    assert any("'pets': the model knows no other class yet" in warning for warning in found["warnings"])
    assert found["metrics"]["accuracy"]["value"] == 1.0
    loop.doc("score")
    assert loop.doc("query")["counts"]["asked"] == 6


def test_a_class_that_training_has_not_seen_is_named(at):
    loop = at("seeded")
    validation = loop.of_split("validation")
    _label(loop, lambda id_: "cars" if id_ == validation[0] else ("pets", "food")[int(id_[1:]) % 2])
    found = loop.doc("train")
    assert any(
        "no training label of 'cars', though validation has some" in warning for warning in found["warnings"]
    )
    assert found["metrics"]["per_class"]["cars"]["support"] == 1
    loop.doc("score")


def test_a_class_of_the_config_that_nobody_gave_yet_is_no_trouble(at):
    loop = at("seeded")
    loop.config(task={"classes": ["pets", "food", "cars"]})
    _label(loop, lambda id_: ("pets", "food")[int(id_[1:]) % 2])
    assert loop.doc("train")["counts"]["classes"] == 3
    loop.doc("score")
    (first, *_) = loop.table("rounds/001/scores/part-00000.parquet")
    assert len(first["proba"]) == 3
    assert sum(first["proba"]) == pytest.approx(1.0, abs=1e-5)


def test_a_class_with_one_row_is_named(at):
    loop = at("seeded")
    seed = loop.of_split("seed")
    _label(loop, lambda id_: "cars" if id_ == seed[0] else ("pets", "food")[int(id_[1:]) % 2])
    found = loop.doc("train")
    assert any("only one label of 'cars'" in warning for warning in found["warnings"])


@pytest.mark.parametrize("model", ["logistic_regression", "random_forest", "complement_naive_bayes"])
@pytest.mark.parametrize("n_labels", [1, 2, 3])
def test_any_model_trains_on_hardly_any_labels(at, model, n_labels):
    loop = at("seeded")
    rows = [(id_, ("pets", "food", "cars")[n]) for n, id_ in enumerate(loop.of_split("seed")[:n_labels])]
    loop.doc("ingest", loop.csv("a.csv", rows))
    options = ("--set", f"model.name={model}")
    assert loop.doc("train", *options)["counts"]["labeled"] == n_labels
    for command in ("score", "query"):
        loop.doc(command, *options)


def test_a_committee_trains_on_hardly_any_labels(at):
    loop = at("seeded")
    rows = [(id_, "pets") for id_ in loop.of_split("seed")[:2]]
    loop.doc("ingest", loop.csv("a.csv", rows))
    options = ("--set", "query.strategy=query_by_committee")
    for command in ("train", "score", "query"):
        loop.doc(command, *options)


def test_labels_of_validation_rows_alone_are_nothing_to_train_on(at):
    loop = at("seeded")
    loop.doc("ingest", loop.csv("a.csv", [(id_, "pets") for id_ in loop.of_split("validation")]))
    loop.refused("train", kind="data", says="only validation ones", where="labels.parquet", hint="seed rows")


def test_skips_and_blanks_alone_are_nothing_to_train_on(at):
    loop = at("seeded")
    loop.doc("ingest", loop.root / "rounds/000/query.csv")
    loop.refused("train", kind="state", says="there are no labels yet", where="labels.parquet", hint="ingest")
    _label(loop, lambda _: "skip")
    loop.refused("train", kind="data", says="no row has a label", where="labels.parquet", hint="ingest")


def test_without_validation_labels_there_are_no_metrics_and_that_is_said(at):
    loop = at("seeded")
    loop.doc(
        "ingest",
        loop.csv("a.csv", [(id_, ("pets", "food")[int(id_[1:]) % 2]) for id_ in loop.of_split("seed")]),
    )
    found = loop.doc("train")
    assert (found["metrics"], _metrics(loop)["metrics"]) == (None, None)
    assert "0 of 8 validation rows are labeled: no metrics yet" in found["warnings"]


def test_metrics_on_part_of_the_validation_set_are_said_to_be_that(at):
    loop = at("seeded")
    part = {*loop.of_split("seed"), *loop.of_split("validation")[:3]}
    rows = [(id_, ("pets", "food")[int(id_[1:]) % 2]) for id_ in sorted(part)]
    loop.doc("ingest", loop.csv("a.csv", rows))
    found = loop.doc("train")
    assert found["metrics"]["n"] == 3
    assert "3 of 8 validation rows are labeled: metrics are on these" in found["warnings"]


def test_metrics_json_has_every_measure_with_its_interval(at):
    loop = at("trained")
    report = _metrics(loop)
    assert {"round", "n_labels", "metrics", "change", "stop", "history"} <= set(report)
    assert (report["round"], report["n_labels"], report["change"]) == (1, 12, None)
    metrics = report["metrics"]
    assert (metrics["n"], metrics["classes"]) == (8, ["food", "pets"])
    for name in ("accuracy", "macro_f1", "log_loss", "brier", "ece"):
        assert metrics[name]["low"] <= metrics[name]["value"] <= metrics[name]["high"], name
    for row in metrics["per_class"].values():
        assert {"precision", "recall", "f1", "support"} <= set(row)
    assert sum(map(sum, metrics["confusion"])) == 8
    assert [entry["round"] for entry in report["history"]] == [1]


def test_the_training_labels_are_the_train_split_only(at):
    loop = at("trained")
    assert loop.doc("train")["counts"] == {"labeled": 12, "validation_labeled": 8, "classes": 2}


def test_train_again_changes_no_byte(at):
    loop = at("trained")
    before = loop.tree()
    assert not loop.doc("train")["changed"]
    assert loop.tree() == before


def test_new_labels_open_the_next_round_and_the_change_is_told(at):
    loop = at("answered")
    before = loop.tree()
    found = loop.doc("train")
    assert (found["round"], found["counts"]["labeled"]) == (2, 18)
    assert set(found["change"]["accuracy"]) >= {"value", "low", "high"}
    assert [entry["n_labels"] for entry in _metrics(loop, 2)["history"]] == [12, 18]
    kept = {name: digest for name, digest in loop.tree().items() if name in before}
    assert kept == before


def test_train_after_the_query_without_new_labels_is_up_to_date(at):
    loop = at("queried")
    before = loop.tree()
    found = loop.doc("train")
    assert (found["changed"], found["round"]) == (False, 1)
    assert loop.tree() == before


def test_new_labels_before_the_query_are_trained_on_in_the_same_round(at):
    loop = at("scored")
    asked = loop.asked()
    loop.doc("ingest", loop.csv("a.csv", [(loop.of_split("seed")[0], "skip")]))
    found = loop.doc("train")
    assert (found["round"], found["counts"]["labeled"]) == (1, 11)
    assert not (loop.root / "rounds/001/scores").exists()
    loop.refused("query", kind="state", says="not scored yet", hint="alcli score")
    assert loop.asked() == asked


def test_changed_model_settings_open_the_next_round_after_a_query(at):
    loop = at("queried")
    found = loop.doc("train", "--set", "model={name: logistic_regression, C: 3.0}")
    assert (found["changed"], found["round"]) == (True, 2)


def test_a_labeled_row_that_vanished_from_the_pool_is_named_and_its_label_kept(at):
    loop = at("answered")
    lost = loop.of_split("seed")[0]
    lines = (loop.root / "pool.csv").read_text().splitlines()
    loop.write("pool.csv", "\n".join(line for line in lines if not line.startswith(lost)) + "\n")
    found = loop.doc("train")
    assert (
        f"1 labeled row is no longer in the pool (first: '{lost}'): kept in labels.parquet"
        in found["warnings"][0]
    )
    assert found["counts"]["labeled"] == 17
    assert lost in loop.labels()


def test_the_words_for_people_show_the_metrics_and_verbose_the_confusion(at):
    loop = at("labeled")
    outcome = loop.alcli("train", "-v")
    for words in (
        "Trained logistic_regression on 12 labels.",
        "on 8 validation rows",
        "accuracy",
        "macro F1",
        "log loss",
        "Brier score",
        "calibration error",
        "precision",
        "true \\ predicted",
    ):
        assert words in outcome.out, words
    assert outcome.err == ""
