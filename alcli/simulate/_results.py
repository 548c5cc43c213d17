"""A simulation's results: the tidy table, the summary, and the files that hold them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.curves import Arm as Shown
from alcli.curves import Comparison, Curves, compare, verdict
from alcli.drawing import Scene, Series, draw
from alcli.errors import DataError
from alcli.estimate import Estimate
from alcli.metrics import HIGHER_IS_BETTER, NAMES
from alcli.project.splits import SEED, VALIDATION
from alcli.simulate._arms import Arm
from alcli.simulate._replay import Point

Replays = Mapping[str, Mapping[int, Sequence[Point]]]
"""Points by arm and repeat."""

_NORMAL = 1.96
_SCHEMA = pa.schema(
    [
        ("strategy", pa.string()),
        ("repeat", pa.int32()),
        ("round", pa.int32()),
        ("n_labels", pa.int32()),
        ("metric", pa.string()),
        ("value", pa.float64()),
    ]
)
_SPLITS = pa.schema(
    [("repeat", pa.int32()), ("id", pa.string()), ("split", pa.string()), ("seed_strategy", pa.string())]
)


def tidy(replays: Replays) -> pa.Table:
    """One row a figure: strategy, repeat, round, n_labels, metric, value."""
    rows = [
        (name, repeat, point.round, point.n_labels, metric, value)
        for name, repeats in replays.items()
        for repeat, points in sorted(repeats.items())
        for point in points
        for metric, value in point.figures.items()
    ]
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(column) for column in columns], names=_SCHEMA.names).cast(_SCHEMA)


def splits_table(starts: Mapping[int, Mapping[str, tuple[Sequence[str], Sequence[str]]]]) -> pa.Table:
    """One row for each test and seed row of each repeat; with its seed strategy, where there are several.

    Args:
        starts: by repeat and seed strategy, ids of the test rows, which are the same for all, and seed set.
    """
    parts: list[tuple[int, Sequence[str], str, str]] = []
    for repeat, by_seed in starts.items():
        parts += [(repeat, test, VALIDATION, "") for test, _ in list(by_seed.values())[:1]]
        parts += [(repeat, seeds, SEED, name) for name, (_, seeds) in by_seed.items()]
    tables = []
    for repeat, ids, *constants in parts:
        columns = [[repeat] * len(ids), ids, *([constant] * len(ids) for constant in constants)]
        tables.append(pa.table(dict(zip(_SPLITS.names, columns, strict=True)), schema=_SPLITS))
    several = any(len(by_seed) > 1 for by_seed in starts.values())
    return pa.concat_tables(tables).select(_SPLITS.names if several else _SPLITS.names[:-1])


def curves_of(repeats: Mapping[int, Sequence[Point]], metric: str) -> Curves:
    """An arm's learning curves; a round that brought no label is left out."""
    found = [_ascending(points, metric) for _, points in sorted(repeats.items())]
    longest = max(len(curve) for curve in found)
    table = np.full((len(found), longest, 2), np.nan)
    for row, curve in zip(table, found, strict=True):
        row[: len(curve)] = curve
    return Curves(table[:, :, 0], table[:, :, 1])


def _ascending(points: Sequence[Point], metric: str) -> list[tuple[float, float]]:
    kept: list[tuple[float, float]] = []
    for point in points:
        if not kept or point.n_labels > kept[-1][0]:
            kept.append((point.n_labels, point.figures[metric]))
    return kept


def compared(replays: Replays, arms: Sequence[Arm], metric: str, random_state: int) -> dict[str, Comparison]:
    """Each arm against random sampling with the same batch size, model and seed strategy, by one metric.

    Returns:
        The comparison of each baseline with its arms, by the baseline's name.

    Raises:
        DataError: curves that cannot be compared.
    """
    curves = {name: curves_of(repeats, metric) for name, repeats in replays.items()}
    found = {}
    for baseline in dict.fromkeys(arm.baseline for arm in arms):
        group = {arm.name: curves[arm.name] for arm in arms if arm.baseline == baseline}
        rng = np.random.default_rng([random_state, 0, 7])
        try:
            found[baseline] = compare(group, baseline, higher_is_better=metric in HIGHER_IS_BETTER, rng=rng)
        except ValueError as error:
            hint = "give each replay more labels: --rounds, --budget"
            raise DataError(f"the learning curves cannot be compared: {error}", hint=hint) from error
    return found


def summary(
    comparisons: Mapping[str, Comparison], replays: Replays, metric: str, spoken: str, default: str
) -> dict[str, Any]:
    """The keys of the JSON document that say how it went; the target is the first baseline's."""
    first = next(iter(comparisons.values()))
    several = len(comparisons) > 1
    return {
        "strategies": {
            name: _arm(comparison, shown, replays[name])
            for comparison in comparisons.values()
            for name, shown in comparison.arms.items()
        },
        "target": round(first.target, 6),
        "n_repeats": first.n_repeats,
        "default": default,
        "metric": metric,
        "higher_is_better": first.higher_is_better,
        "baseline": first.baseline,
        "best": [comparison.best for comparison in comparisons.values()],
        "start": first.start,
        "budget": first.budget,
        "verdict": [
            f"Beside {baseline}: {sentence}" if several else sentence
            for baseline, comparison in comparisons.items()
            for sentence in verdict(comparison, spoken)
        ],
    }


def _arm(comparison: Comparison, shown: Shown, repeats: Mapping[int, Sequence[Point]]) -> dict[str, Any]:
    saving = shown.saving.to_json()
    return {
        "auc": shown.auc.to_json()["value"],
        "auc_interval": _interval(shown.auc),
        "final": shown.final.to_json()["value"],
        "final_interval": _interval(shown.final),
        "baseline": comparison.baseline,
        "target": round(comparison.target, 6),
        "labels_to_target": round(shown.labels_to_target, 1),
        "rounds_to_target": shown.rounds_to_target,
        "saving": {key: max(0.0, value) for key, value in saving.items()},
        "difference": saving,
        "not_reached": shown.not_reached,
        "p_value": float(f"{shown.p_value:.4g}"),
        "p_best": float(f"{shown.p_best:.4g}"),
        "worse_until": shown.worse_until,
        "better_from": shown.better_from,
        "costs": {name: round(value, 4) for name, value in _costs(comparison, shown, repeats).items()},
    }


def _interval(estimate: Estimate) -> list[float]:
    found = estimate.to_json()
    return [found["low"], found["high"]]


def _costs(comparison: Comparison, shown: Shown, repeats: Mapping[int, Sequence[Point]]) -> dict[str, float]:
    """What the answers have cost, on average, where the target is reached."""
    labels = min(shown.labels_to_target, comparison.budget)
    names = [name for name in next(iter(repeats.values()))[0].figures if name not in NAMES]
    return {name: float(np.mean(_at(curves_of(repeats, name), labels))) for name in names}


def _at(curves: Curves, labels: float) -> NDArray[np.float64]:
    return curves.at(np.array([labels]))[:, 0]


def by_name(
    done: Iterable[tuple[Arm, int, list[Point]]], arms: Sequence[Arm]
) -> dict[str, dict[int, list[Point]]]:
    """Finished replays by arm and repeat, in the arms' order."""
    found: dict[str, dict[int, list[Point]]] = {arm.name: {} for arm in arms}
    for arm, repeat, points in done:
        found[arm.name][repeat] = points
    return found


def mean_curve(repeats: Mapping[int, Sequence[Point]], metric: str) -> list[dict[str, float]]:
    """An arm's mean over the repeats, round by round, with the 95% interval of that mean."""
    curves = curves_of(repeats, metric)
    grid = np.unique(np.round(np.nanmean(curves.n_labels, axis=0)))
    grid = grid[grid <= curves.last().min()]
    values = curves.at(grid)
    n = len(values)
    mean = values.mean(axis=0)
    error = _NORMAL * values.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(len(grid))
    return [
        {"labels": labels, "value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}
        for labels, value, low, high in zip(
            grid.tolist(), mean.tolist(), (mean - error).tolist(), (mean + error).tolist(), strict=True
        )
    ]


def picture_of(
    curves: Mapping[str, Sequence[Mapping[str, float]]],
    found: Mapping[str, Any],
    spoken: str,
    counts: Mapping[str, int],
) -> Scene:
    """The learning curves, drawn."""
    series = {
        name: Series(*([point[key] for point in points] for key in ("labels", "value", "low", "high")))
        for name, points in curves.items()
    }
    repeats = f"mean of {counts['repeats']:,} repeats" if counts["repeats"] > 1 else "one repeat"
    return draw(
        series,
        title=f"{spoken} on {counts['test']:,} test rows, {repeats}",
        x_name="labels to learn from",
        y_name=spoken,
        target=found["target"],
        baseline=found["baseline"],
    )


def as_parquet(table: pa.Table) -> bytes:
    """A table's file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def as_json(document: Mapping[str, Any]) -> str:
    """The summary's file."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
