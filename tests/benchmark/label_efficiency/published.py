"""The published protocol of Lu, Li, Cheng and Lin (2023, arXiv:2306.08954), by `alcli simulate`.

    python -m tests.benchmark published --data FOLDER --runs 100

40% of the rows test, 20 start labels, one query a round until the pool is empty, an SVM with an RBF kernel
(C = 1, gamma = 1 / d on standardized features), splits and start sets from the published seeds. Their area,
AUBC, is the sum of the Q - 1 trapezes over the accuracies after each of the Q queries, divided by Q.

FOLDER holds the data sets, and PUBLISHED_AUBC.csv: mean and standard deviation over 100 seeds of random
sampling (`lu_uniform`) and of margin sampling with the model that is trained, too (`lu_us_c`).
"""

from __future__ import annotations

import csv
import json
import os
from argparse import Namespace
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmark.measure import alcli, say, show

SETS = {"sonar": "sonar", "ionosphere": "ionosphere", "heart": "heart", "parkinsons": "parkinsons"}
SETS |= {"clean1": "clean1", "breast683": "breast"}
START, TEST = 20, 0.4


def benchmark(options: Namespace) -> None:
    """Every set: our mean against the published one, in its standard errors."""
    path = options.data / "PUBLISHED_AUBC.csv" if options.data else None
    if path is None or not path.exists():
        say("\npublished: left out, it needs --data FOLDER with PUBLISHED_AUBC.csv")
        return
    with path.open(newline="") as file:
        published = {row["dataset"]: row for row in csv.DictReader(file)}
    rows = []
    for name, theirs in SETS.items():
        areas = replay(options.data / f"{name}.parquet", options.runs, options.scratch / f"published-{name}")
        row = [name]
        for strategy, column in (("random_sampling", "lu_uniform"), ("margin", "lu_us_c")):
            expected, spread = (float(published[theirs][key]) for key in (column, f"{column}_sd"))
            found = areas[strategy]
            error = spread / sqrt(100)
            row += [
                f"{mean(found):.4f} ± {stdev(found) / sqrt(len(found)):.4f}",
                f"{expected:.4f} ± {error:.4f}",
                f"{(mean(found) - expected) / error:+.1f}",
            ]
        rows.append(row)
        say(f"published: {' '.join(row)}")
    header = ["data", "random", "theirs", "in their s.e.", "margin", "theirs", "in their s.e."]
    show(f"published: AUBC, mean and standard error, {options.runs} seeds (theirs 100)", header, rows)


def replay(path: Path, repeats: int, project: Path) -> dict[str, list[float]]:
    """The area of each repeat, by strategy."""
    table = pq.read_table(path)
    ids, labels = table["id"].to_pylist(), table["label"].to_pylist()
    project.mkdir(parents=True, exist_ok=True)
    pq.write_table(published_splits(ids, labels, repeats), project / "splits.parquet")
    features = [name for name in table.column_names if name not in {"id", "label"}]
    config = {
        "pool": str(path.resolve()),
        "features": {"numeric": features},
        # alcli's standardized rows are divided by sqrt(d): there gamma = 1 is the protocol's 1 / d
        "model": {"name": "support_vector_machine", "gamma": 1.0},
        "query": {"strategy": "margin", "batch_size": 1},
    }
    (project / "alcli.yaml").write_text(json.dumps(config))
    options = ["--repeats", repeats, "--splits", "splits.parquet", "--budget", len(ids)]
    jobs = ["--jobs", len(os.sched_getaffinity(0))]
    alcli(project, "simulate", "--labels", path.resolve(), *map(str, (*options, *jobs)))
    return areas_of(pq.read_table(project / "simulation" / "results.parquet").to_pylist())


def published_splits(ids: list[str], labels: list[str], repeats: int) -> pa.Table:
    """The test rows and start set of each seed; a seed whose start set lacks a class is left out."""
    rows: list[tuple[int, str, str]] = []
    seed = repeat = 0
    while repeat < repeats:
        order = np.arange(len(ids))
        np.random.default_rng(seed).shuffle(order)
        n_train = int(len(ids) * (1 - TEST))
        train, test = order[:n_train].copy(), order[n_train:]
        np.random.default_rng(seed).shuffle(train)
        seed += 1
        start = train[:START]
        if len({labels[n] for n in start}) < 2:
            continue
        rows += [(repeat, ids[n], "validation") for n in test]
        rows += [(repeat, ids[n], "seed") for n in start]
        repeat += 1
    return pa.table(dict(zip(("repeat", "id", "split"), map(list, zip(*rows, strict=True)), strict=True)))


def areas_of(rows: list[dict[str, object]]) -> dict[str, list[float]]:
    """AUBC of each repeat's accuracies, by strategy."""
    curves: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for row in rows:
        if row["metric"] == "accuracy":
            key = (str(row["strategy"]), int(str(row["repeat"])))
            curves.setdefault(key, []).append((int(str(row["round"])), float(str(row["value"]))))
    areas: dict[str, list[float]] = {}
    for (strategy, _), points in sorted(curves.items()):
        values = np.array([value for _, value in sorted(points)][1:])
        areas.setdefault(strategy, []).append(float((values[1:] + values[:-1]).sum() / 2 / len(values)))
    return areas
