"""Answers come in from files that people and tools wrote: none is lost, none counts twice."""

from __future__ import annotations

import csv
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "json": lambda frame, path: frame.to_json(path, orient="records"),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "xlsx": lambda frame, path: frame.to_excel(path, index=False),
}


def _rows(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def loop(at):
    return at("seeded")


@pytest.fixture
def known(loop):
    """The project with its classes in the config."""
    loop.config(task={"classes": ["pets", "food"]})
    return loop


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same_labels(loop, ending):
    asked = loop.asked()
    frame = pd.DataFrame({"id": asked, "label": ["pets", None, "food", "skip", "unsure"] * 4, "note": "x"})
    path = loop.root / f"answers.{ending}"
    WRITERS[ending](frame, path)
    found = loop.doc("ingest", path)
    assert {
        name: found["counts"][name] for name in ("new", "pending_blank", "skipped", "unsure", "pending")
    } == {
        "new": 16,
        "pending_blank": 4,
        "skipped": 4,
        "unsure": 4,
        "pending": 4,
    }
    assert found["labels"] == {"food": 4, "pets": 4}
    assert loop.labels() == {id_: frame["label"][n] for n, id_ in enumerate(asked) if n % 5 in (0, 2)}


def test_the_query_file_itself_filled_in_is_a_label_file(loop):
    counts = loop.doc("ingest", loop.answer())["counts"]
    assert (counts["labeled"], counts["validation_labeled"], counts["pending"]) == (12, 8, 0)


def test_the_empty_query_file_brings_nothing_and_all_rows_stay_pending(loop):
    counts = loop.doc("ingest", loop.root / "rounds/000/query.csv")["counts"]
    assert (counts["new"], counts["pending_blank"], counts["pending"]) == (0, 20, 20)
    again = loop.tree()
    assert not loop.doc("ingest", loop.root / "rounds/000/query.csv")["changed"]
    assert loop.tree() == again


def test_partial_files_add_up(loop):
    asked = loop.asked()
    for part in (asked[:7], asked[5:12], asked[12:]):
        loop.doc("ingest", loop.csv("part.csv", [(id_, "pets") for id_ in part]))
    assert loop.labels() == dict.fromkeys(asked, "pets")
    assert len(loop.ledger()) == 20


def test_several_files_at_once_are_one_ingest(loop):
    asked = loop.asked()
    one = loop.csv("one.csv", [(id_, "pets") for id_ in asked[:12]])
    two = loop.csv("two.csv", [(id_, "food") for id_ in asked[12:]])
    assert loop.doc("ingest", one, two)["counts"]["new"] == 20
    assert [path.name for path in (loop.root / "ledger").iterdir()] == ["000001.parquet"]


def test_the_same_file_again_changes_no_byte(loop):
    path = loop.answer()
    loop.doc("ingest", path)
    before = loop.tree()
    again = loop.doc("ingest", path)
    assert (again["changed"], again["counts"]["new"], again["counts"]["known"]) == (False, 0, 20)
    assert loop.tree() == before


def test_a_correction_supersedes_and_the_history_stays(known):
    id_ = known.asked()[0]
    known.doc("ingest", known.csv("a.csv", [(id_, "pets")]))
    counts = known.doc("ingest", known.csv("b.csv", [(id_, "food")]))["counts"]
    assert (counts["new"], counts["changed"]) == (1, 1)
    assert known.labels() == {id_: "food"}
    assert [(row["label"], row["source"]) for row in known.ledger()] == [("pets", "a.csv"), ("food", "b.csv")]


def test_an_older_undated_answer_sent_again_does_not_win_back(known):
    id_ = known.asked()[0]
    first, second = known.csv("a.csv", [(id_, "pets")]), known.csv("b.csv", [(id_, "food")])
    known.doc("ingest", first)
    known.doc("ingest", second)
    again = known.doc("ingest", first)
    assert not again["changed"]
    assert "changed since" in again["warnings"][0]
    assert known.labels() == {id_: "food"}


def test_the_later_date_wins_whatever_comes_first(known):
    id_ = known.asked()[0]
    header = ("id", "label", "labeled_at")
    known.doc("ingest", known.csv("late.csv", [(id_, "food", "2026-03-02")], header))
    known.doc("ingest", known.csv("early.csv", [(id_, "pets", "2026-03-01T12:00:00Z")], header))
    assert known.labels() == {id_: "food"}


def test_a_label_may_be_taken_back_to_a_skip(loop):
    id_ = loop.asked()[0]
    loop.doc("ingest", loop.csv("a.csv", [(id_, "pets")]))
    assert loop.doc("ingest", loop.csv("b.csv", [(id_, "skip")]))["counts"]["skipped"] == 1
    assert loop.labels() == {}


def _annotators(loop, *votes):
    header = ("id", "label", "annotator", "labeled_at")
    rows = [
        (id_, label, f"ann{n}", f"2026-01-0{n + 1}")
        for id_, labels in zip(loop.asked(), votes, strict=False)
        for n, label in enumerate(labels)
    ]
    return loop.csv("annotators.csv", rows, header)


def test_the_majority_of_annotators_decides(loop):
    found = loop.doc("ingest", _annotators(loop, ["pets", "pets", "food"], ["food", "food"], ["pets"]))
    first, second, third = loop.asked()[:3]
    labels = {row["id"]: row for row in loop.table("labels.parquet")}
    assert found["counts"]["disputed"] == 0
    assert (labels[first]["label"], labels[first]["resolution"], labels[first]["n_annotators"]) == (
        "pets",
        "majority",
        3,
    )
    assert labels[first]["agreement"] == pytest.approx(2 / 3)
    assert (labels[second]["resolution"], labels[third]["resolution"]) == ("unanimous", "single")


def test_a_row_in_dispute_is_no_label_and_no_candidate(at):
    loop = at("queried")
    disputed = loop.asked(1)[0]
    rows = [(disputed, "pets", "ann"), (disputed, "food", "bob")] + [
        (id_, "pets", "ann") for id_ in loop.asked(1)[1:]
    ]
    found = loop.doc("ingest", loop.csv("a.csv", rows, ("id", "label", "annotator")))
    assert (found["counts"]["disputed"], found["counts"]["pending"]) == (1, 0)
    assert disputed not in loop.labels()
    for command in ("train", "score"):
        loop.doc(command)
    loop.doc("query", "--set", "query.batch_size=60")
    assert disputed not in loop.asked(2)
    assert len(loop.asked(2)) > 20


def test_unanimous_and_latest_resolve_otherwise_after_a_rebuild(loop):
    loop.doc("ingest", _annotators(loop, ["pets", "pets", "food"], ["food", "food"], ["pets", "food"]))
    first, second, third = loop.asked()[:3]
    assert loop.labels() == {first: "pets", second: "food"}
    for policy, expected in (
        ("unanimous", {second: "food"}),
        ("latest", {first: "food", second: "food", third: "food"}),
        ("majority", {first: "pets", second: "food"}),
    ):
        loop.config(labels={"resolve": policy})
        loop.doc("ingest", "--rebuild")
        assert loop.labels() == expected


def test_an_answer_never_asked_for_is_refused_taken_or_left_aside(loop):
    asked = loop.asked()
    sealed = loop.of_split("reserve")
    stranger = next(f"r{n:03d}" for n in range(80) if f"r{n:03d}" not in {*asked, *sealed})
    path = loop.csv("a.csv", [(asked[0], "pets"), (stranger, "food")])
    loop.refused(
        "ingest", path, kind="data", says="never asked", where="a.csv, row 3", hint="--unrequested accept"
    )
    assert loop.doc("ingest", path, "--requested-only", "--dry-run")["counts"]["ignored"] == 1
    assert loop.doc("ingest", path, "--unrequested", "accept")["counts"]["unrequested"] == 1
    assert loop.labels() == {asked[0]: "pets", stranger: "food"}
    assert {row["id"]: row["round"] for row in loop.table("labels.parquet")} == {asked[0]: 0, stranger: 0}


def test_an_oracle_of_the_whole_pool_answers_only_what_was_asked(loop):
    path = loop.csv("oracle.csv", [(f"r{n:03d}", ("pets", "food")[n % 2]) for n in range(80)])
    counts = loop.doc("ingest", path, "--requested-only")["counts"]
    assert (counts["new"], counts["ignored"], counts["pending"]) == (20, 60, 0)
    assert set(loop.labels()) == set(loop.asked())


@pytest.mark.parametrize("options", [[], ["--unrequested", "accept"]])
def test_the_label_of_a_sealed_row_is_never_taken(loop, options):
    path = loop.csv("a.csv", [(loop.of_split("reserve")[0], "pets")])
    loop.refused("ingest", path, *options, kind="data", says="sealed (reserve)", where="a.csv, row 2")


def test_an_id_that_is_not_in_the_pool_is_refused(loop):
    path = loop.csv("a.csv", [(loop.asked()[0].upper(), "pets"), ("zzz", "pets")])
    loop.refused(
        "ingest",
        path,
        "--unrequested",
        "accept",
        kind="data",
        says="no such id in the pool",
        where="a.csv, row 2",
        hint=f"did you mean '{loop.asked()[0]}'?",
    )


def test_a_label_outside_the_classes_is_refused_with_the_nearest_one(loop):
    loop.config(task={"classes": ["pets", "food"]})
    path = loop.csv("a.csv", [(loop.asked()[0], "pet"), (loop.asked()[1], "Food"), (loop.asked()[2], "xyz")])
    loop.refused(
        "ingest",
        path,
        kind="data",
        says="'pet' is none of the classes",
        where="a.csv, row 2",
        hint="did you mean 'pets'?",
    )
    loop.refused("ingest", path, kind="data", says="'pet'", hint="also row 3: 'Food' is none of the classes")


def test_the_first_answers_fix_the_classes_and_new_class_adds_one(loop):
    asked = loop.asked()
    loop.doc("ingest", loop.csv("a.csv", [(asked[0], "pets"), (asked[1], "food")]))
    more = loop.csv("b.csv", [(asked[2], "cars")])
    loop.refused("ingest", more, kind="data", says="'cars' is none of the classes", hint="--new-class")
    loop.doc("ingest", more, "--new-class")
    loop.doc("ingest", loop.csv("c.csv", [(asked[3], "cars")]))
    assert set(loop.labels().values()) == {"pets", "food", "cars"}


def test_labels_that_look_alike_are_pointed_out(loop):
    asked = loop.asked()
    found = loop.doc("ingest", loop.csv("a.csv", [(asked[0], "pets"), (asked[1], "Pets")]))
    assert "look alike: 'Pets' (1 rows), 'pets' (1 rows)" in found["warnings"][0]


def test_a_column_of_texts_is_no_label_column(loop):
    path = loop.csv("a.csv", [(id_, f"text {n}") for n, id_ in enumerate(loop.asked())])
    loop.refused(
        "ingest", path, kind="data", says="no column of classes", where="a.csv", hint="--label-column"
    )


@pytest.mark.parametrize(
    "names", [("NA", "null"), ("None", "no"), ("nan", "N/A"), ("true", "false"), ("0", "1")]
)
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_classes_called_na_null_none_or_no_keep_their_names(loop, ending, names):
    asked = loop.asked()[:4]
    path = loop.root / f"a.{ending}"
    WRITERS[ending](pd.DataFrame({"id": asked, "label": [names[0], names[1], "", names[0]]}), path)
    found = loop.doc("ingest", path)
    assert found["labels"] == {names[0]: 2, names[1]: 1}
    assert found["counts"]["pending_blank"] == 1


def test_whole_numbers_written_as_floats_are_the_whole_numbers(loop):
    asked = loop.asked()
    frame = pd.DataFrame({"id": asked[:4], "label": [1, None, 0, 1]})
    frame.to_csv(loop.root / "a.csv", index=False)
    assert "1.0" in (loop.root / "a.csv").read_text()
    loop.doc("ingest", loop.root / "a.csv")
    frame.to_parquet(loop.root / "a.parquet")
    assert loop.doc("ingest", loop.root / "a.parquet")["counts"]["new"] == 0
    assert loop.labels() == {asked[0]: "1", asked[2]: "0", asked[3]: "1"}


def test_a_byte_order_mark_and_windows_lines_are_no_part_of_an_answer(loop):
    asked = loop.asked()
    loop.write("a.csv", b"\xef\xbb\xbfid,label\r\n" + f"{asked[0]},pets\r\n{asked[1]},food\r\n".encode())
    loop.write("b.csv", f"id;label\r\n{asked[2]};pets\r\n".encode("utf-16"))
    loop.doc("ingest", loop.root / "a.csv", loop.root / "b.csv")
    assert loop.labels() == {asked[0]: "pets", asked[1]: "food", asked[2]: "pets"}


def test_blanks_around_labels_are_no_part_of_them(loop):
    asked = loop.asked()
    loop.doc("ingest", loop.csv("a.csv", [(asked[0], " pets "), (asked[1], "pets\t"), (asked[2], "  ")]))
    assert loop.labels() == {asked[0]: "pets", asked[1]: "pets"}


def test_ids_that_a_spreadsheet_damaged_are_repaired_where_only_one_row_can_be_meant(empty):
    ids = [f"{n:03d}" for n in range(24)] + [f"12345678901234567{n:02d}" for n in range(24)]
    empty.root.mkdir()
    empty.csv("pool.csv", [(id_, f"some words {n} {n * n}") for n, id_ in enumerate(ids)], ("id", "text"))
    empty.config(split={"validation": 4, "reserve": 0}, seed={"size": 44})
    empty.doc("seed")
    short, long = "007", "1234567890123456705"
    found = empty.doc("ingest", empty.csv("a.csv", [("7", "pets"), ("8.0", "food")]))
    assert empty.labels() == {short: "pets", "008": "food"}
    assert "ids damaged by a spreadsheet, repaired: 2, such as '7' to '007'" in found["warnings"][0]
    path = empty.csv("b.csv", [("1.23456789012346E+18", "pets")])
    empty.refused("ingest", path, kind="data", says="damaged and fits several rows", hint="as text")
    assert long not in empty.labels()


@pytest.mark.parametrize(
    ("rows", "says", "row"),
    [
        ([("", "pets")], "the id is blank", 2),
        ([("{0}", "pets"), ("{0}", "food")], "answer this id differently", 2),
    ],
)
def test_a_row_that_cannot_be_an_answer_is_named(loop, rows, says, row):
    rows = [(id_.format(*loop.asked()), label) for id_, label in rows]
    loop.refused("ingest", loop.csv("a.csv", rows), kind="data", says=says, where=f"a.csv, row {row}")


def test_a_date_that_is_none_is_named(loop):
    path = loop.csv("a.csv", [(loop.asked()[0], "pets", "yesterday")], ("id", "label", "labeled_at"))
    loop.refused(
        "ingest", path, kind="data", says="'yesterday' is no date", where="a.csv, row 2", hint="2026-01-31"
    )


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"id,label\nr1\n", "1 cells, the header has 2"),
        ("a.csv", b'id,label\nr1,"pets\n', "never closed"),
        ("a.csv", b"id,label\n\x00\n", "NUL"),
        ("a.csv", b"id,label,label\nr1,a,b\n", "stands twice"),
        ("a.csv", b"name,class\nr1,a\n", "there is no column 'id'"),
        ("a.csv", b"id,lable\nr1,a\n", "there is no column 'label'"),
        ("a.jsonl", b'{"id": "r1", "label": "pets"\n', "no valid JSON"),
        ("a.jsonl", b'["r1", "pets"]\n', ""),
        ("a.parquet", b"PAR1", "Parquet"),
        ("a.xlsx", b"PK", "no readable .xlsx"),
        ("a.docx", b"PK", "the ending '.docx'"),
    ],
)
def test_a_label_file_that_cannot_be_read_is_named(loop, name, content, says):
    kind = "file" if name.endswith(".docx") else "data"
    loop.refused("ingest", loop.write(name, content), kind=kind, says=says, where=name)


def test_a_label_file_that_is_not_there_or_is_a_folder_is_named(loop):
    loop.refused("ingest", "nowhere.csv", kind="file", says="no such file", where="nowhere.csv")
    (loop.root / "folder.csv").mkdir()
    loop.refused("ingest", loop.root / "folder.csv", kind="file", says="folder", where="folder.csv")


def test_the_format_may_be_named_where_the_ending_does_not_tell(loop):
    path = loop.write("export.data", f'{{"id": "{loop.asked()[0]}", "label": "pets"}}\n')
    loop.refused("ingest", path, kind="file", says="'.data'", hint="--format")
    loop.refused("ingest", path, "--format", "jsnl", kind="config", says="'jsnl'", hint="jsonl")
    assert loop.doc("ingest", path, "--format", "jsonl")["counts"]["new"] == 1


def test_one_bad_row_keeps_all_files_out(loop):
    asked = loop.asked()
    good = loop.csv("good.csv", [(asked[0], "pets")])
    bad = loop.csv("bad.csv", [(asked[1], "pets"), ("zzz", "pets")])
    loop.refused(
        "ingest", good, bad, kind="data", says="no such id", where="bad.csv, row 3", hint="--skip-invalid"
    )


def test_skip_invalid_takes_the_good_rows_and_lists_the_others(loop):
    asked = loop.asked()
    loop.config(task={"classes": ["pets", "food"]})
    path = loop.csv(
        "in.csv", [(asked[0], "pets"), ("zzz", "pets"), (asked[1], "pet"), ("", "food"), (asked[2], "food")]
    )
    found = loop.doc("ingest", path, "--skip-invalid")
    assert (found["counts"]["new"], found["counts"]["rejected"]) == (2, 3)
    assert "3 rows not taken" in found["warnings"][-1]
    assert loop.labels() == {asked[0]: "pets", asked[2]: "food"}
    rejected = _rows(loop.root / "rejected.csv")
    assert list(rejected[0]) == ["file", "row", "id", "label", "reason"]
    assert [(row["file"], row["row"], row["id"], row["label"]) for row in rejected] == [
        ("in.csv", "3", "zzz", "pets"),
        ("in.csv", "4", asked[1], "pet"),
        ("in.csv", "5", "", "food"),
    ]
    assert "did you mean 'pets'?" in rejected[1]["reason"]


def test_rejected_rows_may_be_listed_elsewhere(loop, tmp_path):
    path = loop.csv("in.csv", [("zzz", "pets"), (loop.asked()[0], "pets")])
    loop.doc("ingest", path, "--skip-invalid", "--rejected", tmp_path / "bad rows.csv")
    assert [row["id"] for row in _rows(tmp_path / "bad rows.csv")] == ["zzz"]
    assert not (loop.root / "rejected.csv").exists()


def test_a_rejected_row_corrected_in_rejected_csv_can_be_ingested_from_there(loop):
    asked = loop.asked()
    loop.config(task={"classes": ["pets", "food"]})
    loop.doc("ingest", loop.csv("in.csv", [(asked[0], "pet"), (asked[1], "food")]), "--skip-invalid")
    rejected = loop.root / "rejected.csv"
    rejected.write_text(rejected.read_text().replace(",pet,", ",pets,"))
    loop.doc("ingest", rejected)
    assert loop.labels() == {asked[0]: "pets", asked[1]: "food"}


@pytest.mark.parametrize("options", [[], ["--skip-invalid"]])
def test_a_dry_run_says_what_would_change_and_writes_nothing(loop, options):
    rows = [(id_, "pets") for id_ in loop.asked()] + ([("zzz", "pets")] if options else [])
    path = loop.csv("a.csv", rows)
    before = loop.tree()
    found = loop.doc("ingest", path, "--dry-run", *options)
    assert (found["changed"], found["dry_run"], found["files"]) == (False, True, [])
    assert (found["counts"]["new"], found["counts"]["pending"]) == (20, 0)
    assert loop.tree() == before


def test_a_retracted_file_is_undone_and_its_history_kept(known):
    asked = known.asked()
    known.doc("ingest", known.csv("good.csv", [(id_, "pets") for id_ in asked[:5]]))
    known.doc("ingest", known.csv("wrong.csv", [(id_, "food") for id_ in asked[3:8]]))
    found = known.doc("ingest", "--retract", "wrong.csv")
    assert found["counts"]["retracted"] == 5
    assert known.labels() == dict.fromkeys(asked[:5], "pets")
    assert [row["status"] for row in known.ledger()].count("retracted") == 5
    assert found["counts"]["pending"] == 15
    assert not known.doc("ingest", "--retract", "wrong.csv")["changed"]
    known.doc("ingest", known.root / "wrong.csv")
    assert known.labels()[asked[7]] == "food"


def test_a_retracted_annotator_is_undone(loop):
    asked = loop.asked()
    header = ("id", "label", "annotator")
    loop.doc("ingest", loop.csv("a.csv", [(asked[0], "pets", "ann"), (asked[0], "food", "bob")], header))
    assert loop.labels() == {}
    loop.refused("ingest", "--retract-annotator", "Bob", kind="data", says="no annotator 'Bob'", hint="'bob'")
    loop.refused("ingest", "--retract", "b.csv", kind="data", says="no source 'b.csv'", hint="a.csv")
    loop.doc("ingest", "--retract-annotator", "bob")
    assert loop.labels() == {asked[0]: "pets"}


def test_columns_may_have_other_names(loop):
    asked = loop.asked()
    header = ("row", "choice", "who", "when", "took", "remark")
    path = loop.csv("a.csv", [(asked[0], "pets", "ann", "2026-02-03T04:05:06Z", "7.5", "sure")], header)
    loop.refused("ingest", path, kind="data", says="there is no column 'id'", hint="--id-column")
    names = ["annotator=who", "labeled_at=when", "seconds=took", "comment=remark"]
    options = [part for name in names for part in ("--column", name)]
    loop.doc("ingest", path, "--id-column", "row", "--label-column", "choice", "--guideline", "v2", *options)
    (row,) = loop.ledger()
    assert {name: row[name] for name in ("id", "label", "annotator", "seconds", "comment", "guideline")} == {
        "id": asked[0],
        "label": "pets",
        "annotator": "ann",
        "seconds": 7.5,
        "comment": "sure",
        "guideline": "v2",
    }
    assert row["labeled_at"] == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert (row["source"], row["round"], row["status"]) == ("a.csv", 0, "labeled")


def test_the_config_may_name_the_columns_and_the_words_for_skip_and_unsure(loop):
    asked = loop.asked()
    loop.config(labels={"id": "row", "label": "choice", "skip": ["n/a"], "unsure": ["?"]})
    path = loop.csv("a.csv", [(asked[0], "pets"), (asked[1], "n/a"), (asked[2], "?")], ("row", "choice"))
    counts = loop.doc("ingest", path)["counts"]
    assert (counts["new"], counts["skipped"], counts["unsure"], len(loop.labels())) == (3, 1, 1, 1)


@pytest.mark.parametrize("name", ["anotator=who", "nonsense=who"])
def test_a_column_mapping_to_no_ledger_column_is_refused(loop, name):
    path = loop.csv("a.csv", [(loop.asked()[0], "pets", "ann")], ("id", "label", "who"))
    outcome = loop.alcli("ingest", path, "--column", name, code=2)
    assert name.split("=")[0] in outcome.err


def test_a_mapped_column_that_is_not_there_is_refused(loop):
    path = loop.csv("a.csv", [(loop.asked()[0], "pets")])
    loop.refused(
        "ingest",
        path,
        "--column",
        "annotator=who",
        kind="data",
        says="there is no column 'who'",
        where="a.csv",
    )


def test_the_ledger_has_the_columns_of_the_contract(loop):
    loop.doc("ingest", loop.answer())
    assert pq.read_schema(loop.root / "ledger/000001.parquet").names == [
        "id",
        "label",
        "annotator",
        "status",
        "labeled_at",
        "seconds",
        "comment",
        "guideline",
        "round",
        "source",
        "source_sha256",
        "ingested_at",
    ]
    table = pq.read_table(loop.root / "labels.parquet")
    assert table.column_names == ["id", "label", "split", "round", "n_annotators", "agreement", "resolution"]
    assert table["id"].to_pylist() == sorted(loop.asked())
    splits = {row["id"]: row["split"] for row in table.to_pylist()}
    assert {id_ for id_, split in splits.items() if split == "validation"} == set(loop.of_split("validation"))


START = datetime(2026, 1, 1, tzinfo=UTC)
ANSWERS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["pets", "food", "skip", "unsure", ""]),
        st.sampled_from(["", "ann", "bob", "cyd"]),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=ANSWERS, seed=st.integers(0, 1 << 30))
def test_dated_answers_give_the_same_labels_in_any_order_split_and_repetition(answers, seed, at, tmp_path):
    shutil.rmtree(tmp_path / "project", ignore_errors=True)
    shutil.rmtree(tmp_path / "other", ignore_errors=True)
    loop = at("seeded")
    loop.config(task={"classes": ["pets", "food"]})
    shutil.copytree(loop.root, tmp_path / "other")
    other = type(loop)(tmp_path / "other")
    asked = loop.asked()
    rows = [
        (asked[n], label, who, (START + timedelta(days=day)).isoformat()) for n, label, who, day in answers
    ]
    header = ("id", "label", "annotator", "labeled_at")
    loop.doc("ingest", loop.csv("all.csv", rows, header))

    chance = random.Random(seed)
    shuffled = [*rows, *chance.choices(rows, k=len(rows) // 2)]
    chance.shuffle(shuffled)
    cuts = sorted(chance.randrange(len(shuffled) + 1) for _ in range(2))
    parts = [
        shuffled[: cuts[0]],
        shuffled[cuts[0] : cuts[1]],
        shuffled[cuts[1] :],
        chance.sample(rows, len(rows)),
    ]
    for number, part in enumerate(parts):
        other.doc("ingest", other.csv(f"part{number}.csv", part, header), "--skip-invalid")
    other.doc("ingest", other.root / "part0.csv")
    assert other.content("labels.parquet") == loop.content("labels.parquet")


def test_retract_names_one_file_by_its_path_in_the_project(loop):
    asked = loop.asked()
    loop.write("ann/answers.csv", f"id,label\n{asked[0]},pets\n{asked[1]},pets\n")
    loop.write("bob/answers.csv", f"id,label\n{asked[2]},food\n")
    loop.doc("ingest", loop.root / "ann/answers.csv")
    loop.doc("ingest", loop.root / "bob/answers.csv")
    assert [row["source"] for row in loop.ledger()] == ["ann/answers.csv"] * 2 + ["bob/answers.csv"]
    loop.refused(
        "ingest",
        "--retract",
        "answers.csv",
        kind="data",
        says="2 files that were ingested are called 'answers.csv'",
        hint="ann/answers.csv, bob/answers.csv",
    )
    assert loop.doc("ingest", "--retract", "ann/answers.csv")["counts"]["retracted"] == 2
    assert loop.labels() == {asked[2]: "food"}


def test_two_contents_of_one_file_are_told_apart_by_their_sha256(known):
    asked = known.asked()
    known.doc("ingest", known.csv("answers.csv", [(asked[0], "pets")]))
    known.doc("ingest", known.csv("answers.csv", [(asked[1], "food")]))
    first, second = [row["source_sha256"] for row in known.ledger()]
    for hint in (first, second):
        known.refused("ingest", "--retract", "answers.csv", kind="data", says="2 files", hint=hint)
    known.doc("ingest", "--retract", first)
    assert known.labels() == {asked[1]: "food"}


def test_a_file_outside_the_project_is_called_by_its_name(loop, tmp_path):
    path = tmp_path / "outside.csv"
    path.write_text(f"id,label\n{loop.asked()[0]},pets\n")
    loop.doc("ingest", path)
    assert loop.ledger()[0]["source"] == "outside.csv"
    assert loop.doc("ingest", "--retract", "outside.csv")["counts"]["retracted"] == 1


@pytest.mark.parametrize("options", [["--retract", "a.csv"], ["--retract-annotator", "ann"]])
def test_files_are_not_taken_in_and_back_at_once(loop, options):
    path = loop.answer()
    before = loop.tree()
    assert "then ingest files" in loop.alcli("ingest", path, *options, code=2).err
    assert loop.tree() == before


def test_a_typo_that_was_corrected_is_no_class_any_more(loop):
    asked = loop.asked()
    rows = [(id_, ("pets", "food")[n % 2]) for n, id_ in enumerate(asked[:12])]
    first = loop.csv("first.csv", [(asked[0], "petts"), *rows[1:]])
    assert loop.doc("ingest", first)["labels"] == {"food": 6, "pets": 5, "petts": 1}
    loop.doc("ingest", loop.csv("more.csv", [(asked[12], "petts")]))  # as long as it stands, it is a class
    loop.doc("ingest", loop.csv("corrected.csv", [(asked[0], "pets"), (asked[12], "pets")]))
    again = loop.csv("again.csv", [(asked[13], "petts")])
    loop.refused("ingest", again, kind="data", says="'petts' is none of the classes", hint="'pets'")
    before = loop.tree()
    found = loop.doc("ingest", first)
    assert (found["changed"], found["counts"]["new"], found["counts"]["known"]) == (False, 0, 12)
    assert loop.tree() == before
    assert loop.labels() == {**dict(rows), asked[12]: "pets"}
    assert loop.doc("train")["counts"]["classes"] == 2


def test_a_typo_of_a_file_that_was_taken_back_is_no_class_any_more(loop):
    asked = loop.asked()
    loop.doc("ingest", loop.csv("good.csv", [(asked[0], "pets"), (asked[1], "food")]))
    loop.doc("ingest", loop.csv("wrong.csv", [(asked[2], "foood")]), "--new-class")
    loop.doc("ingest", "--retract", "wrong.csv")
    path = loop.csv("next.csv", [(asked[3], "foood")])
    loop.refused("ingest", path, kind="data", says="'foood' is none of the classes", hint="'food'")


def test_the_first_answers_say_the_classes_they_name_and_point_at_likely_typos(loop):
    asked = loop.asked()
    rows = [(id_, ("pets", "food")[n % 2]) for n, id_ in enumerate(asked[:13])] + [(asked[13], "foood")]
    path = loop.csv("a.csv", rows)
    for options in (["--dry-run"], []):
        outcome = loop.alcli("ingest", path, *options)
        assert "3 classes learned: food 6, foood 1, pets 7." in outcome.out
        assert "'foood' (1) is nearly 'food' (6): correct it if it is misspelled" in outcome.err
    outcome = loop.alcli("ingest", loop.csv("b.csv", [(asked[14], "pets")]))
    assert "learned" not in outcome.out
    assert outcome.err == ""


def test_classes_of_the_config_are_not_learned(known):
    outcome = known.alcli("ingest", known.answer())
    assert "learned" not in outcome.out
    assert outcome.err == ""


def test_a_labeled_set_changed_by_hand_is_mended_as_the_hint_says(at):
    loop = at("scored")
    before = loop.tree()
    table = pq.read_table(loop.root / "labels.parquet")
    for damage in ("changed", "cut", "removed"):
        if damage == "changed":
            pq.write_table(table.slice(1), loop.root / "labels.parquet")
        elif damage == "cut":
            loop.write("labels.parquet", b"PAR1")
        else:
            (loop.root / "labels.parquet").unlink()
        loop.refused(
            "train", kind="integrity", says="", where="labels.parquet", hint="alcli ingest --rebuild"
        )
        assert loop.doc("ingest", "--rebuild")["changed"]
        assert loop.tree()["labels.parquet"] == before["labels.parquet"]
        assert not loop.doc("train")["changed"]
        assert not loop.doc("score")["changed"]


def test_class_names_in_brackets_are_printed_as_they_are(at):
    loop = at("seeded")
    names = ("[red]", "[/x]")
    asked = loop.asked()
    path = loop.csv("a.csv", [(id_, names[int(id_[1:]) % 2]) for id_ in asked])
    assert "2 classes learned: [/x] " in loop.alcli("ingest", path).out
    loop.refused("ingest", loop.csv("b.csv", [(asked[0], "[re]")]), kind="data", says="'[re]'", hint="[red]")
    assert "did you mean '[red]'?" in loop.alcli("ingest", loop.root / "b.csv", code=1).err
    train = loop.alcli("train", "-v").out
    assert sum(line.split()[0] in names for line in train.splitlines()) == 4  # by class, and the confusion
    for command in ("score", "query"):
        loop.doc(command)
    rows = [
        (id_, name, who) for id_ in loop.asked(1) for name, who in zip(names, ("[ann]", "[/]"), strict=True)
    ]
    disputed = loop.csv("[bold]c.csv", rows, ("id", "label", "annotator"))
    assert "6 disputed" in loop.alcli("ingest", disputed).out
    assert f"disputed: {', '.join(sorted(loop.asked(1)))}" in loop.alcli("status", "-v").out
    outcome = loop.alcli("ingest", "--retract-annotator", "[an]", code=1)
    assert "'[an]'" in outcome.err
    assert "[ann]" in outcome.err


# adjudication


def _decide(loop, name, label, rows=None):
    """Fill in an adjudicate.csv, all of it or some rows."""
    header, *_ = (loop.root / name).read_text().splitlines()
    found = _rows(loop.root / name)
    filled = [
        [*list(row.values())[:-1], label if n in (rows or range(len(found))) else ""]
        for n, row in enumerate(found)
    ]
    return loop.csv(name, filled, header.split(","))


def _votes(loop, name, rows):
    return loop.csv(name, rows, ("id", "label", "annotator"))


def test_disputed_rows_are_listed_with_the_votes_and_without_names(loop):
    first, second, *_ = sorted(loop.asked())
    votes = [(first, "pets", "ann"), (first, "food", "bob"), (second, "pets", "ann"), (second, "pets", "bob")]
    found = loop.doc("ingest", _votes(loop, "a.csv", votes))
    assert "rounds/000/adjudicate.csv" in found["files"]
    (row,) = _rows(loop.root / "rounds/000/adjudicate.csv")
    assert list(row) == ["id", "text", "answers", "adjudicated", "label"]
    assert (row["id"], row["answers"], row["adjudicated"], row["label"]) == (
        first,
        "1 food, 1 pets",
        "yes",
        "",
    )
    assert loop.doc("status")["adjudicate"] == ["rounds/000/adjudicate.csv"]
    assert "rounds/000/adjudicate.csv" in loop.alcli("status").out
    tree = loop.tree()
    assert not loop.doc("ingest", loop.root / "a.csv")["changed"]
    assert not loop.doc("ingest", loop.root / "rounds/000/adjudicate.csv")["changed"]
    assert loop.tree() == tree


def test_what_is_adjudicated_wins_over_any_votes_before_and_after(loop):
    id_ = loop.asked()[0]
    loop.doc("ingest", _votes(loop, "a.csv", [(id_, "pets", ""), (id_, "food", "bob")]))
    decided = _decide(loop, "rounds/000/adjudicate.csv", "food")
    loop.doc("ingest", decided)
    assert loop.labels() == {id_: "food"}
    loop.doc(
        "ingest", _votes(loop, "b.csv", [(id_, "pets", "cid"), (id_, "pets", "dan"), (id_, "pets", "eve")])
    )
    loop.doc("ingest", loop.root / "a.csv")
    (row,) = loop.table("labels.parquet")
    assert (row["label"], row["resolution"], row["n_annotators"]) == ("food", "adjudicated", 6)
    assert row["agreement"] == pytest.approx(2 / 6)
    assert not loop.doc("ingest", decided)["changed"]
    assert loop.doc("status")["adjudicate"] == []
    loop.doc("ingest", "--retract", "rounds/000/adjudicate.csv")
    assert loop.labels() == {id_: "pets"}


def test_a_row_adjudicated_as_skip_is_skipped_and_one_as_unsure_stays_in_dispute(loop):
    first, second, *_ = sorted(loop.asked())
    loop.doc(
        "ingest",
        _votes(
            loop,
            "a.csv",
            [(i, lab, who) for i in (first, second) for lab, who in (("pets", "ann"), ("food", "bob"))],
        ),
    )
    header = ("id", "label", "adjudicated")
    found = loop.doc(
        "ingest", loop.csv("b.csv", [(first, "skip", "TRUE"), (second, "unsure", "yes")], header)
    )
    assert (found["counts"]["skipped"], found["counts"]["disputed"]) == (1, 1)
    assert loop.labels() == {}


def test_what_was_filled_in_is_never_written_over_and_an_untouched_file_grows(loop):
    asked = sorted(loop.asked())
    for number, id_ in enumerate(asked[:2]):
        loop.doc("ingest", _votes(loop, f"{number}.csv", [(id_, "pets", "ann"), (id_, "food", "bob")]))
    name = "rounds/000/adjudicate.csv"
    assert [row["id"] for row in _rows(loop.root / name)] == asked[:2]
    filled = _decide(loop, name, "food", rows=[0]).read_bytes()
    loop.doc("ingest", _votes(loop, "2.csv", [(asked[2], "pets", "ann"), (asked[2], "food", "bob")]))
    assert (loop.root / name).read_bytes() == filled
    assert [row["id"] for row in _rows(loop.root / "rounds/000/adjudicate-2.csv")] == asked[2:3]
    loop.doc("ingest", loop.root / name)
    assert loop.labels() == {asked[0]: "food"}
    assert loop.doc("status")["adjudicate"] == [name, "rounds/000/adjudicate-2.csv"]


def test_a_lost_adjudicate_file_comes_back(loop):
    id_ = loop.asked()[0]
    votes = _votes(loop, "a.csv", [(id_, "pets", "ann"), (id_, "food", "bob")])
    loop.doc("ingest", votes)
    path = loop.root / "rounds/000/adjudicate.csv"
    before = path.read_bytes()
    path.unlink()
    assert loop.doc("ingest", votes)["changed"]
    assert path.read_bytes() == before
