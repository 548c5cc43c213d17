"""`query.seek`: a share of the batch looks like examples of a class that has hardly a label."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

KINDS = ["text", "mixed", "embedding"]


def without(lab, name):
    """The ids of round 000 that are not of a class: the others' answers alone make the first model."""
    return [id_ for id_ in lab.ids(0) if lab.data.truth[id_] != name or id_ in lab.split("validation")]


def examples_of(lab, name, count=2):
    asked = {*lab.ids(0), *lab.split()}
    return sorted(id_ for id_, label in lab.data.truth.items() if label == name and id_ not in asked)[:count]


def ready(lab, name="stone"):
    """Scored, with no training label of a class."""
    lab("seed")
    lab("ingest", lab.labels(without(lab, name)))
    lab("query", "--release")
    lab("train")
    lab("score")
    return lab


def seek(**classes):
    inside = ", ".join(f"{name}: [{', '.join(ids)}]" for name, ids in classes.items())
    return ("--set", f"query.seek={{{inside}}}")


def chosen(lab, round_=1):
    return lab.asked(round_).to_pylist()


def sought(lab, round_=1):
    return [row for row in chosen(lab, round_) if row["strategy"] == "seek"]


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_its_share_is_sought_and_says_why(make_lab, kind):
    lab = ready(make_lab(kind))
    like = examples_of(lab, "stone")
    lab("query", *seek(stone=like), "--set", "query.seek_share=0.25")
    rows = sought(lab)
    assert len(chosen(lab)) == 12
    assert [(row["reason"], row["group"]) for row in rows] == [("quota", "stone")] * 3
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert [row["id"] for row in rows[:2]] == sorted(like, key=[row["id"] for row in rows].index)
    assert rows[0]["score"] == pytest.approx(1, abs=1e-6)


def test_one_class_may_be_named_beside_its_examples(make_lab):
    lab = ready(make_lab("text"))
    like = examples_of(lab, "stone")
    lab("query", "--set", f"query.seek={{class: stone, like: [{', '.join(like)}]}}")
    assert [row["group"] for row in sought(lab)] == ["stone"]


def test_the_rows_are_the_nearest_of_all_candidates(make_lab):
    lab = ready(make_lab("embedding"))
    like = examples_of(lab, "stone", 1)
    lab("query", *seek(stone=like), "--set", "query.seek_share=0.5", "--set", "query.max_similarity=null")
    ids = lab.data.table["id"].to_pylist()
    vectors = np.array(lab.data.table["vector"].to_pylist())
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = dict(zip(ids, units @ units[ids.index(like[0])], strict=True))
    answered = {row["id"] for row in pq.read_table(lab.root / "labels.parquet").to_pylist()}
    open_ = set(ids) - answered - lab.split()
    assert [row["id"] for row in sought(lab)] == sorted(open_, key=lambda id_: -cosine[id_])[:6]


def test_labeled_rows_of_the_class_join_the_examples_until_there_are_enough(make_lab):
    lab = make_lab("embedding").seeded()  # some labels of every class
    stones = [id_ for id_ in lab.split("seed") if lab.data.truth[id_] == "stone"]
    lab("train")
    lab("score")
    like = examples_of(lab, "stone", 1)
    enough = ("--set", f"query.seek_until={len(stones)}")
    warnings = lab("query", *seek(stone=like), *enough)["warnings"]
    assert warnings == [f"query.seek: 'stone' has {len(stones)} labels: it is not looked for any more"]
    assert not sought(lab)
    lab("query", "--more", "10", *seek(stone=like), "--set", "query.seek_until=100")
    assert len(sought(lab)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_the_cut_and_the_format_of_the_pool_do_not_matter(make_lab, kind):
    batches = []
    for name in ("plain", "shuffled", "cut", "csv"):
        lab = make_lab(kind, name=name)
        if name == "shuffled":
            lab.data.shuffled().write_parquet(lab.root / "pool.parquet")
        elif name == "cut":
            lab.data.write_folder(lab.root / "pool", [7, 100, 130])
            lab.configure(pool="pool")
        elif name == "csv":
            lab.data.write_csv(lab.root / "pool.csv")
            lab.configure(pool="pool.csv")
        ready(lab)
        lab("query", *seek(stone=examples_of(lab, "stone")), "--set", "query.seek_share=0.5")
        batches.append([row["id"] for row in chosen(lab)])
    assert batches == batches[:1] * 4


def test_copies_and_near_duplicates_are_kept_apart(make_lab, make_data_of):
    lab = ready(make_lab(data=make_data_of("text", 80).repeated(3)))
    lab("query", *seek(stone=examples_of(lab, "stone")), "--set", "query.seek_share=1")
    texts = dict(zip(*(lab.data.table[name].to_pylist() for name in ("id", "text")), strict=True))
    asked = [texts[row["id"]] for row in chosen(lab)]
    assert len(set(asked)) == len(asked) == 12


def test_it_composes_with_the_other_shares(make_lab):
    lab = ready(make_lab("mixed"))
    config = ("explore=0.25", "overlap=0.25", "quotas={place: {place-1: 0.25}}", "seek_share=0.25")
    settings = [part for one in config for part in ("--set", f"query.{one}")]
    lab("query", *seek(stone=examples_of(lab, "stone")), *settings)
    rows = chosen(lab)
    assert len({row["id"] for row in rows}) == 12
    assert len(sought(lab)) == 3
    assert sum(row["reason"] == "explore" for row in rows) == 3
    assert sum(row["group"] == "place-1" for row in rows) == 3
    lab("query", "--more", "8", *seek(stone=examples_of(lab, "stone")), *settings)
    assert len({row["id"] for row in chosen(lab)}) == 20
    assert len(sought(lab)) == 5


@pytest.mark.parametrize(
    "strategy", ["core_set", "badge", "uncertainty_herding", "typiclust", "random_sampling"]
)
def test_it_stands_beside_any_strategy(make_lab, strategy):
    lab = make_lab("embedding", query={"strategy": strategy})
    ready(lab)
    lab("query", *seek(stone=examples_of(lab, "stone")), "--set", "query.seek_share=0.25")
    assert len({row["id"] for row in chosen(lab)}) == 12
    assert len(sought(lab)) == 3


def test_two_classes_share_what_there_is(make_lab):
    lab = ready(make_lab("embedding"))
    like = {name: examples_of(lab, name, 1) for name in ("stone", "sand")} | {
        "sand": examples_of(lab, "sky", 1)
    }
    lab("query", *seek(**like), "--set", "query.seek_share=0.5")
    assert [row["group"] for row in sought(lab)] == ["stone"] * 3 + ["sand"] * 3


@pytest.mark.parametrize("split", ["validation", "reserve"])
def test_a_sealed_row_is_no_example_and_the_words_tell_no_split(make_lab, split):
    lab = ready(make_lab("text"))
    row = min(lab.split(split))
    error = lab.fails("query", *seek(stone=[row]))
    assert f"the row {row!r} cannot be an example" in error
    assert split not in error.replace("query.seek", "")


def test_a_copy_of_a_sealed_row_is_no_example(make_lab, make_data_of):
    lab = ready(make_lab(data=make_data_of("text", 80).repeated(2)))
    row = min(lab.split("held_out"))
    assert "cannot be an example" in lab.fails("query", *seek(stone=[row]))


def test_what_cannot_be_sought_is_named(make_lab):
    lab = ready(make_lab("text"))
    like = examples_of(lab, "stone")
    assert "the pool has no row 'nobody'" in lab.fails("query", *seek(stone=["nobody"]))
    assert "names no example" in lab.fails("query", "--set", "query.seek={stone: []}")
    many = ("--set", "query.seek_share=0.6", "--set", "query.explore=0.5")
    assert "explore, seek_share and the quotas together" in lab.fails("query", *seek(stone=like), *many)
    classes = ("--set", "task.classes=[sea, sky, stone]")
    assert "did you mean 'stone'" in lab.fails("query", *seek(stoen=like), *classes)
    lab("relabel", "--map", "sea=ocean")
    assert "it counts as 'ocean' since `alcli relabel`" in lab.fails("query", *seek(sea=like))


def test_an_example_that_is_labeled_otherwise_is_left_out(make_lab):
    lab = ready(make_lab("text"))
    labeled = min(id_ for id_ in lab.split("seed") if lab.data.truth[id_] == "sea")
    warnings = lab("query", *seek(stone=[labeled]))["warnings"]
    assert f"query.seek: 1 example of 'stone' left out: {labeled!r} is labeled 'sea'" in warnings
    assert any("no example of 'stone' is left" in said for said in warnings)
    assert not sought(lab)


def test_ids_in_the_config_keep_their_spelling(make_lab, make_data_of):
    data = make_data_of("text")
    numbers = {id_: str(int(id_[1:]) + 1000) for id_ in data.truth}
    table = data.table.set_column(0, "id", [[numbers[id_] for id_ in data.table["id"].to_pylist()]])
    lab = ready(
        make_lab(data=type(data)(table, {numbers[k]: v for k, v in data.truth.items()}, data.features))
    )
    lab("query", *seek(stone=examples_of(lab, "stone", 1)))
    assert len(sought(lab)) == 1


def test_relabel_names_the_key_that_is_to_change(make_lab):
    lab = make_lab("text").seeded()
    lab.configure(query={"batch_size": 12, "strategy": "margin", "seek": {"sea": examples_of(lab, "sea")}})
    assert "query.seek: " not in lab.fails("relabel", "--map", "sea=ocean")
    assert "write 'ocean' in place of 'sea'" in lab.fails("relabel", "--map", "sea=ocean")


def test_a_simulation_leaves_it_out(make_lab):
    lab = ready(make_lab("text"))
    lab("query")
    lab.answer(1)
    run = ("simulate", "--from-project", "--repeats", "1", "--rounds", "1", "--jobs", "1")
    assert lab(*run, *seek(stone=examples_of(lab, "stone")))["n_repeats"] == 1
