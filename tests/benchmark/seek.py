"""How soon ten examples of a class are found that the seed set knows two of: `query.seek` against none."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from alcli.cli import app
from tests.benchmark.measure import show

DATA, ROWS, SEED, VALIDATION, BATCH, MOST, WANTED = "banking77", 3_000, 200, 100, 50, 12, 10
WAYS = {
    "seek, 20% of margin": {"strategy": "margin", "seek_share": 0.2},
    "seek, 20% of uncertainty_herding": {"strategy": "uncertainty_herding", "seek_share": 0.2},
    "margin": {"strategy": "margin"},
    "uncertainty_herding": {"strategy": "uncertainty_herding"},
    "random_sampling": {"strategy": "random_sampling"},
}


def benchmark(options: Namespace) -> None:
    """Rows asked until ten further rows of the class were among them, for as many classes as runs."""
    table = pq.read_table(options.data / f"{DATA}.parquet").to_pylist()
    found = {way: list[int]() for way in WAYS}
    for run in range(options.runs):
        rng = np.random.default_rng(run)
        rows = [table[int(n)] for n in rng.choice(len(table), options.rows or ROWS, replace=False)]
        truth = {str(row["id"]): str(row["label"]) for row in rows}
        name = str(rng.choice(sorted(set(truth.values()))))
        start = Project(options.scratch / f"seek-{run}", truth)
        like = start.begin(rows, name, rng)
        for way, query in WAYS.items():
            more = {"seek": {name: like}, "seek_until": 1000} if "seek_share" in query else {}
            found[way].append(start.copy(way).asked_until(name, like, {**query, **more}))
        shutil.rmtree(start.folder)
    most = MOST * BATCH
    lines = [[way, f"{np.median(n):,.0f}", ", ".join(map(_told, n))] for way, n in found.items()]
    title = f"{DATA}, {ROWS:,} rows: asked until {WANTED} further rows of a class were found, {most} at most"
    show(title, ["way", "median", "each class"], lines)


def _told(rows: int) -> str:
    return f"{rows}" if rows < MOST * BATCH else f"{rows}+"


class Project:
    """A project and everybody's answers."""

    def __init__(self, folder: Path, truth: dict[str, str]) -> None:
        self.folder, self.truth = folder, truth

    def begin(self, rows: list[dict[str, Any]], name: str, rng: np.random.Generator) -> list[str]:
        """Seed without the class but for two rows, which are returned."""
        self.folder.mkdir(parents=True)
        columns = {name: [str(row[name]) for row in rows] for name in ("id", "text")}
        pq.write_table(pa.table(columns), self.folder / "pool.parquet")
        self.configure({})
        self("seed")
        splits = pq.read_table(self.folder / "splits.parquet").to_pylist()
        sealed = {row["id"] for row in splits if row["split"] != "seed"}
        asked = pq.read_table(self.folder / "rounds/000/selection.parquet")["id"].to_pylist()
        self.answer([id_ for id_ in asked if id_ in sealed or self.truth[id_] != name])
        self("query", "--release")
        of_class = sorted(id_ for id_, label in self.truth.items() if label == name and id_ not in sealed)
        like: list[str] = rng.choice(of_class, 2, replace=False).tolist()
        self.answer(like)
        return like

    def configure(self, query: dict[str, Any]) -> None:
        config = {
            "pool": "pool.parquet",
            "features": {"text": ["text"]},
            "split": {"validation": VALIDATION, "reserve": 0},
            "seed": {"size": SEED},
            "query": {"batch_size": BATCH, **query},
        }
        (self.folder / "alcli.yaml").write_text(json.dumps(config))

    def copy(self, way: str) -> Project:
        folder = self.folder / "ways" / way.replace(" ", "-")
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("ways"))
        return Project(folder, self.truth)

    def asked_until(self, name: str, known: list[str], query: dict[str, Any]) -> int:
        """Rows asked, in whole batches, until enough of the class are among them."""
        self.configure(query)
        n_found = 0
        for number in range(1, MOST + 1):
            for step in ("train", "score", "query"):
                self(step)
            selection = self.folder / f"rounds/{number:03d}/selection.parquet"
            ids = pq.read_table(selection)["id"].to_pylist()
            self.answer(ids)
            n_found += sum(self.truth[id_] == name and id_ not in known for id_ in ids)
            if n_found >= WANTED:
                return number * BATCH
        return MOST * BATCH

    def answer(self, ids: list[str]) -> None:
        path = self.folder / "answers.csv"
        path.write_text("\n".join(["id,label", *(f"{id_},{self.truth[id_]}" for id_ in ids)]) + "\n")
        self("ingest", str(path), "--new-class", "--unrequested", "accept")

    def __call__(self, command: str, *more: str) -> None:
        done = CliRunner().invoke(app, [command, "-C", str(self.folder), "-q", *more])
        assert done.exit_code == 0, done.output
