"""What every label-file format must keep; a new file in alcli/formats is found by itself."""

import pytest

from alcli.errors import DataError, FileError
from alcli.registry import FORMATS

NASTY = [
    "007",
    "NA",
    "null",
    "None",
    "nan",
    "1e5",
    "1.0",
    "0.10",
    "12345678901234567890",
    "=1+1",
    "+49",
    "@home",
    "two\nlines",
    'she said "no"',
    "a,b;c\td",
    "  spaces  ",
    "été 日本 🙂",
    "true",
    "2026-01-31",
    "'",
    "",
]


@pytest.fixture(params=FORMATS.names())
def name(request):
    return request.param


@pytest.fixture
def member(name):
    return FORMATS.build(name)


def _cells(sheet):
    return sheet.table.to_pydict()


def test_every_cell_comes_back_as_it_was_written(member, tmp_path):
    columns = {"id": [f"r{n}" for n in range(len(NASTY))], "label": NASTY, "note": NASTY[::-1]}
    for suffix in member.suffixes:
        path = tmp_path / f"labels{suffix}"
        member.write(path, columns)
        assert _cells(member.read(path)).items() >= columns.items()  # a tool's text may be made of columns


def test_id_and_label_may_have_other_names(name, tmp_path):
    member = FORMATS.build({"name": name, "id": "key", "label": "topic", "answers": ("x", "y")})
    columns = {"key": ["a", "b", "c"], "text": ["one", "two", "three"], "topic": ["x", "", "y"]}
    path = tmp_path / f"labels{member.suffixes[0]}"
    member.write(path, columns)
    assert _cells(member.read(path)).items() >= columns.items()


def test_a_file_of_a_single_column_keeps_its_blank_cells_in_the_middle_and_rows_count_up(member, tmp_path):
    path = tmp_path / f"labels{member.suffixes[0]}"
    member.write(path, {"id": ["a", "b", "c"], "label": ["x", "", "y"]})
    sheet = member.read(path)
    assert sheet.table["label"].to_pylist() == ["x", "", "y"]
    assert (sheet.row[1:] - sheet.row[:-1]).tolist() == [1, 1]
    assert sheet.unit in {"row", "line", "item"}


def test_cells_are_strings_without_nulls(member, tmp_path):
    path = tmp_path / f"labels{member.suffixes[0]}"
    member.write(path, {"id": ["a", "b"], "label": ["", "x"]})
    table = member.read(path).table
    assert {str(kind) for kind in table.schema.types} == {"string"}
    assert all(column.null_count == 0 for column in table.columns)


def test_equal_cells_give_equal_bytes(member, tmp_path):
    first, second = (tmp_path / f"{name}{member.suffixes[0]}" for name in ("first", "second"))
    for path in (first, second):
        member.write(path, {"id": ["1", "2"], "label": NASTY[:2]})
    assert first.read_bytes() == second.read_bytes()


def test_a_header_without_rows_is_no_error_where_the_format_has_a_header(member, name, tmp_path):
    path = tmp_path / f"labels{member.suffixes[0]}"
    member.write(path, {"id": [], "label": []})
    sheet = member.read(path)
    assert sheet.table.num_rows == len(sheet.row) == 0
    if name != "jsonl":
        assert sheet.table.column_names == ["id", "label"]


def test_a_missing_file_is_said_to_be_missing(member, tmp_path):
    with pytest.raises(FileError, match="no such file"):
        member.read(tmp_path / f"nothing{member.suffixes[0]}")


def test_a_file_of_other_bytes_is_one_clear_error(member, tmp_path):
    path = tmp_path / f"labels{member.suffixes[0]}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\x00\x01\x02PK\xff not this")
    with pytest.raises(DataError) as caught:
        member.read(path)
    assert path.name in str(caught.value)


def test_every_format_says_in_one_line_what_it_is(member):
    assert (type(member).__doc__ or "").splitlines()[0].rstrip(".")
    assert all(suffix.startswith(".") for suffix in member.suffixes)


def test_no_two_formats_claim_one_suffix():
    claimed = [suffix for _, member in FORMATS.members() for suffix in member.suffixes]
    assert len(claimed) == len(set(claimed))
