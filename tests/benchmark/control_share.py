"""What the control share measures, in replays whose true saving is known: coverage, width, claims.

    python -m tests.benchmark control_share --data FOLDER --runs 20

Of scikit-learn's digits, the sample data and the sets of `--data`, one half is pool and validation set, the
other tests (`tests/control_replays.py`). Random sampling in the strategy's place shows how often a saving is
claimed where there is none. `--sets` names some of the sets; `--sets none` leaves them all out.

Then, on a made-up curve, how wide the interval is by rows drawn at random and by validation rows.
"""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from alcli.curves.control import Measured, Saving, saving, share_of
from tests.benchmark.measure import ROOT, say, show
from tests.control_replays import Outcome, Problem, Random, Setting, outcomes

SETS = ("digits", "sample", "pendigits", "satimage", "spambase", "trec6", "ag_news_test")
SMALL, LARGE = Setting(explore=0.1), Setting(validation=300, seed=100, batch=100, explore=0.1)
REPEATS = 12
"""Models a size for the true curve."""


def benchmark(options: Namespace) -> None:
    """Every setting of every set, `--runs` replays each."""
    rows = []
    for name in [name for name in options.sets or SETS if name != "none"]:
        problem = _problem(name, options.data)
        if problem is None:
            say(f"\ncontrol_share: {name} left out, it needs --data FOLDER with {name}.parquet")
            continue
        plain = SMALL if len(problem.pool) < 1500 else LARGE
        with threadpool_limits(1):
            random = Random(problem, plain, REPEATS)
            by_brier = replace(plain, explore=0.2, metric="brier")
            for setting in [*_settings(plain), by_brier]:
                if setting is by_brier:
                    random = Random(problem, setting, REPEATS)
                found = list(outcomes(problem, random, setting, options.runs))
                rows.append([name, *_row(setting, found)])
                say(f"{rows[-1]}")
    header = [
        "data",
        "strategy",
        "metric",
        "explore",
        "validation",
        "labels",
        "random",
        "true saving",
        "estimate",
    ]
    header += [
        "interval holds it",
        "median width",
        "claims",
        "wrong claims",
        "forecasts held",
        "off by, points",
    ]
    show(f"control_share: {options.runs} replays a row", header, rows)
    _widths(options.runs)


def _widths(runs: int) -> None:
    """A project of 1,400 labels, as good as more random ones by an error of 0.1 + 0.35 (n / 60)^-0.7."""
    rows = []
    for of, n_random, n_validation in product((2000, 4000), (200, 320, 440, 800), (300, 1000, 3000)):
        rng = np.random.default_rng(0)
        found = [
            saving(_draw(of, n_random, n_validation, rng), 1400, 1_000_000, n_random=n_random, n_control=0)
            for _ in range(runs)
        ]
        low, high = (np.median([getattr(f.share, end) for f in found]) for end in ("low", "high"))
        up = " or more" if np.mean([f.open for f in found]) > 0.5 else ""
        held = sum(f.of.low <= of and (f.open or f.of.high >= of) for f in found)
        claims = sum(f.verdict == "saved" for f in found)
        interval = f"{low:.0%} to {high:.0%}{up}"
        saved = f"{share_of(1400, of):.0%}"
        rows.append([saved, f"{n_random}", f"{n_validation:,}", interval, f"{claims}", f"{held} of {runs}"])
    header = [
        "true saving",
        "random rows",
        "validation rows",
        "median interval",
        "claims",
        "interval holds it",
    ]
    show(f"control_share: 1,400 labels, {runs} draws a row", header, rows)


def _draw(of: int, n_random: int, n_validation: int, rng: np.random.Generator) -> Measured:
    """Figures as of real models: two differ on 12% of the rows; other rows move a model of 400 by 0.006."""
    sizes = np.rint(n_random / 2.0 ** (np.arange(6)[::-1] / 2))
    rows, apart = rng.normal(0, 0.12, n_random), np.sqrt(0.06 / n_validation)
    orders = [rng.permutation(rows) for _ in range(6)]
    luck = np.array([[order[: int(k)].mean() for k in sizes] for order in orders])
    luck[:, -1] = luck[0, -1]
    errors = 0.1 + 0.35 * (np.append(sizes, of) / 60) ** -0.7 + rng.normal(0, apart, len(sizes) + 1)
    resampled = errors[:, None] + rng.normal(0, apart, (len(errors), 400))
    return Measured(sizes, errors[:-1] + luck, float(errors[-1]), resampled, higher_is_better=False)


def _settings(plain: Setting) -> Iterator[Setting]:
    yield plain
    yield replace(plain, explore=0.2)
    yield replace(plain, validation=2 * plain.validation, explore=0.2)
    yield replace(plain, strategy="random_sampling")


def _row(setting: Setting, found: list[Outcome]) -> list[str]:
    told = [outcome for outcome in found if isinstance(outcome.saving, Saving)]
    savings: list[Any] = [outcome.saving for outcome in told]
    claims = [outcome for outcome in told if outcome.saving.verdict != "alike"]
    past = [outcome.past for outcome in found if outcome.past is not None]
    n_past = sum(test.n for test in past)
    return [
        setting.strategy,
        setting.metric,
        f"{setting.explore:.0%}",
        f"{setting.validation}",
        f"{np.mean([saving.n_labels for saving in savings]):.0f}",
        f"{np.mean([saving.n_random for saving in savings]):.0f}",
        f"{np.mean([outcome.true_share for outcome in told]):.0%}",
        f"{np.median([saving.share.value for saving in savings]):.0%}",
        f"{sum(outcome.covered for outcome in told)} of {len(told)}",
        f"{100 * np.median([saving.share.high - saving.share.low for saving in savings]):.0f} points",
        f"{len(claims)}",
        f"{sum(not outcome.covered for outcome in claims)}",
        f"{sum(test.held for test in past)} of {n_past}",
        f"{100 * sum(test.n * test.mean_error for test in past) / n_past:.1f}",
    ]


def _problem(name: str, folder: Path | None) -> Problem | None:
    if name == "digits":
        digits = load_digits()
        return Problem({"numeric": list(digits.data.T)}, digits.target.astype(str))
    if name == "sample":
        table = pq.read_table(ROOT / "sample_data/pool.parquet")
        with (ROOT / "sample_data/oracle.csv").open(encoding="utf-8") as file:
            label_of = {row["id"]: row["label"] for row in csv.DictReader(file)}
        labels = [label_of[id_] for id_ in table["id"].to_pylist()]
        return Problem({"text": [table["text"].combine_chunks()]}, labels)
    path = folder / f"{name}.parquet" if folder else None
    if path is None or not path.exists():
        return None
    table = pq.read_table(path)
    labels = [str(label) for label in table["label"].to_pylist()]
    if "text" in table.column_names:
        return Problem({"text": [table["text"].combine_chunks()]}, labels)
    columns = [table[column].to_numpy() for column in table.column_names if column not in {"id", "label"}]
    return Problem({"numeric": [column.astype(np.float64) for column in columns]}, labels)
