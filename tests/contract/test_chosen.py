"""Rows that selection chose, or could have chosen, never measure: every way to have them do so is refused."""

from __future__ import annotations

import csv
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

QUICK = ("--from-project", "--repeats", "1", "--rounds", "1", "--jobs", "1")


@pytest.fixture
def lab(make_lab):
    return make_lab("embedding", 200).seeded().one_round(1)


@pytest.fixture
def fresh(make_lab):
    """A new project over the same pool."""
    return make_lab("embedding", 200, name="fresh")


def rows_file(lab, name, header, rows):
    path = lab.root / name
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


# a test set of one's own


@pytest.mark.parametrize("rows", ["asked", "never asked", "in validation already"])
def test_validation_ids_cannot_be_named_once_selection_has_begun(lab, rows):
    ids = {
        "asked": lab.ids(1),
        "never asked": sorted(set(lab.data.truth) - lab.split() - set(lab.ids(0)) - set(lab.ids(1)))[:5],
        "in validation already": sorted(lab.split("validation")),
    }[rows]
    error = lab.fails("seed", "--validation-ids", lab.labels(ids, "mine.csv"))
    assert "cannot measure" in error
    assert "--extend-validation" in error


@pytest.mark.parametrize("name", ["rounds/001/selection.parquet", "labels.parquet", "splits.parquet"])
def test_another_projects_chosen_rows_are_no_test_set(lab, fresh, name):
    error = fresh.fails("seed", "--validation-ids", lab.root / name)
    assert "cannot measure" in error
    assert name.rpartition("/")[2] in error


def test_another_projects_validation_rows_are_one(lab, fresh):
    table = pq.read_table(lab.root / "labels.parquet")
    pq.write_table(table.filter(pc.equal(table["split"], "validation")), fresh.root / "test.parquet")
    fresh("seed", "--validation-ids", fresh.root / "test.parquet")
    assert fresh.split("validation") == lab.split("validation")


def test_labels_that_say_train_of_a_test_row_are_refused(lab, fresh):
    ids = fresh.labels([*sorted(lab.split("validation")), lab.ids(1)[0]], "test.csv")
    error = fresh.fails("seed", "--labels", lab.root / "labels.parquet", "--validation-ids", ids)
    assert f"labels.parquet | the row {lab.ids(1)[0]!r} was chosen to be trained on (split train)" in error


def test_labels_that_say_validation_of_another_row_are_refused(lab, fresh):
    some = fresh.labels(sorted(lab.split("validation"))[:10], "test.csv")
    error = fresh.fails("seed", "--labels", lab.root / "labels.parquet", "--validation-ids", some)
    assert "labels.parquet, row" in error
    assert "validation" in error


def test_a_draw_after_the_rounds_are_gone_is_refused_while_their_answers_are_there(lab):
    shutil.rmtree(lab.root / "rounds")
    (lab.root / "splits.parquet").unlink()
    error = lab.fails("seed", "--set", "random_state=7")
    assert "ledger" in error
    assert "--labels labels.parquet" in error
    shutil.move(lab.root / "ledger", lab.root / "old-ledger")
    lab("seed", "--labels", lab.root / "labels.parquet")  # all that it names are trained on
    labeled = set(pq.read_table(lab.root / "labels.parquet")["id"].to_pylist())
    assert not labeled & lab.split()


# label files


@pytest.mark.parametrize("kind", ["asked", "a seed row", "never asked"])
def test_a_label_file_puts_no_row_in_validation(lab, kind):
    id_ = {
        "asked": lab.ids(1)[0],
        "a seed row": min(lab.split("seed")),
        "never asked": max(set(lab.data.truth) - lab.split() - set(lab.ids(0)) - set(lab.ids(1))),
    }[kind]
    path = rows_file(lab, "claim.csv", ["id", "label", "split"], [(id_, "sea", "validation")])
    error = lab.fails("ingest", path, "--unrequested", "accept")
    assert "claim.csv, row 2" in error
    assert "only rows drawn at random for it may measure" in error
    assert "--extend-validation" in error


def test_the_good_rows_of_such_a_file_can_be_taken(lab):
    good, bad = min(lab.split("validation")), lab.ids(1)[0]
    rows = [(good, "sea", "validation"), (bad, "sea", "validation")]
    path = rows_file(lab, "claim.csv", ["id", "label", "split"], rows)
    counts = lab("ingest", path, "--skip-invalid")["counts"]
    assert (counts["answers"], counts["rejected"]) == (1, 1)


def test_the_labeled_set_itself_can_be_sent_again(lab):
    shutil.copy(lab.root / "labels.parquet", lab.root / "again.parquet")
    counts = lab("ingest", lab.root / "again.parquet")["counts"]
    assert (counts["new"], counts["known"]) == (0, 24 + 18 + 12)


def test_a_split_that_is_a_column_of_the_pool_says_nothing(make_lab, make_data_of):
    data = make_data_of("embedding", 120)
    column = pa.array(["validation"] * data.table.num_rows)
    lab = make_lab(data=type(data)(data.table.append_column("split", column), data.truth, data.features))
    lab("seed")
    rows = [(id_, lab.data.truth[id_], "validation") for id_ in lab.ids(0)]
    lab("ingest", rows_file(lab, "answers.csv", ["id", "label", "split"], rows))
    labels = pq.read_table(lab.root / "labels.parquet").to_pylist()
    assert {row["id"] for row in labels if row["split"] == "validation"} == lab.split("validation")


@pytest.mark.parametrize("spelling", ["  {}", "{}\t", "\ufeff{}", "\u200b{}", " {}\u00a0"])
def test_a_validation_id_in_another_spelling_is_still_that_validation_row(lab, spelling):
    id_ = min(lab.split("validation"))
    other = next(name for name in ("sea", "sky", "stone") if name != lab.data.truth[id_])
    rows = [(spelling.format(id_), other, "train")]
    lab("ingest", rows_file(lab, "odd.csv", ["id", "label", "split"], rows), "--unrequested", "accept")
    (row,) = (r for r in pq.read_table(lab.root / "labels.parquet").to_pylist() if r["id"] == id_)
    assert (row["split"], row["label"]) == ("validation", other)
    assert lab("train")["counts"] == {"labeled": 30, "validation_labeled": 24, "classes": 3}


@pytest.mark.parametrize("spelling", ["  {}", "{}\t", "\ufeff{}", "{}.0"])
@pytest.mark.parametrize("split", ["reserve", "validation"])
def test_no_spelling_of_a_sealed_id_gets_it_trained_on(lab, split, spelling):
    id_ = max(lab.split(split))
    for name in (spelling.format(id_), spelling.format(id_.upper())):
        path = rows_file(lab, "odd.csv", ["id", "label"], [(name, "sea")])
        lab("ingest", path, "--unrequested", "accept", "--skip-invalid")
    labels = pq.read_table(lab.root / "labels.parquet").to_pylist()
    assert {row["id"] for row in labels if row["split"] == "train"} == {*lab.ids(1), *lab.split("seed")}


# replays


def splits_file(lab, test, seeds=()):
    rows = [("0", id_, "validation") for id_ in sorted(test)] + [("0", id_, "seed") for id_ in sorted(seeds)]
    return rows_file(lab, "starts.csv", ["repeat", "id", "split"], rows)


def test_a_replay_of_the_project_is_measured_on_no_chosen_row(lab):
    chosen = lab.ids(1)[0]
    path = splits_file(lab, lab.split("validation") | {chosen})
    error = lab.fails("simulate", *QUICK, "--splits", path)
    assert repr(chosen) in error
    assert "was asked for training" in error


def test_a_replay_of_the_project_trains_on_no_validation_row(lab):
    seeds = sorted(lab.split("seed"))
    left_out, *test = sorted(lab.split("validation"))
    for path in (splits_file(lab, test, seeds), splits_file(lab, test, [*seeds, left_out])):
        error = lab.fails("simulate", *QUICK, "--splits", path)
        assert f"{left_out!r} is a validation row" in error


def test_a_replay_from_the_projects_own_splits_goes_through(lab):
    path = splits_file(lab, lab.split("validation"), lab.split("seed"))
    assert lab("simulate", *QUICK, "--splits", path)["counts"]["test"] == 24


def test_another_number_of_test_rows_is_refused_for_the_project(lab):
    assert "--test" in lab.fails("simulate", *QUICK, "--test", "10")
