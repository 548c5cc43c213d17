"""Labeling tools, from the query file over people's answers to the ledger."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alcli.registry import FORMATS

FIXTURES = Path(__file__).parents[1] / "fixtures"
CLASSES = ["pets", "food"]
TOOLS = [name for name in FORMATS.names() if name != "csv"]


def topic(id_):
    """The true label of a row of the usual pool."""
    return CLASSES[int(id_[1:]) % 2]


def _json(path):
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


def _written(path, items):
    lines = [json.dumps(item) for item in items]
    path.write_text(f"[{','.join(lines)}]" if path.suffix == ".json" else "\n".join(lines) + "\n")
    return path


def _label_studio(query, out):
    tasks = _json(query)
    for number, task in enumerate(tasks, start=1):
        label = topic(task["data"]["alcli_id"])
        result = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
        one = {"id": number, "completed_by": 1, "result": [result], "was_cancelled": False}
        task |= {
            "id": number,
            "annotations": [one | {"updated_at": "2026-11-01T10:00:00Z", "lead_time": 2.5}],
        }
    return _written(out.with_suffix(".json"), tasks)


def _prodigy(query, out):
    tasks = _json(query)
    assert tasks[0]["options"][0] == {"id": "pets", "text": "pets"}
    for task in tasks:
        task |= {"accept": [topic(task["meta"]["alcli_id"])], "answer": "accept", "_task_hash": 1}
        task |= {"_annotator_id": "ann", "_timestamp": 1700000000}
    return _written(out.with_suffix(".jsonl"), tasks)


def _doccano(query, out):
    tasks = _json(query)
    for number, task in enumerate(tasks, start=1):
        task |= {"id": number, "label": [topic(task["alcli_id"])], "Comments": []}
    return _written(out.with_suffix(".jsonl"), tasks)


def _argilla(query, out):
    records = _json(query)
    for record in records:
        record["responses"] = {"label": [{"value": topic(record["id"]), "user_id": "u-1"}]}
    return _written(out.with_suffix(".json"), records)


def _huggingface(query, out):
    table = pq.read_table(query)
    assert set(table["label"].to_pylist()) == {-1}
    labels = pa.array([CLASSES.index(topic(id_)) for id_ in table["id"].to_pylist()], pa.int64())
    answered = table.set_column(table.column_names.index("label"), "label", labels)
    pq.write_table(answered.replace_schema_metadata(table.schema.metadata), out.with_suffix(".parquet"))
    return out.with_suffix(".parquet")


def _xlsx(query, out):
    workbook = openpyxl.load_workbook(query)
    sheet = workbook.worksheets[0]
    names = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        row[names.index("label")].value = topic(row[names.index("id")].value)
    workbook.save(out.with_suffix(".xlsx"))
    return out.with_suffix(".xlsx")


def _labeler(query, out):
    lines = _json(query)
    for line in lines:
        line |= {"label": topic(line["alcli_id"]), "annotator": "ann", "status": "labeled"}
        line |= {"labeled_at": "2026-11-01T10:00:00.5+00:00", "seconds": 2.5}
    return _written(out.with_suffix(".jsonl"), lines)


def _table(query, out):
    member = FORMATS.build(query.suffix.removeprefix("."))
    columns = member.read(query).table.to_pydict()
    member.write(out.with_suffix(query.suffix), columns | {"label": [topic(id_) for id_ in columns["id"]]})
    return out.with_suffix(query.suffix)


PEOPLE = {
    "label_studio": _label_studio,
    "prodigy": _prodigy,
    "doccano": _doccano,
    "argilla": _argilla,
    "huggingface": _huggingface,
    "labeler": _labeler,
    "xlsx": _xlsx,
    "jsonl": _table,
    "parquet": _table,
}


def _query_file(loop, name, round_=0, query="query"):
    return loop.root / f"rounds/{round_:03d}" / (query + FORMATS.load(name).suffixes[0])


@pytest.fixture
def loop(at):
    """A new project whose classes are known."""
    loop = at("new")
    loop.config(task={"classes": CLASSES})
    return loop


@pytest.mark.parametrize("name", TOOLS)
def test_answers_given_in_a_tool_come_in_once_each(loop, name):
    document = loop.doc("seed", "--format", name)
    query = _query_file(loop, name)
    assert str(query.relative_to(loop.root)) in document["files"]
    export = PEOPLE[name](query, loop.root / "export")
    taken = loop.doc("ingest", export)
    assert taken["counts"]["new"] == len(loop.asked())
    assert loop.labels() == {id_: topic(id_) for id_ in loop.asked()}
    tree = loop.tree()
    again = loop.doc("ingest", export)
    assert not again["changed"]
    assert again["counts"]["known"] == len(loop.asked())
    assert loop.tree() == tree


@pytest.mark.parametrize("name", TOOLS)
def test_a_tools_file_has_the_rows_of_query_csv_and_no_prediction(loop, name):
    loop.alcli("seed")
    loop.alcli("ingest", loop.answer())
    for step in ("train", "score"):
        loop.alcli(step)
    loop.alcli("query", "--format", name)
    more = loop.doc("query", "--more", "3", "--format", name)
    assert str(_query_file(loop, name, 1, "query-2").relative_to(loop.root)) in more["files"]
    read = FORMATS.build(name).read(_query_file(loop, name, 1)).table
    assert read["id"].to_pylist() == loop.asked(1)
    assert set(read["label"].to_pylist()) == {""}
    assert read.column_names == ["id", "text", "label"]
    assert b"prediction" not in _query_file(loop, name, 1).read_bytes()


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("label_studio", '"predictions": [{'),
        ("prodigy", '"prediction": "'),
        ("doccano", '"prediction": "'),
        ("argilla", '"agent": "alcli"'),
    ],
)
def test_a_prediction_is_shown_where_the_config_says_so_and_is_no_answer(loop, name, mark):
    loop.alcli("seed")
    loop.alcli("ingest", loop.answer())
    for step in ("train", "score"):
        loop.alcli(step)
    loop.alcli("query", "--format", name, "--set", "query.show_prediction=true")
    query = _query_file(loop, name, 1)
    assert query.read_text().count(mark) == len(loop.asked(1))
    assert set(FORMATS.build(name).read(query).table["label"].to_pylist()) == {""}
    assert loop.doc("ingest", query)["counts"]["new"] == 0


def test_a_tool_chosen_later_gets_its_file_beside_the_one_that_people_have(loop):
    loop.alcli("seed")
    before = loop.tree()
    assert loop.doc("seed", "--format", "prodigy")["files"] == ["rounds/000/query.prodigy.jsonl"]
    after = loop.tree()
    assert after.keys() - before.keys() == {"rounds/000/query.prodigy.jsonl"}
    assert {name: after[name] for name in before} == before
    assert not loop.doc("seed", "--format", "prodigy")["changed"]


def test_a_lost_query_csv_comes_back_and_the_tools_file_that_people_work_in_stays(loop):
    loop.alcli("seed", "--format", "xlsx")
    query, lost = _query_file(loop, "xlsx"), loop.root / "rounds/000/query.csv"
    content = lost.read_bytes()
    _xlsx(query, query)
    answered = query.read_bytes()
    lost.unlink()
    assert loop.doc("seed", "--format", "xlsx")["files"] == ["rounds/000/query.csv"]
    assert (lost.read_bytes(), query.read_bytes()) == (content, answered)


def test_the_labeling_config_offers_the_classes_and_shows_the_text(loop):
    out = loop.alcli("seed", "--format", "label_studio").out
    assert "query.label_studio.json with rounds/000/query.label_studio.xml" in out
    view = ET.parse(loop.root / "rounds/000/query.label_studio.xml").getroot()
    assert [choice.get("value") for choice in view.iter("Choice")] == [*CLASSES, "skip", "unsure"]
    assert [text.get("value") for text in view.iter("Text")] == ["$text"]
    assert view.find("Choices").get("name") == "label"


def test_a_labeling_config_without_classes_is_refused_and_nothing_is_written(at):
    at("new").refused(
        "seed", "--format", "label_studio", kind="config", says="lists the classes", hint="task: {classes"
    )


def test_an_unknown_format_is_named(at):
    at("new").refused(
        "seed", "--format", "labelstudio", kind="config", says="'labelstudio'", hint="label_studio"
    )


@pytest.mark.parametrize("name", ["export.json", "export.min.json", "export.csv"])
def test_a_real_export_of_label_studio_is_recognized_whatever_it_is_called(loop, name):
    loop.config(task={"classes": CLASSES}, split={"validation": 8, "reserve": 0})
    loop.csv("pool.csv", [(f"p{n:02d}", f"text {n}") for n in range(80)], ("id", "text"))
    loop.alcli("seed")
    file = loop.write(f"any{Path(name).suffix}", (FIXTURES / "label_studio" / name).read_bytes())
    taken = loop.doc("ingest", file, "--unrequested", "accept")
    rows = {(row["id"], row["annotator"]): row for row in loop.ledger()}
    assert taken["counts"]["new"] == len(rows)
    assert rows["p76", "1"]["label"] == "pets"
    assert rows["p76", "1"]["comment"] == "not sure about the second word"
    assert (rows["p76", "2"]["label"], rows["p76", "2"]["seconds"]) == ("food", 2.25)
    assert rows["p32", "1"]["labeled_at"].isoformat() == "2026-11-27T13:34:46.860808+00:00"
    skipped = [row["id"] for row in loop.ledger() if row["status"] == "skipped"]
    assert skipped == (["p20"] if name == "export.json" else [])  # the flat exports leave them out


def test_further_validation_rows_come_in_the_tools_file_too(at):
    loop = at("labeled")
    files = loop.doc("seed", "--extend-validation", "2", "--format", "prodigy")["files"]
    assert "rounds/000/query-2.prodigy.jsonl" in files
    (loop.root / "rounds/000/query-2.prodigy.jsonl").unlink()
    again = loop.doc("seed", "--extend-validation", "2", "--format", "prodigy")
    assert again["files"] == ["rounds/000/query.prodigy.jsonl", "rounds/000/query-2.prodigy.jsonl"]
    rows = FORMATS.build("prodigy").read(loop.root / "rounds/000/query-2.prodigy.jsonl").table
    assert len(set(rows["id"].to_pylist()) & set(loop.of_split("validation"))) == 2


def test_columns_of_other_names_go_to_a_tool_and_come_back(loop):
    loop.config(task={"classes": CLASSES}, labels={"id": "key", "label": "topic"})
    loop.alcli("seed", "--format", "label_studio")
    tasks = _json(_query_file(loop, "label_studio"))
    for task in tasks:
        value = {"choices": [topic(task["data"]["alcli_id"])]}
        result = {"from_name": "topic", "to_name": "text", "type": "choices", "value": value}
        task["annotations"] = [{"result": [result], "completed_by": 3}]
    export = _written(loop.root / "export.json", tasks)
    assert loop.doc("ingest", export)["counts"]["new"] == len(tasks)
    assert {row["annotator"] for row in loop.ledger()} == {"3"}
