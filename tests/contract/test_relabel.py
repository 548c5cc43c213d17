"""Labels in doubt: which rows are asked about once more, of whom, and what the answers come to."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from alcli.loop._by_chance import reasons
from alcli.loop._spending import second_opinions, spent_on
from alcli.project import Project

CLASSES = ("sea", "sky", "stone")
WRONG = dict(zip(CLASSES, (*CLASSES[1:], CLASSES[0]), strict=True))


def with_errors(data, share=0.15):
    """The same rows, whose answers are wrong for a share of them; and their ids."""
    rng = np.random.default_rng(3)
    wrong = {id_ for id_ in sorted(data.truth) if rng.random() < share}
    truth = {id_: WRONG[label] if id_ in wrong else label for id_, label in data.truth.items()}
    return replace(data, truth=truth), wrong


@pytest.fixture
def noisy(make_lab, make_data_of):
    """A scored project of 60 seed rows with errors among their labels, which asks for a fourth in doubt."""
    data, wrong = with_errors(make_data_of("embedding", 400))
    lab = make_lab(data=data, seed={"size": 60}, query={"batch_size": 12, "relabel": 0.25}).seeded()
    for step in ("train", "score"):
        lab(step)
    return lab, wrong


def doubted(lab, number=1):
    """Ids of reason relabel, in their order."""
    return [row["id"] for row in lab.asked(number).to_pylist() if row["reason"] == "relabel"]


def labels(lab):
    return {row["id"]: row for row in pq.read_table(lab.root / "labels.parquet").to_pylist()}


def answer(lab, name, answers):
    """Ingest (id, label, annotator)s."""
    lines = [",".join(row) for row in answers]
    (lab.root / name).write_text("\n".join(["id,label,annotator", *lines]) + "\n")
    return lab("ingest", lab.root / name)


def test_a_share_of_the_batch_is_labeled_training_rows_among_the_new_ones(noisy):
    lab, _ = noisy
    query = lab("query")
    rows = lab.asked(1).to_pylist()
    again = doubted(lab)
    assert query["counts"]["asked"] == len(set(lab.ids(1))) == 12
    assert query["counts"]["relabel"] == len(again) == 3
    assert set(again) <= set(lab.ids(0)) - lab.split()
    new = [row["id"] for row in rows if row["reason"] == "strategy"]
    assert len(new) == 9
    assert not set(new) & {*lab.ids(0), *lab.split()}
    assert [row["rank"] for row in rows] == list(range(1, 13))
    doubts = [row["score"] for row in rows if row["reason"] == "relabel"]
    assert doubts == sorted(doubts, reverse=True)
    assert {row["strategy"] for row in rows} == {"margin"}


def test_nobody_can_tell_them_from_new_rows(noisy):
    lab, _ = noisy
    lab("query")
    with (lab.root / "rounds/001/query.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == lab.ids(1)
    assert {row["label"] for row in rows} == {""}
    places = [n for n, id_ in enumerate(lab.ids(1)) if id_ in doubted(lab)]
    assert places not in ([0, 1, 2], [9, 10, 11])


def test_wrong_labels_are_found_more_often_than_by_chance(make_lab, make_data_of):
    data, wrong = with_errors(make_data_of("text", 500))
    lab = make_lab(data=data, seed={"size": 200}, query={"batch_size": 20, "relabel": 1}).seeded()
    for step in ("train", "score", "query"):
        lab(step)
    seeds = set(lab.ids(0)) - lab.split()
    chance = len(seeds & wrong) / len(seeds)
    assert len(set(doubted(lab)) & wrong) / 20 >= 3 * chance > 0.3


def test_the_first_label_stands_until_somebody_answers(noisy):
    lab, _ = noisy
    before = labels(lab)
    query = lab("query")
    assert query["counts"]["pending"] == lab("status")["pending"] == 12
    again = doubted(lab)
    found = answer(lab, "new.csv", [(id_, "sea", "ann") for id_ in lab.ids(1) if id_ not in again])
    assert found["counts"]["pending"] == 3
    for id_ in again:
        assert labels(lab)[id_]["label"] == before[id_]["label"]
        assert labels(lab)[id_]["n_annotators"] == 1


def test_status_names_the_file_in_which_only_second_opinions_are_missing(noisy):
    lab, _ = noisy
    lab("query")
    again = doubted(lab)
    lab("ingest", lab.labels([id_ for id_ in lab.ids(1) if id_ not in again], "new.csv"))
    for step in ("train", "score"):
        lab(step)
    lab("query", "--set", "query.relabel=0")
    lab("ingest", lab.labels(lab.ids(2), "nothing.csv", "skip"))
    status = lab("status")
    assert status["pending"] == 3
    assert "ingest rounds/001/query.csv`" in status["next"]


def test_status_does_not_name_a_file_whose_open_rows_were_all_given_back(noisy):
    lab, _ = noisy
    lab("query")
    lab("ingest", lab.labels(lab.ids(1)[:8], "some.csv"))
    lab("query", "--release")
    for step in ("train", "score", "query"):
        lab(step)
    assert "ingest rounds/002/query.csv`" in lab("status")["next"]
    lab("query", "--release")
    lab("query", "--more", "2")
    assert "ingest rounds/002/query.csv rounds/002/query-2.csv`" in lab("status")["next"]
    lab("ingest", lab.labels(lab.ids(2)[-1:], "one.csv", "skip"))
    assert "rounds/001" not in lab("status")["next"]


def test_another_annotator_settles_a_label_or_disputes_it(noisy):
    lab, _ = noisy
    lab("query")
    first, second, _ = doubted(lab)
    before = labels(lab)
    told = {id_: before[id_]["label"] for id_ in (first, second)}
    found = answer(lab, "ann.csv", [(first, told[first], "ann"), (second, WRONG[told[second]], "ann")])
    assert found["counts"]["disputed"] == 1
    assert found["counts"]["pending"] == 10
    row = labels(lab)[first]
    assert (row["n_annotators"], row["agreement"], row["resolution"]) == (2, 1.0, "unanimous")
    assert second not in labels(lab)
    assert second in (lab.root / "rounds/001/adjudicate.csv").read_text()


def test_a_row_of_a_batch_that_is_reopened_waits_in_the_file_of_reopened_rows(noisy):
    lab, _ = noisy

    def ids_in(name):
        with (lab.root / "rounds/001" / name).open(newline="") as file:
            return [row["id"] for row in csv.DictReader(file)]

    lab("relabel", "--reopen", "sky")  # one before the batch, and one after it
    lab("ingest", lab.labels(ids_in("reopened.csv"), "again.csv"), "--guideline", "v2")
    for step in ("train", "score", "query"):
        lab(step)
    lab("ingest", lab.labels(lab.ids(1), "new.csv"))
    lab("relabel", "--reopen", "sea")
    again = set(ids_in("reopened-2.csv"))
    mine = again & set(lab.ids(1))
    assert mine
    lab("ingest", lab.labels(sorted(again - mine), "rest.csv", "sky"))
    assert "ingest rounds/001/reopened-2.csv`" in lab("status")["next"]


def test_a_reopened_row_that_is_in_doubt_later_waits_in_the_later_file(noisy):
    lab, _ = noisy
    lab("relabel", "--reopen", "sky")  # in round 001, which has asked nothing yet
    with (lab.root / "rounds/001/reopened.csv").open(newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    answer(lab, "again.csv", [(id_, lab.data.truth[id_], "ann") for id_ in ids])
    lab("train")
    lab("score")
    lab("query", "--set", "query.relabel=1")
    again = set(doubted(lab)) & set(ids)
    assert again
    answer(lab, "new.csv", [(id_, lab.data.truth[id_], "ann") for id_ in lab.ids(1) if id_ not in again])
    assert lab("relabel", "--reopen", "sky", "--dry-run")["counts"]["reopened"]  # that file is answered
    for step in ("train", "score"):
        lab(step)
    lab("query", "--set", "query.relabel=0")
    lab("ingest", lab.labels(lab.ids(2), "nothing.csv", "skip"))
    assert "ingest rounds/001/query.csv`" in lab("status")["next"]


def test_nobody_is_asked_a_third_time(noisy):
    lab, _ = noisy
    seen = Counter()
    for number in (1, 2, 3):
        for step in ("train", "score", "query") if number > 1 else ("query",):
            lab(step)
        again = doubted(lab, number)
        seen.update(again)
        told = labels(lab)
        answers = [
            (id_, told[id_]["label"] if id_ in again else lab.data.truth[id_]) for id_ in lab.ids(number)
        ]
        answer(lab, f"{number}.csv", [(*row, "ann") for row in answers])
    assert len(seen) == 9
    assert set(seen.values()) == {1}


def test_rows_that_two_have_answered_or_one_has_decided_are_not_in_doubt(noisy):
    lab, _ = noisy
    lab("query", "--set", "query.relabel=0.5")
    first, second, third, *_ = doubted(lab)
    lab("query", "--release")
    told = labels(lab)
    answer(lab, "ann.csv", [(first, told[first]["label"], "ann")])
    lines = [f"{second},{told[second]['label']},yes"]
    (lab.root / "decided.csv").write_text("\n".join(["id,label,adjudicated", *lines]) + "\n")
    lab("ingest", lab.root / "decided.csv")
    assert labels(lab)[second]["resolution"] == "adjudicated"
    more = lab("query", "--more", "12", "--set", "query.relabel=0.5")
    assert more["counts"]["added"] == 12
    asked = [row["id"] for row in lab.asked(1).to_pylist() if row["rank"] > 12]
    assert third in asked
    assert not {first, second} & set(asked)


def test_the_nameless_annotator_has_the_last_word(noisy):
    lab, _ = noisy
    lab("query")
    first, second, third = doubted(lab)
    told = {id_: row["label"] for id_, row in labels(lab).items()}
    lab("ingest", lab.labels([first], "other.csv", WRONG[told[first]]))
    assert labels(lab)[first]["label"] == WRONG[told[first]]
    assert labels(lab)[first]["n_annotators"] == 1
    answered = lab("ingest", lab.labels([second, third], "same.csv"))
    assert answered["counts"]["new"] == 2
    assert answered["counts"]["pending"] == 9
    before = lab.bytes()
    for name in ("same.csv", "other.csv", "answers-0.csv"):
        assert not lab("ingest", lab.root / name)["changed"]
    assert lab.bytes() == before


def test_an_old_file_sent_again_confirms_nothing_and_a_new_one_may_come_in_parts(noisy):
    lab, _ = noisy
    lab("query")
    again = doubted(lab)
    new = [id_ for id_ in lab.ids(1) if id_ not in again]
    assert not lab("ingest", lab.root / "answers-0.csv")["changed"]
    whole = [*lab.ids(0), *new[:4]]  # an export of all answers so far
    assert lab("ingest", lab.labels(whole, "whole.csv"))["counts"]["pending"] == 8
    lab("ingest", lab.labels([*new, again[0]], "query.csv"))
    assert lab("ingest", lab.labels([*new, *again], "query.csv"))["counts"]["pending"] == 0


def test_what_is_given_back_may_be_asked_again_and_a_late_answer_is_taken(noisy):
    lab, _ = noisy
    lab("query")
    again = doubted(lab)
    assert lab("query", "--release")["counts"]["released"] == 12
    more = lab("query", "--more", "4", "--set", "query.relabel=0.5")
    assert more["counts"]["pending"] == 4
    assert doubted(lab)[:-2] == again[2:]
    assert set(doubted(lab)[-2:]) == set(again[:2])
    told = labels(lab)[again[2]]["label"]
    assert answer(lab, "late.csv", [(again[2], told, "ann")])["counts"]["pending"] == 4
    assert labels(lab)[again[2]]["resolution"] == "unanimous"


def test_more_asks_about_others(noisy):
    lab, _ = noisy
    lab("query")
    first = doubted(lab)
    more = lab("query", "--more", "8")
    assert more["counts"]["added"] == 8
    assert len(doubted(lab)) == len(set(doubted(lab))) == 5
    assert doubted(lab)[:3] == first
    answer(lab, "ann.csv", [(id_, lab.data.truth[id_], "ann") for id_ in lab.ids(1)])
    lab("query", "--more", "12", "--set", "query.relabel=1")  # none that was answered in this very round
    assert set(doubted(lab)[5:]) <= set(lab.ids(0))


def test_somebody_else_gets_them(make_lab, make_data_of):
    data, _ = with_errors(make_data_of("embedding", 400))
    lab = make_lab(data=data, seed={"size": 60}, query={"batch_size": 12, "relabel": 0.5})
    lab("seed")
    people = dict(zip(lab.ids(0), ("ann", "ben") * 42, strict=True))
    answer(lab, "seed.csv", [(id_, data.truth[id_], who) for id_, who in people.items()])
    for step in ("train", "score"):
        lab(step)
    lab("query", "--annotators", "ann,ben,cid")
    shares = {}
    for name in ("ann", "ben", "cid"):
        with (lab.root / f"rounds/001/query-{name}.csv").open(newline="") as file:
            shares[name] = [row["id"] for row in csv.DictReader(file)]
    assert [len(ids) for ids in shares.values()] == [4, 4, 4]
    assert not [id_ for name in shares for id_ in shares[name] if people.get(id_) == name]
    path = lab.root / "rounds/001/query-cid.csv"
    before = path.read_bytes()
    path.unlink()
    lab("query")
    assert path.read_bytes() == before


def test_the_batch_does_not_depend_on_the_order_of_the_pool(make_lab, make_data_of):
    data, _ = with_errors(make_data_of("mixed", 300))
    found = []
    for name, one in (("plain", data), ("shuffled", data.shuffled())):
        lab = make_lab(data=one, name=name, seed={"size": 40}, query={"relabel": 0.5}).seeded()
        for step in ("train", "score", "query"):
            lab(step)
        found.append(lab.asked(1))
    assert found[0].equals(found[1])
    assert len(doubted(lab)) == 6


def test_again_it_is_up_to_date_and_a_lost_file_comes_back(noisy):
    lab, _ = noisy
    lab("query")
    before = lab.bytes()
    assert not lab("query")["changed"]
    (lab.root / "rounds/001/query.csv").unlink()
    assert lab("query")["changed"]
    assert lab.bytes() == before


def test_all_of_a_batch_may_be_in_doubt_and_new_rows_fill_what_is_left(noisy):
    lab, _ = noisy
    query = lab("query", "--set", "query.relabel=1", "--set", "query.batch_size=70")
    assert query["counts"]["relabel"] == 60
    assert query["counts"]["asked"] == 70
    assert any("only 60 of 70 rows of query.relabel" in said for said in query["warnings"])
    assert set(doubted(lab)) == set(lab.ids(0)) - lab.split()


def test_shares_of_the_new_rows_are_as_ever(noisy):
    lab, _ = noisy
    lab("query", "--set", "query.explore=0.34", "--set", "query.overlap=0.34")
    found = Counter(row["reason"] for row in lab.asked(1).to_pylist())
    assert found == {"relabel": 3, "explore": 3, "overlap": 3, "strategy": 3}


def test_too_few_labels_are_in_no_doubt(make_lab):
    lab = make_lab(seed={"size": 10}, query={"relabel": 0.5}).seeded()
    for step in ("train", "score"):
        lab(step)
    query = lab("query")
    assert query["counts"]["relabel"] == 0
    assert query["counts"]["asked"] == 12


@pytest.mark.parametrize("others", ["sea", "sky"])
def test_one_class_or_one_row_of_a_class_is_no_reason_to_fail(make_lab, make_data_of, others):
    data = make_data_of("embedding", 200)
    lab = make_lab(data=data, task={"classes": list(CLASSES)}, seed={"size": 30}, query={"relabel": 0.5})
    lab("seed")
    training = [id_ for id_ in lab.ids(0) if id_ not in lab.split()]
    answer(lab, "seed.csv", [(id_, others if n else "sea", "") for n, id_ in enumerate(training)])
    for step in ("train", "score"):
        lab(step)
    assert lab("query")["counts"]["asked"] == 12
    assert training[0] not in doubted(lab)  # the only row of its class: nothing else knows it


def test_rows_drawn_at_random_stay_so_for_the_evidence(noisy):
    lab, _ = noisy
    lab("query")
    why = reasons(Project.open(lab.root))
    assert {why[id_].reason for id_ in doubted(lab)} == {"seed"}
    assert all(why[id_].by_chance and why[id_].round == 0 for id_ in doubted(lab))


def test_every_second_answer_is_paid(noisy):
    lab, _ = noisy
    lab("query")
    before = spent_on(Project.open(lab.root)).answers
    first, second, third = doubted(lab)
    told = {id_: row["label"] for id_, row in labels(lab).items()}
    answer(lab, "ann.csv", [(first, told[first], "ann")])
    lab("ingest", lab.labels([second], "other.csv", WRONG[told[second]]))  # in place of the first
    lab("ingest", lab.labels([third], "same.csv"))
    assert spent_on(Project.open(lab.root)).answers == before + 3
    lab("ingest", lab.labels([second], "corrected.csv", told[second]))
    assert spent_on(Project.open(lab.root)).answers == before + 3
    assert [second_opinions(Project.open(lab.root), number) for number in (1, 2)] == [0, 3]


def test_a_retracted_opinion_is_open_again(noisy):
    lab, _ = noisy
    lab("query")
    first, *_ = doubted(lab)
    told = labels(lab)[first]["label"]
    assert answer(lab, "ann.csv", [(first, WRONG[told], "ann")])["counts"]["pending"] == 11
    back = lab("ingest", "--retract-annotator", "ann")
    assert back["counts"]["pending"] == 12
    assert labels(lab)[first]["label"] == told


def test_group_mates_are_doubted_by_models_that_know_none_of_the_group(make_lab, make_data_of):
    data, _ = with_errors(make_data_of("embedding", 300))
    groups = [f"g{n // 3}" for n in range(300)]
    data = replace(data, table=data.table.append_column("patient", [groups]))
    split = {"validation": 20, "reserve": 5, "group_by": "patient"}
    lab = make_lab(data=data, split=split, seed={"size": 40}, query={"relabel": 0.5}).seeded()
    for step in ("train", "score"):
        lab(step)
    assert lab("query")["counts"]["relabel"] == 6
    assert not set(doubted(lab)) & lab.split()


def test_a_model_trained_elsewhere_cannot_doubt(make_lab, make_data_of):
    data = make_data_of("embedding", 200)
    proba = [[0.5, 0.3, 0.2]] * 200
    data = replace(data, table=data.table.append_column("proba", [proba]))
    lab = make_lab(
        data=data,
        features={**data.features, "predictions": "proba"},
        task={"classes": list(CLASSES)},
        model={"name": "external"},
        query={"relabel": 0.1},
    )
    said = lab.fails("status")
    assert "query.relabel needs a model that alcli trains" in said
    assert "external" in said
