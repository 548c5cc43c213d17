"""Peers' whole loops on one problem: the same splits, features and model, replayed with an oracle.

    python -m tests.benchmark.label_efficiency.peer_loops DATA OUT --peers PEERS

The environments are those of `tests.benchmark.contenders`, with pyarrow beside the library; modAL's loop
needs an older scikit-learn too, since it passes an argument that 1.8 has dropped:

    PEERS/peers-skactiveml/bin/pip install scikit-activeml==1.0.1 pyarrow
    PEERS/peers-modal/bin/pip install modAL-python==0.4.2.1 'scikit-learn<1.8' pyarrow
    PEERS/peers-smalltext/bin/pip install small-text==1.4.1 pyarrow

A problem is a folder:

    features.npz      CSR: data, indices, indptr, shape; or one array, dense; float32, a row of the data each
    y.npy             (n,) int64, class numbers from 0
    ids.txt           an id a line, in the order of the rows
    splits.parquet    repeat (int), id, split: validation or seed; every other row is the repeat's pool
    options.json      batch_size, rounds, C, repeats, strategies (null: all that a peer has)
    text.parquet      id, text, label: only for `by_hand.py`, which makes its own features

A script writes to its folder

    results.csv       strategy, repeat, round, n_labels, metric, value; round 0 knows the seed
    cpu.json          CPU s: imports, loading, strategies (cpu in all; fit, query, judge), and process, which
                      is everything; peak_mib; failed: what a strategy that failed said
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_array

from alcli.features import Feature
from alcli.features.numeric import Numeric
from alcli.features.text import Text
from tests.benchmark.contenders import LIBRARIES, ONE_THREAD, present
from tests.benchmark.measure import say, show

SCRIPTS = Path(__file__).parent / "peers"
BY_HAND, BY_HAND_TEXT = "by hand", "by hand, own features"
FILES = ("results.csv", "cpu.json")
PARTS = ("imports", "loading", "features", "process")


@dataclass(frozen=True)
class Options:
    """What `options.json` holds."""

    batch_size: int = 100
    rounds: int = 15
    C: float = 30.0
    repeats: int = 5
    strategies: Sequence[str] | None = None


@dataclass(frozen=True)
class Found:
    """A peer's answer: tidy results, and what it cost."""

    results: pd.DataFrame
    cpu: dict[str, Any]


def write_problem(folder: Path, table: pa.Table, splits: pa.Table, options: Options) -> None:
    """Write a labeled table (id, label, and text or numbers) as a problem."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = features(table)
    if isinstance(rows, csr_array):
        csr = {"data": rows.data, "indices": rows.indices, "indptr": rows.indptr, "shape": rows.shape}
        np.savez(folder / "features.npz", **csr)
        pq.write_table(table.select(["id", "text", "label"]), folder / "text.parquet")
    else:
        np.savez(folder / "features.npz", dense=rows)
    np.save(folder / "y.npy", np.unique(table["label"].to_pylist(), return_inverse=True)[1])
    ids = [str(row) for row in table["id"].to_pylist()]
    (folder / "ids.txt").write_text("".join(f"{row}\n" for row in ids), encoding="utf-8")
    pq.write_table(splits, folder / "splits.parquet")
    (folder / "options.json").write_text(json.dumps(asdict(options)))


def features(table: pa.Table) -> Any:
    """alcli's own features, learned from all rows: of the texts, or else of the numbers."""
    is_text = "text" in table.column_names
    kind: Feature = Text() if is_text else Numeric()
    names = ["text"] if is_text else [name for name in table.column_names if name not in ("id", "label")]
    dtype = object if is_text else np.float32
    columns = [np.array(table[name].to_pylist(), dtype=dtype) for name in names]
    kind.fit(columns)
    return kind.transform(columns)


def draw_splits(ids: Sequence[str], repeats: int, validation: int, seed: int) -> pa.Table:
    """Validation and seed rows of each repeat, drawn evenly."""
    rows: list[tuple[int, str, str]] = []
    for repeat in range(repeats):
        drawn = np.random.default_rng([repeat]).permutation(len(ids))[: validation + seed]
        names = np.repeat(["validation", "seed"], [validation, seed])
        rows += [(repeat, ids[i], str(name)) for i, name in zip(drawn, names, strict=True)]
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(("repeat", "id", "split"), map(list, columns), strict=True)))


def replay(contender: str, folder: Path, peers: Path | None = None) -> Found:
    """Run a contender's script on a problem, on one thread, and read what it wrote.

    Raises:
        RuntimeError: it failed; the message holds what it printed.
    """
    out = folder / contender.replace(" ", "_").replace(",", "")
    for name in FILES:
        (out / name).unlink(missing_ok=True)
    words = [str(word) for word in (*command(contender, peers), folder.resolve(), out.resolve())]
    words += ["--features"] if contender == BY_HAND else []
    done = subprocess.run(
        words, env={**os.environ, **ONE_THREAD}, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        raise RuntimeError(f"{contender} ended with {done.returncode}:\n{said}")
    return Found(pd.read_csv(out / FILES[0]), json.loads((out / FILES[1]).read_text()))


def command(contender: str, peers: Path | None) -> list[str | Path]:
    """An interpreter and a script."""
    if contender not in LIBRARIES:
        return [sys.executable, SCRIPTS / "by_hand.py"]
    short = LIBRARIES[contender]
    return [(peers or Path()) / f"peers-{short}" / "bin" / "python", SCRIPTS / f"loop_{short}.py"]


def curve(results: pd.DataFrame, strategy: str, metric: str = "accuracy") -> pd.Series[float]:
    """The mean over the repeats by number of labels."""
    chosen = results[(results["strategy"] == strategy) & (results["metric"] == metric)]
    return chosen.groupby("n_labels")["value"].mean()


def reach(curve: pd.Series[float], target: float) -> float:
    """Labels at which a curve first reaches the target, on the line between two rounds; its last if never."""
    points: list[tuple[float, float]] = list(curve.items())  # type: ignore[arg-type]
    if points[0][1] >= target:
        return points[0][0]
    for (before, low), (after, high) in pairwise(points):
        if high >= target:
            return before + (after - before) * (target - low) / (high - low)
    return points[-1][0]


def report(found: dict[str, Found]) -> None:
    """A table of all strategies: the saving is against the mean of all contenders' random sampling."""
    chance = pd.concat([f.results for name, f in found.items() if name != BY_HAND_TEXT])
    target = float(curve(chance, "random").iloc[-1])
    lines = []
    for contender, answer in found.items():
        for strategy, costs in answer.cpu["strategies"].items():
            if strategy in answer.cpu["failed"]:
                lines.append([contender, strategy, answer.cpu["failed"][strategy], *[""] * 3])
                continue
            line = curve(answer.results, strategy)
            saving = 1 - reach(line, target) / line.index[-1]
            f1 = curve(answer.results, strategy, "macro_f1").iloc[-1]
            figures = [f"{100 * line.iloc[-1]:.2f}", f"{100 * f1:.2f}", f"{100 * saving:.0f}%"]
            lines.append([contender, strategy, *figures, f"{costs['cpu']:.1f}"])
    header = ["contender", "strategy", "accuracy %", "macro F1 %", "labels saved", "CPU s"]
    show(f"peers' loops: at the last round; random sampling ends at {100 * target:.2f}%", header, lines)
    say("")
    for contender, answer in found.items():
        parts = [f"{part} {answer.cpu[part]:.1f}" for part in PARTS if part in answer.cpu]
        say(f"{contender}, CPU s: {', '.join(parts)}")


def main() -> None:
    """Make a problem of a data set, run who is there, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="Parquet: id, label, and text or numbers")
    parser.add_argument("out", type=Path, help="folder of the problem; contenders write to folders in it")
    parser.add_argument("--peers", type=Path, help="folder with the peers' environments")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--validation", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=200)
    parser.add_argument("--only", nargs="+", metavar="STRATEGY")
    asked = parser.parse_args()
    table = pq.read_table(asked.data)
    splits = draw_splits(
        [str(row) for row in table["id"].to_pylist()], asked.repeats, asked.validation, asked.seed
    )
    write_problem(asked.out, table, splits, Options(repeats=asked.repeats, strategies=asked.only))
    text = (asked.out / "text.parquet").exists()
    contenders = [name for name in LIBRARIES if name in present(asked.peers)]
    contenders += [BY_HAND, BY_HAND_TEXT] if text else [BY_HAND]
    report({name: replay(name, asked.out, asked.peers) for name in contenders})


if __name__ == "__main__":
    main()
