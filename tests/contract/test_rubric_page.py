"""The session of `docs/rubric.md` is run as it stands there, and prints what it shows."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rubric.md").read_text(encoding="utf-8")
_MEMBER = re.compile(r"\b(people|group|member of|tribe)\b")


def _rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def alcli(here, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "alcli", *arguments],
        cwd=here,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path):
    """The project that the page begins with, and the answers of the changed rubric."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    pool, oracle = (_rows(tmp_path / f"sample_data/{name}.csv") for name in ("pool", "oracle"))
    texts = {row["id"]: row["text"] for row in pool}
    persons = [row["id"] for row in oracle if row["label"] == "person"]
    lines = [f"{id_},{'member' if _MEMBER.search(texts[id_]) else 'person'}" for id_ in persons]
    (tmp_path / "v2.csv").write_text("\n".join(["id,label", *lines]) + "\n")
    alcli(tmp_path, "init", "my-project", "--pool", "sample_data/pool.parquet")
    here = tmp_path / "my-project"
    for command in (["seed"], ["ingest", "../sample_data/oracle.csv", "--requested-only"], ["train"]):
        alcli(here, *command)
    return here


@pytest.mark.slow
def test_the_pages_session_prints_what_the_page_shows(project, shown_session, without_figures):
    for command, expected in shown_session(PAGE):
        program, *arguments = shlex.split(command)
        assert program == "alcli"
        assert without_figures(alcli(project, *arguments)) == without_figures(expected), command
    asked = pq.read_table(project / "rounds/001/selection.parquet").to_pylist()
    assert [row["group"] for row in asked if row["strategy"] == "seek"] == ["member"] * 20
    labels = pq.read_table(project / "labels.parquet")["label"].to_pylist()
    assert set(labels) == {"animal", "object", "food", "location", "person", "member", "plant", "time"}
