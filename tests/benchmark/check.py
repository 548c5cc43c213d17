"""`alcli check` on large pools with 200 labels: texts and vectors, after one round was scored and asked."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tests.benchmark.measure import alcli, make_pool, show, side_by_side

ROWS = 100_000
KINDS = ("text", "fixed")


def benchmark(options: Namespace) -> None:
    """CPU seconds and peak memory of the one command."""
    rows = []
    for kind in KINDS:
        folder = _prepare(kind, options.rows or ROWS, options.scratch)
        project = folder / "checked"
        cost = side_by_side(options.runs, {"check": lambda at=project: alcli(at, "check", "--json")})["check"]
        rows.append([kind, f"{options.rows or ROWS:,}", f"{cost.cpu:.1f}", f"{cost.peak:.0f}"])
    show("check: 200 labels, two trained rounds", ["pool", "rows", "CPU s", "peak MiB"], rows)


def _prepare(kind: str, rows: int, scratch: Path) -> Path:
    folder = scratch / f"{kind}-{rows}"
    project = folder / "checked"
    if not (folder / "oracle.csv").exists():
        folder.mkdir(parents=True)
        make_pool(kind, folder, rows)
    if not project.exists():
        alcli(folder, "init", project, "--pool", folder / "pool.parquet")
        settings = ("--set", "seed.size=100", "--set", "query.batch_size=100", "--set", "query.explore=0.1")
        alcli(project, "seed", *settings)
        for step in ("ingest", "train", "score", "query", "ingest", "train"):
            answers = (folder / "oracle.csv", "--requested-only") if step == "ingest" else settings
            alcli(project, step, *answers)
    return folder
