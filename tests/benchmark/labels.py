"""How many labels it takes to be as good as random sampling with 1,700: whole loops, every step a process."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from statistics import mean

from tests.benchmark.measure import alcli, make_pool, say, show

SETS = ("trec6", "sms_spam")
STRATEGIES = ("random_sampling", "margin")
REPEATS = 3
SEED, BATCH, LABELS, VALIDATION = 200, 125, 1700, 1500
AT_ONCE = 2

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Loop:
    """One loop from seed to 1,700 labels."""

    data: str
    strategy: str
    repeat: int


def benchmark(options: Namespace) -> None:
    """The sets that are in `--data`, the repeats side by side."""
    files = {name: options.data / f"{name}.parquet" for name in SETS} if options.data else {}
    missing = [str(path) for path in files.values() if not path.exists()]
    if missing or not files:
        say(f"\nlabels: left out, {missing[0] + ' is missing' if missing else 'it needs --data FOLDER'}")
        return
    for name, path in files.items():
        folder = options.scratch / name
        folder.mkdir(exist_ok=True)
        make_pool("split", folder, path)
    loops = [Loop(*key) for key in product(SETS, STRATEGIES, range(REPEATS))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        curves = dict(zip(loops, pool.map(lambda loop: walk(loop, options.scratch), loops), strict=True))
    (options.scratch / "labels.json").write_text(
        json.dumps([[loop.data, loop.strategy, loop.repeat, curve] for loop, curve in curves.items()])
    )
    report(curves)


def walk(loop: Loop, scratch: Path) -> Curve:
    """(training labels, accuracy on the validation set) of every round."""
    folder = scratch / loop.data
    project = folder / f"{loop.strategy}-{loop.repeat}"
    shutil.rmtree(project, ignore_errors=True)
    config = {
        "random_state": loop.repeat,
        "split.validation": VALIDATION,
        "split.reserve": 0,
        "seed.size": SEED,
        "query.strategy": loop.strategy,
        "query.batch_size": BATCH,
    }
    settings = [word for key, value in config.items() for word in ("--set", f"{key}={value}")]
    alcli(folder, "init", project, "--pool", folder / "pool.parquet")
    alcli(project, "seed", *settings)
    curve: Curve = []
    while True:
        alcli(project, "ingest", folder / "oracle.csv", "--requested-only", *settings)
        alcli(project, "train", *settings)
        metrics = json.loads(max(project.glob("rounds/*/metrics.json")).read_text())
        curve.append((metrics["n_labels"], metrics["metrics"]["accuracy"]["value"]))
        if curve[-1][0] >= LABELS:
            return curve
        alcli(project, "score", *settings)
        alcli(project, "query", *settings)


def report(curves: dict[Loop, Curve]) -> None:
    """Means over the repeats: accuracy at 1,700 labels, and labels needed for that of random sampling."""
    rows, points = [], []
    for data in SETS:
        random, margin = (
            [curve for loop, curve in curves.items() if (loop.data, loop.strategy) == (data, strategy)]
            for strategy in STRATEGIES
        )
        target = mean(curve[-1][1] for curve in random)
        needed = reach(average(margin), target)
        each = [reach(m, r[-1][1]) for m, r in zip(margin, random, strict=True)]
        rows.append(
            [
                data,
                f"{100 * target:.2f}",
                f"{100 * mean(curve[-1][1] for curve in margin):.2f}",
                f"{needed:.0f}",
                f"{100 * (1 - needed / LABELS):.0f}%",
                ", ".join(f"{100 * (1 - n / LABELS):.0f}%" for n in each),
            ]
        )
        points += [
            [data, str(n), f"{100 * r:.2f}", f"{100 * m:.2f}"]
            for (n, r), (_, m) in zip(average(random), average(margin), strict=True)
        ]
    title = f"labels: margin against random sampling, means of {REPEATS} repeats, batches of {BATCH}"
    header = ["data", f"random at {LABELS}, accuracy %", f"margin at {LABELS}"]
    show(title, [*header, "labels margin needs", "saving", "saving in each repeat"], rows)
    show("labels: the mean curves", ["data", "labels", "random, accuracy %", "margin"], points)


def average(curves: list[Curve]) -> Curve:
    """The mean accuracy at each number of labels."""
    return [(points[0][0], mean(accuracy for _, accuracy in points)) for points in zip(*curves, strict=True)]


def reach(curve: Curve, target: float) -> float:
    """Labels at which a curve first reaches the target, on the line between two rounds; 1,700 if never."""
    if curve[0][1] >= target:
        return curve[0][0]
    for (before, low), (after, high) in pairwise(curve):
        if high >= target:
            return before + (after - before) * (target - low) / (high - low)
    return LABELS
