"""Label files as people's tools really write them."""

import csv
import io
import json
from datetime import UTC, date, datetime

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alcli.errors import DataError
from alcli.formats.csv import Csv
from alcli.formats.jsonl import Jsonl
from alcli.formats.parquet import Parquet
from alcli.formats.xlsx import Xlsx


def read_csv(tmp_path, content, name="labels.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Csv().read(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_delimiters_and_line_ends_are_recognized(tmp_path, delimiter, end):
    rows = [["id", "label"], ["a", "x"], ["b", "NA"]]
    sheet = read_csv(tmp_path, end.join(delimiter.join(row) for row in rows))
    assert sheet.table.to_pydict() == {"id": ["a", "b"], "label": ["x", "NA"]}
    assert sheet.row.tolist() == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_unicode_with_and_without_bom_needs_no_warning(tmp_path, encoding):
    sheet = read_csv(tmp_path, "id,label\na,été 日本\n".encode(encoding))
    assert sheet.table.to_pydict() == {"id": ["a"], "label": ["été 日本"]}
    assert sheet.warnings == ()


def test_csv_in_windows_1252_is_read_with_a_warning(tmp_path):
    sheet = read_csv(tmp_path, "id;label\na;été €\n".encode("cp1252"))
    assert sheet.table["label"].to_pylist() == ["été €"]
    assert "Windows-1252" in sheet.warnings[0]


def test_csv_header_cells_are_stripped_and_unnamed_columns_left_out(tmp_path):
    sheet = read_csv(tmp_path, ", id ,label,\n0,a, x,\n")
    assert sheet.table.to_pydict() == {"id": ["a"], "label": [" x"]}


def test_csv_rows_count_as_in_a_spreadsheet_past_line_breaks_and_blank_lines(tmp_path):
    sheet = read_csv(tmp_path, 'id,label\n\n"a\nb","x"\r\n\r\nc,y\n')
    assert sheet.table.to_pydict() == {"id": ["a\nb", "c"], "label": ["x", "y"]}
    assert sheet.row.tolist() == [3, 5]


def test_csv_quoted_cells_may_hold_anything(tmp_path):
    sheet = read_csv(tmp_path, 'id,label,n\n"a","x,""y""\n\nz",1\nb,"",2\n')
    assert sheet.table.to_pydict() == {"id": ["a", "b"], "label": ['x,"y"\n\nz', ""], "n": ["1", "2"]}
    assert sheet.row.tolist() == [2, 3]


def test_csv_stray_quotes_inside_a_cell_are_kept(tmp_path):
    assert read_csv(tmp_path, 'id,label\na,5" nail\n').table["label"].to_pylist() == ['5" nail']


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ("id,label\na,x\nb\nc,y\n", "row 3", "1 cells, the header has 2"),
        ('id,label\n"a\n1",x\nb,y,z\n', "row 3", "3 cells, the header has 2"),
        ('id,label\na,x\nb,"y\nc,z\n', "row 3", "never closed"),
        ('id,label\na,"x\nb,"y\nc,z\n', "row 2", "quotes are wrong"),
        ("id,label,id\na,x,b\n", "row 1", "stands twice"),
        ("", "labels.csv", "empty"),
        ("\n\n", "labels.csv", "empty"),
        ("id,label\0\n", "labels.csv", "NUL"),
    ],
)
def test_csv_damage_is_named_with_its_row(tmp_path, content, place, message):
    with pytest.raises(DataError, match=message) as caught:
        read_csv(tmp_path, content)
    assert place in caught.value.where


def test_csv_of_many_rows_reads_the_same_with_and_without_a_blank_line(tmp_path):
    lines = [f'r{n},"say ""{n}"", please",x' for n in range(60_000)]
    plain = read_csv(tmp_path, "\n".join(["id,text,label", *lines]))
    careful = read_csv(tmp_path, "\n".join(["id,text,label", *lines[:30_000], "", *lines[30_000:]]))
    assert plain.table.to_pydict() == careful.table.to_pydict()
    assert plain.row[-1] + 1 == careful.row[-1] == 60_002


def test_tsv_is_written_with_tabs(tmp_path):
    Csv().write(tmp_path / "labels.tsv", {"id": ["a"], "label": ["x,y"]})
    assert (tmp_path / "labels.tsv").read_text() == 'id\tlabel\na\t"x,y"\n'


def write_parquet(tmp_path, **columns):
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table(columns), path)
    return Parquet().read(path)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None, -3]), ["1", "", "-3"]),
        (pa.array([1.0, None, 2.0]), ["1.0", "", "2.0"]),
        (pa.array([0.1, float("nan"), 1e20], pa.float32()), ["0.1", "", "1e+20"]),
        (pa.array([True, False, None]), ["true", "false", ""]),
        (pa.array(["x", None, "NA"]).dictionary_encode(), ["x", "", "NA"]),
        (pa.array([date(2026, 1, 31), None, None]), ["2026-01-31", "", ""]),
        (pa.array([[1, 2], None, []]), ["[1, 2]", "", "[]"]),
        (pa.array([{"a": "x"}, None, None]), ['{"a": "x"}', "", ""]),
        (pa.nulls(3), ["", "", ""]),
        (pa.array([b"x", None, b""], pa.binary()), ["x", "", ""]),
    ],
)
def test_parquet_columns_of_any_type_become_text(tmp_path, column, expected):
    assert write_parquet(tmp_path, value=column).table["value"].to_pylist() == expected


def test_parquet_times_are_iso_8601_in_utc(tmp_path):
    moment = datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)
    columns = {
        "zoned": pa.array([moment], pa.timestamp("ns", "Europe/Berlin")),
        "naive": pa.array([datetime(2026, 1, 31, 12)], pa.timestamp("ms")),
    }
    cells = write_parquet(tmp_path, **columns).table.to_pylist()[0]
    assert cells == {"zoned": "2026-01-31T12:00:00.500000Z", "naive": "2026-01-31T12:00:00Z"}


def test_a_truncated_parquet_file_is_one_clear_error(tmp_path):
    path = tmp_path / "labels.parquet"
    Parquet().write(path, {"id": ["a"] * 100})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="no readable Parquet"):
        Parquet().read(path)


def read_json(tmp_path, text, name="labels.jsonl"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return Jsonl().read(path)


def test_json_lines_keep_the_spelling_of_values(tmp_path):
    values = ["1.50", "1e5", "7", "true", "null", '"é"', "NaN", '{"choices": ["a", 1, 2.5]}']
    sheet = read_json(tmp_path, "".join(f'{{"id": {n}, "v": {value}}}\n' for n, value in enumerate(values)))
    expected = ["1.50", "1e5", "7", "true", "", "é", "", '{"choices": ["a", 1, 2.5]}']
    assert sheet.table["v"].to_pylist() == expected
    assert sheet.unit == "line"


def test_a_json_key_that_is_missing_is_blank_and_blank_lines_are_passed_over(tmp_path):
    sheet = read_json(tmp_path, '{"id": "a"}\r\n\n{"id": "b\u2028c", "label": "x"}\n')
    assert sheet.table.to_pydict() == {"id": ["a", "b\u2028c"], "label": ["", "x"]}
    assert sheet.row.tolist() == [1, 3]


def test_a_json_key_may_come_late_in_a_long_file(tmp_path):
    lines = [json.dumps({"id": n}) for n in range(50_000)] + ['{"label": "x", "id": 50000}']
    table = read_json(tmp_path, "\n".join(lines)).table
    assert table.num_rows == 50_001
    assert table["label"].to_pylist()[-2:] == ["", "x"]


def test_a_json_file_may_be_one_list(tmp_path):
    sheet = read_json(tmp_path, '[\n{"id": 1},\n{"id": 2}\n]', "labels.json")
    assert sheet.table["id"].to_pylist() == ["1", "2"]
    assert (sheet.row.tolist(), sheet.unit) == ([1, 2], "row")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"id": 1}\n\n{"id": \n', "line 3"),
        ('{"id": 1}\n{"id": 1},{"id": 2}\n', "line 2"),
        ('{"id": 1}\n7\n', "line 2"),
        ('[{"id": 1},\n{"id" 2}]', "line 2"),
        ('[{"id": 1}, "x"]', "row 2"),
        ('{"id": 1}\n{"id": "\\ud83d"}\n', "line 2"),
        ('{"id": 1}\n{"id": ' + "9" * 5000 + "}\n", "line 2"),
        ('{"id": ' + "[" * 100_000, "line 1"),
    ],
)
def test_a_broken_json_line_is_named(tmp_path, text, place):
    with pytest.raises(DataError) as caught:
        read_json(tmp_path, text)
    assert caught.value.where == f"labels.jsonl, {place}"


def read_workbook(tmp_path, rows):
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.create_sheet("other").append(["not", "read"])
    path = tmp_path / "labels.xlsx"
    workbook.save(path)
    return Xlsx().read(path)


def test_workbook_values_are_text_as_the_spreadsheet_shows_them(tmp_path):
    values = [7, 7.0, 0.1, True, None, "007", date(2026, 1, 31), datetime(2026, 1, 31, 12, 30)]
    sheet = read_workbook(tmp_path, [["id", "value"], *([f"r{n}", value] for n, value in enumerate(values))])
    expected = ["7", "7", "0.1", "true", "", "007", "2026-01-31", "2026-01-31T12:30:00"]
    assert sheet.table["value"].to_pylist() == expected


def test_workbook_numbers_that_excel_cut_are_shown_as_such(tmp_path):
    sheet = read_workbook(tmp_path, [["id"], [1.23456789012346e19]])
    assert sheet.table["id"].to_pylist() == ["1.23456789012346E+19"]


def test_workbook_rows_count_as_shown_and_blank_ones_are_passed_over(tmp_path):
    sheet = read_workbook(tmp_path, [["id", "label", None], ["a", "x"], [], [None, None], ["b"]])
    assert sheet.table.to_pydict() == {"id": ["a", "b"], "label": ["x", ""]}
    assert sheet.row.tolist() == [2, 5]


def test_workbook_errors_are_kept_with_a_warning(tmp_path):
    sheet = read_workbook(tmp_path, [["id", "label"], ["a", "#N/A"]])
    assert sheet.table["label"].to_pylist() == ["#N/A"]
    assert "kept as text: 1" in sheet.warnings[0]


def test_ids_are_text_cells_in_a_written_workbook(tmp_path):
    path = tmp_path / "query.xlsx"
    Xlsx().write(path, {"id": ["007"], "text": ["=1+1"]})
    cells = openpyxl.load_workbook(path).active[2]
    assert [(cell.data_type, cell.number_format, cell.value) for cell in cells] == [
        ("s", "@", "007"),
        ("s", "@", "=1+1"),
    ]


@pytest.mark.parametrize("cell", ["x" * 32_768, "bell \x07"])
def test_what_a_workbook_cannot_hold_is_refused_with_its_row(tmp_path, cell):
    with pytest.raises(DataError) as caught:
        Xlsx().write(tmp_path / "query.xlsx", {"id": ["a", "b"], "text": ["fine", cell]})
    assert caught.value.where == "query.xlsx, row 3, text"
    assert not (tmp_path / "query.xlsx").exists()


def test_an_old_or_protected_workbook_is_told_from_a_damaged_one(tmp_path):
    path = tmp_path / "labels.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    with pytest.raises(DataError) as caught:
        Xlsx().read(path)
    assert "password" in caught.value.hint


def test_rows_are_whole_numbers(tmp_path):
    assert read_csv(tmp_path, "id\na\n").row.dtype == np.int64


def test_a_workbook_for_people_offers_the_answers_and_keeps_its_header_in_sight(tmp_path):
    path = tmp_path / "query.xlsx"
    columns = {"id": ["a", "b"], "text": ["long " * 100, "=HYPERLINK(1)"], "label": ["", ""]}
    Xlsx(answers=("yes, please", "no", "skip")).write(path, columns)
    workbook = openpyxl.load_workbook(path)
    sheet, answers = workbook.worksheets
    assert sheet.freeze_panes == "A2"
    assert sheet["B2"].alignment.wrap_text
    choice = sheet.data_validations.dataValidation[0]
    assert (choice.type, str(choice.sqref), choice.formula1) == ("list", "C2:C3", "answers!$A$1:$A$3")
    assert [cell.value for cell in answers["A"]] == ["yes, please", "no", "skip"]
    assert answers.sheet_state == "hidden"
    assert Xlsx().read(path).table.to_pydict() == columns


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_what_looks_like_a_formula_is_marked_as_text_and_reads_back_as_it_was(tmp_path, start):
    path = tmp_path / "query.xlsx"
    Xlsx().write(path, {"id": ["a", "b"], "text": [f"{start}cmd|' /C calc'!A0", "plain"]})
    sheet = openpyxl.load_workbook(path).active
    assert [bool(sheet[place].quotePrefix) for place in ("B2", "B3")] == [True, False]
    assert sheet["B2"].data_type == "s"
    assert Xlsx().read(path).table["text"].to_pylist() == [f"{start}cmd|' /C calc'!A0", "plain"]


TRICKY = ["a", " ", ",", '"', "\n", "\r", "\r\n", '""', '"a"', '"a,"', '"\n"']


@given(st.lists(st.sampled_from(TRICKY), max_size=12))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_delimited_text_is_read_as_the_csv_module_reads_it_or_refused(tmp_path, parts):
    text = "".join(["x,y\n", *parts])
    try:
        table = read_csv(tmp_path, text).table
    except DataError:
        return
    names, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    assert table.column_names == names
    assert [list(row.values()) for row in table.to_pylist()] == rows
