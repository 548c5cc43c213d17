"""`query`: what may be asked, what is said of it, and what stands when files are lost."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

_LOADED = """
import json, sys
from alcli.cli import main
try:
    main()
finally:
    print(json.dumps(sorted({"pandas", "sklearn", "scipy"} & sys.modules.keys())), file=sys.stderr)
"""


def _embeddings(loop, n_rows=90, *, fixed):
    """A pool.parquet of embeddings around two centres, as fixed-size lists or as lists."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n_rows, 6)).astype(np.float32) + 2 * np.eye(2, 6)[np.arange(n_rows) % 2]
    lists = pa.array(vectors.astype(np.float32).tolist(), pa.list_(pa.float32(), 6 if fixed else -1))
    loop.root.mkdir()
    ids = [f"r{n:03d}" for n in range(n_rows)]
    pq.write_table(pa.table({"id": ids, "vector": lists}), loop.root / "pool.parquet")
    loop.config(pool="pool.parquet", features={"embedding": "vector"})
    return loop


@pytest.mark.parametrize("command", ["seed", "ingest a.csv", "train", "score", "query", "status"])
def test_a_price_that_is_misspelled_is_named_by_every_command_before_anything_else(at, command):
    loop = at("new")
    loop.config(cost={"per_labels": 0.1})
    where = f"alcli.yaml, line {loop.line('cost')}"
    loop.refused(*command.split(), kind="config", says="unknown key", where=where, hint="'per_label'")


def test_release_keeps_validation_rows_with_people_and_says_so(at):
    loop = at("seeded")
    validation, seed = loop.of_split("validation"), loop.of_split("seed")
    outcome = loop.alcli("query", "--release")
    assert "12 pending rows given back" in outcome.out
    assert "8 validation rows stay with people: none can replace it." in outcome.out
    assert "8 validation rows stay" in loop.alcli("query", "--release").out
    assert loop.doc("status")["pending"] == 8
    loop.doc("ingest", loop.csv("late.csv", [(id_, "pets") for id_ in [*validation[:7], seed[0]]]))
    assert "1 validation row stays with people" in loop.alcli("query", "--release").out
    loop.doc("ingest", loop.csv("last.csv", [(validation[7], "food")]))
    assert loop.alcli("query", "--release").out == "No row is pending.\n"


def test_a_query_that_is_up_to_date_names_every_file_of_the_round(at):
    loop = at("queried")
    assert "6 rows asked in rounds/001/query.csv." in loop.alcli("query").out
    for _ in range(2):
        loop.doc("query", "--more", "3")
    said = loop.alcli("query").out
    names = "rounds/001/query.csv, rounds/001/query-2.csv, rounds/001/query-3.csv"
    assert f"12 rows asked in {names}." in said
    loop.doc("query", "--release")
    assert f"12 rows asked in {names}, 12 of them given back." in loop.alcli("query").out


def test_random_is_a_strategy_by_its_short_name(at):
    asked = {}
    for name in ("random", "random_sampling"):
        loop = at("trained")
        loop.config(query={"batch_size": 6, "strategy": name})
        for command in ("train", "score"):
            loop.doc(command)
        assert loop.doc("status")["next"] == "alcli query"
        assert loop.doc("query")["counts"]["asked"] == 6
        asked[name] = loop.asked(1)
        loop.root.rename(loop.root.with_name(name))
    assert asked["random"] == asked["random_sampling"]


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed_size_list", "list"])
def test_scoring_and_asking_embeddings_load_neither_pandas_nor_scikit_learn_nor_scipy(empty, fixed):
    loop = _embeddings(empty, fixed=fixed)
    loop.doc("seed")
    loop.doc("ingest", loop.answer())
    loop.doc("train")
    for command in ("score", "query"):
        line = [sys.executable, "-c", _LOADED, command, "--json"]
        done = subprocess.run(line, cwd=loop.root, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["changed"]
        assert json.loads(done.stderr) == []


def test_numbers_of_32_bits_are_shown_as_people_write_them(empty):
    values = np.array([0.1, 2.5, 3.0, -1.2, 1e-7, 16777216.0] * 12, dtype=np.float32)
    empty.root.mkdir()
    ids = [f"r{n:03d}" for n in range(72)]
    place = [float(n) / 8 for n in range(72)]
    table = pa.table({"id": ids, "size": pa.array(values), "place": place})
    pq.write_table(table, empty.root / "pool.parquet")
    empty.config(
        pool="pool.parquet",
        features={"numeric": ["size", "place"]},
        split={"validation": 40, "reserve": 0},
        seed={"size": 24},
    )
    empty.doc("seed")
    cells = [line.split(",")[1] for line in (empty.root / "rounds/000/query.csv").read_text().splitlines()]
    assert set(cells[1:]) == {"0.1", "2.5", "3", "-1.2", "1e-7", "16777216"}


def test_rows_that_join_a_sealed_group_later_are_never_scored_nor_asked(empty):
    rows = [(f"r{n:03d}", f"words {n} and {n * n % 101} then {n * 7 % 53}", f"p{n % 23}") for n in range(120)]
    header = ("id", "text", "patient")
    empty.root.mkdir()
    empty.csv("pool.csv", rows, header)
    empty.config(split={"validation": 6, "reserve": 3, "group_by": "patient"}, seed={"size": 20})
    empty.doc("seed")
    group = {id_: patient for id_, _, patient in rows}
    sealed = {group[id_] for split in ("validation", "reserve") for id_ in empty.of_split(split)}
    free = sorted(set(group.values()) - sealed)
    late = [(f"s{n:03d}", f"late words {n} of {n * 3}", patient) for n, patient in enumerate(sorted(sealed))]
    open_ = [(f"t{n:03d}", f"new words {n} of {n * 5}", patient) for n, patient in enumerate(free)]
    empty.csv("pool.csv", [*rows, *late, *open_], header)
    truth = ("odd", "even")
    empty.doc("ingest", empty.answer(truth=lambda id_: truth[int(id_[1:]) % 2]))
    empty.doc("train")
    empty.doc("score")
    scored = {row["id"] for row in empty.table("rounds/001/scores/part-00000.parquet")}
    assert not scored & {id_ for id_, _, _ in late}
    assert scored >= {id_ for id_, _, _ in open_}
    empty.doc("query", "--set", "query.batch_size=150", "--set", "query.max_similarity=null")
    assert not set(empty.asked(1)) & {id_ for id_, _, _ in late}


@pytest.mark.parametrize("strategy", ["margin", "random", "query_by_committee"])
def test_a_lost_model_and_lost_scores_come_back_as_they_were_and_the_query_stands(at, strategy):
    loop = at("labeled")
    loop.config(query={"batch_size": 6, "strategy": strategy})
    for command in ("train", "score", "query"):
        loop.doc(command)
    before = loop.tree()
    log = "rounds/001/round.log.jsonl"
    for folder, command in (("model", "train"), ("scores", "score")):
        shutil.rmtree(loop.root / "rounds/001" / folder)
        found = loop.doc(command)
        assert (found["changed"], found["round"]) == (True, 1)
        assert loop.tree() == before | {log: loop.tree()[log]}
    assert not loop.doc("query")["changed"]
    for folder in ("model", "scores"):
        shutil.rmtree(loop.root / "rounds/001" / folder)
    for command in ("train", "score"):
        assert loop.doc(command)["changed"]
    assert loop.tree() == before | {log: loop.tree()[log]}
    assert loop.doc("query", "--more", "3")["counts"]["added"] == 3


def test_beside_the_random_share_the_strategy_has_its_pick_of_all_other_candidates(at):
    loop = at("scored")
    loop.config(query={"strategy": "margin", "batch_size": 20, "explore": 0.5, "max_similarity": None})
    loop.doc("query")
    chosen = {row["id"]: row for row in loop.table("rounds/001/selection.parquet")}
    explored = {id_ for id_, row in chosen.items() if row["reason"] == "explore"}
    assert (len(chosen), len(explored)) == (20, 10)
    closed = explored | {*loop.asked()}
    left = [row for row in loop.table("rounds/001/scores/part-00000.parquet") if row["id"] not in closed]
    best = sorted((row["score"] for row in left), reverse=True)[:10]
    assert sorted((chosen[id_]["score"] for id_ in chosen.keys() - explored), reverse=True) == best


# a file for each annotator


def _shares(loop, round_=1, *names, stem="query"):
    folder = loop.root / f"rounds/{round_:03d}"
    found = {}
    for name in names:
        with (folder / f"{stem}-{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["annotator"] for row in rows} <= {name}
        found[name] = [row["id"] for row in rows]
    return found


def test_a_batch_is_shared_out_evenly_with_the_overlap_in_two_files(at):
    loop = at("scored")
    loop.config(query={"strategy": "margin", "batch_size": 12, "overlap": 0.25})
    found = loop.doc("query", "--annotators", "anna, ben,cid")
    shares = _shares(loop, 1, "anna", "ben", "cid")
    reason = {row["id"]: row["reason"] for row in loop.table("rounds/001/selection.parquet")}
    sent = Counter(id_ for ids in shares.values() for id_ in ids)
    assert sent == {id_: 2 if reason[id_] == "overlap" else 1 for id_ in loop.asked(1)}
    assert [len(ids) for ids in shares.values()] == [5, 5, 5]
    assert "rounds/001/query-anna.csv" in found["files"]
    assert all(ids == [id_ for id_ in loop.asked(1) if id_ in ids] for ids in shares.values())
    tree = loop.tree()
    assert not loop.doc("query", "--annotators", "anna,ben,cid")["changed"]
    assert loop.tree() == tree
    assert "rounds/001/query-ben.csv" in loop.doc("status")["next"]


def test_a_lost_share_comes_back_and_a_batch_that_is_out_can_be_shared_later(at):
    loop = at("scored")
    loop.doc("query")
    before = loop.content("rounds/001/query.csv")
    assert loop.doc("query", "--annotators", "anna,ben")["changed"]
    assert loop.content("rounds/001/query.csv") == before
    path = loop.root / "rounds/001/query-ben.csv"
    share = path.read_bytes()
    path.unlink()
    assert loop.doc("query")["changed"]
    assert path.read_bytes() == share
    loop.refused("query", "--annotators", "anna,eve", kind="state", says="is shared by anna, ben already")
    loop.doc("query", "--more", 3, "--annotators", "eve,dan")
    assert sum(map(len, _shares(loop, 1, "eve", "dan", stem="query-2").values())) == 3


def test_three_annotators_answer_the_overlap_and_it_is_pending_until_they_have(at):
    loop = at("scored")
    loop.config(query={"strategy": "margin", "batch_size": 4, "overlap": 0.5, "overlap_annotators": 3})
    loop.doc("query", "--annotators", "a,b,c")
    for name, pending in zip("abc", (4, 3, 0), strict=True):
        path = loop.root / f"rounds/001/query-{name}.csv"
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        labels = [(row["id"], "pets", row["annotator"]) for row in rows]
        counts = loop.doc("ingest", loop.csv(f"{name}.csv", labels, ("id", "label", "annotator")))["counts"]
        assert counts["pending"] <= pending
    assert counts["pending"] == 0
    agreed = {row["n_annotators"] for row in loop.table("labels.parquet") if row["round"] == 1}
    assert agreed == {1, 3}


def test_too_few_for_the_overlap_that_the_round_began_with_are_refused(at):
    loop = at("scored")
    query = {"strategy": "margin", "batch_size": 4, "overlap": 0.5}
    loop.config(query={**query, "overlap_annotators": 3})
    loop.doc("query")
    loop.config(query=query)
    for more in ((), ("--more", 4)):
        loop.refused("query", *more, "--annotators", "a,b", kind="config", says="go to 3 annotators")
    assert loop.doc("query", "--annotators", "a,b,c")["changed"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("anna,Anna", "named twice"),
        ("an/na,ben", "'an/na' cannot be part"),
        ("1,2", "'1' cannot"),
        ("a", "2 annot"),
    ],
)
def test_annotators_that_cannot_share_are_refused(at, names, says):
    loop = at("scored")
    loop.config(query={"batch_size": 4, "overlap": 0.5})
    loop.refused("query", "--annotators", names, kind="config", says=says)


def test_each_annotators_file_for_a_tool_is_named_beside_their_own(at):
    loop = at("scored")
    said = loop.alcli("query", "--annotators", "anna,ben", "--format", "jsonl").out
    own = [f"rounds/001/query-{name}.csv (or rounds/001/query-{name}.jsonl)" for name in ("anna", "ben")]
    assert f"Give {own[0]}, {own[1]} to people: 6 rows to label." in said
