"""`alcli simulate` as a person types it: what it says, what it refuses, what its options change."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

QUICK = ("--repeats", 2, "--rounds", 2, "--jobs", 1)


@pytest.fixture
def pets(empty):
    """A project before seed, and `truth.csv` with a label, a price and minutes for every row."""
    empty.root.mkdir()
    empty.config()
    rows = list(csv.reader(_pool_rows()))
    empty.csv("pool.csv", rows, ("id", "text"))
    truth = [(id_, ("pets", "food")[int(id_[1:]) % 2], 0.5, int(id_[1:]) % 3) for id_, _ in rows]
    empty.csv("truth.csv", truth, ("id", "label", "price", "minutes"))
    return empty


def _pool_rows() -> list[str]:
    words = {
        0: ("dog", "cat", "puppy", "kitten", "paw", "tail", "bark", "meow", "leash", "collar", "fur"),
        1: ("bread", "cheese", "soup", "apple", "spoon", "dinner", "lunch", "pepper", "salt", "rice", "jam"),
    }
    return [
        f"r{n:03d},{' '.join(words[n % 2][(n * step + step) % 11] for step in (1, 2, 3))} word{n}"
        for n in range(160)
    ]


def results(loop: Any, folder: str = "simulation") -> list[dict[str, Any]]:
    return pq.read_table(loop.root / folder / "results.parquet").to_pylist()


def test_it_compares_the_configured_strategy_with_chance_and_says_so(pets):
    said = pets.alcli("simulate", "--labels", pets.root / "truth.csv", *QUICK).out
    assert said.startswith(
        "2 strategies, 2 repeats each: from 12 to 24 labels of 120 rows, measured on 40 others."
    )
    assert "labels to learn from" in said
    assert "random_sampling" in said
    assert "2 repeats are too few" in said.replace("\n", " ")


def test_its_json_document_is_what_the_contract_says(pets):
    found = pets.doc(
        "simulate", "--labels", pets.root / "truth.csv", *QUICK, "--strategies", "margin,entropy"
    )
    assert list(found["strategies"]) == ["random_sampling", "margin", "entropy"]
    for arm in found["strategies"].values():
        assert {"auc", "final", "labels_to_target", "saving", "not_reached", "p_value"} <= set(arm)
        saving = arm["saving"]
        assert 0 <= saving["low"] <= saving["value"] <= saving["high"] < 1
        assert 0 < arm["auc"] <= 1
        assert 12 <= arm["labels_to_target"] <= 24
        assert 0 <= arm["not_reached"] <= 2
        assert 0 < arm["p_value"] <= 1
    assert found["strategies"]["random_sampling"]["saving"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["n_repeats"] == 2
    assert found["default"] == "margin"
    assert found["baseline"] == "random_sampling"
    summary = json.loads((pets.root / "simulation/summary.json").read_text())
    assert summary["strategies"] == found["strategies"]
    assert summary["target"] == found["target"]


def test_its_results_are_tidy_and_its_pictures_can_be_opened(pets):
    pets.alcli("simulate", "--labels", pets.root / "truth.csv", *QUICK)
    table = pq.read_table(pets.root / "simulation/results.parquet")
    assert table.column_names == ["strategy", "repeat", "round", "n_labels", "metric", "value"]
    rows = table.to_pylist()
    assert {row["metric"] for row in rows} == {"accuracy", "macro_f1", "log_loss", "brier", "ece", "answers"}
    points = {(row["strategy"], row["repeat"], row["round"], row["n_labels"]) for row in rows}
    names = ("random_sampling", "margin")
    rounds = ((1, 12), (2, 18), (3, 24))
    assert points == {(name, repeat, *point) for name in names for repeat in (0, 1) for point in rounds}
    assert ET.parse(pets.root / "simulation/curves.svg").getroot().tag.endswith("svg")
    with Image.open(pets.root / "simulation/curves.png") as picture:
        assert picture.size[0] > 500


def test_batch_sizes_models_and_seed_strategies_are_compared_in_every_combination(pets):
    found = pets.doc(
        "simulate", "--labels", pets.root / "truth.csv", *QUICK,
        "--batch-sizes", "4,6", "--models", "logistic_regression,complement_naive_bayes",
        "--seed-strategies", "stratified,typiclust",
    )  # fmt: skip
    assert len(found["strategies"]) == 2 * 2 * 2 * 2
    assert "margin, batch_size 4, model complement_naive_bayes, seed typiclust" in found["strategies"]
    assert found["baseline"] == "random_sampling, batch_size 4, model logistic_regression, seed stratified"
    other = "batch_size 6, model complement_naive_bayes, seed typiclust"
    assert found["strategies"][f"margin, {other}"]["baseline"] == f"random_sampling, {other}"


def test_a_strategy_may_have_parameters(pets):
    listed = "{name: core_set, metric: cosine}, margin"
    found = pets.doc("simulate", "--labels", pets.root / "truth.csv", *QUICK, "--strategies", listed)
    assert list(found["strategies"]) == ["random_sampling", "core_set(metric=cosine)", "margin"]


def test_the_baseline_is_random_even_where_the_config_composes_batches(pets):
    pets.alcli("simulate", "--labels", pets.root / "truth.csv", *QUICK)
    plain = results(pets)
    pets.alcli(
        "simulate", "--labels", pets.root / "truth.csv", *QUICK, "--set", "query.diversity=core_set",
        "--set", "query.class_balance=true", "--set", "query.explore=0.2",
    )  # fmt: skip
    n = len(plain) // 2
    assert results(pets)[:n] == plain[:n]
    assert results(pets)[n:] != plain[n:]


def test_costs_add_up_by_column_and_by_number(pets):
    pets.alcli(
        "simulate", "--labels", pets.root / "truth.csv", *QUICK,
        "--cost", "price", "--cost", "minutes", "--cost", "coffee=2",
    )  # fmt: skip
    rows = [row for row in results(pets) if row["strategy"] == "margin" and row["repeat"] == 1]
    by = {(row["round"], row["metric"]): row["value"] for row in rows}
    assert [by[number, "price"] for number in (1, 2, 3)] == [6, 9, 12]
    assert [by[number, "coffee"] for number in (1, 2, 3)] == [24, 36, 48]
    assert by[1, "minutes"] < by[2, "minutes"] < by[3, "minutes"] <= 48
    arm = pets.doc("simulate", "--labels", pets.root / "truth.csv", *QUICK, "--cost", "price")["strategies"][
        "margin"
    ]
    assert arm["costs"]["price"] == pytest.approx(arm["labels_to_target"] * 0.5, abs=0.1)


def test_wrong_answers_make_the_model_worse_and_several_annotators_make_up_for_them(pets):
    truth = pets.root / "truth.csv"
    arguments = ("--labels", truth, "--repeats", 6, "--rounds", 4)
    final = [
        pets.doc("simulate", *arguments, *more)["strategies"]["margin"]["final"]
        for more in ((), ("--noise", 0.35), ("--noise", 0.35, "--annotators", 9))
    ]
    assert final[1] < final[2] <= final[0] + 0.02
    answers = {row["value"] for row in results(pets) if row["metric"] == "answers" and row["round"] == 1}
    assert answers == {12 * 9}


def test_skipped_rows_are_asked_once_and_bring_no_label(pets):
    pets.alcli("simulate", "--labels", pets.root / "truth.csv", *QUICK, "--skip-rate", 0.5)
    rows = [row for row in results(pets) if row["metric"] == "answers" and row["round"] == 3]
    assert {row["value"] for row in rows} == {24}
    assert all(row["n_labels"] < 20 for row in rows)


def test_noise_by_confusion_runs(pets):
    more = ("--noise", 0.3, "--noise-by", "confusion")
    assert pets.doc("simulate", "--labels", pets.root / "truth.csv", *QUICK, *more)["n_repeats"] == 2


def test_another_metric_is_compared_where_lower_is_better_too(pets):
    found = pets.doc("simulate", "--labels", pets.root / "truth.csv", *QUICK, "--metric", "log_loss")
    assert found["metric"] == "log_loss"
    arm = found["strategies"]["random_sampling"]
    assert arm["final"] < arm["auc"]


def test_rows_without_a_label_are_left_out_and_counted(pets):
    lines = (pets.root / "truth.csv").read_text().splitlines()
    pets.write("some.csv", "\n".join(lines[:101]) + "\n")
    found = pets.doc("simulate", "--labels", pets.root / "some.csv", *QUICK)
    assert found["counts"]["rows"] + found["counts"]["test"] == 100
    assert found["warnings"][0] == "60 rows of the pool have no label in some.csv: left out"


def test_given_splits_are_started_from(pets):
    pets.alcli("simulate", "--labels", pets.root / "truth.csv", *QUICK)
    before = results(pets)
    shutil.copy(pets.root / "simulation/splits.parquet", pets.root / "mine.parquet")
    more = ("--splits", pets.root / "mine.parquet", "--out", pets.root / "again")
    found = pets.doc("simulate", "--labels", pets.root / "truth.csv", *QUICK, *more)
    assert found["counts"]["test"] == 40
    first = [r for r in results(pets, "again") if r["round"] == 1]
    assert first == [r for r in before if r["round"] == 1]
    mine = pq.read_table(pets.root / "mine.parquet")
    assert pq.read_table(pets.root / "again/splits.parquet").sort_by("id").equals(mine.sort_by("id"))


def test_one_class_alone_in_the_seed_set_is_no_error(pets):
    rows = [(f"r{n:03d}", "pets" if n % 40 else "food") for n in range(160)]
    pets.csv("skewed.csv", rows)
    found = pets.doc("simulate", "--labels", pets.root / "skewed.csv", *QUICK, "--set", "seed.size=4")
    assert any("--metric macro_f1" in warning for warning in found["warnings"])


def test_a_bare_name_comes_with_the_parameters_that_the_config_gives_it(pets):
    strong = ("--set", "model.C=0.001", "--models", "logistic_regression,complement_naive_bayes")
    found = pets.doc("simulate", "--labels", pets.root / "truth.csv", *QUICK, *strong)
    assert "margin, model logistic_regression(C=0.001)" in found["strategies"]


def test_a_users_strategy_beside_the_config_is_found_in_every_process_and_its_changes_are_noticed(pets):
    code = """
from dataclasses import dataclass
from typing import ClassVar
from alcli.strategies import Strategy

@dataclass(frozen=True)
class Mine(Strategy):
    needs: ClassVar[tuple[str, ...]] = ("proba",)

    def score(self, candidates):
        return SIGN * candidates.need("proba")[:, 0]
"""
    arguments = ["--json", "--labels", "truth.csv", "--repeats", "4", "--rounds", "2", "--jobs", "2"]
    arguments += ["--strategies", "own:Mine"]
    auc = []
    for sign in ("1", "-1"):
        pets.write("own.py", code.replace("SIGN", sign))
        done = subprocess.run(
            [sys.executable, "-m", "alcli", "simulate", *arguments],
            cwd=pets.root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        auc.append(json.loads(done.stdout)["strategies"]["own:Mine"]["auc"])
    assert auc[0] != auc[1]


def test_where_lower_is_better_the_best_stand_first_too(pets):
    more = ("--metric", "log_loss", "--strategies", "margin,core_set")
    said = pets.alcli("simulate", "--labels", pets.root / "truth.csv", *QUICK, *more).out
    rows = [line.split() for line in said.splitlines() if line.startswith(("margin ", "core_set "))]
    assert float(rows[0][1]) <= float(rows[1][1])


def test_splits_by_which_test_rows_could_leak_are_refused(pets):
    header = ("repeat", "id", "split")
    rows = [(0, f"r{n:03d}", "validation") for n in range(40)]
    for more, says in (
        ([(0, "r003", "seed")], "the row 'r003' stands twice in repeat 0"),
        ([("first", "r099", "seed")], "'first' is no repeat"),
        ([(0, "r099", "train")], "'train' is no split"),
        ([(0, "x1", "seed")], "the row 'x1' has no label"),
        ([(1, "r099", "seed")], "repeat 1 has no validation rows"),
    ):
        path = pets.csv("splits.csv", rows + more, header)
        command = ("simulate", "--labels", pets.root / "truth.csv", *QUICK, "--splits", path)
        pets.refused(*command, kind="data", says=says, where="splits.csv")


def test_a_seed_row_of_a_test_rows_group_is_refused(pets):
    rows = [(f"r{n:03d}", f"word {n} {'dog' if n % 2 else 'bread'}", f"g{n // 2}") for n in range(160)]
    pets.csv("pool.csv", rows, ("id", "text", "owner"))
    splits = [(0, f"r{n:03d}", "validation") for n in range(41)] + [(0, "r041", "seed")]
    path = pets.csv("splits.csv", splits, ("repeat", "id", "split"))
    pets.refused(
        "simulate", "--labels", pets.root / "truth.csv", "--repeats", 1, "--rounds", 1, "--splits", path,
        "--set", "split.group_by=owner", kind="data", says="'r041' has the owner of a validation row",
    )  # fmt: skip


def test_seed_sets_of_several_strategies_are_kept_apart_and_read_back_to_the_same_replay(pets):
    arguments = ("--labels", pets.root / "truth.csv", *QUICK, "--seed-strategies", "stratified,typiclust")
    pets.alcli("simulate", *arguments)
    splits = pq.read_table(pets.root / "simulation/splits.parquet").to_pylist()
    mine = shutil.copy(pets.root / "simulation/splits.parquet", pets.root / "mine.parquet")
    assert {(row["split"], row["seed_strategy"]) for row in splits} == {
        ("validation", ""), ("seed", "stratified"), ("seed", "typiclust"),
    }  # fmt: skip
    seeds = [
        {row["id"] for row in splits if row["repeat"] == 0 and row["seed_strategy"] == name}
        for name in ("stratified", "typiclust")
    ]
    assert [len(ids) for ids in seeds] == [12, 12]
    assert seeds[0] != seeds[1]
    more = ("--splits", mine, "--out", pets.root / "again")
    pets.alcli("simulate", *arguments, *more)
    assert results(pets, "again") == results(pets)
    assert pq.read_table(pets.root / "again/splits.parquet").to_pylist() == splits
    alone = (*arguments[:-2], "--seed-strategies", "typiclust")
    pets.alcli("simulate", *alone, *more)
    ours, same = (
        [row["value"] for row in results(pets, folder) if row["strategy"] == name]
        for folder, name in (("simulation", "margin, seed typiclust"), ("again", "margin"))
    )
    assert ours == same
    assert "seed_strategy" not in pq.read_table(pets.root / "again/splits.parquet").column_names
    pets.refused(
        "simulate", *alone[:-1], "typiclst", *more, kind="config", says="unknown strategy 'typiclst'"
    )
    pets.refused(
        "simulate", *alone[:-1], "core_set", *more,
        kind="config", says="repeat 0 has no seed set of 'core_set'", where="--splits", hint="typiclust",
    )  # fmt: skip


def test_old_replays_are_removed_beyond_a_size_but_none_that_the_run_has_used(pets):
    kept = pets.root / ".alcli/simulate"
    arguments = ("simulate", "--labels", pets.root / "truth.csv", *QUICK)
    pets.alcli(*arguments)
    used = set(kept.glob("[0-9a-f]*.json"))
    others = [kept / f"{number:032x}.json" for number in range(3)]
    cut_off = kept / f".{others[0].name}.tmp-alcli"
    for path in (*others, cut_off):
        path.touch()
        os.truncate(path, 45_000_000)
    for time, path in enumerate([*used, *others]):
        os.utime(path, (time, time))
    pets.alcli(*arguments)
    assert set(kept.glob("[0-9a-f]*.json")) == used | set(others[1:])
    assert not cut_off.exists()
    pets.alcli(*arguments, "--strategies", "entropy")
    assert set(kept.glob("[0-9a-f]*.json")) > used


BAD_LABELS = [
    ("id,class\nr001,pets\n", (), "there is no column 'label'", "--set labels.label=NAME"),
    ("row,label\nr001,pets\n", (), "there is no column 'id'", "--set labels.id=NAME"),
    ("id,label\nr001,pets\nx1,food\n", (), "there is no such id in the pool", "correct the file"),
    (
        "id,label\nr001,pets\nr002,fod\n",
        ("--set", "task.classes=[pets, food]"),
        "'fod' is none of the classes",
        "did you mean 'food'? task.classes in alcli.yaml lists the classes",
    ),
    (
        "id,label\n" + "".join(f"r{n:03d},text {n}\n" for n in range(30)),
        (),
        "this is no column of classes",
        "--set labels.label=NAME",
    ),
]


@pytest.mark.parametrize(("content", "settings", "says", "hint"), BAD_LABELS)
def test_advice_about_a_label_file_names_no_option_that_there_is_not(pets, content, settings, says, hint):
    path = pets.write("bad.csv", content)
    for command in (("simulate", *QUICK), ("seed",)):
        told = (*command, "--labels", path, *settings)
        pets.refused(*told, kind="data", says=says, where="bad.csv", hint=hint)
        advice = pets.alcli(*told, code=1).err
        options = set(re.findall(r"--[a-z-]+", advice))
        assert options <= set(re.findall(r"--[a-z-]+", pets.alcli(command[0], "--help").out))


def test_advice_about_a_label_file_can_be_followed(pets):
    lines = (pets.root / "truth.csv").read_text().replace("id,label", "row,class")
    path = pets.write("named.csv", lines)
    names = ("--set", "labels.id=row", "--set", "labels.label=class")
    assert pets.doc("simulate", "--labels", path, *QUICK, *names)["n_repeats"] == 2
    pets.refused(
        "simulate", "--labels", pets.write("truth.tab", lines), *QUICK,
        kind="file", says="is of no known format", where="truth.tab", hint="save it as one of these",
    )  # fmt: skip


def test_an_id_of_two_labeled_rows_is_refused(pets):
    lines = (pets.root / "pool.csv").read_text()
    pets.write("pool.csv", lines + "r007,once more\n")
    pets.refused(
        "simulate", "--labels", pets.root / "truth.csv", *QUICK,
        kind="data", says="the id 'r007' stands twice", where="pool.csv",
    )  # fmt: skip


def test_a_quota_that_a_repeat_cannot_fill_is_filled_as_far_as_it_goes_and_said(pets):
    rows = list(csv.reader(_pool_rows()))
    places = ["mars" if n < 3 else "earth" for n in range(160)]
    pets.csv(
        "pool.csv", [(*row, place) for row, place in zip(rows, places, strict=True)], ("id", "text", "place")
    )
    quota = ("--set", "query.quotas={place: {mars: 0.1}}")
    sizes = ("--repeats", 6, "--rounds", 1, "--test", 100, "--jobs", 1)
    arguments = ("simulate", "--labels", pets.root / "truth.csv", *sizes)
    found = pets.doc(*arguments, *quota)
    splits = pq.read_table(pets.root / "simulation/splits.parquet").to_pylist()
    lacking = [
        n for n in range(6) if {"r000", "r001", "r002"} <= {r["id"] for r in splits if r["repeat"] == n}
    ]
    assert 0 < len(lacking) < 6
    said = f"the quota of 'mars' has too few rows in {len(lacking)} of 6 repeats: filled as far as they go"
    assert found["warnings"] == [said]
    wrong = ("--set", "query.quotas={place: {mras: 0.1}}")
    pets.refused(
        *arguments, *wrong,
        kind="config", says="no labeled row has 'mras' in 'place'", where="query.quotas", hint="mars",
    )  # fmt: skip


def test_a_place_that_cannot_be_written_is_noticed_before_the_work(pets):
    arguments = ("simulate", "--labels", pets.root / "truth.csv", *QUICK, "--out")
    pets.refused(
        *arguments, pets.root / "truth.csv/below", kind="file", says="no folder", where="truth.csv/below"
    )
    pets.refused(*arguments, pets.root / "truth.csv", kind="file", says="no folder", where="truth.csv")
    assert not list((pets.root / ".alcli/simulate").glob("[0-9a-f]*.json"))


REFUSED = [
    (("--rounds", 2, "--budget", 20), "config", "say the same in two ways", "--budget", "name one"),
    (("--test", 0), "config", "0 is no number of rows", "--test", ""),
    (("--cost", "accuracy=3"), "config", "a figure is called 'accuracy' already", "--cost", ""),
    (("--cost", "price=-3"), "config", "-3 is no cost", "--cost price", ""),
    (("--cost", "=3"), "config", "a cost needs a name", "--cost", ""),
    (("--strategies", "3"), "config", "3 is no name", "--strategies", ""),
    (("--models", "external"), "config", "needs features.predictions", "", ""),
    (
        ("--set", "query.diversity=core_set", "--strategies", "badge"),
        "config",
        "needs a score strategy",
        "",
        "",
    ),
    (("--skip-rate", 1), "data", "got no label", "", "--skip-rate"),
    (("--strategies", "margn"), "config", "unknown strategy 'margn'", "", "margin"),
    (("--models", "svn"), "config", "unknown model 'svn'", "", ""),
    (("--strategies", "[margin"), "config", "", "--strategies", "margin,badge"),
    (("--batch-sizes", "ten"), "config", "'ten' is no number of rows", "--batch-sizes", "50,200"),
    (("--metric", "acuracy"), "config", "'acuracy' is none of", "--metric", "accuracy"),
    (("--noise-by", "chance"), "config", "'chance' is none of", "--noise-by", ""),
    (
        ("--budget", 5),
        "config",
        "a budget of 5 labels is less than the seed",
        "--budget",
        "seed.size",
    ),
    (("--test", 200), "config", "200 test rows leave nothing to learn from: 160", "--test", ""),
    (("--cost", "prize"), "data", "there is no column 'prize'", "truth.csv", "price"),
    (("--cost", "label"), "data", "is no number", "truth.csv", ""),
    (("--cost", "price=much"), "config", "'much' is no number", "--cost price", ""),
    (("--splits", "pool.csv"), "data", "there is no column 'repeat'", "pool.csv", "repeat, id, split"),
]


@pytest.mark.parametrize(("arguments", "kind", "says", "where", "hint"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_written(pets, arguments, kind, says, where, hint):
    told = [pets.root / word if word == "pool.csv" else word for word in arguments]
    quick = QUICK[:2] if "--budget" in told else QUICK
    command = ("simulate", "--labels", pets.root / "truth.csv", *quick, *told)
    pets.refused(*command, kind=kind, says=says, where=where, hint=hint)


def test_labels_of_another_pool_are_refused(pets):
    pets.csv("other.csv", [("x1", "pets"), ("r002", "food")])
    pets.refused(
        "simulate", "--labels", pets.root / "other.csv", *QUICK,
        kind="data", says="there is no such id in the pool", where="other.csv",
    )  # fmt: skip


def test_labels_of_one_class_are_refused(pets):
    pets.csv("one.csv", [(f"r{n:03d}", "pets") for n in range(160)])
    pets.refused("simulate", "--labels", pets.root / "one.csv", *QUICK, kind="data", says="'pets'")


def test_either_a_file_or_the_project_gives_the_labels(pets):
    assert "--labels FILE" in pets.alcli("simulate", code=2).err


def test_two_simulations_at_once_are_kept_apart_and_other_commands_are_not(pets):
    from alcli.project.lock import locked

    with locked(pets.root / ".alcli/simulate", "simulate"):
        pets.alcli("simulate", "--labels", pets.root / "truth.csv", *QUICK, code=75)
        pets.alcli("seed")


def replayed(loop: Any, *arguments: Any) -> dict[str, Any]:
    return loop.doc("simulate", "--from-project", *QUICK, *arguments)


def test_a_projects_own_labels_are_replayed_with_the_bias_of_chosen_rows_said(at):
    loop = at("answered")
    before = loop.tree()
    found = replayed(loop)
    assert found["counts"]["rows"] == 18
    assert found["counts"]["test"] == 8
    warning, more = found["warnings"]
    assert "measured on the same validation rows" in more
    assert warning.startswith("6 of the 18 training rows were chosen by a strategy: they are harder than")
    assert "not corrected, since no row was drawn at random in the rounds (query.explore: 0.1" in warning
    after = {name: digest for name, digest in loop.tree().items() if not name.startswith("simulation")}
    assert after == before


def test_a_project_with_edited_labels_is_not_replayed(at):
    loop = at("answered")
    table = pq.read_table(loop.root / "labels.parquet")
    swapped = ["train" if split == "validation" else "validation" for split in table["split"].to_pylist()]
    place = table.column_names.index("split")
    pq.write_table(table.set_column(place, "split", pa.array(swapped)), loop.root / "labels.parquet")
    loop.refused("simulate", "--from-project", *QUICK, kind="integrity", says="not what `alcli ingest` wrote")


def test_a_project_whose_answers_are_all_taken_back_has_nothing_to_replay(at):
    loop = at("labeled")
    loop.alcli("ingest", "--retract", "query.csv")
    loop.refused("simulate", "--from-project", *QUICK, kind="state", says="no row has a label")


def test_a_project_with_part_of_its_answers_can_be_replayed(at):
    loop = at("seeded")
    path = loop.answer()
    lines = path.read_text().splitlines()
    loop.write("part.csv", "\n".join([lines[0], *lines[3:]]) + "\n")
    loop.alcli("ingest", loop.root / "part.csv")
    assert replayed(loop)["n_repeats"] == 2


def test_where_rows_were_explored_the_chosen_ones_weigh_what_they_stand_for(at):
    loop = at("scored")
    loop.alcli("query", "--set", "query.explore=0.5")
    loop.alcli("ingest", loop.answer(1))
    found = replayed(loop)
    assert "corrected by weights: a row drawn at random stands for 4 rows of the pool" in found["warnings"][0]
    assert found["n_repeats"] == 2


def test_a_project_without_labels_has_nothing_to_replay(at):
    at("seeded").refused("simulate", "--from-project", kind="state", says="there are no labels yet")


def test_a_row_answers_the_same_to_every_strategy_and_shares_of_faults_hold():
    from alcli.simulate._oracle import Faults, Oracle, Truth

    n = 20_000
    ids = pa.array([f"r{i:05d}" for i in range(n)])
    y = np.arange(n) % 4
    confusion = np.array([[9, 3, 1, 0], [1, 1, 1, 1], [0, 0, 5, 5], [2, 2, 2, 2]], dtype=float)
    truth = Truth(ids, y, ("a", "b", "c", "d"), confusion=confusion)
    oracle = Oracle(truth, Faults(0.2, by_confusion=True, skip_rate=0.1, annotators=2), 3)
    answers = oracle.answer(ids.to_pylist(), 1)
    assert answers.num_rows == 2 * n
    part = oracle.answer(ids.to_pylist()[500:510], 7)
    assert part["label"].to_pylist()[:10] == answers["label"].to_pylist()[500:510]
    first, second = (answers["label"].to_pylist()[:n], answers["label"].to_pylist()[n:])
    assert first != second
    skipped = np.array([label is None for label in first])
    assert skipped.mean() == pytest.approx(0.1, abs=0.01)
    said = np.array(["abcd".index(label) if label else -1 for label in first])
    wrong = (said != y) & ~skipped
    assert wrong.sum() / (~skipped).sum() == pytest.approx(0.2, abs=0.01)
    of_a = said[wrong & (y == 0)]
    assert set(of_a) == {1, 2}
    assert (of_a == 1).mean() == pytest.approx(0.75, abs=0.05)
    assert set(said[wrong & (y == 2)]) == {3}


def test_the_help_page_names_what_is_written(pets):
    said = pets.alcli("simulate", "--help").out
    assert "Replay the loop on known labels, against random sampling." in said
    assert all(name in said for name in ("results.parquet", "summary.json", "curves.png"))
    assert Path("simulation").name in said
