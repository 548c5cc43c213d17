"""From a label file to checked answers: columns, times, damaged ids, wrong labels, conflicts."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcli.config import LabelsSection
from alcli.errors import DataError
from alcli.project.answers import read_answers
from alcli.project.gate import Gate, check, rejected_columns
from alcli.project.times import parse_times

LABELS = LabelsSection()
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Cells:
    table: pa.Table
    row: np.ndarray


def cells(**columns):
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return Cells(table, np.arange(2, table.num_rows + 2))


def read(labels=LABELS, *, classes=None, columns=None, shown=(), **file):
    return read_answers(
        cells(**file), labels, source="labels.csv", columns=columns, classes=classes, shown=shown
    )


def gate(*asked, pool=(), **knows):
    pool = {*asked, *pool}
    return Gate(asked=dict.fromkeys(asked, 3), in_pool=lambda ids: pool & set(ids), **knows)


def passed(project_gate, **file):
    answers = read(classes=project_gate.classes, **file)
    return check(answers.table, project_gate, source="labels.csv")


def reasons(checked):
    rows = checked.rejected.to_pylist()
    return {row["row"]: f"{row['reason']}; {row['hint']}" for row in rows}


# reading


def test_blank_labels_are_pending_and_left_out():
    answers = read(id=["a", "b", "c"], label=["x", "", "  "])
    assert answers.table["id"].to_pylist() == ["a"]
    assert answers.n_pending == 2


def test_skips_and_unsure_answers_have_a_status_and_no_label():
    answers = read(id=["a", "b", "c"], label=["skip", "unsure", "x"]).table
    assert answers["status"].to_pylist() == ["skipped", "unsure", "labeled"]
    assert answers["label"].to_pylist() == [None, None, "x"]


def test_a_status_column_says_what_a_blank_label_means():
    answers = read(id=["a", "b", "c"], label=["", "", "x"], status=["skipped", "open", "unsure"])
    assert answers.table["status"].to_pylist() == ["skipped", "labeled"]
    assert answers.n_pending == 1


@pytest.mark.parametrize("missing", ["id", "label"])
def test_a_missing_column_names_the_nearest_one_and_the_setting(missing):
    file = {"id": ["a"], "label": ["x"]}
    file[missing.upper()] = file.pop(missing)
    with pytest.raises(DataError, match=f"no column '{missing}'") as caught:
        read(**file)
    assert f"did you mean '{missing.upper()}'" in caught.value.hint
    assert f"--{missing}-column" in caught.value.hint
    assert f"labels.{missing}" in caught.value.hint


def test_other_columns_are_recognized_by_their_usual_names():
    file = {
        "Completed_By": [" 1"],
        "created_at": ["2026-01-31T12:00:00Z"],
        "Lead_Time": ["1.5"],
        "Notes": ["hm"],
    }
    (row,) = read(id=["a"], label=["x"], **file).table.to_pylist()
    assert (row["annotator"], row["labeled_at"], row["seconds"], row["comment"]) == ("1", NOON, 1.5, "hm")
    assert row["guideline"] == ""


def test_a_correction_keeps_the_time_of_the_change_and_not_of_the_first_answer():
    file = {"created_at": ["2026-01-01"], "updated_at": ["2026-01-31T12:00"]}
    assert read(id=["a"], label=["x"], **file).table["labeled_at"].to_pylist() == [NOON]


def test_columns_of_the_pool_are_no_answers():
    answers = read(id=["a"], label=["x"], date=["some day"], user=["zoe"], shown={"date", "user"}).table
    assert answers["labeled_at"].to_pylist() == [None]
    assert answers["annotator"].to_pylist() == [""]


def test_a_named_column_goes_before_a_usual_spelling():
    answers = read(id=["a"], label=["x"], who=["anna"], user=["zoe"], columns={"annotator": "who"}).table
    assert answers["annotator"].to_pylist() == ["anna"]


def test_whole_number_floats_are_whole_numbers_where_the_whole_column_reads_so():
    assert read(id=["a", "b", "c"], label=["1.0", "", "2.0"]).table["label"].to_pylist() == ["1", "2"]
    assert read(id=["a", "b"], label=["1.0", "skip"]).table["label"].to_pylist() == ["1", None]
    assert read(id=["a", "b"], label=["1.0", "2.5"]).table["label"].to_pylist() == ["1.0", "2.5"]


def test_a_class_that_is_called_1_0_keeps_its_name():
    answers = read(id=["a", "b"], label=["1.0", "2.0"], classes=["1.0", "2.0"]).table
    assert answers["label"].to_pylist() == ["1.0", "2.0"]


@pytest.mark.parametrize("label", ["NA", "null", "None", "nan", "no", "false"])
def test_words_that_other_tools_take_for_nothing_are_classes(label):
    assert read(id=["a"], label=[label]).table["label"].to_pylist() == [label]


def test_seconds_that_are_no_number_are_left_out_with_a_warning():
    answers = read(id=["a", "b", "c"], label=["x"] * 3, seconds=["3", "", "fast"])
    assert answers.table["seconds"].to_pylist() == [3.0, None, None]
    assert "'seconds' that are no number, left out: 1" in answers.warnings[0]


def test_an_empty_file_has_no_answers():
    answers = read(id=[], label=[])
    assert (answers.table.num_rows, answers.n_pending) == (0, 0)
    checked = check(answers.table, gate("a"), source="labels.csv")
    assert (checked.good.num_rows, checked.rejected.num_rows) == (0, 0)


# times


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31 12:00:00.000000",
        "2026-01-31T12:00",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31T07:00:00.000-0500",
        "2026-01-31T14+02",
        "20260131T120000Z",
        "2026-01-31T12:00:00.000000000Z",
        " 1769860800 ",
        "1769860800.0",
        "1769860800000",
        "1769860800000000",
    ],
)
def test_times_are_read_in_the_usual_forms(text):
    times, unreadable = parse_times(pa.chunked_array([[text, ""]]))
    assert times.to_pylist() == [NOON, None]
    assert not unreadable.any()


@pytest.mark.parametrize(
    "text", ["yesterday", "31.01.2026", "2026-02-30", "2026-01-31T25:00", "2026", "12", "-5"]
)
def test_what_is_no_date_is_said_to_be_none_and_its_neighbours_are_read(text):
    times, unreadable = parse_times(pa.chunked_array([[text], ["2026-01-31T12:00", "2026-01-31T12:00Z"]]))
    assert times.to_pylist() == [None, NOON, NOON]
    assert unreadable.tolist() == [True, False, False]


@given(st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=st.none() | st.just(UTC))))
def test_every_iso_time_is_read_exactly(moments):
    times, unreadable = parse_times(
        pa.chunked_array([[moment.isoformat() for moment in moments]], pa.string())
    )
    assert times.to_pylist() == [moment.replace(tzinfo=UTC) for moment in moments]
    assert not unreadable.any()


def test_a_row_with_an_unreadable_date_is_rejected():
    checked = passed(gate("a", "b"), id=["a", "b"], label=["x", "x"], date=["2026-01-31", "soon"])
    assert reasons(checked) == {3: "'soon' is no date; write 2026-01-31 or 2026-01-31T12:00:00Z"}
    assert checked.good["id"].to_pylist() == ["a"]


# ids


def test_an_answer_carries_the_round_in_which_its_row_was_asked():
    knows = Gate(asked={"a": 0, "b": 2}, in_pool=lambda _: set())
    assert passed(knows, id=["b", "a"], label=["x", "y"]).good["round"].to_pylist() == [2, 0]


@pytest.mark.parametrize(
    ("asked", "damaged"),
    [
        ("007", "7"),
        ("12", "12.0"),
        ("007", "7.0"),
        ("12345678901234567890", "1.23457E+19"),
        ("12345678901234567890", "1.23456789012346E+019"),
        ("12345678901234567890", "1.23456789012345E+19"),
        ("12345678901234567890", "12345678901234600000"),
        ("12345678901234567890", "12345678901234500000"),
        ("1e5", "1.00E+05"),
        ("1e5", "100000"),
        ("r1", " r1\t"),
        ("r1", "\u00a0r1\u200b"),
        (" r1", "r1"),
    ],
)
def test_an_id_that_a_spreadsheet_damaged_is_repaired_and_said(asked, damaged):
    checked = passed(gate(asked, "other"), id=[damaged], label=["x"])
    assert reasons(checked) == {}
    assert checked.good["id"].to_pylist() == [asked]
    assert (
        f"ids damaged by a spreadsheet, repaired: 1, such as {damaged!r} to {asked!r}" in checked.warnings[0]
    )


@pytest.mark.parametrize(
    ("asked", "damaged"),
    [
        (["007", "07"], "7"),
        (["12345678901234567890", "12345678901234567891"], "1.23457E+19"),
        (["a ", " a"], "a"),
    ],
)
def test_a_damaged_id_that_fits_several_rows_is_rejected(asked, damaged):
    checked = passed(gate(*asked), id=[damaged], label=["x"])
    assert "fits several rows" in reasons(checked)[2]


def test_an_exact_id_wins_over_a_repair():
    both = passed(gate("007", "7"), id=["7", "007"], label=["x", "y"])
    assert both.good["id"].to_pylist() == ["7", "007"]
    assert both.warnings == ()
    unasked = passed(gate("007", pool=["7"]), id=["7"], label=["x"])
    assert "never asked" in reasons(unasked)[2]


def test_zeros_that_a_file_has_too_many_are_no_damage():
    assert "no such id" in reasons(passed(gate("7"), id=["007"], label=["x"]))[2]


def test_an_id_in_other_case_is_not_repaired_but_named():
    assert "did you mean 'Ab1'" in reasons(passed(gate("Ab1"), id=["aB1"], label=["x"]))[2]


def test_a_blank_id_is_rejected():
    assert "id is blank" in reasons(passed(gate("a"), id=["", " \u00a0"], label=["x", "x"]))[3]


def test_answers_never_asked_for_are_refused_accepted_or_ignored():
    file = {"id": ["a", "b"], "label": ["x", "y"]}
    refused = passed(gate("a", pool=["b"]), **file)
    assert "never asked; --unrequested accept" in reasons(refused)[3]
    accepted = passed(gate("a", pool=["b"], unrequested="accept", round=5), **file)
    assert accepted.good["round"].to_pylist() == [3, 5]
    assert (accepted.n_unrequested, accepted.rejected.num_rows) == (1, 0)
    ignored = passed(gate("a", pool=["b"], unrequested="ignore"), **file)
    assert ignored.good["id"].to_pylist() == ["a"]
    assert (ignored.n_ignored, ignored.rejected.num_rows) == (1, 0)


def test_an_oracle_may_know_more_than_was_asked_even_with_other_classes_and_bad_dates():
    knows = gate("a", classes=["x"], sealed={"s": "reserve"}, unrequested="ignore")
    checked = passed(knows, id=["a", "s", "z"], label=["x", "x", "y"], date=["", "", "soon"])
    assert (checked.good.num_rows, checked.n_ignored, checked.rejected.num_rows) == (1, 2, 0)


@pytest.mark.parametrize("unrequested", ["refuse", "accept"])
def test_a_sealed_row_is_rejected_always(unrequested):
    knows = gate("a", pool=["s"], sealed={"s": "reserve"}, unrequested=unrequested)
    assert "sealed (reserve)" in reasons(passed(knows, id=["s"], label=["x"]))[2]


def test_the_pool_is_asked_only_about_ids_that_were_not():
    seen = []
    knows = Gate(asked={"a": 1}, in_pool=lambda ids: seen.append(list(ids)) or set())
    passed(knows, id=["a"], label=["x"])
    assert seen == []
    passed(knows, id=["a", "b", "b"], label=["x"] * 3)
    assert seen == [["b"]]


# labels


@pytest.mark.parametrize(("typed", "meant"), [("Spam", "spam"), ("spma", "spam"), ("not  Spam", "not spam")])
def test_a_label_outside_the_classes_offers_the_nearest(typed, meant):
    checked = passed(gate("a", classes=["spam", "ham", "not spam"]), id=["a"], label=[typed])
    assert f"{typed!r} is none of the classes; did you mean {meant!r}? --new-class" in reasons(checked)[2]


def test_a_label_like_no_class_lists_them():
    checked = passed(gate("a", classes=["spam", "ham"]), id=["a"], label=["zebra"])
    assert "the classes are: spam, ham" in reasons(checked)[2]


def test_new_classes_come_in_where_they_are_allowed():
    checked = passed(gate("a", "b", classes=["x"], new_classes=True), id=["a", "b"], label=["x", "X"])
    assert checked.new_classes == ("X",)
    assert "'x' (1 rows), 'X' (1 rows)" in checked.warnings[0]


def test_first_labels_that_differ_in_case_only_are_pointed_out():
    checked = passed(gate("a", "b", "c"), id=["a", "b", "c"], label=["ham", "ham", "Ham"])
    assert checked.new_classes == ("Ham", "ham")
    assert "look alike" in checked.warnings[0]


def test_a_first_file_with_another_label_in_every_row_has_the_wrong_label_column():
    ids = [f"r{n}" for n in range(30)]
    with pytest.raises(DataError, match="30 different labels in 30 answers"):
        passed(gate(*ids), id=ids, label=[f"text {n}" for n in range(30)])


# several answers to one row in one file


def test_one_annotators_two_undated_answers_are_both_named():
    checked = passed(gate("a", "b"), id=["a", "b", "a"], label=["x", "x", "y"])
    assert sorted(reasons(checked)) == [2, 4]
    assert "rows 2 and 4 answer this id differently ('x', 'y')" in reasons(checked)[2]


def test_two_spellings_of_one_id_are_one_row():
    checked = passed(gate("007"), id=["7", "007"], label=["x", "y"])
    assert sorted(reasons(checked)) == [2, 3]


@pytest.mark.parametrize(
    "file",
    [
        {"annotator": ["anna", "ben"]},
        {"labeled_at": ["2026-01-01", "2026-01-02"]},
        {"labeled_at": ["2026-01-01", ""]},
    ],
)
def test_answers_that_can_be_told_apart_are_no_conflict(file):
    checked = passed(gate("a"), id=["a", "a"], label=["x", "y"], **file)
    assert (checked.good.num_rows, checked.rejected.num_rows) == (2, 0)


def test_two_answers_of_one_moment_are_left_to_the_ledger_to_rank():
    checked = passed(gate("a"), id=["a", "a"], label=["x", "skip"], labeled_at=["2026-01-01"] * 2)
    assert checked.rejected.num_rows == 0


def test_the_same_answer_twice_is_no_conflict():
    assert passed(gate("a"), id=["a", "a"], label=["x", "x"]).rejected.num_rows == 0


def test_rejected_rows_are_listed_with_file_row_and_reason():
    checked = passed(gate("a", classes=["x"]), id=["a", "b"], label=["x", "skip"])
    listed = rejected_columns(checked.rejected, "labels.csv")
    assert list(listed) == ["file", "row", "id", "label", "reason"]
    assert listed["file"] == ["labels.csv"]
    assert (listed["row"], listed["id"], listed["label"]) == (["3"], ["b"], ["skipped"])
    assert "no such id" in listed["reason"][0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "01", "1.0", "r", " r", "R", "", "z", "sealed", "1E+3", "1000"]),
            st.sampled_from(["x", "y", "Y", "skip", "", "unsure"]),
            st.sampled_from(["", "anna"]),
            st.sampled_from(["", "2026-01-31", "soon"]),
        )
    ),
    st.sampled_from(["refuse", "accept", "ignore"]),
)
def test_every_row_is_pending_good_rejected_or_ignored_and_never_two_of_them(rows, unrequested):
    ids, labels, annotators, dates = ([row[part] for row in rows] for part in range(4))
    answers = read(id=ids, label=labels, annotator=annotators, date=dates, classes=["x", "y"])
    knows = gate(
        "01",
        "r",
        pool=["z", "1000"],
        classes=["x", "y"],
        unrequested=unrequested,
        sealed={"sealed": "reserve"},
    )
    checked = check(answers.table, knows, source="labels.csv")
    assert answers.n_pending + checked.good.num_rows + checked.rejected.num_rows + checked.n_ignored == len(
        rows
    )
    assert not set(checked.good["row"].to_pylist()) & set(checked.rejected["row"].to_pylist())
    assert set(checked.good["id"].to_pylist()) <= {"01", "r", "z", "1000"}
    assert all(reason for reason in checked.rejected["reason"].to_pylist())
    assert all(re.search(r"\w", hint) for hint in checked.rejected["hint"].to_pylist())
