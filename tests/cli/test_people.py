"""Several annotators through the command line: how their answers become labels, and what `check` says."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from alcli.cli import app

COLUMNS = ("id", "label", "annotator", "labeled_at", "adjudicated")
IO = Path("/proc/self/io")
PEOPLE = ("anna", "ben", "cleo", "dora")


def found(document, name):
    """One check of a document."""
    return next(one for one in document["checks"] if one["name"] == name)


# ---- labels do not depend on how answers come ----------------------------------------------------------


def some_answers(ids, chance):
    """Four people on all rows, one of whom guesses, corrections among them; some rows are adjudicated."""
    rows = []
    for n, id_ in enumerate(ids):
        for name in PEOPLE:
            true = ("pets", "food")[n % 2]
            wrong = chance.random() < (0.5 if name == "dora" else 0.15)
            label = chance.choice(["skip", "unsure"]) if chance.random() < 0.1 else true
            label = ("food", "pets")[n % 2] if wrong else label
            rows.append((id_, label, name, f"2026-01-01T10:{n:02d}:00Z", ""))
            if chance.random() < 0.1:
                rows.append((id_, true, name, f"2026-01-01T11:{n:02d}:00Z", ""))
        if chance.random() < 0.15:
            rows.append((id_, ("pets", "food")[n % 2], "judge", f"2026-01-02T10:{n:02d}:00Z", "yes"))
    return rows


@pytest.mark.parametrize("policy", ["weighted", "majority"])
@pytest.mark.parametrize("seed", range(3))
def test_labels_are_the_same_however_the_answer_files_are_cut_mixed_and_repeated(
    stages, tmp_path, policy, seed
):
    chance = random.Random(seed)
    folders = [tmp_path / name for name in ("once", "mixed")]
    for folder in folders:
        shutil.copytree(stages["seeded"], folder)

    def ingest(folder, rows):
        path = folder / f"answers-{len(list(folder.glob('answers-*')))}.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
        line = ["ingest", "-C", str(folder), str(path), "--set", f"labels.resolve={policy}"]
        done = CliRunner().invoke(app, line, catch_exceptions=False)
        assert done.exit_code == 0, done.output

    with (folders[0] / "rounds/000/query.csv").open(newline="") as file:
        rows = some_answers([row["id"] for row in csv.DictReader(file)], chance)
    ingest(folders[0], rows)
    sent = rows + chance.sample(rows, len(rows) // 3)
    chance.shuffle(sent)
    while sent:
        size = chance.randint(1, 30)
        ingest(folders[1], sent[:size])
        sent = sent[size:]
    once, mixed = (pq.read_table(folder / "labels.parquet") for folder in folders)
    assert mixed.equals(once)
    assert {"adjudicated", policy} < set(once["resolution"].to_pylist())
    disputed = [
        json.loads((folder / "rounds/000/round.json").read_text())["steps"]["ingest"]["disputed"]
        for folder in folders
    ]
    assert disputed[0] == disputed[1]


def test_weighted_says_where_it_decided_and_leaves_what_it_is_not_sure_of_in_dispute(at):
    loop = at("seeded")
    *rows, contested, even = loop.asked()
    says = {"anna": "pets", "ben": "pets", "cleo": "food", "dora": "food", "eve": "food"}
    answers = [
        (id_, ("pets", "food")[(n + (name in {"cleo", "dora", "eve"} and (n + k) % 2)) % 2], name)
        for n, id_ in enumerate(rows)
        for k, name in enumerate(says)
    ]
    answers += [(contested, label, name) for name, label in says.items()]
    answers += [(even, "pets", "anna"), (even, "food", "ben")]
    loop.config(labels={"resolve": "weighted"})
    document = loop.doc("ingest", loop.csv("a.csv", answers, ("id", "label", "annotator")))
    table = {row["id"]: row for row in loop.table("labels.parquet")}
    assert (table[contested]["label"], table[contested]["resolution"]) == ("pets", "weighted")
    assert (table[contested]["n_annotators"], table[contested]["agreement"]) == (5, 2 / 5)
    assert even not in table
    assert document["counts"]["disputed"] == 1
    with (loop.root / "rounds/000/adjudicate.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [even]
    people = found(loop.doc("check"), "people")["annotators"]
    weight = {person["annotator"]: person["weighed_as"] for person in people}
    assert min(weight["anna"], weight["ben"]) > 0.75 > max(weight["cleo"], weight["dora"], weight["eve"])
    assert "weighed as right in" in loop.alcli("check", "-v").out


# ---- what check says -----------------------------------------------------------------------------------


@pytest.fixture
def lab(make_lab):
    lab = make_lab(
        "text",
        rows=600,
        split={"validation": 60, "reserve": 0},
        seed={"size": 60},
        query={"batch_size": 60, "overlap": 1.0},
    )
    lab("seed")
    answered(lab, 0, "v1")
    return lab


def answered(lab, number, guideline, harm=0, names=("anna", "ben")):
    """All rows by everyone; the last of them takes `harm` rows of sea and sky for the other."""
    for name in names:
        ids = lab.ids(number)
        label = {id_: lab.data.truth[id_] for id_ in ids}
        wrong = [id_ for id_ in ids if label[id_] != "stone"][:harm] if name == names[-1] else []
        label |= {id_: "sky" if label[id_] == "sea" else "sea" for id_ in wrong}
        path = lab.root / f"{name}-{number}.csv"
        lines = [f"{id_},{one},{name},{4 + 6 * number}" for id_, one in label.items()]
        path.write_text("\n".join(["id,label,annotator,seconds", *lines]) + "\n")
        lab("ingest", path, "--guideline", guideline)


def next_round(lab, number, guideline, harm=0):
    for step in ("train", "score", "query"):
        lab(step)
    answered(lab, number, guideline, harm)


def test_a_new_guideline_that_harms_two_classes_is_a_caution_that_names_them_with_rows(lab):
    next_round(lab, 1, "v1", harm=2)
    calm = found(lab("check"), "guideline")
    assert (calm["verdict"], calm["advice"], calm["decides"]) == ("good", "", True)
    next_round(lab, 2, "v2", harm=25)
    document = lab("check")
    guideline = found(document, "guideline")
    assert guideline["verdict"] == "caution"
    assert "round 2 (guideline v2)" in guideline["advice"]
    assert "of 'sea' and 'sky'" in guideline["advice"]
    (compared,) = guideline["compared"]
    assert (compared["rows"], compared["rows_before"]) == (60, 60)
    assert compared["before_by_chance"] is False
    assert compared["differ"] == pytest.approx(25 / 60, abs=1e-6)
    assert compared["p_value"] < 0.05
    assert [one["classes"] for one in compared["classes"]] == [["sea", "sky"]]
    assert compared["classes"][0]["rows"] == 25
    assert compared["classes"][0]["rows_before"] == 2
    text = dict(zip(*(lab.data.table[name].to_pylist() for name in ("id", "text")), strict=True))
    assert len(guideline["shown"]) == 3
    for line in guideline["shown"]:
        id_, votes, shown = line.split("  ")
        assert votes == "1 sea, 1 sky"
        assert text[id_].startswith(shown.removesuffix(" ..."))
    examples = guideline["boundaries"][0]["examples"]
    assert guideline["boundaries"][0]["classes"] == ["sea", "sky"]
    assert len(examples) == 10
    assert all(one["round"] == 2 and one["votes"] == {"sea": 1, "sky": 1} for one in examples)
    page = lab.shell("check").stdout
    assert all(line in page for line in guideline["shown"])
    assert not any(line in page for line in guideline["lines"])


def test_versions_and_rounds_show_agreement_and_what_the_model_had_predicted(lab):
    next_round(lab, 1, "v1")
    next_round(lab, 2, "v2", harm=10)
    document = lab("check")
    guideline, people = found(document, "guideline"), found(document, "people")
    first, second = guideline["versions"]
    assert (first["guideline"], first["answers"], first["rows"]) == ("v1", 2 * 180, 180)
    assert (second["guideline"], second["answers"], second["rows"]) == ("v2", 2 * 60, 60)
    assert first["alpha"]["value"] == 1.0 > second["alpha"]["high"]
    of_round = {one["round"]: one["alpha"]["value"] for one in people["rounds"]}
    assert of_round[2] == second["alpha"]["value"] < of_round[1] == 1.0
    for number, version in ((1, first), (2, second)):
        said = dict(
            zip(*(lab.scores(number)[name].to_pylist() for name in ("id", "prediction")), strict=True)
        )
        labels = [
            (row["id"], row["label"])
            for path in (lab.root / "ledger").glob("*.parquet")
            for row in pq.read_table(path).to_pylist()
            if row["round"] == number
        ]
        assert len(labels) == version["predicted"] == 120
        other = sum(said[id_] != label for id_, label in labels) / 120
        assert version["model_differs"]["value"] == pytest.approx(other, abs=1e-6)
    assert [one["round"] for one in guideline["rounds"]] == [1, 2]
    (pair,) = people["pairs"]
    assert (pair["annotators"], pair["n"]) == (["anna", "ben"], 240)
    assert pair["kappa"]["low"] < pair["kappa"]["value"] < pair["kappa"]["high"]
    agreement = {one["class"]: one["agreement"] for one in guideline["classes"]}
    assert agreement["stone"] == 1.0 > agreement["sea"]


def test_scores_that_are_gone_leave_the_model_out(lab):
    next_round(lab, 1, "v1")
    shutil.rmtree(lab.root / "rounds/001/scores")
    (version,) = found(lab("check"), "guideline")["versions"]
    assert (version["predicted"], version["model_differs"]) == (0, None)


def test_who_is_upheld_where_others_decide_is_told(lab):
    next_round(lab, 1, "v1", harm=12)
    path = lab.root / "rounds/001/adjudicate.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"label": lab.data.truth[row["id"]]} for row in rows)
    lab("ingest", path)
    people = {one["annotator"]: one for one in found(lab("check"), "people")["annotators"]}
    assert people.keys() == {"anna", "ben"}
    assert (people["anna"]["decided"], people["anna"]["upheld"]) == (12, 12)
    assert (people["ben"]["decided"], people["ben"]["upheld"]) == (12, 0)
    assert people["anna"]["share_upheld"]["low"] > 0.7
    assert (
        "ben: 180 answers, 4 s an answer, 0% passed, upheld in 0 of 12 rows"
        in lab.shell("check", "-v").stdout
    )


def test_a_few_shared_rows_are_no_advice(lab):
    for step in ("train", "score"):
        lab(step)
    lab("query", "--set", "query.batch_size=3")
    answered(lab, 1, "v2", harm=3)
    guideline = found(lab("check"), "guideline")
    assert (guideline["verdict"], guideline["advice"], guideline["compared"]) == ("good", "", [])
    assert guideline["decides"] is False
    assert "too few to compare" in guideline["figure"]


def test_one_annotator_alone_tells_nothing_of_the_guideline(make_lab):
    lab = make_lab("text", rows=300).seeded()
    for name in ("people", "guideline"):
        check = found(lab("check"), name)
        assert (check["verdict"], check["advice"], check["decides"]) == ("good", "", False)
        assert "no row was answered twice" in check["figure"]


def test_adjudicated_answers_alone_are_looked_at_without_a_crash(at):
    loop = at("seeded")
    rows = [(id_, "pets", "judge", "", "yes") for id_ in loop.asked()]
    loop.doc("ingest", loop.csv("a.csv", rows, COLUMNS))
    assert found(loop.doc("check"), "people")["decides"] is False


@pytest.mark.skipif(not IO.exists(), reason="the kernel counts no bytes read here")
def test_the_ledger_is_read_twice_at_most(lab):
    """Once for all that people said, once for what they cost."""
    path = lab.root / "anna-0.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "annotator", "comment"])
        writer.writerows((row["id"], row["label"], "cleo", os.urandom(20_000).hex()) for row in rows)
    lab("ingest", path)
    size = sum(path.stat().st_size for path in (lab.root / "ledger").iterdir())
    assert size > 2_000_000
    lab("check")
    before = read_so_far()
    lab("check")
    assert read_so_far() - before < 2.9 * size


def read_so_far() -> int:
    return int(IO.read_text().split("rchar: ")[1].split()[0])
