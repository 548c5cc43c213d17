"""alcli beside scikit-activeml, modAL and small-text: the same splits, features and model, whole loops.

    python -m tests.benchmark beside --data FOLDER --peers PEERS --runs 3 --sets trec6 sms_spam

Every contender learns from the same seed rows and is measured on the same 1,500 rows; savings are against
the mean of all contenders' random sampling. alcli fits its features without the test rows, as it does in a
project; the peers are handed features that were fitted on all rows.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alcli.models.logistic_regression import DENSE, SPARSE
from tests.benchmark.contenders import LIBRARIES, present
from tests.benchmark.label_efficiency.peer_loops import (
    BY_HAND,
    Found,
    Options,
    draw_splits,
    replay,
    report,
    write_problem,
)
from tests.benchmark.measure import alcli, say

SETS = ("trec6", "sms_spam")
STRATEGIES = "uncertainty_herding,margin,entropy,badge,typiclust"
PEERS = ["random", "margin", "entropy", "badge", "typiclust", "least_confidence", "k_means"]
TEST, SEED, BATCH, ROUNDS = 1500, 200, 100, 15


def benchmark(options: Namespace) -> None:
    """A table for each set."""
    for name in options.sets or SETS:
        path = options.data / f"{name}.parquet" if options.data else None
        if path is None or not path.exists():
            say(f"\nbeside: {name} left out, it needs --data FOLDER")
            continue
        table = pq.read_table(path)
        folder = options.scratch / f"beside-{name}"
        splits = draw_splits([str(row) for row in table["id"].to_pylist()], options.runs, TEST, SEED)
        strength = SPARSE if "text" in table.column_names else DENSE
        problem = Options(BATCH, ROUNDS, strength, options.runs, options.only or PEERS)
        write_problem(folder, table, splits, problem)
        found = {"alcli": _alcli(folder, path, table, options.runs)}
        for contender in [*(n for n in LIBRARIES if n in present(options.peers)), BY_HAND]:
            found[contender] = replay(contender, folder, options.peers)
        say(f"\n{name}")
        report(found)


def _alcli(folder: Path, path: Path, table: pa.Table, repeats: int) -> Found:
    """What `alcli simulate` finds from the same splits."""
    text = "text" in table.column_names
    names = ["text"] if text else [name for name in table.column_names if name not in ("id", "label")]
    config = {
        "pool": str(path.resolve()),
        "features": {"text" if text else "numeric": names},
        "query": {"batch_size": BATCH},
    }
    project = folder / "alcli"
    project.mkdir(parents=True, exist_ok=True)
    (project / "alcli.yaml").write_text(json.dumps(config))
    arguments = ["--labels", path.resolve(), "--strategies", STRATEGIES]
    arguments += ["--splits", folder.resolve() / "splits.parquet"]
    arguments += ["--repeats", repeats, "--rounds", ROUNDS, "--jobs", len(os.sched_getaffinity(0))]
    cost = alcli(project, "simulate", *map(str, arguments))
    results = pd.read_parquet(project / "simulation" / "results.parquet")
    results["strategy"] = results["strategy"].replace({"random_sampling": "random"})
    each = cost.cpu / results["strategy"].nunique()  # of one process for all; not measured apart
    strategies = {name: {"cpu": each} for name in results["strategy"].unique()}
    return Found(results, {"strategies": strategies, "failed": {}, "process": cost.cpu})
