"""`seed` draws and seals the validation set, then chooses the first rows that people label."""

from __future__ import annotations

import pandas as pd
import pytest

NOTHING = {"validation": 0, "reserve": 0}


def _pool(loop, rows, columns, **sections):
    loop.root.mkdir(exist_ok=True)
    loop.csv("pool.csv", rows, columns)
    loop.config(**sections)
    return loop


def _words(n):
    return f"words {n} and {n * n % 101} then {n * 7 % 53}"


def _splits(loop):
    return {row["id"]: row["split"] for row in loop.table("splits.parquet")}


def test_validation_reserve_and_seed_rows_are_distinct_and_validation_and_seed_are_asked(at):
    loop = at("seeded")
    splits = _splits(loop)
    assert sorted(splits.values()) == ["reserve"] * 4 + ["seed"] * 12 + ["validation"] * 8
    assert set(loop.asked()) == {id_ for id_, split in splits.items() if split != "reserve"}
    reasons = {row["id"]: row["reason"] for row in loop.table("rounds/000/selection.parquet")}
    assert reasons == {id_: split for id_, split in splits.items() if split != "reserve"}


def test_nobody_can_tell_validation_from_seed_rows_in_the_query_file(at):
    loop = at("seeded")
    header = (loop.root / "rounds/000/query.csv").read_text().splitlines()[0]
    assert header == "id,text,label"
    splits = _splits(loop)
    order = "".join(splits[id_][0] for id_ in loop.asked())
    assert "s" in order[:8]
    assert "v" in order[12:]
    assert "sssssssssss" not in order


def test_seed_again_changes_no_byte_whatever_its_settings_are_now(at):
    loop = at("seeded")
    before = loop.tree()
    assert not loop.doc("seed")["changed"]
    assert not loop.doc("seed", "--set", "seed.size=3", "--set", "random_state=9")["changed"]
    assert loop.tree() == before


def test_another_random_state_draws_other_rows(at):
    loop = at("new")
    loop.doc("seed", "--set", "random_state=1")
    one = set(loop.asked())
    assert len(one) == 20
    for path in (loop.root / "splits.parquet", *(loop.root / "rounds/000").iterdir()):
        path.unlink()
    (loop.root / "rounds/000").rmdir()
    loop.doc("seed", "--set", "random_state=2")
    assert set(loop.asked()) != one


def test_sizes_that_nobody_set_shrink_with_a_warning(empty):
    loop = _pool(empty, [(f"r{n}", _words(n)) for n in range(100)], ("id", "text"), split={}, seed={})
    found = loop.doc("seed")
    assert [found["counts"][name] for name in ("validation", "reserve", "seed")] == [12, 12, 10]
    assert sorted(found["warnings"]) == [
        "seed.size is 10 instead of 200: the pool has 100 rows",
        "split.reserve is 12 instead of 300: the pool has 100 rows",
        "split.validation is 12 instead of 300: the pool has 100 rows",
    ]


@pytest.mark.parametrize("settings", [["seed.size=81"], ["split.validation=70"], ["split.validation=0.9"]])
def test_sizes_that_somebody_set_and_that_do_not_fit_are_refused(at, settings):
    options = [part for setting in settings for part in ("--set", setting)]
    at("new").refused(
        "seed", *options, kind="config", says="rows cannot be drawn: the pool has 80 rows", hint="fitted"
    )


def test_a_seed_set_of_no_rows_is_refused(at):
    at("new").refused(
        "seed",
        "--set",
        "seed.size=0",
        kind="config",
        says="seed.size 0",
        where="--set seed.size",
        hint="1 at least",
    )


def test_sizes_below_one_are_shares_of_the_pool(at):
    loop = at("new")
    loop.config(split={"validation": 0.1, "reserve": 0.05}, seed={"size": 0.25})
    counts = loop.doc("seed")["counts"]
    assert [counts[name] for name in ("validation", "reserve", "seed")] == [8, 4, 20]


def test_no_validation_set_at_all_is_allowed(at):
    loop = at("new")
    loop.config(split=NOTHING)
    assert loop.doc("seed")["counts"]["validation"] == 0
    loop.doc("ingest", loop.answer())
    assert loop.doc("train")["metrics"] is None
    assert loop.doc("score")["counts"] == {"scored": 80, "sealed": 0}


@pytest.mark.parametrize("n_rows", [5, 8, 13, 30])
def test_a_tiny_pool_of_defaults_carries_a_round(empty, n_rows):
    loop = _pool(empty, [(f"r{n}", _words(n)) for n in range(n_rows)], ("id", "text"), split={}, seed={})
    found = loop.doc("seed")
    assert found["counts"]["asked"] >= 2
    loop.doc("ingest", loop.answer(truth=lambda id_: "odd" if id_[-1] in "13579" else "even"))
    for command in ("train", "score", "query"):
        loop.doc(command)
    loop.alcli("status")
    assert not set(loop.asked(1)) & set(loop.asked())


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_of_a_pool_of_hardly_any_rows_one_is_asked_and_nothing_breaks(empty, n_rows):
    loop = _pool(empty, [(f"r{n}", _words(n)) for n in range(n_rows)], ("id", "text"), split={}, seed={})
    assert loop.doc("seed")["counts"]["seed"] == 1
    loop.doc("ingest", loop.answer(truth=lambda _: "one"))
    for command in ("train", "score", "query"):
        loop.doc(command)


def test_no_group_stands_on_both_sides(empty):
    rows = [(f"r{n:03d}", _words(n), f"patient {n % 23}") for n in range(120)]
    loop = _pool(
        empty,
        rows,
        ("id", "text", "patient"),
        split={"validation": 6, "reserve": 3, "group_by": "patient"},
        seed={"size": 20},
    )
    counts = loop.doc("seed")["counts"]
    group = {id_: patient for id_, _, patient in rows}
    splits = _splits(loop)
    sealed = {group[id_] for id_, split in splits.items() if split != "seed"}
    assert counts["held_out"] > 0
    assert not sealed & {group[id_] for id_, split in splits.items() if split == "seed"}
    assert {id_ for id_, split in splits.items() if split != "seed"} == {
        id_ for id_ in group if group[id_] in sealed
    }
    loop.doc("ingest", loop.answer(truth=lambda id_: "odd" if int(id_[1:]) % 2 else "even"))
    loop.doc("train")
    loop.doc("score")
    scored = {row["id"] for row in loop.table("rounds/001/scores/part-00000.parquet")}
    assert not {group[id_] for id_ in scored} & sealed


def test_exact_copies_stand_on_one_side(empty):
    rows = [(f"r{n:03d}", _words(n // 4)) for n in range(160)]
    loop = _pool(empty, rows, ("id", "text"), split={"validation": 6, "reserve": 3}, seed={"size": 12})
    counts = loop.doc("seed")["counts"]
    text = dict(rows)
    splits = _splits(loop)
    sealed = [id_ for id_, split in splits.items() if split != "seed"]
    assert counts["held_out"] == 3 * 9
    assert len({text[id_] for id_ in sealed}) == 9
    assert len(sealed) == 36
    asked = loop.asked()
    assert len({text[id_] for id_ in asked}) == len(asked)
    assert not {text[id_] for id_ in sealed} & {text[id_] for id_, split in splits.items() if split == "seed"}


def test_a_pool_of_copies_alone_says_that_it_runs_out(empty):
    rows = [(f"r{n:03d}", _words(n % 3)) for n in range(90)]
    loop = _pool(empty, rows, ("id", "text"), split={"validation": 6, "reserve": 3}, seed={"size": 12})
    loop.refused("seed", kind="config", says="3 of them distinct")


def test_stratify_by_covers_every_stratum(empty):
    rows = [
        (f"r{n:03d}", _words(n), "rare" if n in (3, 77) else ("big", "small")[n % 5 == 0]) for n in range(100)
    ]
    loop = _pool(
        empty, rows, ("id", "text", "source"), split=NOTHING, seed={"size": 10, "stratify_by": ["source"]}
    )
    loop.doc("seed")
    source = {id_: name for id_, _, name in rows}
    assert {source[id_] for id_ in loop.asked()} == {"big", "small", "rare"}
    groups = {row["id"]: row["group"] for row in loop.table("rounds/000/selection.parquet")}
    assert groups == {id_: source[id_] for id_ in loop.asked()}


def test_stratify_by_takes_several_columns_and_one_name_alone(empty):
    rows = [(f"r{n:03d}", _words(n), "ab"[n % 2], "xy"[n % 3 == 0]) for n in range(60)]
    columns = ("id", "text", "one", "two")
    loop = _pool(empty, rows, columns, split=NOTHING, seed={"size": 8, "stratify_by": ["one", "two"]})
    loop.doc("seed")
    assert {row["group"] for row in loop.table("rounds/000/selection.parquet")} == {
        "a / x",
        "a / y",
        "b / x",
        "b / y",
    }


def test_clusters_of_the_features_are_all_covered(empty):
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [-1.0, 0.0]}
    rows = [
        (f"{name}{n}", [x + n / 1000, y - n / 1000]) for name, (x, y) in vectors.items() for n in range(20)
    ]
    empty.root.mkdir()
    pd.DataFrame(rows, columns=["id", "vector"]).to_parquet(empty.root / "pool.parquet")
    empty.config(pool="pool.parquet", features={"embedding": "vector"}, split=NOTHING, seed={"size": 6})
    empty.doc("seed")
    assert {id_[0] for id_ in empty.asked()} == {"a", "b", "c"}


@pytest.mark.parametrize("name", ["random", "random_sampling"])
def test_a_random_seed_set(at, name):
    loop = at("new")
    counts = loop.doc("seed", "--set", f"seed.strategy={name}")["counts"]
    assert counts["seed"] == 12
    strategies = {
        row["strategy"] for row in loop.table("rounds/000/selection.parquet") if row["reason"] == "seed"
    }
    assert len(strategies) == 1


def test_the_order_cut_and_format_of_the_pool_do_not_change_what_is_drawn(at, tmp_path):
    loop = at("new")
    frame = pd.read_csv(loop.root / "pool.csv").sample(frac=1.0, random_state=3)
    (loop.root / "parts").mkdir()
    frame.iloc[:31].to_parquet(loop.root / "parts/one.parquet")
    frame.iloc[31:].to_csv(loop.root / "parts/two.csv", index=False)
    loop.doc("seed")
    first = loop.tree()
    other = type(loop)(tmp_path / "other")
    loop.root.rename(other.root)
    for path in (other.root / "splits.parquet", *(other.root / "rounds/000").iterdir()):
        path.unlink()
    (other.root / "rounds/000").rmdir()
    other.doc("seed", "--set", "pool=parts")
    for name in ("splits.parquet", "rounds/000/query.csv", "rounds/000/selection.parquet"):
        assert other.tree()[name] == first[name]


def _a_team(loop, truth=lambda n: ("pets", "food")[n % 2]):
    """The usual pool with two copies of r001, labels of r000 to r019, and a test set of r020 to r029."""
    rows = _read_pool(loop)
    text = dict(rows)
    loop.csv("pool.csv", [*rows, ("copy1", text["r001"]), ("copy20", text["r020"])], ("id", "text"))
    loop.csv("labels.csv", [(f"r{n:03d}", truth(n)) for n in range(20)])
    loop.csv("test.csv", [(f"r{n:03d}",) for n in range(20, 30)], ("id",))
    return loop


def _read_pool(loop):
    frame = pd.read_csv(loop.root / "pool.csv", dtype=str)
    return list(frame[["id", "text"]].itertuples(index=False, name=None))


def test_labels_that_a_team_has_are_the_seed_set_and_its_test_set_is_the_validation_set(at):
    loop = _a_team(at("new"))
    loop.config(split={"validation": 8, "reserve": 4})
    brought = ["--labels", loop.root / "labels.csv", "--validation-ids", loop.root / "test.csv"]
    found = loop.doc("seed", *brought)
    assert {name: found["counts"][name] for name in ("validation", "reserve", "seed", "asked")} == {
        "validation": 10,
        "reserve": 4,
        "seed": 20,
        "asked": 10,
    }
    splits = _splits(loop)
    assert {id_ for id_, split in splits.items() if split == "seed"} == {f"r{n:03d}" for n in range(20)}
    assert {id_ for id_, split in splits.items() if split == "validation"} == {
        f"r{n:03d}" for n in range(20, 30)
    }
    assert splits["copy20"] == "held_out"
    assert loop.labels() == {f"r{n:03d}": ("pets", "food")[n % 2] for n in range(20)}
    assert set(loop.asked()) == {f"r{n:03d}" for n in range(20, 30)}
    before = loop.tree()
    for options in ([], brought):
        assert not loop.doc("seed", *options)["changed"]
        assert loop.tree() == before
    (loop.root / "rounds/000/query.csv").unlink()
    loop.doc("seed")
    assert set(loop.asked()) == {f"r{n:03d}" for n in range(20, 30)}

    loop.doc("ingest", loop.answer())
    train = loop.doc("train")
    assert (train["counts"]["labeled"], train["counts"]["validation_labeled"]) == (20, 10)
    loop.doc("score")
    scored = {row["id"] for row in loop.table("rounds/001/scores/part-00000.parquet")}
    assert not scored & {*loop.of_split("validation"), *loop.of_split("reserve"), "copy20"}
    loop.doc("query")
    assert not set(loop.asked(1)) & {"copy1", *loop.labels()}
    loop.doc("ingest", loop.answer(1))
    assert loop.doc("train")["round"] == 2


def test_a_query_file_of_labels_and_test_set_that_was_lost_is_written_again_as_it_was(at):
    loop = _a_team(at("new"))
    loop.csv(
        "labels.csv", [(f"r{n:03d}", ("pets", "food")[n % 2]) for n in range(25)]
    )  # five of the test set
    loop.doc("seed", "--labels", loop.root / "labels.csv", "--validation-ids", loop.root / "test.csv")
    assert set(loop.asked()) == {f"r{n:03d}" for n in range(25, 30)}
    before = loop.tree()
    (loop.root / "rounds/000/query.csv").unlink()
    assert loop.doc("seed")["files"] == ["rounds/000/query.csv"]
    assert loop.tree() == before


def test_labels_of_copies_of_validation_rows_are_left_out_and_said(at):
    loop = _a_team(at("new"))
    loop.csv("labels.csv", [*((f"r{n:03d}", ("pets", "food")[n % 2]) for n in range(8)), ("copy20", "pets")])
    found = loop.doc("seed", "--labels", loop.root / "labels.csv", "--validation-ids", loop.root / "test.csv")
    assert (
        "1 labeled rows are copies or group-mates of validation rows: left out (first: 'copy20')"
        in (found["warnings"])
    )
    assert set(loop.labels()) == {f"r{n:03d}" for n in range(8)}
    assert _splits(loop)["copy20"] == "held_out"


def test_labels_alone_leave_the_validation_set_to_be_drawn_apart_from_them(at):
    loop = _a_team(at("new"))
    found = loop.doc("seed", "--labels", loop.root / "labels.csv")
    assert (found["counts"]["validation"], found["counts"]["seed"], found["counts"]["asked"]) == (8, 20, 8)
    labeled = set(loop.labels())
    assert not labeled & set(loop.asked())
    assert not {"copy1"} & {*loop.of_split("validation"), *loop.of_split("reserve")}
    status = loop.doc("status")
    assert (status["stage"], status["labeled"], status["next"]) == ("ready_to_train", 20, "alcli train")


def test_a_test_set_alone_leaves_the_seed_set_to_be_drawn(at):
    loop = _a_team(at("new"))
    found = loop.doc("seed", "--validation-ids", loop.root / "test.csv")
    assert (found["counts"]["validation"], found["counts"]["seed"], found["counts"]["asked"]) == (10, 12, 22)
    assert set(loop.of_split("validation")) == {f"r{n:03d}" for n in range(20, 30)}
    loop.doc("ingest", loop.answer())
    for command in ("train", "score", "query"):
        loop.doc(command)


def test_answers_and_test_rows_that_the_pool_does_not_have_are_refused(at):
    loop = _a_team(at("new"))
    labels = loop.csv("strange.csv", [("r000", "pets"), ("nobody", "food")])
    loop.refused(
        "seed", "--labels", labels, kind="data", says="no such id in the pool", where="strange.csv, row 3"
    )
    test = loop.csv("ids.csv", [("r020",), ("nobody",)], ("id",))
    says = "the pool has no row 'nobody' (1 of 2 ids are missing)"
    loop.refused("seed", "--validation-ids", test, kind="data", says=says, where="ids.csv")
    twice = loop.csv("twice.csv", [("r020",), ("r020",)], ("id",))
    loop.refused(
        "seed", "--validation-ids", twice, kind="data", says="'r020' stands twice", where="twice.csv"
    )
    none = loop.csv("none.csv", [], ("id",))
    loop.refused("seed", "--validation-ids", none, kind="data", says="names no rows", where="none.csv")
    blank = loop.csv("blank.csv", [("r000", ""), ("r001", "")])
    loop.refused("seed", "--labels", blank, kind="data", says="has no labels", where="blank.csv")
    loop.refused("seed", "--labels", loop.root / "gone.csv", kind="file", says="", where="gone.csv")
    assert loop.doc("status")["stage"] == "new"


def test_labels_brought_after_the_seed_set_was_drawn_are_refused(at):
    loop = _a_team(at("new"))
    loop.doc("seed")
    labels = loop.root / "labels.csv"
    hint = "--unrequested accept"
    loop.refused("seed", "--labels", labels, kind="state", says="drawn already", hint=hint)
    test = loop.root / "test.csv"
    loop.refused("seed", "--validation-ids", test, kind="state", says="drawn already")
