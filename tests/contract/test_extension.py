"""The validation set grows from the reserve only, and the curve stays one of the same rows."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FILE = "rounds/000/query-2.csv"


@pytest.fixture
def lab(make_lab):
    """One round has run; 12 rows are in reserve."""
    return make_lab("embedding", 200).seeded().one_round(1)


def extend(lab, size=5):
    return lab("seed", "--extend-validation", size)


def answer(lab, before, name="more.csv"):
    """People answer the validation rows that were not there before."""
    return lab("ingest", lab.labels(sorted(lab.split("validation") - before), name))


def history(lab, round_):
    return json.loads((lab.root / f"rounds/{round_:03d}/metrics.json").read_text())["history"]


def manifest(lab, round_=0):
    return json.loads((lab.root / f"rounds/{round_:03d}/round.json").read_text())["steps"]


# the draw


def test_the_next_rows_of_the_reserve_become_validation_rows_and_are_asked(lab):
    validation, reserve, others = lab.split("validation"), lab.split("reserve"), lab.split("held_out", "seed")
    document = extend(lab, 5)
    assert document["counts"]["added"] == 5
    assert (document["counts"]["validation"], document["counts"]["reserve"]) == (29, 7)
    new = lab.split("validation") - validation
    assert validation < lab.split("validation")
    assert len(new) == 5
    assert new | lab.split("reserve") == reserve
    assert lab.split("held_out", "seed") == others
    lines = (lab.root / FILE).read_text().splitlines()
    assert {line.split(",")[0] for line in lines[1:]} == new
    asked = lab.asked(0).to_pylist()[-5:]
    assert [row["id"] for row in asked] == [line.split(",")[0] for line in lines[1:]]
    assert {(row["reason"], row["strategy"]) for row in asked} == {("validation", "random_sampling")}
    assert lab("status")["pending"] == 5
    assert lab("status")["validation"] == {"size": 29, "labeled": 24}


@pytest.mark.parametrize("state", [0, 7])
def test_an_extended_validation_set_is_the_one_that_a_larger_draw_would_have_been(make_lab, state):
    small, large = make_lab(name="small", random_state=state), make_lab(name="large", random_state=state)
    large.configure(random_state=state, split={"validation": 31, "reserve": 5})
    small("seed")
    large("seed")
    extend(small, 4)
    small.answer(0, "all.csv")
    extend(small, 3)
    assert small.split("validation") == large.split("validation")
    assert small.split("reserve") == large.split("reserve")


def test_a_changed_random_state_does_not_change_the_order_of_the_reserve(make_lab):
    one, other = make_lab(name="one"), make_lab(name="other")
    for lab in (one, other):
        lab("seed")
    extend(one)
    other("seed", "--extend-validation", 5, "--set", "random_state=3")
    assert one.split("validation") == other.split("validation")


def test_copies_and_group_mates_of_the_new_rows_stay_held_out(make_lab, make_data_of):
    data = make_data_of("text", 200)
    rows = data.table.to_pylist()
    table = pa.Table.from_pylist([{**row, "speaker": f"s{n % 50}"} for n, row in enumerate(rows)])
    lab = make_lab(data=type(data)(table, data.truth, data.features))
    lab.configure(split={"validation": 8, "reserve": 8, "group_by": "speaker"}).seeded()
    held_out = lab.split("held_out")
    assert held_out
    extend(lab, 3)
    assert lab.split("held_out") == held_out
    lab("train")
    lab("score")
    assert not set(lab.scores()["id"].to_pylist()) & lab.split()


def test_the_query_file_shows_no_more_than_any_other(lab):
    extend(lab)
    header = [(lab.root / name).read_text().splitlines()[0] for name in ("rounds/000/query.csv", FILE)]
    assert header[0] == header[1]


# what cannot be


def test_more_than_the_reserve_has_is_refused_with_what_is_left(lab):
    assert "12 left in the reserve" in lab.fails("seed", "--extend-validation", 13)
    extend(lab, 12)
    answer(lab, set(lab.ids(0)[:42]))
    assert "0 left in the reserve" in lab.fails("seed", "--extend-validation", 1)


def test_before_seed_there_is_nothing_to_extend(make_lab):
    assert "alcli seed" in make_lab().fails("seed", "--extend-validation", 1)


@pytest.mark.parametrize("size", ["0", "-3", "many"])
def test_a_size_that_is_none_is_a_wrong_option(lab, size):
    assert lab.shell("seed", "--extend-validation", size).returncode == 2


def test_it_does_not_go_with_other_sources_of_rows(lab):
    line = ("seed", "--extend-validation", "2", "--validation-ids", "answers-1.csv")
    assert lab.shell(*line).returncode == 2


def test_a_reserve_row_with_other_content_stops_it(lab):
    path, sealed = lab.root / "pool.parquet", min(lab.split("reserve"))
    table = pq.read_table(path)
    rows = [{**r, "vector": [0.5] * len(r["vector"])} if r["id"] == sealed else r for r in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    assert f"reserve row {sealed!r} has other content" in lab.fails("seed", "--extend-validation", 2)


def test_reserve_rows_that_the_pool_has_no_more_are_passed_over(lab):
    path, gone = lab.root / "pool.parquet", sorted(lab.split("reserve"))[:10]
    table = pq.read_table(path)
    kept = [row for row in table.to_pylist() if row["id"] not in gone]
    pq.write_table(pa.Table.from_pylist(kept, schema=table.schema), path)
    before = lab.split("validation")
    assert "2 left in the reserve" in lab.fails("seed", "--extend-validation", 3)
    document = extend(lab, 2)
    assert not (lab.split("validation") - before) & set(gone)
    assert any("10 reserve rows passed over" in warning for warning in document["warnings"])


# again


def test_asked_again_before_all_are_answered_it_is_the_same_extension(lab):
    before = lab.split("validation")
    extend(lab, 5)
    stamps = lab.stamps()
    document = extend(lab, 5)
    assert document["changed"] is False
    assert document["counts"]["added"] == 0
    assert lab.stamps() == stamps
    lab("ingest", lab.labels(sorted(lab.split("validation") - before)[:4], "some.csv"))
    assert extend(lab, 5)["changed"] is False
    (lab.root / FILE).unlink()
    assert extend(lab, 5)["files"] == [FILE]
    assert lab.stamps()[FILE][0] == stamps[FILE][0]
    assert lab("seed")["changed"] is False


def test_another_size_waits_until_all_are_answered(lab):
    before = lab.split("validation")
    extend(lab, 5)
    error = lab.fails("seed", "--extend-validation", 4)
    assert FILE in error
    assert "extended by 5 rows" in error
    answer(lab, before)
    assert extend(lab, 4)["files"][1] == "rounds/000/query-3.csv"
    assert len(lab.split("validation")) == 33


def test_a_skipped_row_is_answered_too(lab):
    before = lab.split("validation")
    extend(lab, 3)
    lab("ingest", lab.labels(sorted(lab.split("validation") - before), "none.csv", "skip"))
    assert extend(lab, 3)["changed"] is True


def test_release_leaves_the_new_rows_with_people(lab):
    extend(lab, 3)
    assert lab("query", "--release")["counts"]["released"] == 0
    assert lab("status")["pending"] == 3


def test_lost_query_files_come_back_each_with_its_rows(lab):
    extend(lab, 5)
    wanted = lab.bytes()
    for name in ("rounds/000/query.csv", FILE):
        (lab.root / name).unlink()
    assert lab("seed")["files"] == ["rounds/000/query.csv", FILE]
    assert lab.bytes() == wanted


# what was made before stands


def test_the_superseded_digest_is_kept_and_what_was_made_under_it_stands(lab):
    lab("train")
    lab("score")
    old = manifest(lab)["seed"]["outputs"]["splits.parquet"]["sha256"]
    assert manifest(lab, 1)["train"]["inputs"]["splits.parquet"]["sha256"] == old
    extend(lab)
    assert [file["sha256"] for file in manifest(lab)["seed"]["superseded"]] == [old]
    for command in ("train", "score"):
        assert lab(command)["changed"] is False  # nobody has answered yet
    lab("query")
    assert not set(lab.ids(2)) & lab.split()
    assert lab("status")["validation"]["size"] == 29


def test_a_model_that_was_lost_comes_back_as_it_was_after_an_extension(lab):
    lab("train")
    lab("score")
    extend(lab)
    wanted = lab.bytes()
    shutil.rmtree(lab.root / "rounds/002/model")
    assert lab("train")["changed"] is True
    shutil.rmtree(lab.root / "rounds/002/scores")
    assert lab("score")["changed"] is True
    assert lab.bytes() == wanted


def test_the_splits_of_before_are_no_longer_the_projects(lab):
    old = (lab.root / "splits.parquet").read_bytes()
    extend(lab)
    (lab.root / "splits.parquet").write_bytes(old)
    for command in (["status"], ["train"], ["seed"], ["seed", "--extend-validation", "5"]):
        assert "splits.parquet" in lab.fails(*command)


def test_finished_rounds_keep_their_bytes(lab):
    journals = {f"rounds/001/{name}" for name in ("round.json", "round.log.jsonl")}  # an ingest enters itself
    stamps = lab.stamps().items()
    before = {name: s for name, s in stamps if name.startswith("rounds/001") and name not in journals}
    validation = lab.split("validation")
    extend(lab)
    answer(lab, validation)
    lab("train")
    assert len(before) > 5
    assert before.items() <= lab.stamps().items()


# the curve


def test_earlier_rounds_are_measured_again_on_all_validation_rows(lab, make_lab):
    lab.one_round(2)
    validation = lab.split("validation")
    extend(lab, 8)
    answer(lab, validation)
    assert "2 earlier rounds measured again, on the 32 validation rows of today." in lab.shell("train").stdout
    curve = history(lab, 3)
    assert [past["validation"]["rows"] for past in curve] == [32, 32, 32]
    assert len({past["validation"]["sha256"] for past in curve}) == 1
    assert history(lab, 2)[0]["validation"]["rows"] == 24
    assert lab("status")["history"] == curve

    # a project that drew all of them at the start measures the same models: the figures are the same
    other = make_lab("embedding", 200, name="other", split={"validation": 32, "reserve": 4}).seeded()
    other.one_round(1).one_round(2)
    other("train")
    assert other.ids(1) == lab.ids(1)
    for mine, theirs in zip(curve, history(other, 3), strict=True):
        assert mine["metrics"] == theirs["metrics"]
        assert mine["validation"] == theirs["validation"]


def test_the_change_is_of_the_same_rows(lab):
    validation = lab.split("validation")
    extend(lab, 8)
    answer(lab, validation)
    change = lab("train")["change"]["accuracy"]["value"]
    first, second = (past["metrics"]["accuracy"][0] for past in history(lab, 2))
    assert change == pytest.approx(second - first, abs=1e-6)


def test_corrected_validation_labels_are_measured_on_in_all_rounds_too(lab):
    wrong = lab.labels([min(lab.split("validation"))], "wrong.csv")
    label = wrong.read_text().splitlines()[1].split(",")[1]
    other = next(name for name in ("sea", "sky", "stone") if name != label)
    wrong.write_text(wrong.read_text().replace(f",{label}", f",{other}"))
    lab("ingest", wrong)
    lab("train")
    first, second = history(lab, 2)
    assert first["validation"] == second["validation"] != history(lab, 1)[0]["validation"]
    assert first["metrics"] != history(lab, 1)[0]["metrics"]


def test_a_lost_model_keeps_its_figures_and_they_are_marked(lab):
    lab.one_round(2)
    shutil.rmtree(lab.root / "rounds/001/model")
    validation = lab.split("validation")
    extend(lab, 8)
    answer(lab, validation)
    document = lab("train")
    assert any("round 001" in warning and "lost" in warning for warning in document["warnings"])
    assert [past["validation"]["rows"] for past in history(lab, 3)] == [24, 32, 32]
    assert history(lab, 3)[0] == history(lab, 1)[0]
    assert "other validation rows: round 001" in lab.shell("status").stdout


def test_the_loop_goes_on_without_the_model_of_the_round_before(lab):
    shutil.rmtree(lab.root / "rounds/001/model")
    document = lab("train")
    assert document["change"] is None
    assert any("rounds/001" in warning and "lost" in warning for warning in document["warnings"])


def test_rounds_with_other_features_keep_their_figures(make_lab):
    lab = make_lab("mixed", 200).seeded().one_round(1)
    validation = lab.split("validation")
    extend(lab, 8)
    answer(lab, validation)
    features = dict(lab.data.features)
    features.pop(next(iter(features)))
    document = lab("train", "--set", f"features={json.dumps(features)}")
    assert any("round 001" in warning and "other features" in warning for warning in document["warnings"])
    assert [past["validation"]["rows"] for past in history(lab, 2)] == [24, 32]


def test_a_given_validation_set_is_extended_with_a_warning(make_lab):
    lab = make_lab()
    lab("seed", "--validation-ids", lab.labels(sorted(lab.data.truth)[:20], "mine.csv"))
    assert any("mix both" in warning for warning in extend(lab)["warnings"])
    assert len(lab.split("validation")) == 25


def test_a_seed_set_that_was_brought_is_in_no_query_file(make_lab):
    lab = make_lab()
    lab("seed", "--labels", lab.labels(sorted(lab.data.truth)[:20], "mine.csv"))
    extend(lab)
    wanted = lab.bytes()
    for name in ("rounds/000/query.csv", FILE):
        (lab.root / name).unlink()
    lab("seed")
    assert lab.bytes() == wanted
    assert np.char.count((lab.root / FILE).read_text(), "\n") == 6


def test_a_round_that_brought_no_label_is_no_sign_that_labels_bring_nothing(lab):
    lab("train")  # round 2, from new labels
    before = lab.split("validation")
    extend(lab, 5)
    answer(lab, before)
    lab("score")
    lab("query")
    settled = '{"any": [{"name": "plateau", "rounds": 1}, {"name": "stabilizing_predictions", "rounds": 1}]}'
    document = lab("train", "--set", f"stop={settled}")
    assert document["round"] == 3
    labels = [entry["n_labels"] for entry in history(lab, 3)]
    assert labels[1] == labels[2]
    plateau, stabilizing = document["criteria"]
    assert "round 1's interval" in plateau["reason"]
    again = history(lab, 3)[1]["stop_set"]["kappa"]
    assert history(lab, 3)[2]["stop_set"]["kappa"] == 1
    assert f"{again:.4f}" in stabilizing["reason"]
