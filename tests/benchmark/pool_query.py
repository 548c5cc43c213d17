"""One way to measure `score` and `query` on a pool, whatever it holds."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmark.measure import Cost, alcli, make_pool, run, show, side_by_side

PEERS = Path(__file__).parent / "peers"
BATCH = 500


@dataclass(frozen=True)
class Case:
    """A kind of pool, a kind of model and the script that has it, and words for the table."""

    pool: str
    model: str
    script: str
    words: str


@dataclass(frozen=True)
class Measured:
    """What alcli's two commands cost, and the script."""

    score: Cost
    query: Cost
    script: Cost


def measure(case: Case, rows: int, options: Namespace) -> Measured:
    """Medians for one case."""
    folder = prepare(case, rows, options.scratch)
    batch = ["--set", f"query.batch_size={BATCH}", "--set", "query.strategy=margin"]
    script = [sys.executable, PEERS / case.script]
    files = [folder / "pool.parquet", folder / "script.joblib", folder / "script.csv"]
    found = side_by_side(
        options.runs,
        {
            "score": lambda: alcli(_fresh(folder), "score", *batch),
            "query": lambda: alcli(folder / "project", "query", *batch),
            "script": lambda: run([*script, *files]),
        },
    )
    return Measured(**found)


def prepare(case: Case, rows: int, scratch: Path) -> Path:
    """A folder with a pool, a project with 500 training labels and a model, and the script's model."""
    folder = scratch / f"{case.pool}-{rows}"
    project, trained, pool = folder / "project", folder / "trained", folder / "pool.parquet"
    if not (folder / "oracle.csv").exists():
        folder.mkdir(parents=True)
        make_pool(case.pool, folder, rows)
    shutil.rmtree(project, ignore_errors=True)
    shutil.rmtree(trained, ignore_errors=True)
    alcli(folder, "init", project, "--pool", pool)
    alcli(project, "seed", "--set", "seed.size=500")
    alcli(project, "ingest", folder / "oracle.csv", "--requested-only")
    alcli(project, "train")
    run([sys.executable, PEERS / "fit.py", case.model, project, pool, folder / "script.joblib"])
    project.rename(trained)
    return folder


def _fresh(folder: Path) -> Path:
    """The project as it was when it was trained: what `score` and `query` wrote the last time is gone."""
    shutil.rmtree(folder / "project", ignore_errors=True)
    return Path(shutil.copytree(folder / "trained", folder / "project"))


def report(title: str, measured: Mapping[str, Measured]) -> None:
    """Print CPU seconds, peak memory, and how alcli's compare with the script's."""
    rows = []
    for words, m in measured.items():
        both = m.score + m.query
        rows.append(
            [
                words,
                f"{m.score.cpu:.2f} + {m.query.cpu:.2f} = {both.cpu:.2f}",
                f"{m.script.cpu:.2f}",
                f"{both.cpu / m.script.cpu:.2f}",
                f"{m.score.peak:.0f}, {m.query.peak:.0f}",
                f"{m.script.peak:.0f}",
            ]
        )
    cpu = ["score + query, CPU s", "script, CPU s", "ratio"]
    show(title, ["", *cpu, "score, query, peak MiB", "script, peak MiB"], rows)
