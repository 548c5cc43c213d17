"""A pool that cannot be used stops the command, which says what is wrong in which row, and writes nothing."""

from __future__ import annotations

import math
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SMALL = {"split": {"validation": 1, "reserve": 0}, "seed": {"size": 1}}


def _csv(loop, *lines, name="pool.csv", **sections):
    loop.config(**SMALL, pool=name, **sections)
    loop.write(name, "\n".join(lines) + "\n")


def _parquet(loop, columns, name="pool.parquet", **sections):
    loop.config(**SMALL, pool=name, **sections)
    pq.write_table(pa.table(columns), loop.root / name)


@pytest.mark.parametrize("empty", ["", '""'])
def test_a_missing_id_in_a_csv_is_named_with_its_row(at, empty):
    loop = at("new")
    _csv(loop, "id,text", "a,one", f"{empty},two", "c,three")
    loop.refused("seed", kind="data", says="the id is missing", where="pool.csv, row 3, column id")


@pytest.mark.parametrize("ids", [["a", None, "c"], [1, None, 3], ["a", "", "c"], [1.0, math.nan, 3.0]])
def test_a_missing_id_in_a_parquet_file_is_named_with_its_row(at, ids):
    loop = at("new")
    loop.config(**SMALL, pool="pool.parquet")
    frame = pd.DataFrame({"id": pd.array(ids) if ids[0] == "a" else ids, "text": ["one", "two", "three"]})
    frame.to_parquet(loop.root / "pool.parquet")
    loop.refused("seed", kind="data", says="the id is missing", where="pool.parquet, row 2, column id")


def test_an_id_of_blanks_is_a_missing_id(at):
    loop = at("new")
    _csv(loop, "id,text", "a,one", "  ,two", "c,three")
    loop.refused("seed", kind="data", says="the id is missing", where="pool.csv, row 3, column id")


@pytest.mark.parametrize("ids", [["a", "b", "a"], [7, 8, 7], [7.0, 8.0, 7.0]])
def test_a_duplicate_id_is_named_with_both_rows(at, ids):
    loop = at("new")
    _parquet(loop, {"id": ids, "text": ["one", "two", "three"]})
    name = ids[0] if ids[0] == "a" else 7
    loop.refused(
        "seed",
        kind="data",
        says=f"the id '{name}' stands twice, also in pool.parquet, row 1",
        where="pool.parquet, row 3, column id",
        hint="unique",
    )


def test_a_duplicate_id_across_the_files_of_a_folder_is_named_with_both_files(at):
    loop = at("new")
    (loop.root / "pool").mkdir()
    _csv(loop, "id,text", "1,one", "2,two", name="pool/one.csv")
    _parquet(loop, {"id": [3, 2], "text": ["three", "two again"]}, name="pool/two.parquet")
    loop.config(**SMALL, pool="pool")
    loop.refused(
        "seed",
        kind="data",
        says="the id '2' stands twice, also in pool/one.csv, row 3",
        where="pool/two.parquet, row 2, column id",
    )


def test_a_column_that_only_a_later_file_lacks_is_named_with_that_file(at):
    loop = at("new")
    (loop.root / "pool").mkdir()
    _csv(loop, "id,text", "1,one", name="pool/one.csv")
    _csv(loop, "id,words", "2,two", name="pool/two.csv")
    loop.config(**SMALL, pool="pool/*.csv")
    loop.refused(
        "seed", kind="data", says="there is no column 'text'", where="pool/two.csv", hint="id, words"
    )


@pytest.mark.parametrize("content", ["", "\n"])
def test_a_pool_file_of_no_bytes_is_refused(at, content):
    loop = at("new")
    loop.write("pool.csv", content)
    loop.refused("seed", kind="data", says="empty", where="pool.csv")


def test_a_parquet_pool_of_no_bytes_is_refused(at):
    loop = at("new")
    loop.config(**SMALL, pool="pool.parquet")
    loop.write("pool.parquet", "")
    loop.refused("seed", kind="data", says="no readable Parquet file", where="pool.parquet", hint="truncated")


def test_a_pool_without_rows_is_refused(at):
    loop = at("new")
    _csv(loop, "id,text")
    loop.refused("seed", kind="data", says="the pool has no rows", where="pool.csv")
    _parquet(loop, {"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    loop.refused("seed", kind="data", says="the pool has no rows", where="pool.parquet")


def test_init_refuses_a_pool_without_rows_ids_or_features(empty, tmp_path):
    pools = {
        "no-rows.csv": ("id,text\n", "the pool has no rows"),
        "no-bytes.csv": ("", "the file is empty"),
        "no-ids.csv": ("text\nsame words here\nsame words here\n", "none can be the id"),
        "no-features.csv": ("id\na\nb\n", "no column can be a feature"),
    }
    for name, (content, says) in pools.items():
        pool = tmp_path / name
        pool.write_text(content)
        empty.refused("init", "--pool", pool, kind="data", says=says, where=name)
        assert not empty.root.exists()


@pytest.mark.parametrize("text", ["", "   ", "\u00a0\t"])
def test_an_empty_text_is_named_with_its_row(at, text):
    loop = at("new")
    _parquet(loop, {"id": ["a", "b", "c"], "text": ["one", text, "three"]})
    loop.refused(
        "seed",
        kind="data",
        says="the text is empty",
        where="pool.parquet, row 2, column text",
        hint="features.missing: fill",
    )


def test_empty_texts_may_be_filled_instead(at):
    loop = at("new")
    loop.write("pool.csv", (loop.root / "pool.csv").read_text() + "r900,\nr901,\n")
    assert loop.doc("seed", "--set", "features.missing=fill")["counts"]["pool"] == 82


@pytest.mark.parametrize(
    ("values", "says", "row"),
    [
        ([1.0, math.nan, 3.0], "the number is missing (NaN)", 2),
        ([1.0, 2.0, None], "the number is missing (NaN)", 3),
        ([math.inf, 2.0, 3.0], "the number is infinite", 1),
        ([1.0, -math.inf, 3.0], "the number is infinite", 2),
        ([1.0, 1e300, 3.0], "infinite", 2),
    ],
)
def test_a_number_that_is_missing_or_infinite_is_named_with_its_row(at, values, says, row):
    loop = at("new")
    _parquet(loop, {"id": ["a", "b", "c"], "x": values}, features={"numeric": "x"})
    loop.refused("seed", kind="data", says=says, where=f"pool.parquet, row {row}, column x")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("ten", "'ten' is no number"),
        ("", "is missing"),
        ("nan", "is missing"),
        ("inf", "infinite"),
        ("1,5", "'1,5'"),
    ],
)
def test_mixed_types_in_a_csv_column_are_named_with_their_row(at, cell, says):
    loop = at("new")
    _csv(loop, "id,x", "a,1", "b,2.5", f'c,"{cell}"', features={"numeric": "x"})
    loop.refused("seed", kind="data", says=says, where="pool.csv, row 4, column x")


def test_a_column_of_another_type_than_configured_is_refused(at):
    loop = at("new")
    _parquet(loop, {"id": ["a", "b"], "x": [[1.0], [2.0]]}, features={"numeric": "x"})
    loop.refused("seed", kind="data", says="cannot be read as numbers", where="pool.parquet, column x")
    _parquet(loop, {"id": ["a", "b"], "x": [1.0, 2.0]}, features={"embedding": "x"})
    loop.refused("seed", kind="data", says="is no embedding", where="pool.parquet, column x")
    _parquet(loop, {"id": ["a", "b"], "x": [["q"], ["r"]]}, features={"embedding": "x"})
    loop.refused("seed", kind="data", says="are no numbers", where="pool.parquet, column x")


@pytest.mark.parametrize("kind", ["text", "categorical", "numeric", "embedding"])
def test_nested_values_are_no_text_and_no_traceback(at, kind):
    loop = at("new")
    _parquet(loop, {"id": ["a", "b"], "x": [{"deep": 1}, {"deep": 2}]}, features={kind: "x"})
    loop.refused("seed", kind="data", says="struct", where="pool.parquet, column x")


def test_ids_of_a_type_that_is_no_text_are_refused(at):
    loop = at("new")
    _parquet(loop, {"id": [[1], [2]], "text": ["one", "two"]})
    loop.refused("seed", kind="data", says="list", where="pool.parquet, column id")


@pytest.mark.parametrize(
    ("vectors", "says", "row"),
    [
        ([[1.0, 2.0], [3.0], [4.0, 5.0]], "another length than 2", 2),
        ([[1.0, 2.0], None, [4.0, 5.0]], "the embedding", 2),
        ([None, [1.0, 2.0], [4.0, 5.0]], "the embedding", 1),
        ([[1.0, 2.0], [3.0, math.nan], [4.0, 5.0]], "NaN or infinite", 2),
        ([[1.0, 2.0], [3.0, 4.0], [math.inf, 5.0]], "NaN or infinite", 3),
        ([[1.0, 2.0], [3.0, None], [4.0, 5.0]], "NaN", 2),
        ([[], [], []], "empty", 1),
    ],
)
@pytest.mark.parametrize("dtype", [pa.list_(pa.float32()), pa.list_(pa.float64())])
def test_a_wrong_embedding_is_named_with_its_row(at, vectors, says, row, dtype):
    loop = at("new")
    _parquet(loop, {"id": ["a", "b", "c"], "v": pa.array(vectors, dtype)}, features={"embedding": "v"})
    loop.refused("seed", kind="data", says=says, where=f"pool.parquet, row {row}, column v")


def test_a_null_in_a_fixed_size_embedding_is_named_with_its_row(at):
    loop = at("new")
    vectors = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    try:
        _parquet(loop, {"id": ["a", "b", "c"], "v": vectors}, features={"embedding": "v"})
    except pa.ArrowNotImplementedError:
        pytest.skip("this Arrow writes no such file")
    loop.refused("seed", kind="data", says="the embedding is missing", where="pool.parquet, row 2, column v")


def test_embeddings_of_another_length_in_a_later_file_are_refused(at):
    loop = at("new")
    (loop.root / "pool").mkdir()
    for name, vector in (("one", [1.0, 2.0]), ("two", [1.0, 2.0, 3.0])):
        pq.write_table(pa.table({"id": [name], "v": [vector]}), loop.root / f"pool/{name}.parquet")
    loop.config(**SMALL, pool="pool", features={"embedding": "v"})
    loop.refused(
        "seed",
        kind="data",
        says="the embedding has 3 numbers, earlier rows have 2",
        where="pool/two.parquet, row 1, column v",
    )


@pytest.mark.parametrize("cell", ["[1.0, x]", "1.0 2.0", "", "[]", "[1.0"])
def test_a_csv_cell_that_is_no_embedding_is_refused(at, cell):
    loop = at("new")
    _csv(loop, "id,v", 'a,"[1.0, 2.0]"', f'b,"{cell}"', features={"embedding": "v"})
    loop.refused("seed", kind="data", says="", where="pool.csv, row 3, column v")


@pytest.mark.parametrize("cut", [10, 400, -5])
def test_a_truncated_parquet_pool_is_refused(at, cut):
    loop = at("new")
    _parquet(loop, {"id": [f"a{n}" for n in range(300)], "text": [f"text {n}" for n in range(300)]})
    loop.write("pool.parquet", (loop.root / "pool.parquet").read_bytes()[:cut])
    loop.refused("seed", kind="data", says="Parquet", where="pool.parquet", hint="again")
    loop.refused("init", "elsewhere", "--pool", loop.root / "pool.parquet", kind="data", says="Parquet")


def test_a_parquet_pool_with_damaged_pages_is_refused(at):
    loop = at("new")
    _parquet(loop, {"id": [f"a{n}" for n in range(3000)], "text": [f"text {n * n}" for n in range(3000)]})
    content = bytearray((loop.root / "pool.parquet").read_bytes())
    content[200:1200] = b"\xff" * 1000
    loop.write("pool.parquet", bytes(content))
    loop.refused("seed", kind="data", says="damaged", where="pool.parquet", hint="again")


def test_a_file_that_is_no_parquet_is_refused(at):
    loop = at("new")
    loop.config(**SMALL, pool="pool.parquet")
    loop.write("pool.parquet", "id,text\na,one\n")
    loop.refused("seed", kind="data", says="no readable Parquet file", where="pool.parquet")


@pytest.mark.parametrize("row", ["b", "b,two,three", '"b",two"",three'])
def test_a_ragged_csv_is_named_with_its_row(at, row):
    loop = at("new")
    _csv(loop, "id,text", "a,one", row, "c,three")
    loop.refused(
        "seed", kind="data", says="the CSV cannot be read", where="pool.csv, row 3", hint="as many cells"
    )


@pytest.mark.parametrize(
    "row", ['b,"never closed', 'b,"closed "", here "" not', '"b,two', 'b,"two\nx,"three"']
)
def test_a_quote_that_is_never_closed_swallows_no_row(at, row):
    loop = at("new")
    _csv(loop, "id,text", "a,one", row, "c,three", "d,four")
    loop.refused("seed", kind="data", says="never closed", where="pool.csv, row 3")


def test_quoted_cells_with_line_breaks_and_quotes_are_read(at):
    loop = at("new")
    _csv(loop, "id,text", 'a,"one\ntwo"', 'b,5" nail', 'c,"said ""so""\n"', 'd,"last\n\n"')
    assert loop.doc("seed")["counts"]["pool"] == 4


def test_a_csv_that_is_not_utf_8_is_refused(at):
    loop = at("new")
    loop.config(**SMALL)
    loop.write("pool.csv", "id,text\na,café au lait\nb,plain\n".encode("latin-1"))
    loop.refused("seed", kind="data", says="UTF", where="pool.csv", hint="UTF-8")
    loop.write("pool.csv", "id,téxt\na,plain\n".encode("latin-1"))
    loop.refused("seed", kind="data", says="the CSV is not UTF-8", where="pool.csv", hint="UTF-8")
    loop.write("pool.csv", "id,text\na,plain\n".encode("utf-16"))
    loop.refused("seed", kind="data", says="the CSV is not UTF-8", where="pool.csv", hint="UTF-8")


def test_a_column_that_stands_twice_in_the_header_is_refused(at):
    loop = at("new")
    _csv(loop, "id,text,text", "a,one,two")
    loop.refused("seed", kind="data", says="the column 'text' stands twice", where="pool.csv")


def test_a_parquet_column_that_stands_twice_is_refused(at):
    loop = at("new")
    loop.config(**SMALL, pool="pool.parquet")
    table = pa.table([["a", "b"], ["one", "two"], ["three", "four"]], names=["id", "text", "text"])
    pq.write_table(table, loop.root / "pool.parquet")
    loop.refused("seed", kind="data", says="the column 'text' stands twice", where="pool.parquet")


@pytest.mark.parametrize("pool", ["nowhere.csv", "no/folder", "../gone.parquet", "*.parquet", "empty"])
def test_a_pool_that_is_not_there_is_refused(at, pool):
    loop = at("new")
    (loop.root / "empty").mkdir()
    loop.config(pool=pool)
    loop.refused("seed", kind="file", says="", where=pool.removeprefix("../"), hint="")


def test_init_refuses_a_pool_that_is_not_there(empty):
    empty.refused("init", "--pool", "nowhere.csv", kind="file", says="no such file", where="nowhere.csv")
    assert not empty.root.exists()


def test_a_pool_of_an_unknown_ending_is_refused_by_name(at):
    loop = at("new")
    loop.config(**SMALL, pool="pool.xlsx")
    loop.write("pool.xlsx", "PK")
    loop.refused("seed", kind="file", says="", where="pool.xlsx", hint=".parquet")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_pool_that_is_a_device_or_a_socket_does_not_hang(at):
    loop = at("new")
    loop.config(pool="/dev/null")
    loop.refused("seed", kind="file", says="", where="/dev/null")


@pytest.mark.parametrize(
    ("content", "says", "where"),
    [
        ("id,text\nr000,one\nr000,two\n", "stands twice", "pool.csv, row 3"),
        ("id,text\nr000,one\n,two\n", "the id is missing", "pool.csv, row 3"),
        ("id,text\nr000,one\nr001,\n", "the text is empty", "pool.csv, row 3"),
        ("id,text\n", "the pool has no rows", "pool.csv"),
        ("", "the file is empty", "pool.csv"),
        ("id,words\nr000,one\n", "no column 'text'", ""),
        ("id,text\nr000\n", "the CSV cannot be read", "pool.csv"),
    ],
)
def test_a_pool_that_went_bad_after_training_is_not_scored(at, content, says, where):
    loop = at("trained")
    loop.write("pool.csv", content)
    kind = "config" if "no column" in says else "data"
    loop.refused("score", kind=kind, says=says, where=where)


def test_a_pool_that_changed_under_the_scores_is_not_queried(at):
    loop = at("scored")
    loop.write("pool.csv", (loop.root / "pool.csv").read_text() + "r900,more words here\n")
    loop.refused("query", kind="state", says="the pool has changed", hint="alcli score")


def test_a_validation_row_whose_content_changed_stops_train_and_score(at):
    loop = at("answered")
    id_ = loop.of_split("validation")[0]
    lines = (loop.root / "pool.csv").read_text().splitlines()
    loop.write(
        "pool.csv", "\n".join(f"{id_},other words" if line.startswith(id_) else line for line in lines) + "\n"
    )
    loop.refused("train", kind="integrity", says=f"the validation row '{id_}' has other content")


def test_a_pool_that_vanished_after_training_is_refused_with_its_path(at):
    loop = at("trained")
    (loop.root / "pool.csv").unlink()
    for command in ("score", "query", "ingest rounds/000/query.csv --unrequested accept"):
        if command == "query":
            loop.refused(command, kind="state", says="not scored yet")
        elif command == "score":
            loop.refused(command, kind="file", says="no such file", where="pool.csv")
    assert "the pool cannot be read" in loop.doc("status")["warnings"][0]
