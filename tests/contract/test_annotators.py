"""`docs/annotators.md`: its session is run as it stands there, and prints what it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "annotators.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def without_figures(text: str) -> str:
    """Words and layout; measured figures may differ in the last digit on another machine."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return re.sub(r"[+-]?\d+\.\d+", "#", "\n".join(lines)).strip()


@pytest.mark.slow
def test_the_session_prints_what_the_page_shows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    (script,) = blocks("python")
    (tmp_path / "people.py").write_text(script, encoding="utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, line in (("alcli", f"{sys.executable} -m alcli"), ("python", sys.executable)):
        (tools / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    here, shown = tmp_path, re.split(r"^\$ ", "\n".join(blocks("console")), flags=re.MULTILINE)[1:]
    assert len(shown) > 8
    for command, _, expected in (part.partition("\n") for part in shown):
        if command.startswith("cd "):
            here = here / command.removeprefix("cd ")
            continue
        done = subprocess.run(
            command,
            shell=True,
            cwd=here,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert without_figures(done.stdout) == without_figures(expected), command
