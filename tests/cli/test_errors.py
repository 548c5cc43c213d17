"""Commands out of order, files changed by hand, read-only places: one clear message, nothing written."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alcli.project.lock import locked

ALCLI = Path(sys.executable).with_name("alcli")
# root may write anywhere; without these two capabilities it is held to the rights that a file has
_WITHOUT_PRIVILEGE = """
import ctypes, os, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def _unprivileged(loop, *args):
    command = [sys.executable, "-c", _WITHOUT_PRIVILEGE, str(ALCLI), args[0], "-C", str(loop.root), *args[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _rights(loop, folder, file):
    for path in [loop.root, *loop.root.rglob("*")]:
        path.chmod(folder if path.is_dir() else file)


@pytest.mark.parametrize(
    ("stage", "command", "says", "hint"),
    [
        ("new", "ingest a.csv", "no seed set yet", "alcli seed"),
        ("new", "train", "no seed set yet", "alcli seed"),
        ("new", "score", "no seed set yet", "alcli seed"),
        ("new", "query", "no seed set yet", "alcli seed"),
        ("new", "query --release", "no seed set yet", "alcli seed"),
        ("seeded", "train", "there are no labels yet", "rounds/000/query.csv"),
        ("seeded", "score", "no model is trained yet", "alcli train"),
        ("seeded", "query", "no model is trained yet", "alcli train"),
        ("labeled", "score", "no model is trained yet", "alcli train"),
        ("labeled", "query", "no model is trained yet", "alcli train"),
        ("trained", "query", "not scored yet", "alcli score"),
        ("trained", "query --more 5", "not scored yet", "alcli score"),
        (
            "trained",
            "score --set query.strategy=query_by_committee",
            "needs a committee's votes",
            "alcli train",
        ),
        ("scored", "query --set query.strategy=entropy", "the scores were made by margin", "alcli score"),
        (
            "scored",
            "train --set labels.resolve=latest",
            "was resolved by 'majority'",
            "alcli ingest --rebuild",
        ),
    ],
)
def test_a_command_out_of_order_says_what_to_run_first(at, stage, command, says, hint):
    loop = at(stage)
    loop.csv("a.csv", [("r000", "pets")])
    loop.refused(*command.split(), kind="state", says=says, hint=hint)


def test_features_that_changed_since_training_are_refused(at):
    loop = at("trained")
    loop.config(features={"text": ["text"], "categorical": ["id2"]})
    loop.refused("score", kind="config", says="", where="features")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("diversity=margin", "query.diversity needs a set strategy in query.diversity; 'margin' is a score"),
        ("diversity=stratfied", "unknown strategy 'stratfied'"),
        ("quotas={column: text}", "quotas.column must be equal, or shares by value; found 'text'"),
        ("quotas={text: {a: 0.7, b: 0.7}}", "add up to 1 at most"),
        ("quotas={text: {a: 0}}", "above 0"),
        ("quotas={text: {}}", "above 0"),
        ("quotas={text: equal, id: equal}", "quotas must name one column"),
        ("quotas={texts: equal}", "the pool has no column 'texts'"),
        ("quotas={text: {a: many}}", "should be a valid number"),
        ("overlap=1.5", "less than or equal to 1"),
        ("shortlist=0", "greater than or equal to 1"),
        ("max_minutes=0", "greater than 0"),
    ],
)
def test_a_composition_that_makes_no_sense_is_refused(at, setting, says):
    at("scored").refused("query", "--set", f"query.{setting}", kind="config", says=says, where="--set")


def test_settings_that_exclude_each_other_are_refused(at):
    loop = at("scored")
    both = ["--set", "query.quotas={text: equal}", "--set", "query.class_balance=true"]
    loop.refused("query", *both, kind="config", says="choose one", where="--set")
    most = ["--set", "query.explore=0.6", "--set", "query.overlap=0.6"]
    loop.refused("query", *most, kind="config", says="more than the whole batch", where="--set")
    diverse = ["--set", "query.strategy=stratified", "--set", "query.diversity=stratified"]
    loop.refused("query", *diverse, kind="config", says="needs a score strategy in query.strategy")


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["fly"],
        ["seed", "--sise", "5"],
        ["seed", "extra"],
        ["init"],
        ["query", "--more", "0"],
        ["query", "--more", "many"],
        ["query", "--more", "5", "--release"],
        ["ingest"],
        ["ingest", "a.csv", "--unrequested", "perhaps"],
        ["ingest", "a.csv", "--column", "annotator"],
        ["seed", "--set"],
    ],
)
def test_a_wrong_command_line_ends_with_2(at, line):
    loop = at("seeded")
    before = loop.tree()
    done = subprocess.run([ALCLI, *line], cwd=loop.root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr or done.stdout
    assert loop.tree() == before


def test_an_error_is_one_json_document_on_stdout_of_a_real_process(at):
    loop = at("new")
    done = subprocess.run(
        [ALCLI, "train", "--json"], cwd=loop.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "error": {
            "kind": "state",
            "message": "this project has no seed set yet",
            "where": None,
            "hint": "run `alcli seed` first",
        }
    }


def test_quiet_prints_errors_all_the_same(at):
    outcome = at("new").alcli("train", "--quiet", code=1)
    assert (outcome.out, outcome.err.splitlines()[0]) == ("", "error: this project has no seed set yet")


def test_quiet_prints_nothing_when_all_is_well(at):
    outcome = at("new").alcli("seed", "--quiet")
    assert (outcome.out, outcome.err) == ("", "")


def test_brackets_in_names_are_printed_as_they_are(at):
    loop = at("new")
    outcome = loop.alcli("seed", "--set", "query.strategy='[bold]x[/bold]'", code=1)
    assert "[bold]x[/bold]" in outcome.err


def test_a_project_directory_that_is_not_there_is_refused(empty):
    for command in ("seed", "train", "score", "query", "status"):
        empty.refused(command, kind="file", says="there is no alcli.yaml here", hint="alcli init")
    assert not empty.root.exists()


def test_a_second_alcli_ends_with_75_and_names_the_first(at):
    loop = at("seeded")
    line = [ALCLI, "train", "--json", "-C", loop.root]
    with locked(loop.root / ".alcli", "score"):
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert loop.doc("status")["stage"] == "awaiting_labels"
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["kind"]) == (75, "locked")
    assert "`alcli score`" in error["message"]


@pytest.mark.parametrize("damage", ["changed", "cut", "removed"])
@pytest.mark.parametrize(
    ("stage", "command", "name"),
    [
        ("answered", "train", "splits.parquet"),
        ("answered", "status", "splits.parquet"),
        ("scored", "query", "splits.parquet"),
        ("answered", "train", "labels.parquet"),
        ("answered", "train", "rounds/001/metrics.json"),
        ("answered", "status", "rounds/001/metrics.json"),
        ("trained", "score", "rounds/001/model"),
        ("scored", "query", "rounds/001/model"),
        ("scored", "query", "rounds/001/scores/part-00000.parquet"),
        ("queried", "query", "rounds/001/selection.parquet"),
        ("queried", "ingest rounds/000/query.csv", "rounds/000/selection.parquet"),
        ("seeded", "seed", "rounds/000/selection.parquet"),
    ],
)
def test_a_file_changed_by_hand_is_named(at, stage, command, name, damage):
    loop = at(stage)
    path = loop.root / name
    for file in sorted(path.glob("*.npz")) or sorted(path.glob("*")) or [path]:
        content = file.read_bytes()
        if damage == "removed":
            file.unlink()
        elif damage == "cut":
            file.write_bytes(content[: len(content) // 2])
        else:
            middle = len(content) // 2
            file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    line = [str(loop.root / part) if part.endswith(".csv") else part for part in command.split()]
    loop.refused(*line, kind="integrity", says="", where=name.split("/0")[0], hint="")


@pytest.mark.parametrize("damage", ["changed", "cut", "removed"])
@pytest.mark.parametrize(("stage", "command"), [("answered", "ingest --rebuild"), ("scored", "query")])
def test_an_answer_changed_in_the_ledger_by_hand_is_noticed(at, stage, command, damage):
    loop = at(stage)
    path = loop.root / "ledger/000001.parquet"
    if damage == "changed":
        table = pq.read_table(path)
        swapped = pc.replace_substring(table["label"], "pets", "food")
        pq.write_table(table.set_column(1, "label", swapped), path)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:500])
    else:
        path.unlink()
    loop.refused(*command.split(), kind="integrity", says="the ledger", where="ledger", hint="copy")


def test_a_damaged_model_is_made_again_as_the_hint_says(at):
    loop = at("scored")
    before = loop.tree()
    shutil.rmtree(loop.root / "rounds/001/model")
    loop.refused("query", kind="integrity", says="", where="rounds/001/model", hint="alcli train")
    assert loop.doc("train")["changed"]
    loop.doc("score")
    assert loop.tree() == before | {"rounds/001/round.log.jsonl": loop.tree()["rounds/001/round.log.jsonl"]}


def test_an_answer_slipped_into_the_ledger_by_hand_is_noticed(at):
    loop = at("answered")
    (loop.root / "ledger/000003.parquet").write_bytes((loop.root / "ledger/000001.parquet").read_bytes())
    loop.refused("ingest", "--rebuild", kind="integrity", says="the ledger is not what", where="ledger")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format_version": 1}',
        '{"format_version": "x", "steps": {}}',
        '{"format_version": 1, "steps": {"seed": {}}}',
        '{"format_version": 1, "steps": {"seed": 5}}',
        "\x00\xff",
    ],
)
def test_a_round_json_edited_by_hand_is_named(at, content):
    loop = at("seeded")
    loop.write("rounds/000/round.json", content.encode("latin-1"))
    for command in ("status", "seed", "train"):
        loop.refused(command, kind="integrity", says="not as alcli wrote it", where="rounds/000/round.json")


def test_a_round_json_of_a_newer_alcli_is_refused(at):
    loop = at("seeded")
    path = loop.root / "rounds/000/round.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 999'))
    loop.refused("status", kind="state", says="written by a newer alcli", hint="upgrade")


def test_a_round_folder_that_is_gone_is_named(at):
    loop = at("queried")
    for path in sorted((loop.root / "rounds/000").iterdir()):
        path.unlink()
    loop.refused("status", kind="integrity", says="rounds/000", hint="copy")


def test_a_query_file_that_somebody_deleted_is_written_again(at):
    loop = at("queried")
    before = loop.tree()
    for command, name in (("seed", "rounds/000/query.csv"), ("query", "rounds/001/query.csv")):
        (loop.root / name).unlink()
        assert loop.doc(command)["files"] == [name]
    assert loop.tree()["rounds/001/query.csv"] == before["rounds/001/query.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
@pytest.mark.parametrize(
    ("stage", "command"),
    [
        ("new", "seed"),
        ("seeded", "ingest answers.csv"),
        ("labeled", "train"),
        ("trained", "score"),
        ("scored", "query"),
    ],
)
def test_in_a_read_only_directory_a_command_says_so_and_leaves_it_as_it_is(at, stage, command):
    loop = at(stage)
    loop.csv("answers.csv", [(id_, "pets") for id_ in loop.asked()] if stage == "seeded" else [])
    before = loop.tree()
    _rights(loop, 0o555, 0o444)
    try:
        line = [str(loop.root / part) if part.endswith(".csv") else part for part in command.split()]
        done = _unprivileged(loop, *line, "--json")
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["kind"], error["message"]) == (1, "file", "permission denied")
        assert (error["where"].startswith(str(loop.root)), done.stderr) == (True, "")
        assert loop.tree() == before
    finally:
        _rights(loop, 0o755, 0o644)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_files_that_may_not_be_read_are_named(at):
    for name, command in (("pool.csv", "score"), ("alcli.yaml", "status"), ("splits.parquet", "status")):
        loop = at("trained")
        (loop.root / name).chmod(0)
        done = _unprivileged(loop, command, "--json")
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["kind"]) == (1, "file")
        assert name in error["where"]
        assert done.stderr == ""
        loop.root.rename(loop.root.with_name(f"was-{name}"))


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_a_simulation_that_may_not_write_its_results_says_so_before_the_work(at):
    loop = at("answered")
    target = loop.root.with_name("locked")
    target.mkdir(mode=0o555)
    for out in (target, target / "below"):
        command = ("simulate", "--from-project", "--repeats", "2", "--jobs", "1", "--out", str(out), "--json")
        done = _unprivileged(loop, *command)
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["message"], error["where"]) == (1, "permission denied", str(out))
    assert not list((loop.root / ".alcli/simulate").glob("[0-9a-f]*.json"))


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
def test_init_into_a_read_only_directory_says_so(at):
    loop = at("new")
    loop.root.chmod(0o555)
    target = loop.root / "below"
    done = _unprivileged(loop, "init", str(target), "--pool", str(loop.root / "pool.csv"), "--json")
    loop.root.chmod(0o755)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["message"], error["where"]) == (1, "permission denied", str(target))
    assert not target.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_result_that_cannot_be_printed_is_no_traceback(at):
    loop = at("seeded")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [ALCLI, "status"], cwd=loop.root, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_traceback(at):
    done = subprocess.run(
        f"{ALCLI} status -C {at('seeded').root} | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def _in_a_terminal(line, **more):
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "100", **more}
    with subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while part := os.read(ours, 65536):
                said += part
        running.wait()
    os.close(ours)
    return said.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="terminals differ")
def test_colours_are_for_terminals_and_no_color_takes_them_away(at):
    loop = at("seeded")
    line = [ALCLI, "train", "-C", loop.root]
    assert "\x1b[" in _in_a_terminal(line)
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38;)", _in_a_terminal(line, NO_COLOR="1"))
    assert "\x1b" not in _in_a_terminal(line, TERM="dumb")


def test_no_command_prints_escape_codes_where_there_is_no_terminal(at):
    loop = at("new")
    loop.config(stop={"any": [{"name": "budget", "labels": 5}]})
    commands = [
        ["init", "--pool", loop.root / "pool.csv"],
        ["seed"],
        ["ingest", loop.root / "rounds/000/query.csv"],
        ["train", "-v"],
        ["score"],
        ["query"],
        ["query", "--more", "2"],
        ["query", "--release"],
        ["status", "-v"],
        ["strategies"],
        ["train", "--set", "query.strategy=margn"],
    ]
    for command in commands:
        if command[0] == "ingest":
            loop.answer()
        code = int("margn" in str(command))
        outcome = loop.alcli(*command, code=code)
        assert "\x1b" not in outcome.out + outcome.err, command
        assert outcome.out + outcome.err
