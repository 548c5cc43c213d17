"""Help tells everything, and neither help nor status loads a library that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest
import typer

from alcli.cli import app

COMMANDS = sorted(typer.main.get_command(app).commands)
SLOW = {"numpy", "pyarrow", "pandas", "scipy", "sklearn", "openpyxl"}
_WRAPPER = """
import json, sys
from alcli.cli import main
try:
    main()
finally:
    print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)
"""


@cache
def run(*arguments, cwd=None):
    """(stdout, top-level modules that were loaded) of `alcli ARGUMENTS` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _WRAPPER, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *[[name, "--help"] for name in COMMANDS]])
def test_help_loads_no_library_of_numbers(arguments):
    text, loaded = run(*arguments)
    assert text
    assert not loaded & SLOW


def test_status_loads_no_library_of_numbers(make_lab):
    lab = make_lab().seeded()
    lab("train")
    text, loaded = run("status", cwd=lab.root)
    assert "alcli score" in text
    assert not loaded & SLOW


def test_strategies_are_listed_without_a_project(tmp_path):
    text, _ = run("strategies", cwd=tmp_path)
    assert "margin" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_reads_and_writes_and_gives_an_example(name):
    text, _ = run(name, "--help")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    usage, first = lines[:2]
    assert usage.startswith("Usage: ")
    assert first[0].isupper()
    assert first.endswith(".")
    starts = [line.split()[0] for line in lines[2:]]
    order = [starts.index(word) for word in ("Reads:", "Writes:", "Example:")]
    assert order == sorted(order)
    assert f"Example: alcli {name}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_common_options(name):
    text, _ = run(name, "--help")
    for option in ("--project", "-C", "--config", "--set", "--json", "--quiet", "-q", "--verbose", "-v"):
        assert option in text


def test_the_overview_names_every_command():
    text, _ = run("--help")
    for name in COMMANDS:
        assert f"  {name} " in text
