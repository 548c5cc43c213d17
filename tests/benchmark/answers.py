"""A million answers in one file, and a ledger of 1,000 files with 5 million: `ingest` as one process each."""

from __future__ import annotations

import shutil
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from alcli.project.ledger import LEDGER_SCHEMA, write_ledger
from tests.benchmark.measure import Cost, alcli, show, side_by_side

ANSWERS, VOTES, FILES, TIMES = 1_000_000, 2, 1000, 5
PEOPLE, CLASSES, SEALED = 20, 10, 600
START = datetime(2026, 1, 1, tzinfo=UTC)


def benchmark(options: Namespace) -> None:
    """`--rows` answers in one file, two to a row, as CSV and Parquet; the ledger has five times as many."""
    n = options.rows or ANSWERS
    seeded, full = _prepare(options.scratch / f"answers-{n}", n)
    costs = side_by_side(
        options.runs,
        {
            "one CSV": lambda: _ingest(seeded, "answers.csv"),
            "one Parquet file": lambda: _ingest(seeded, "answers.parquet"),
            f"ledger of {FILES:,} files": lambda: _ingest(full, "--rebuild"),
            "the same, weighted": lambda: _ingest(full, "--rebuild", "--set", "labels.resolve=weighted"),
        },
    )
    sizes = (n, n, TIMES * n, TIMES * n)
    rows = [
        [name, f"{size:,}", f"{cost.cpu:.1f}", f"{cost.wall:.1f}", f"{cost.peak:.0f}"]
        for (name, cost), size in zip(costs.items(), sizes, strict=True)
    ]
    show("answers: alcli ingest", ["what", "answers", "CPU s", "clock s", "peak MiB"], rows)


def _ingest(project: Path, what: str, *settings: str) -> Cost:
    """In a copy, so that each run meets the same project."""
    copy = project.with_name("run")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(project, copy)
    return alcli(copy, "ingest", what if what.startswith("--") else project.parent / what, *settings)


def _prepare(folder: Path, n: int) -> tuple[Path, Path]:
    """(a seeded project that asked n / 2 rows, the same with a full ledger); n answers beside them."""
    seeded, full = folder / "seeded", folder / "full"
    if full.exists():
        return seeded, full
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ids = np.char.add("row-", np.char.zfill(np.arange(n // VOTES).astype(str), 9))
    rng = np.random.default_rng(0)
    points = pa.array(rng.permutation(len(ids)).astype(float))
    pq.write_table(pa.table({"id": pa.array(ids), "x": points}), folder / "pool.parquet")
    seeded.mkdir()
    lines = ["pool: ../pool.parquet", "features: {numeric: [x]}", f"seed: {{size: {len(ids) - SEALED}}}"]
    (seeded / "alcli.yaml").write_text("\n".join([*lines, "split: {validation: 300, reserve: 300}"]))
    alcli(seeded, "seed", "--set", "seed.strategy=random_sampling")
    asked = pc_csv.read_csv(seeded / "rounds/000/query.csv")["id"].to_numpy(zero_copy_only=False)
    answers = _answers(np.repeat(asked, VOTES), rng)
    pq.write_table(answers, folder / "answers.parquet")
    pc_csv.write_csv(answers, folder / "answers.csv")
    shutil.copytree(seeded, full)
    (full / "ledger").mkdir()
    for number in range(FILES):
        rows = _answers(rng.choice(asked, TIMES * n // FILES, replace=False), rng)
        write_ledger(full / f"ledger/{number + 1:06d}.parquet", _as_ledger(rows, number))
    return seeded, full


def _answers(ids: np.ndarray, rng: np.random.Generator) -> pa.Table:
    """Nine of ten people see the same class; two of them in a row are two people."""
    place = np.arange(len(ids)) + rng.integers(1 << 20)
    seen = np.char.partition(ids.astype(str), "-")[:, 2].astype(int) % CLASSES
    label = np.where(rng.random(len(ids)) < 0.9, seen, rng.integers(CLASSES, size=len(ids)))
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "label": pa.array(np.char.add("class-", label.astype(str))),
            "annotator": pa.array(np.char.add("person-", (place % PEOPLE).astype(str))),
            "labeled_at": pa.array(np.datetime64(START.replace(tzinfo=None), "s") + place),
            "seconds": pa.array(rng.integers(2, 60, size=len(ids)).astype(float)),
        }
    )


def _as_ledger(answers: pa.Table, number: int) -> pa.Table:
    """Answers as the ingest of one file keeps them."""
    constants = {
        "status": "labeled",
        "comment": "",
        "guideline": "",
        "round": 0,
        "source": f"{number}.csv",
        "source_sha256": f"{number:064d}",
        "ingested_at": START + timedelta(hours=number),
    }
    columns = [
        pa.array([constants[field.name]] * answers.num_rows, field.type)
        if field.name in constants
        else answers[field.name].cast(field.type)
        for field in LEDGER_SCHEMA
    ]
    return pa.table(columns, schema=LEDGER_SCHEMA)
