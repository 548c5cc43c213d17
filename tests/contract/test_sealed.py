"""Sealed rows stay sealed, and a file that was edited by hand is named."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

EVERY_COMMAND = (
    ["seed"],
    ["ingest", "answers-0.csv"],
    ["train"],
    ["score"],
    ["query"],
    ["query", "--more", "5"],
    ["query", "--release"],
    ["relabel", "--map", "sea=ocean"],
    ["relabel", "--reopen", "sky"],
    ["status"],
)


@pytest.fixture
def lab(make_lab, make_data_of):
    """A pool in which some rows stand twice, after one round."""
    data = make_data_of("text", 200)
    some = data.table.slice(0, 60).to_pylist()
    copies = [{**row, "id": f"{row['id']}-copy"} for row in some]
    both = data.with_rows(copies)
    truth = {**data.truth, **{f"{row['id']}-copy": data.truth[row["id"]] for row in some}}
    return make_lab(data=type(data)(both.table, truth, data.features)).seeded().one_round(1)


def rewrite_pool(lab, change):
    """The pool with each row as `change` makes it (None: gone), and what it adds."""
    path = lab.root / "pool.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path)


def test_no_sealed_row_is_ever_scored_asked_or_trained_on(lab):
    assert lab.split("held_out")
    assert not set(lab.scores()["id"].to_pylist()) & lab.split()
    assert not set(lab.ids(1)) & lab.split()
    assert set(lab.ids(0)) & lab.split() == lab.split("validation")
    labels = pq.read_table(lab.root / "labels.parquet").to_pylist()
    assert {row["id"] for row in labels if row["split"] == "validation"} == lab.split("validation")
    assert not {row["id"] for row in labels if row["split"] == "train"} & lab.split()
    assert lab("train")["counts"]["labeled"] == 18 + 12


def test_what_is_scored_is_the_pool_without_the_sealed_rows(lab):
    assert set(lab.scores()["id"].to_pylist()) == set(lab.data.truth) - lab.split()


def test_a_copy_of_a_sealed_row_is_held_out_with_it(lab):
    text = dict(zip(*(lab.data.table[name].to_pylist() for name in ("id", "text")), strict=True))
    sealed = {text[id_] for id_ in lab.split("validation", "reserve")}
    assert {id_ for id_, found in text.items() if found in sealed} == lab.split()


def test_a_renamed_copy_of_a_sealed_row_is_never_scored(lab):
    text = dict(zip(*(lab.data.table[name].to_pylist() for name in ("id", "text")), strict=True))
    validation, reserve = min(lab.split("validation")), min(lab.split("reserve"))
    new = [
        {"id": "new-1", "text": text[validation]},
        {"id": "new-2", "text": text[reserve]},
        {"id": "new-3", "text": "a row that the pool did not have"},
    ]
    rewrite_pool(lab, lambda rows: [*rows, *new])
    lab("train")
    lab("score")
    scored = set(lab.scores(2)["id"].to_pylist())
    assert "new-3" in scored
    assert not scored & {"new-1", "new-2"}
    warning = lab("status")["warnings"][0]
    assert "from 260 to 263 rows" in warning


@pytest.mark.parametrize("split", ["validation", "reserve"])
def test_a_label_of_a_renamed_copy_of_a_sealed_row_is_never_taken_in(lab, split):
    text = dict(zip(*(lab.data.table[name].to_pylist() for name in ("id", "text")), strict=True))
    sealed = min(lab.split(split))
    rewrite_pool(lab, lambda rows: [*rows, {"id": "new-1", "text": text[sealed]}])
    error = lab.fails("ingest", lab.labels(["new-1"], "leak.csv", "sea"), "--unrequested", "accept")
    assert "leak.csv, row 2" in error
    assert "sealed" in error
    assert "copy" in error


@pytest.mark.parametrize("split", ["validation", "reserve"])
def test_a_labeled_row_that_became_a_copy_of_a_sealed_row_is_never_trained_on(lab, split):
    text = dict(zip(*(lab.data.table[name].to_pylist() for name in ("id", "text")), strict=True))
    sealed, labeled = min(lab.split(split)), lab.ids(1)[0]
    rewrite_pool(
        lab,
        lambda rows: [{**row, "text": text[sealed] if row["id"] == labeled else row["text"]} for row in rows],
    )
    error = lab.fails("train")
    assert repr(labeled) in error
    assert "sealed" in error


@pytest.mark.parametrize("split", ["reserve", "held_out"])
def test_a_label_of_a_sealed_row_is_refused_even_where_unrequested_ones_are_taken(lab, split):
    sealed = min(lab.split(split))
    error = lab.fails("ingest", lab.labels([sealed], "leak.csv"), "--unrequested", "accept")
    assert "leak.csv, row 2" in error
    assert f"sealed ({split})" in error


@pytest.mark.parametrize("split", ["validation", "reserve"])
def test_changed_content_under_a_sealed_id_stops_the_command(lab, split):
    sealed = min(lab.split(split))
    rewrite_pool(
        lab,
        lambda rows: [{**row, "text": "other words" if row["id"] == sealed else row["text"]} for row in rows],
    )
    commands = ["score"] if split == "reserve" else ["train", "score"]
    if split == "reserve":
        lab("train")
    for command in commands:
        if command == "score" and split == "validation":
            continue  # round 1 has its query: nothing is scored until train has opened the next
        error = lab.fails(command)
        assert f"{split} row {sealed!r}" in error
        assert "other content" in error


def test_a_labeled_row_that_vanished_is_named_and_its_label_kept(lab):
    gone = lab.ids(1)[0]
    rewrite_pool(lab, lambda rows: [row for row in rows if row["id"] != gone])
    train = lab("train")
    assert train["counts"]["labeled"] == 18 + 11
    assert any(repr(gone) in warning for warning in train["warnings"])
    assert gone in pq.read_table(lab.root / "labels.parquet")["id"].to_pylist()


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_splits_that_were_edited_are_named_by_every_command(lab, command):
    path = lab.root / "splits.parquet"
    table = pq.read_table(path)
    moved = pc.if_else(pc.equal(table["split"], "reserve"), "seed", table["split"])
    pq.write_table(table.set_column(1, "split", moved), path)
    command = [str(lab.root / word) if word.endswith(".csv") else word for word in command]
    error = lab.fails(*command)
    assert "splits.parquet" in error
    assert "alcli seed" in error
    assert "sha256" in error


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
def test_splits_that_are_gone_are_named_by_every_command(lab, command):
    (lab.root / "splits.parquet").unlink()
    command = [str(lab.root / word) if word.endswith(".csv") else word for word in command]
    assert "splits.parquet" in lab.fails(*command)


def scored(make_lab):
    lab = make_lab("text").seeded()
    lab("train")
    lab("score")
    return lab


def test_edited_scores_are_named_and_come_back_as_they_were(make_lab):
    lab = scored(make_lab)
    before = lab.bytes()
    path = next(lab.root.glob("rounds/001/scores/*"))
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "score", pc.negate(table["score"])), path)
    assert "rounds/001/scores/part-00000.parquet" in lab.fails("query")
    lab("score")
    assert lab.bytes() == before


@pytest.mark.parametrize("file", ["model.npz", "features.npz", "card.json"])
def test_an_edited_model_is_named_and_comes_back_as_it_was(make_lab, file):
    lab = scored(make_lab)
    before = lab.bytes()
    path = lab.root / "rounds/001/model" / file
    content = path.read_bytes()
    path.write_bytes(content.replace(b"logistic_regression", b"complement_naive_ba") + b" ")
    error = lab.fails("query")
    assert "rounds/001/model" in error
    assert file in error
    assert lab("train")["changed"] is True
    assert lab.bytes() == before


@pytest.mark.parametrize("command", [["query"], ["query", "--release"], ["train"]], ids=" ".join)
def test_an_edited_selection_is_named(lab, command):
    path = lab.root / "rounds/001/selection.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    if command == ["train"]:
        lab(*command)  # it reads no selection; the next query does
        lab("score")
        command = ["query"]
    assert "rounds/001/selection.parquet" in lab.fails(*command)


@pytest.mark.parametrize("command", ["status", "train"])
def test_edited_metrics_are_named(lab, command):
    path = lab.root / "rounds/001/metrics.json"
    path.write_text(path.read_text().replace('"accuracy"', '"precision"'))
    error = lab.fails(command)
    assert "rounds/001/metrics.json" in error


def test_an_edited_labeled_set_is_named(lab):
    path = lab.root / "labels.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "label", pa.array(["sea"] * table.num_rows)), path)
    assert "labels.parquet" in lab.fails("train")


@pytest.mark.parametrize("damage", ["removed", "edited", "added", "cut off"])
def test_a_ledger_that_is_not_as_written_is_named(lab, damage):
    first = lab.root / "ledger/000001.parquet"
    if damage == "removed":
        first.unlink()
    elif damage == "added":
        shutil.copy(first, first.with_name("000009.parquet"))
    elif damage == "edited":
        table = pq.read_table(first)
        at = table.column_names.index("label")
        pq.write_table(table.set_column(at, "label", pa.array(["sky"] * table.num_rows)), first)
    else:
        first.write_bytes(first.read_bytes()[:-20])
    error = lab.fails("ingest", lab.labels(lab.ids(1), "again.csv"))
    assert "ledger" in error


@pytest.mark.parametrize("damage", ["cut off", "no json", "a list", "no steps"])
@pytest.mark.parametrize("command", ["status", "train", "query"])
def test_an_edited_manifest_is_named(lab, damage, command):
    path = lab.root / "rounds/001/round.json"
    text = path.read_text()
    path.write_text(
        {
            "cut off": text[: len(text) // 2],
            "no json": "x",
            "a list": "[]",
            "no steps": '{"format_version": 1}',
        }[damage]
    )
    error = lab.fails(command)
    assert "rounds/001/round.json" in error
    assert "not as alcli wrote it" in error


def test_a_missing_round_is_named(lab):
    lab("train")
    shutil.rmtree(lab.root / "rounds/001")
    assert "rounds/001" in lab.fails("status")


def test_a_manifest_of_a_newer_alcli_is_refused(lab):
    path = lab.root / "rounds/001/round.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    assert "newer alcli" in lab.fails("train")


def test_every_entry_of_a_manifest_names_what_it_read_and_wrote(lab):
    for number in (0, 1):
        document = json.loads((lab.root / f"rounds/{number:03d}/round.json").read_text())
        assert document["format_version"] == 1
        for name, entry in document["steps"].items():
            assert entry["step"] == name
            assert {
                "set",
                "config",
                "random_state",
                "inputs",
                "outputs",
                "counts",
                "versions",
            } <= entry.keys()
            for path, file in {**entry["inputs"], **entry["outputs"]}.items():
                assert not path.startswith("/"), path
                assert len(file["sha256"]) == 64
            assert "host" not in json.dumps(entry)
