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
