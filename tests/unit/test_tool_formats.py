"""Files that labeling tools really wrote, and the traps in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alcli.errors import DataError
from alcli.registry import FORMATS, reader_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
WRITTEN = {
    "label_studio": "*.*",
    "argilla": "*.*",
    "doccano": "*.zip",
    "huggingface": "*.parquet",
    "prodigy": "*.jsonl",
}
FILES = [(tool, path) for tool, names in WRITTEN.items() for path in sorted((FIXTURES / tool).glob(names))]


def read(name, **words):
    path = FIXTURES / name
    return reader_of(path, **words).read(path)


def answers(sheet, *more):
    return list(zip(*(sheet.table[name].to_pylist() for name in ("id", "label", *more)), strict=True))


def refused(path, format_=None, **words):
    with pytest.raises(DataError) as caught:
        reader_of(path, format_, **words).read(path)
    error = caught.value
    return f"{error.where} | {error.message} | {error.hint}"


@pytest.mark.parametrize(("tool", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_a_file_is_recognized_by_its_content_by_one_tool_only(tool, path, tmp_path):
    from alcli.formats import head_of

    head = head_of(path)
    assert [name for name, member in FORMATS.members() if member.recognizes(head)] == [tool]
    copy = tmp_path / f"anything{path.suffix}"
    copy.write_bytes(path.read_bytes())
    assert type(reader_of(copy)) is FORMATS.load(tool)


@pytest.mark.parametrize(
    "name", ["labels.csv", "labels.jsonl", "labels.json", "labels.parquet", "labels.xlsx"]
)
def test_a_plain_label_file_is_no_tools(name, tmp_path):
    path = tmp_path / name
    member = reader_of(path)
    member.write(path, {"id": ["a"], "text": ["t"], "annotator": ["me"], "label": ["x"]})
    assert type(reader_of(path)) is type(member)


def test_every_annotation_of_a_task_is_an_answer_and_a_cancelled_one_is_skipped():
    sheet = read("label_studio/export.json")
    found = answers(sheet, "annotator", "seconds", "status")
    assert ("p76", "pets", "1", "2.0", "") in found
    assert ("p76", "food", "2", "2.25", "") in found
    assert ("p20", "", "1", "0.5", "skipped") in found  # it holds a choice, which counts for nothing
    assert ("p05", "", "", "", "") in found
    assert sheet.unit == "item"
    assert sheet.row.tolist() == [1, 2, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("name", ["export.min.json", "export.csv"])
def test_the_flat_exports_of_label_studio_say_the_same_as_the_json(name):
    whole = {one for one in answers(read("label_studio/export.json"), "comment") if one[1]}
    assert {one for one in answers(read(f"label_studio/{name}"), "comment") if one[1]} == whole


def test_people_may_be_objects_in_label_studio(tmp_path):
    tasks = json.loads((FIXTURES / "label_studio/export.json").read_text())
    tasks[0]["annotations"][0]["completed_by"] = {"id": 7, "email": "ann@example.test", "first_name": "Ann"}
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))
    assert reader_of(path).read(path).table["annotator"][0].as_py() == "ann@example.test"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("label_studio/several_labels.json", "several_labels.json, item 1"),
        ("label_studio/several_labels.csv", "several_labels.csv, row 2"),
        ("doccano/several_labels.zip", "several_labels.zip, all.jsonl, line 1"),
    ],
)
def test_several_labels_in_one_answer_are_refused_with_their_place(name, place):
    said = refused(FIXTURES / name)
    assert said.startswith(place)
    assert "labels in one answer" in said


def test_label_studios_own_number_is_never_taken_for_an_id():
    said = refused(FIXTURES / "label_studio/own_id.min.json")
    assert "'id' is Label Studio's own number" in said
    assert "export as JSON" in said


def test_ids_under_another_key_are_found_by_the_name_of_the_id_column():
    sheet = read("doccano/export.zip", id="row_id")
    names = ("row_id", "label", "annotator")
    assert list(zip(*(sheet.table[name].to_pylist() for name in names), strict=True)) == [
        ("r0", "ham", "admin"),
        ("r1", "spam", "admin"),
        ("r2", "ham", "admin"),
        ("r3", "", ""),
        ("r4", "", ""),
    ]


def test_accepted_rejected_and_ignored_tasks_of_prodigy():
    sheet = read("prodigy/documented_choice.jsonl")
    assert answers(sheet, "annotator", "status") == [
        ("r000", "pets", "ds-ann1", ""),
        ("r000", "food", "ds-ann2", ""),
        ("r002", "", "ds-ann1", "skipped"),
        ("r001", "", "ds-ann1", "skipped"),
    ]
    binary = read("prodigy/documented_binary.jsonl")
    assert answers(binary, "status") == [
        ("r1", "DOCUMENTATION", ""),
        ("r2", "", "skipped"),
        ("r3", "", "skipped"),
    ]
    assert "rejected" in binary.warnings[0]


def test_only_submitted_responses_of_argilla_are_answers():
    assert answers(read("argilla/flat.jsonl"), "status", "comment") == [
        ("p32", "pets", "", ""),
        ("p32", "food", "", "hm"),
        ("p76", "", "skipped", ""),
        ("p57", "", "", ""),
        ("p53", "", "", ""),
    ]
    whole = read("argilla/records.json")
    assert answers(whole)[:2] == [("p32", "pets"), ("p32", "food")]
    assert "does not say which responses were drafts" in whole.warnings[0]


def test_a_class_label_is_its_name_again():
    assert answers(read("huggingface/train.parquet")) == [("p32", "pets"), ("p76", "food"), ("p57", "")]


@pytest.mark.parametrize(
    ("format_", "item", "says"),
    [
        ("label_studio", {"text": "x"}, "this is no Label Studio task: it has no 'data'"),
        ("label_studio", {"data": {"text": "x"}}, "neither 'alcli_id' nor 'id' | its keys are text"),
        ("label_studio", {"data": {"id": "a"}, "annotations": {}}, "'annotations' must be a list, found {}"),
        ("label_studio", {"data": 3}, "'data' must be an object, found 3"),
        ("prodigy", {"id": "a", "answer": "maybe"}, "'answer' is \"maybe\""),
        ("prodigy", {"id": "a", "answer": "accept", "spans": []}, "neither 'accept' nor 'label'"),
        ("doccano", {"id": "a", "text": "x"}, "there is no 'label' here | its keys are id, text"),
        ("doccano", {"id": "a", "label": "x"}, 'a list of labels is needed here, found "x"'),
        ("argilla", {"id": "a", "text": "x"}, "this is no Argilla record: it has no 'fields'"),
        ("argilla", {"id": "a", "fields": {}, "responses": {"a": [], "b": []}}, "several questions"),
    ],
)
def test_an_unknown_shape_is_one_clear_error_with_file_item_and_what_was_found(tmp_path, format_, item, says):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([item]))
    said = refused(path, format_)
    assert said.startswith("export.json, item 1 | ")
    assert says in said


@pytest.mark.parametrize("format_", ["label_studio", "prodigy", "doccano", "argilla"])
@pytest.mark.parametrize(
    "inner", [None, 3, "x", [1], {"a": 1}], ids=["null", "number", "text", "list", "object"]
)
@pytest.mark.parametrize(
    "shape",
    [
        lambda x: {"data": {"id": "a"}, "annotations": [x]},
        lambda x: {"data": {"id": "a"}, "annotations": [{"result": [x]}]},
        lambda x: {"data": {"id": "a"}, "annotations": [{"result": [{"type": "choices", "value": x}]}]},
        lambda x: {"data": {"id": "a"}, "annotations": [{"result": [{"type": "textarea", "value": x}]}]},
        lambda x: {"id": "a", "fields": {}, "responses": {"label": [x]}},
        lambda x: {"id": "a", "fields": {}, "responses": {"label": [], "comment": x}},
        lambda x: {"id": "a", "status": "s", "label.responses": x, "label.responses.users": x},
        lambda x: {"id": "a", "answer": "accept", "accept": x, "label": x},
        lambda x: {"id": "a", "answer": x, "meta": {"b": x}, "Comments": [x], "label": [x]},
    ],
)
def test_whatever_stands_where_an_object_should_it_is_read_or_refused(tmp_path, format_, inner, shape):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([shape(inner)]))
    try:
        sheet = reader_of(path, format_).read(path)
    except DataError as error:
        where, found = error.where or "", {"a"}
    else:
        where, found = path.name, set(sheet.table["id"].to_pylist())
    assert where.startswith("export.json")
    assert found == {"a"}


def test_half_a_character_is_refused_with_its_place(tmp_path):
    path = tmp_path / "export.jsonl"
    good = {"text": "x", "meta": {"alcli_id": "a"}, "accept": ["y"], "answer": "accept"}
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | {"text": "\ud83d"}) + "\n")
    assert refused(path).startswith("export.jsonl, line 2 | half a character")
