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


@pytest.mark.slow
def test_the_session_prints_what_the_page_shows(tmp_path, shown_session, without_figures) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "people.py").write_text(script, encoding="utf-8")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, line in (("alcli", f"{sys.executable} -m alcli"), ("python", sys.executable)):
        (tools / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    here = tmp_path
    for command, expected in shown_session(PAGE):
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
