"""`plan` counts rounds, weeks and money ahead from the project's own curve."""

from __future__ import annotations

import math

import pytest

PRICES = ("--set", "cost.per_label=0.5", "--set", "cost.per_round=10", "--set", "cost.minutes_per_label=2")


@pytest.fixture
def lab(make_lab):
    lab = make_lab("text", rows=800, split={"validation": 100, "reserve": 50}, seed={"size": 30})
    lab.seeded()
    lab.one_round(1)
    lab.one_round(2)
    lab("train")
    return lab


def test_labels_are_cut_into_rounds_for_the_batch_size_and_its_neighbours(lab):
    before = lab.stamps()
    document = lab("plan", "--labels", "100", "--hours", "5", "--days", "1", *PRICES)
    assert lab.stamps() == before
    rows = document["plan"]
    assert [(row["batch_size"], row["labels"], row["rounds"], row["bound"]) for row in rows] == [
        (6, 100, 17, "labels"),
        (12, 100, 9, "labels"),
        (24, 100, 5, "labels"),
    ]
    for row in rows:
        assert row["cost"] == 100 * 0.5 + row["rounds"] * 10
        assert row["weeks"] == pytest.approx(100 * 2 / 60 / 5 + row["rounds"] / 5)
        assert row["metric"]["low"] <= row["metric"]["value"] <= row["metric"]["high"]


def test_a_budget_buys_as_many_labels_as_its_rounds_leave_money_for(lab):
    for row in lab("plan", "--budget", "100", *PRICES)["plan"]:
        assert row["bound"] == "budget"
        assert (
            row["cost"]
            <= 100
            < (row["labels"] + 1) * 0.5 + math.ceil((row["labels"] + 1) / row["batch_size"]) * 10
        )


def test_a_target_takes_the_labels_at_which_the_curve_reaches_it(lab):
    now = lab("status")["metrics"]["accuracy"]["value"]
    near, far = (lab("plan", "--target", str(t), *PRICES) for t in (now - 0.2, 0.9999))
    assert [row["labels"] for row in near["plan"]] == [0, 0, 0]
    assert all(row["bound"] in {"target", "pool"} for row in far["plan"])
    assert far["plan"][1]["labels"] > 0


def test_the_time_of_an_answer_is_the_newest_rounds_where_answers_tell_it(lab):
    lab("score")
    lab("query")
    lines = [f"{id_},{lab.data.truth[id_]},{12}" for id_ in lab.ids(3)]
    path = lab.root / "timed.csv"
    path.write_text("\n".join(["id,label,seconds", *lines]) + "\n")
    lab("ingest", path)
    document = lab("plan")
    assert document["minutes_per_label"] == 0.2
    assert [work["seconds"] for work in document["by_round"]] == [None, None, None, 12]


def test_what_is_not_known_is_said(lab):
    document = lab("plan")
    assert [row["weeks"] for row in document["plan"]] == [None] * 3
    assert [row["cost"] for row in document["plan"]] == [None] * 3
    text = " ".join(document["warnings"])
    assert "cost.minutes_per_label" in text
    assert "no cost is set" in text


@pytest.mark.parametrize("option", [("--labels", "0"), ("--hours", "0"), ("--days", "-1"), ("--budget", "5")])
def test_limits_that_cannot_be_are_refused(lab, option):
    assert option[0] in lab.fails("plan", *option)


def test_before_train_there_is_nothing_to_plan_by(make_lab):
    assert "alcli train" in make_lab("text").seeded().fails("plan")


def test_the_table_for_people_has_a_row_for_each_batch_size(lab):
    page = lab.shell("plan", "--labels", "100", *PRICES).stdout
    assert page.count(" labels\n") == 3
    assert "seconds each" in page
