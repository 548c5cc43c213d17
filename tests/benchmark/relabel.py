"""A share of each batch for labels in doubt, against all of it for new rows, with annotators who err.

    python -m tests.benchmark relabel --data FOLDER --runs 12 --scenarios uniform20

Every answer counts, a second one too. Both arms of a repeat have the same test rows, seed set and annotators:
what is told is the mean of the paired differences with its 95% interval (Student's t), at the end and, as
area, over the whole curve. `--only` names strategies; `--sets` some of the sets.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import t

from tests.benchmark.label_efficiency.suite import Scenario, data_sets, simulate
from tests.benchmark.measure import say, show

SETS = ("ag_news_test", "snips", "sms_spam", "pendigits", "mammography", "phishing")
CHOSEN_ON = ("trec6", "satimage", "spambase")
"""The measure of doubt was chosen by these."""
STRATEGIES = ("margin",)
SHARES = (0.1,)
SCENARIOS = {
    "uniform20": Scenario(200, 100, 12, ("--noise", "0.2")),
    "confusion20": Scenario(200, 100, 12, ("--noise", "0.2", "--noise-by", "confusion")),
    "uniform30": Scenario(200, 100, 12, ("--noise", "0.3")),
    "uniform10": Scenario(200, 100, 12, ("--noise", "0.1")),
    "uniform05": Scenario(200, 100, 12, ("--noise", "0.05")),
    "clean": Scenario(200, 100, 12),
    "low20": Scenario(40, 20, 12, ("--noise", "0.2")),
}
METRICS = ("accuracy", "macro_f1", "log_loss")
_GRID = 200


def benchmark(options: Namespace) -> None:
    """Every strategy, set and scenario."""
    shares = ",".join(map(str, (0, *SHARES)))
    for name, scenario in SCENARIOS.items():
        if options.scenarios and name not in options.scenarios:
            continue
        rows = []
        for data in data_sets(options.data, options.sets or (*SETS, *CHOSEN_ON), options.scratch):
            for strategy in options.only or STRATEGIES:
                simulate(data, scenario, [strategy], options.runs, options.scratch, ("--relabel", shares))
                found = options.scratch / f"project-{data.name}" / "out" / "results.parquet"
                rows += _rows(data.name, strategy, found)
                for row in rows[-len(SHARES) :]:
                    say(f"{name}: {row}")
        header = ["data", "strategy", "share", "labels", "accuracy %, all new", "at the end", "area"]
        header += ["macro F1 at the end", "log loss at the end"]
        show(f"relabel, {name}, {options.runs} repeats: differences in points", header, rows)


def _rows(data: str, strategy: str, path: Path) -> list[list[str]]:
    results = pq.read_table(path).to_pandas()
    rows = []
    for share in SHARES:
        ends, areas = {}, {}
        for metric in METRICS:
            chosen = results[results["metric"] == metric]
            pairs = [
                compared(*(_curve(chosen, f"{strategy}, relabel {s}", repeat) for s in (0, share)))
                for repeat in sorted(chosen["repeat"].unique())
            ]
            ends[metric], areas[metric] = np.array(pairs).T[:2]
            if metric == METRICS[0]:
                plain, labels = np.array(pairs).T[2:].mean(axis=1)
        row = [data, strategy, f"{share}", f"{labels:.0f}", f"{100 * plain:.1f}"]
        told = [ends["accuracy"], areas["accuracy"], ends["macro_f1"], ends["log_loss"]]
        rows.append([*row, *map(interval, told)])
    return rows


def _curve(results: object, name: str, repeat: int) -> NDArray[np.float64]:
    own = results[(results["strategy"] == name) & (results["repeat"] == repeat)]  # type: ignore[index]
    return own.sort_values("round")[["n_labels", "value"]].to_numpy(dtype=np.float64)


def compared(plain: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Of two curves, (n, 2) labels and values each, over the labels that both have.

    Returns:
        By how much the other is higher at the end, and on average; the plain one's end; the labels there.
    """
    labels = min(plain[-1, 0], other[-1, 0])
    grid = np.linspace(max(plain[0, 0], other[0, 0]), labels, _GRID)
    low, high = (np.interp(grid, curve[:, 0], curve[:, 1]) for curve in (plain, other))
    return high[-1] - low[-1], float((high - low).mean()), low[-1], labels


def interval(differences: NDArray[np.float64]) -> str:
    """Mean and half the width of its 95% interval, in points; a star where 0 is outside."""
    n = len(differences)
    half = t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n) if n > 1 else np.inf
    mean = differences.mean()
    return f"{100 * mean:+.1f} ± {100 * half:.1f}{'*' if abs(mean) > half else ''}"
