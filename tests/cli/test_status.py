"""`status` says where the loop stands and what to type next; it writes nothing and takes no lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ALCLI = Path(sys.executable).with_name("alcli")
STAGES = {
    "new": ("new", None, "alcli seed"),
    "seeded": ("awaiting_labels", 0, "label rounds/000/query.csv, then `alcli ingest rounds/000/query.csv`"),
    "labeled": ("ready_to_train", 0, "alcli train"),
    "trained": ("trained", 1, "alcli score"),
    "scored": ("scored", 1, "alcli query"),
    "queried": ("awaiting_labels", 1, "label rounds/001/query.csv, then `alcli ingest rounds/001/query.csv`"),
    "answered": ("ready_to_train", 1, "alcli train"),
}


def _budget(loop, labels):
    loop.config(stop={"any": [{"name": "budget", "labels": labels}]})


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_of_the_loop_is_told_with_the_next_command(at, stage):
    loop = at(stage)
    before = loop.tree()
    found = loop.doc("status")
    assert (found["stage"], found["round"], found["next"]) == STAGES[stage]
    outcome = loop.alcli("status")
    following = STAGES[stage][2].replace("rounds/", f"{loop.root}/rounds/")
    first, _, end = following.partition("`")
    typed = f"{first}`{end.removesuffix('`')} -C {loop.root}`" if end else f"{following} -C {loop.root}"
    assert f"next {typed}" in " ".join(outcome.out.split())
    assert (outcome.err, loop.tree()) == ("", before)


def test_the_next_commands_typed_as_they_are_told_carry_the_loop(at):
    loop = at("new")
    for _ in range(9):
        following = loop.doc("status")["next"]
        if following.startswith("label "):
            round_ = loop.doc("status")["round"]
            loop.answer(round_)
            loop.doc("ingest", loop.root / following.split("`")[1].split()[-1])
        else:
            loop.doc(*following.removeprefix("alcli ").split())
    assert loop.doc("status")["round"] == 2


def test_the_counts_are_those_of_the_labels(at):
    loop = at("seeded")
    asked = loop.asked()
    seed, validation = loop.of_split("seed"), loop.of_split("validation")
    rows = [
        (seed[0], "pets"),
        (seed[1], "food"),
        (validation[0], "pets"),
        (seed[2], "skip"),
        (seed[3], "unsure"),
    ]
    loop.doc("ingest", loop.csv("a.csv", rows))
    found = loop.doc("status")
    assert (found["pool"], found["labeled"], found["pending"]) == (80, 2, len(asked) - 5)
    assert found["validation"] == {"size": 8, "labeled": 1}
    assert (found["counts"]["skipped"], found["counts"]["unsure"], found["counts"]["disputed"]) == (1, 1, 0)


def test_partly_answered_is_ready_to_train(at):
    loop = at("seeded")
    loop.doc("ingest", loop.csv("a.csv", [(loop.of_split("seed")[0], "pets")]))
    assert loop.doc("status")["stage"] == "ready_to_train"


@pytest.mark.parametrize(
    ("stage", "code"),
    [("new", 0), ("seeded", 11), ("labeled", 0), ("trained", 0), ("scored", 0), ("queried", 11)],
)
def test_the_exit_code_tells_a_script_to_go_on_or_to_wait(at, stage, code):
    loop = at(stage)
    loop.doc("status", "--exit-code", code=code)
    loop.doc("status")


def test_the_exit_code_is_10_when_a_stopping_criterion_says_stop(at):
    loop = at("answered")
    _budget(loop, 18)
    loop.doc("status", "--exit-code", code=0)
    found = loop.doc("train")
    assert found["stop"] == {"verdict": "stop", "reason": "18 of 18 training labels: the budget is spent"}
    found = loop.doc("status", "--exit-code", code=10)
    assert (found["stage"], found["stop"]["verdict"]) == ("stopped", "stop")
    assert "labels.parquet is the labeled set" in found["next"]
    assert "a stopping criterion says stop" in loop.alcli("status", "--exit-code", code=10).out


def test_a_criterion_that_does_not_hold_yet_says_how_far_it_is(at):
    loop = at("trained")
    _budget(loop, 20)
    found = loop.doc("status", "--exit-code")
    assert (found["stage"], found["stop"]["verdict"]) == ("trained", "go_on")
    assert "12 of 20 training labels: 8 to go" in found["stop"]["reason"]


def test_metrics_and_their_change_are_those_of_the_newest_training(at):
    loop = at("answered")
    loop.doc("train")
    found = loop.doc("status")
    assert found["metrics"]["round"] == 2
    assert found["metrics"]["change"]["accuracy"].keys() >= {"value", "low", "high"}
    assert [entry["round"] for entry in found["history"]] == [1, 2]


def test_a_pool_that_has_grown_is_pointed_out(at):
    loop = at("labeled")
    loop.write(
        "pool.csv", (loop.root / "pool.csv").read_text() + "r900,more words here\nr901,and others there\n"
    )
    before = loop.tree()
    (warning,) = loop.doc("status")["warnings"]
    assert "from 80 to 82 rows since the validation set was drawn: new rows are candidates" in warning
    assert loop.tree() == before
    loop.doc("train")
    assert loop.doc("score")["counts"]["scored"] == 82 - 12


def test_a_pool_that_is_gone_is_pointed_out(at):
    loop = at("labeled")
    (loop.root / "pool.csv").unlink()
    (warning,) = loop.doc("status")["warnings"]
    assert "the pool cannot be read: pool.csv: there is no such file" in warning


def test_a_new_project_whose_pool_is_not_there_yet_has_a_status(at):
    loop = at("new")
    (loop.root / "pool.csv").unlink()
    found = loop.doc("status")
    assert (found["stage"], len(found["warnings"])) == ("new", 1)


def test_status_works_in_a_read_only_directory(at):
    loop = at("queried")
    for path in [loop.root, *loop.root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    drop = (
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", drop, ALCLI, "status", "-C", loop.root],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for path in [loop.root, *loop.root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert (done.returncode, done.stderr) == (0, "")
    assert "waiting for labels, round 001" in done.stdout


def test_status_leaves_no_lock_and_no_cache_in_a_new_project(at):
    loop = at("new")
    loop.doc("status")
    assert not (loop.root / ".alcli").exists()


def test_after_scores_of_another_strategy_the_next_command_is_score(at):
    loop = at("scored")
    loop.config(query={"batch_size": 6, "strategy": "entropy"})
    assert (loop.doc("status")["stage"], loop.doc("status")["next"]) == ("scored", "alcli score")
    loop.doc("score")
    assert loop.doc("status")["next"] == "alcli query"
    loop.doc("query")


def test_every_file_that_may_be_with_people_is_named(at):
    loop = at("seeded")
    asked = loop.asked()
    loop.doc("ingest", loop.csv("some.csv", [(id_, "pets") for id_ in asked[:14]]))
    for command in ("train", "score", "query"):
        loop.doc(command)
    loop.doc("query", "--more", "2")
    files = ["rounds/000/query.csv", "rounds/001/query.csv", "rounds/001/query-2.csv"]
    found = loop.doc("status")
    assert found["pending"] == 14
    assert found["next"] == f"label {', '.join(files)}, then `alcli ingest {' '.join(files)}`"
    for number in (0, 1):
        loop.answer(number)
    loop.csv(files[2], [(row["id"], "food") for row in loop.table("rounds/001/selection.parquet")[6:]])
    loop.doc("ingest", *(loop.root / name for name in files))
    assert loop.doc("status")["pending"] == 0


def test_rows_of_an_old_file_are_still_with_people_when_a_newer_one_has_come_back(at):
    loop = at("seeded")
    asked = loop.asked()
    loop.doc("ingest", loop.csv("some.csv", [(id_, "pets") for id_ in asked[:14]]))
    for round_ in (1, 2):
        for command in ("train", "score", "query"):
            loop.doc(command)
        if round_ == 1:
            loop.doc("ingest", loop.answer(1))
    found = loop.doc("status")
    assert found["pending"] == 12
    assert "rounds/000/query.csv" in found["next"]
    assert "rounds/002/query.csv" in found["next"]


def test_a_folder_with_a_blank_is_quoted_in_the_next_command(at):
    loop = at("queried")
    root = loop.root.rename(loop.root.with_name("my project"))
    moved = type(loop)(root)
    line = moved.alcli("status").out.rpartition("`alcli ")[2].strip().removesuffix("`")
    moved.answer(1)
    done = subprocess.run(f"{ALCLI} {line}", shell=True, capture_output=True, text=True, check=True)
    assert "6 new answers" in done.stdout
    assert "my project" not in moved.doc("status")["next"]


@pytest.mark.parametrize("stage", STAGES)
def test_no_line_ends_in_blanks(at, stage):
    loop = at(stage)
    commands = [["status"], ["status", "-v"], ["strategies"]]
    if stage == "labeled":
        commands += [["train", "-v"], ["score"], ["query"], ["query", "--more", "3"], ["query", "--release"]]
    if stage == "seeded":
        commands += [["seed"], ["ingest", loop.answer()]]
    if stage == "answered":
        commands += [["train", "-v"], ["train"]]
    for command in commands:
        outcome = loop.alcli(*command)
        for line in [*outcome.out.splitlines(), *outcome.err.splitlines()]:
            assert line == line.rstrip(), command


def test_where_every_label_was_taken_back_there_is_nothing_to_query(at):
    loop = at("scored")
    loop.doc("ingest", "--retract", "rounds/000/query.csv")
    found = loop.doc("status")
    assert (found["stage"], found["labeled"], found["pending"]) == ("awaiting_labels", 0, 20)
    assert found["next"] == "label rounds/000/query.csv, then `alcli ingest rounds/000/query.csv`"


def test_where_no_label_stands_and_nobody_is_asked_the_next_command_works(empty, at):
    pool = at("new").root / "pool.csv"
    empty = type(empty)(empty.root.with_name("unasked"))
    empty.write("pool.csv", pool.read_bytes())
    empty.config(split={"validation": 0, "reserve": 0})
    empty.doc("seed")
    empty.doc("ingest", empty.answer())
    empty.doc("ingest", "--retract", "rounds/000/query.csv")
    empty.doc("query", "--release")
    found = empty.doc("status")
    assert (found["labeled"], found["pending"]) == (0, 0)
    assert "alcli query" not in found["next"]


def test_labels_newer_than_the_model_are_trained_on_before_one_stops(at):
    loop = at("queried")
    _budget(loop, 12)
    assert loop.doc("status")["next"] == "stop labeling; labels.parquet is the labeled set"
    loop.doc("ingest", loop.answer(1))
    found = loop.doc("status")
    assert (found["stage"], found["stop"]["verdict"]) == ("stopped", "stop")
    assert found["next"].startswith("alcli train: the last labels")
    assert f"alcli train -C {loop.root}: the last labels" in loop.alcli("status").out
    loop.doc("train")
    assert loop.doc("status")["next"] == "stop labeling; labels.parquet is the labeled set"


def test_a_query_beyond_the_stop_warns_with_the_verdict(at):
    loop = at("scored")
    _budget(loop, 12)
    verdict = loop.doc("status")["stop"]
    found = loop.doc("query")
    assert found["warnings"] == [f"a stopping criterion says stop: {verdict['reason']}"]
    assert found["counts"]["asked"] == 6
