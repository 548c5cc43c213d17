"""Run again with the same inputs, every command changes no byte and says that it is up to date."""

from __future__ import annotations

import pytest


@pytest.fixture
def played(make_lab):
    """A project in which two rounds have run."""
    lab = make_lab("text").seeded()
    for number in (1, 2):
        lab.one_round(number)
    return lab


def again(lab, *command):
    """Run a command that has nothing to do."""
    before = lab.stamps()
    document = lab(*command)
    assert document["changed"] is False
    assert lab.stamps() == before
    return document


def test_each_step_run_twice_changes_no_byte(make_lab):
    lab = make_lab("text")
    assert lab("seed")["changed"] is True
    again(lab, "seed")
    answers = lab.labels(lab.ids(0))
    assert lab("ingest", answers)["changed"] is True
    assert again(lab, "ingest", answers)["counts"]["new"] == 0
    for step in ("train", "score", "query"):
        assert lab(step)["changed"] is True
        again(lab, step)


def test_init_run_twice_changes_no_byte(make_lab):
    lab = make_lab("text")
    (lab.root / "alcli.yaml").unlink()
    command = ("init", "--pool", lab.root / "pool.parquet")
    assert lab(*command)["changed"] is True
    again(lab, *command)


def test_any_step_of_a_finished_round_changes_no_byte(make_lab):
    lab = make_lab().seeded()
    for step in ("train", "score", "query"):
        lab(step)
    for step in ("seed", "train", "score", "query", "status"):
        again(lab, step)


def test_a_release_without_pending_rows_changes_no_byte(played):
    assert again(played, "query", "--release")["counts"]["released"] == 0


def test_released_rows_are_released_once(make_lab):
    lab = make_lab()
    lab("seed")
    assert lab("query", "--release")["counts"]["released"] == 18
    again(lab, "query", "--release")


def test_all_label_files_sent_again_change_no_byte(played):
    before = played.stamps()
    files = sorted(played.root.glob("answers-*.csv"))
    assert again(played, "ingest", *files)["counts"]["new"] == 0
    assert played.stamps() == before


def test_a_dry_run_changes_no_byte(make_lab):
    lab = make_lab()
    lab("seed")
    document = again(lab, "ingest", lab.labels(lab.ids(0)), "--dry-run")
    assert document["counts"]["new"] == 42


def test_a_retraction_is_made_once(played):
    assert played("ingest", "--retract", "answers-2.csv")["counts"]["retracted"] == 12
    assert again(played, "ingest", "--retract", "answers-2.csv")["counts"]["retracted"] == 0


def test_a_finished_steps_own_keys_are_not_compared_later(make_lab):
    lab = make_lab().seeded()
    again(lab, "seed", "--set", "seed.size=30")
    lab("train")
    again(lab, "train", "--set", "query.batch_size=5", "--set", "seed.size=30")
    lab("score")
    again(lab, "score", "--set", "query.batch_size=5")
    lab("query")
    again(lab, "query", "--set", "query.batch_size=5")


def test_status_writes_nothing_not_even_beside_the_contract(make_lab):
    lab = make_lab()
    lab("status")
    assert not (lab.root / ".alcli").exists()
    lab.seeded()
    before = {path: path.stat().st_mtime_ns for path in lab.root.rglob("*")}
    lab("status")
    assert {path: path.stat().st_mtime_ns for path in lab.root.rglob("*")} == before


def test_a_query_file_that_was_lost_comes_back_as_it_was(make_lab):
    lab = make_lab("text").seeded()
    for step in ("train", "score", "query"):
        lab(step)
    before = lab.bytes()
    for number, step in ((0, "seed"), (1, "query")):
        (lab.root / f"rounds/{number:03d}/query.csv").unlink()
        assert lab(step)["changed"] is True
    assert lab.bytes() == before


def test_a_filled_query_file_is_left_as_people_filled_it(make_lab):
    lab = make_lab("text").seeded()
    for step in ("train", "score", "query"):
        lab(step)
    file = lab.root / "rounds/001/query.csv"
    filled = file.read_text().replace(",\n", ",sea\n").replace(",\r\n", ",sea\r\n")
    assert filled.count("sea") >= 12
    file.write_text(filled)
    assert lab("ingest", file)["counts"]["new"] == 12
    again(lab, "query")
    assert file.read_text() == filled
