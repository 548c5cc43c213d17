"""`alcli demo` as a newcomer meets it: in a process of its own, in an empty directory, from a wheel."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alcli.cli.demo import _WHY

REPOSITORY = Path(__file__).parents[2]
ROUND = ["ingest alcli-demo/oracle.csv --requested-only -C alcli-demo"]
ROUND += [f"{name} -C alcli-demo" for name in ("train", "score", "query")]
COMMANDS = [
    "init alcli-demo --pool alcli-demo/pool.parquet",
    "seed --set split.validation=600 -C alcli-demo",
    *ROUND * 5,
    "status -C alcli-demo",
]
PRODUCTS = ("labels.parquet", "splits.parquet", "rounds/005/query.csv", "rounds/005/selection.parquet")


def alcli(folder, *arguments, encoding="utf-8"):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "alcli", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding=encoding,
        check=False,
    )


def in_process(*arguments):
    from alcli.cli import app

    return CliRunner().invoke(app, ["demo", *map(str, arguments)])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A demo that has run: where, and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    ran = alcli(folder, "demo")
    assert (ran.returncode, ran.stderr) == (0, "")
    return folder, ran.stdout


@pytest.mark.slow
def test_it_shows_every_command_as_one_types_it(done):
    assert re.findall(r"^\$ alcli (.*)", done[1], flags=re.MULTILINE) == COMMANDS


@pytest.mark.slow
def test_it_shows_the_commands_own_output(done):
    folder, output = done
    assert "600 validation rows drawn at random from 4,080 and sealed" in output
    assert re.findall(r"^Trained logistic_regression on (.*) labels", output, flags=re.MULTILINE) == [
        "200", "400", "600", "800", "1,000"
    ]  # fmt: skip
    status = alcli(folder, "status", "-C", "alcli-demo").stdout
    assert "waiting for labels, round 005" in status
    assert status in output


@pytest.mark.slow
def test_every_line_fits_into_80_columns(done):
    too_long = [line for line in done[1].splitlines() if len(line) > 80]
    to_copy_whole = ("Wrote alcli-demo/alcli.yaml", "8 classes learned: ", "next  ")
    assert [line for line in too_long if not line.startswith(to_copy_whole)] == []
    assert max(len(f"# {why}") for why in _WHY.values()) <= 80


@pytest.mark.slow
def test_the_default_is_ahead_of_random_sampling_and_the_end_says_by_how_much(done):
    folder, output = done
    document = json.loads(alcli(folder, "demo", "--json").stdout)
    chosen, random = document["curves"]["uncertainty_herding"], document["curves"]["random_sampling"]
    assert [point["labels"] for point in chosen] == [200, 400, 600, 800, 1000]
    assert [point["labels"] for point in random] == [200, 400, 600, 800, 1000]
    assert chosen[0] == random[0]  # the same seed and validation rows
    assert all(
        ours["accuracy"] > theirs["accuracy"] for ours, theirs in zip(chosen[1:], random[1:], strict=True)
    )
    assert document["saving"] >= 0.15
    assert document["target"] == random[-1]["accuracy"]
    about = f"about {round(document['labels_to_target'], -1):,} labels: {document['saving']:.0%} fewer."
    assert about in " ".join(output.split())
    assert "● uncertainty_herding   ○ random_sampling" in output


@pytest.mark.slow
def test_a_finished_demo_is_up_to_date(done):
    folder, output = done
    before = {name: (folder / "alcli-demo" / name).read_bytes() for name in PRODUCTS}
    again = alcli(folder, "demo")
    assert again.returncode == 0
    assert again.stdout.startswith("Up to date: alcli-demo is a demo that has run to its end.")
    assert output.endswith(again.stdout.partition("\n")[2])  # the curves and what is next, as before
    document = json.loads(alcli(folder, "demo", "--json").stdout)
    assert (document["command"], document["round"], document["changed"]) == ("demo", 5, False)
    assert (document["files"], document["warnings"]) == ([], [])
    assert alcli(folder, "demo", "--quiet").stdout == ""
    assert {name: (folder / "alcli-demo" / name).read_bytes() for name in PRODUCTS} == before


@pytest.mark.slow
def test_the_scratch_project_is_swept_away(done):
    assert not (done[0] / "alcli-demo" / ".alcli" / "random_sampling").exists()


@pytest.mark.slow
def test_other_settings_need_another_directory(done):
    refused = alcli(done[0], "demo", "--set", "random_state=1")
    assert refused.returncode == 1
    assert "error: alcli-demo: the demo here was started with no --set" in refused.stderr


@pytest.mark.slow
def test_one_goes_on_by_hand_as_it_says(done, tmp_path):
    subprocess.run(["cp", "-r", done[0] / "alcli-demo", tmp_path], check=True)
    steps = json.loads(alcli(tmp_path, "demo", "--json").stdout)["next"]
    assert steps == [
        "cd alcli-demo", "alcli ingest rounds/005/query.csv", "alcli train", "alcli score", "alcli query"
    ]  # fmt: skip
    folder = tmp_path / "alcli-demo"
    truth = dict(line.split(",") for line in (folder / "oracle.csv").read_text().splitlines())
    query = folder / "rounds/005/query.csv"
    header, *lines = query.read_text().splitlines()
    assert header.endswith("label")
    assert all(line.endswith(",") for line in lines)
    lines[:50] = [line + truth[line.partition(",")[0]] for line in lines[:50]]
    query.write_text("\n".join([header, *lines]) + "\n")
    for step in steps[1:]:
        ran = alcli(folder, *step.split()[1:])
        assert ran.returncode == 0, ran.stderr
    assert "Give rounds/006/query.csv to people: 200 rows to label." in ran.stdout
    after = json.loads(alcli(tmp_path, "demo", "--json").stdout)
    assert (after["round"], after["changed"], after["query"]) == (6, False, "rounds/006/query.csv")
    assert len(after["curves"]["uncertainty_herding"]) == 5


@pytest.mark.slow
def test_the_json_document_is_all_that_is_printed_and_a_killed_demo_goes_on(done, tmp_path):
    command = [sys.executable, "-m", "alcli", "demo", "--quiet"]
    killed = subprocess.Popen(command, cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not (tmp_path / "alcli-demo/rounds/002/model").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    ran = alcli(tmp_path, "demo", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    document = json.loads(ran.stdout)
    assert document["changed"]
    assert document["counts"]["labeled"] == 1000
    assert "alcli-demo/labels.parquet" in document["files"]
    undisturbed = json.loads(alcli(done[0], "demo", "--json").stdout)
    assert document["curves"] == undisturbed["curves"]
    for name in PRODUCTS:
        assert (tmp_path / "alcli-demo" / name).read_bytes() == (done[0] / "alcli-demo" / name).read_bytes()


@pytest.mark.slow
def test_another_encoding_gets_plain_ascii(done):
    output = alcli(done[0], "demo", encoding="ascii").stdout
    assert "* uncertainty_herding   o random_sampling" in output


@pytest.mark.slow
def test_step_says_what_each_command_is_for_and_waits_for_enter(tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "alcli", "demo", "--step"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=theirs, stdout=subprocess.PIPE, encoding="utf-8"
    ) as ran:
        os.close(theirs)
        lines = iter(ran.stdout.readline, "")
        for line in lines:
            if line.startswith("# Look at the pool"):
                break
        time.sleep(1)
        assert not (tmp_path / "alcli-demo/alcli.yaml").exists()  # it waits
        os.write(ours, b"\n")
        for line in lines:
            if line.startswith("# Draw 600 rows to measure with"):
                break
        assert (tmp_path / "alcli-demo/alcli.yaml").exists()
        time.sleep(1)  # it waits again: an interrupt amid its output can be lost in a destructor
        ran.send_signal(signal.SIGINT)
        try:
            assert ran.wait(timeout=30) == 130
        finally:
            ran.kill()
    os.close(ours)
    assert not (tmp_path / "alcli-demo/splits.parquet").exists()


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("all I have")
    ran = in_process(tmp_path, "--json")
    assert ran.exit_code == 1
    error = json.loads(ran.stdout)["error"]
    assert (error["kind"], error["where"]) == ("state", str(tmp_path))
    assert error["message"] == "this exists already, and is no alcli demo"
    assert error["hint"] == "name another directory: `alcli demo DIR`"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_directory_for_a_demo(tmp_path):
    (tmp_path / "demo").write_text("")
    assert in_process(tmp_path / "demo").exit_code == 1


@pytest.mark.parametrize("options", [["--step", "--json"], ["--step", "--quiet"], ["--config", "alcli.yaml"]])
def test_options_that_do_not_go_together_are_refused(tmp_path, options):
    assert in_process(tmp_path / "demo", *options).exit_code == 2
    assert not (tmp_path / "demo").exists()


def test_an_error_of_a_command_is_the_demos_error(tmp_path):
    shown = in_process(tmp_path / "one", "--set", "seed.size=nine")
    assert shown.exit_code == 1
    assert "error: --set seed.size" in " ".join(shown.output.split())
    document = in_process(tmp_path / "two", "--set", "seed.size=nine", "--json")
    assert document.exit_code == 1
    assert json.loads(document.stdout)["error"]["kind"] == "config"


@pytest.mark.slow
def test_a_wheel_holds_the_sample(tmp_path):
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    for name in ("pool.parquet", "oracle.csv", "README.md", "LICENSE.wordnet"):
        held = tmp_path / "installed/alcli/sample_data" / name
        assert held.read_bytes() == (REPOSITORY / "sample_data" / name).read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    code = "import sys; from pathlib import Path; from alcli.cli.demo import copy_sample; copy_sample(Path())"
    (tmp_path / "here").mkdir()
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "here", env=environment, check=True)
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["oracle.csv", "pool.parquet"]
