"""The README's commands are run as they stand there, and print what it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_readmes_session_prints_what_the_readme_shows(tmp_path, shown_session, without_figures) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    here = tmp_path
    for command, expected in shown_session(README):
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
            continue
        program, *arguments = command.split()
        assert program == "alcli"
        done = subprocess.run(
            [sys.executable, "-m", "alcli", *arguments],
            cwd=here,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert without_figures(done.stdout) == without_figures(expected), command


def test_the_readme_begins_with_two_commands_that_install_and_run() -> None:
    blocks = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert blocks[0].endswith(".venv/bin/alcli demo")
    assert ".venv/bin/pytest" in blocks[1]
    assert all(block.startswith("python3 -m venv .venv && .venv/bin/pip install ") for block in blocks[:2])


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
