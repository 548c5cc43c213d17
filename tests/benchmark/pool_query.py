"""One way to measure `score` and `query` on a pool, whatever it holds."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from tests.benchmark.measure import Cost, alcli, run, show, side_by_side

PEERS = Path(__file__).parent / "peers"
PEER_OF = {"fixed": "vectors.py", "list": "vectors.py", "wide": "wide.py", "text": "text.py", "grams": "text.py"}
WORDS = {"fixed": "lists of fixed size", "list": "lists", "wide": "64 columns", "text": "texts; words, pairs", "grams": "texts; words, pairs, character n-grams"}
BATCH = 500


@dataclass(frozen=True)
class Measured:
    """What a kind of pool cost: alcli's two commands, and the peer's script."""

    kind: str
    score: Cost
    query: Cost
    peer: Cost


def measure(kind: str, rows: int, options: Namespace) -> Measured:
    """Medians for one kind of pool."""
    folder, script = prepare(kind, rows, options.scratch), PEERS / PEER_OF[kind]
    pool = folder / "pool.parquet"
    found = side_by_side(
        options.runs,
        {
            "score": lambda: alcli(_fresh(folder), "score"),
            "query": lambda: alcli(folder / "project", "query", "--set", f"query.batch_size={BATCH}"),
            "peer": lambda: run([sys.executable, script, pool, folder / "peer.joblib", folder / "peer.csv"]),
        },
    )
    return Measured(kind, found["score"], found["query"], found["peer"])


def prepare(kind: str, rows: int, scratch: Path) -> Path:
    """A folder with a pool, a project with 500 training labels and a model, and the peer's model."""
    folder = scratch / f"{kind}-{rows}"
    project, trained, pool = folder / "project", folder / "trained", folder / "pool.parquet"
    if not (folder / "oracle.csv").exists():
        folder.mkdir(parents=True)
        run([sys.executable, "-m", "tests.benchmark.pools", kind, folder, str(rows)], Path(__file__).parents[2])
    shutil.rmtree(project, ignore_errors=True)
    shutil.rmtree(trained, ignore_errors=True)
    alcli(folder, "init", project, "--pool", pool)
    alcli(project, "seed", "--set", "seed.size=500")
    alcli(project, "ingest", folder / "oracle.csv", "--requested-only")
    alcli(project, "train")
    run([sys.executable, PEERS / "fit.py", kind, project, pool, folder / "peer.joblib"])
    project.rename(trained)
    return folder


def _fresh(folder: Path) -> Path:
    """The project as it was when it was trained: what `score` and `query` wrote the last time is gone."""
    shutil.rmtree(folder / "project", ignore_errors=True)
    return Path(shutil.copytree(folder / "trained", folder / "project"))


def report(title: str, measured: list[Measured]) -> None:
    """Print CPU seconds, peak memory, and how alcli's compare with the peer's."""
    rows = []
    for m in measured:
        both = m.score + m.query
        rows.append(
            [
                WORDS[m.kind],
                f"{m.score.cpu:.2f} + {m.query.cpu:.2f} = {both.cpu:.2f}",
                f"{m.peer.cpu:.2f}",
                f"{both.cpu / m.peer.cpu:.2f}",
                f"{m.score.peak:.0f}, {m.query.peak:.0f}",
                f"{m.peer.peak:.0f}",
            ]
        )
    header = ["pool", "score + query, CPU s", "script, CPU s", "ratio", "score, query, peak MiB", "script, peak MiB"]
    show(title, header, rows)
