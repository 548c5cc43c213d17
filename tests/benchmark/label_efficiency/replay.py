"""A simulation's CPU time: 30 repeats x 15 rounds x 3 strategies on 6,000 texts, beside peers' loops.

    python -m tests.benchmark replay --data FOLDER --peers PEERS --runs 2

alcli does all 30 repeats, on one process; the others do `--runs` of them, and what a repeat takes counts 30
times. By hand means a script with scikit-learn and numpy that fits its features (TF-IDF of words and pairs)
anew in every repeat; scikit-activeml's loop is handed alcli's features, and looks rows up by number. The
strength C, the sizes, the strategies (margin, entropy, random) and one BLAS thread are the same for all.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from pathlib import Path

import pyarrow.parquet as pq

from alcli.models.logistic_regression import SPARSE
from tests.benchmark.contenders import ONE_THREAD, present
from tests.benchmark.label_efficiency.peer_loops import (
    BY_HAND_TEXT,
    Options,
    draw_splits,
    write_problem,
)
from tests.benchmark.label_efficiency.peer_loops import replay as peer_replay
from tests.benchmark.measure import alcli, say, show

DATA, REPEATS, TEST, SEED, BATCH, ROUNDS = "trec6", 30, 1500, 200, 100, 15
STRATEGIES = ("margin", "entropy", "random")
PEER = "scikit-activeml"


def benchmark(options: Namespace) -> None:
    """CPU seconds of the whole job, and the final accuracies that it came to."""
    path = options.data / f"{DATA}.parquet" if options.data else None
    if path is None or not path.exists():
        say(f"\nreplay: left out, it needs --data FOLDER with {DATA}.parquet")
        return
    table = pq.read_table(path)
    folder = options.scratch / "replay"
    splits = draw_splits([str(row) for row in table["id"].to_pylist()], options.runs, TEST, SEED)
    write_problem(folder, table, splits, Options(BATCH, ROUNDS, SPARSE, options.runs, STRATEGIES))
    contenders = [BY_HAND_TEXT, *([PEER] if PEER in present(options.peers) else [])]
    rows = [_alcli_row(folder, path)]
    for name in contenders:
        found = peer_replay(name, folder, options.peers)
        whole = found.cpu["imports"] + (found.cpu["process"] - found.cpu["imports"]) * REPEATS / options.runs
        last = found.results[found.results["metric"] == "accuracy"].groupby("strategy")["value"].last()
        rows.append([name, f"{whole:.0f}", f"{whole / float(rows[0][1]):.1f}", f"{options.runs}"])
        say(f"{name}: {found.cpu}; last accuracies {last.to_dict()}")
    title = f"replay: {REPEATS} repeats x {ROUNDS} rounds x {len(STRATEGIES)} strategies on {DATA}"
    show(title, ["who", "CPU s", "times alcli's", "repeats measured"], rows)


def _alcli_row(folder: Path, path: Path) -> list[str]:
    """alcli does the whole job."""
    os.environ.update(ONE_THREAD)
    project = folder / "alcli"
    project.mkdir(parents=True, exist_ok=True)
    config = {"pool": str(path.resolve()), "features": {"text": ["text"]}}
    config |= {"seed": {"size": SEED}, "query": {"batch_size": BATCH}}
    (project / "alcli.yaml").write_text(json.dumps(config))
    arguments = ["--labels", str(path.resolve()), "--strategies", "margin,entropy"]
    arguments += ["--repeats", str(REPEATS), "--rounds", str(ROUNDS), "--test", str(TEST), "--jobs", "1"]
    cost = alcli(project, "simulate", *arguments)
    return ["alcli", f"{cost.cpu:.0f}", "1.0", str(REPEATS)]
