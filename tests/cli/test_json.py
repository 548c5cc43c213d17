"""With --json every command says one document, with the keys of the contract, and nothing else anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ALCLI = Path(sys.executable).with_name("alcli")


def _is_document(found, command, *, round_, changed):
    assert (found["command"], found["round"], found["changed"]) == (command, round_, changed)
    assert all(isinstance(count, int) for count in found["counts"].values())
    assert all(isinstance(name, str) for name in [*found["files"], *found["warnings"]])


@pytest.mark.parametrize(
    ("stage", "command", "round_", "counts"),
    [
        ("new", "seed", 0, {"pool", "validation", "reserve", "held_out", "seed", "asked", "pending"}),
        ("labeled", "train", 1, {"labeled", "validation_labeled", "classes"}),
        ("trained", "score", 1, {"scored", "sealed"}),
        ("scored", "query", 1, {"asked", "candidates", "pending"}),
    ],
)
def test_a_step_tells_what_it_did_and_a_second_run_that_it_is_up_to_date(at, stage, command, round_, counts):
    loop = at(stage)
    first = loop.doc(command)
    _is_document(first, command, round_=round_, changed=True)
    assert counts <= set(first["counts"])
    assert first["files"]
    assert all((loop.root / name).exists() for name in first["files"])
    second = loop.doc(command)
    _is_document(second, command, round_=round_, changed=False)
    assert second["files"] == []


def test_ingest_tells_what_it_took(at):
    loop = at("seeded")
    path = loop.answer()
    first = loop.doc("ingest", path)
    _is_document(first, "ingest", round_=0, changed=True)
    assert {"new", "known", "pending_blank", "ignored", "rejected", "labeled", "pending"} <= set(
        first["counts"]
    )
    assert all((loop.root / name).exists() for name in first["files"])
    _is_document(loop.doc("ingest", path), "ingest", round_=0, changed=False)


def test_query_more_and_release_tell_what_they_did(at):
    loop = at("queried")
    more = loop.doc("query", "--more", "4")
    _is_document(more, "query", round_=1, changed=True)
    assert (more["counts"]["added"], more["counts"]["pending"]) == (4, 10)
    released = loop.doc("query", "--release")
    _is_document(released, "query", round_=1, changed=True)
    assert released["counts"]["released"] == 10
    assert not loop.doc("query", "--release")["changed"]


@pytest.mark.parametrize("stage", ["new", "seeded", "labeled", "trained", "scored", "queried", "answered"])
def test_status_has_all_its_keys_at_every_stage(at, stage):
    found = at(stage).doc("status")
    _is_document(found, "status", round_=found["round"], changed=False)
    assert {"stage", "pool", "labeled", "validation", "pending", "metrics", "stop", "next"} <= set(found)
    assert set(found["validation"]) == {"size", "labeled"}
    assert found["stop"].keys() >= {"verdict", "reason"}


def test_init_tells_what_it_guessed(at, empty, tmp_path):
    pool = at("new").root / "pool.csv"
    other = type(empty)(tmp_path / "fresh")
    found = other.doc("init", "--pool", pool)
    _is_document(found, "init", round_=None, changed=True)
    _is_document(other.doc("init", "--pool", pool), "init", round_=None, changed=False)


def test_strategies_lists_every_strategy_and_needs_no_project(tmp_path):
    done = subprocess.run(
        [ALCLI, "strategies", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    _is_document(found, "strategies", round_=None, changed=False)
    names = {one["name"] for one in found["strategies"]}
    assert {
        "random_sampling",
        "least_confidence",
        "margin",
        "entropy",
        "query_by_committee",
        "expected_model_change",
    } <= names
    for one in found["strategies"]:
        assert set(one) >= {"name", "summary", "needs", "kind", "cost"}
        assert one["kind"] in {"score", "set"}
    assert done.stderr == ""


def test_a_warning_stands_in_the_document_and_not_on_stderr(at):
    loop = at("seeded")
    loop.doc("ingest", loop.csv("a.csv", [(loop.of_split("seed")[0], "pets")]))
    assert loop.doc("train")["warnings"]


def test_a_real_process_prints_utf_8_whatever_the_locale(at):
    loop = at("seeded")
    loop.doc(
        "ingest", loop.csv("a.csv", [(loop.of_split("seed")[0], "größe"), (loop.of_split("seed")[1], "犬")])
    )
    path = loop.csv("b.csv", [(loop.of_split("seed")[2], "grösse")])
    done = subprocess.run(
        [ALCLI, "ingest", path, "-C", loop.root, "--json"],
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 1
    assert "größe" in json.loads(done.stdout.decode())["error"]["hint"]


def test_a_stdout_of_ascii_alone_is_no_trouble(at):
    """LC_ALL=C where Python takes it at its word."""
    loop = at("seeded")
    names = ("größe", "犬")
    loop.csv("a.csv", [(id_, names[n % 2]) for n, id_ in enumerate(loop.asked())])
    environment = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    def said(*command):
        line = [ALCLI, *command]
        done = subprocess.run(line, cwd=loop.root, capture_output=True, check=False, env=environment)
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode("ascii")

    assert "2 classes learned: " in said("ingest", "a.csv", "--dry-run")
    assert json.loads(said("ingest", "a.csv", "--json"))["labels"] == dict.fromkeys(names, 10)
    assert "Trained logistic_regression on 12 labels." in said("train", "-v")
    for command in ("score", "query"):
        loop.doc(command)
    loop.doc("ingest", loop.csv("b.csv", [(id_, names[0]) for id_ in loop.asked(1)]))
    loop.doc("train")
    assert "first 0." in said("status", "-v")
    assert set(json.loads(said("train", "--json"))["metrics"]["per_class"]) == set(names)
