"""Where each stopping criterion would have ended a replay: what that would have saved, and what lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np

from alcli.config import Config
from alcli.errors import ConfigError
from alcli.estimate import rounded
from alcli.loop import combined, criteria_of, past_of, said
from alcli.loop._money import Spent
from alcli.metrics import HIGHER_IS_BETTER
from alcli.registry import STOPPING, split_spec
from alcli.simulate._replay import Point
from alcli.stopping import Past

Rule = Callable[[Sequence[Past]], bool]
"""Whether to stop after the newest round."""

_NORMAL = 1.96
WHOLE = "stop, as configured"


def back_tests(
    replays: Mapping[str, Mapping[int, Sequence[Point]]], config: Config, metric: str, cost: str | None
) -> dict[str, dict[str, dict[str, Any]]]:
    """By strategy and criterion: in how many repeats it `stopped`, the mean of the `labels` then, the mean
    share of all labels that it `saved`, and by how much the metric was worse than at the end: `lost`, the
    mean, and `worst`. A repeat that it did not stop counts with all its labels, and nothing lost.

    Args:
        replays: points by strategy and repeat.
        config: what is under `stop` is tested as well.
        metric: by which strategies are compared; criteria with default parameters watch this one.
        cost: the name of the cost that is money; None: there is none.
    """
    rules = rules_of(config, metric)
    found = {}
    for strategy, repeats in replays.items():
        pasts = [_past(points, config, cost) for _, points in sorted(repeats.items())]
        values = [[point.figures[metric] for point in points] for _, points in sorted(repeats.items())]
        found[strategy] = {name: _test(rule, pasts, values, metric) for name, rule in rules.items()}
    return found


def rules_of(config: Config, metric: str) -> dict[str, Rule]:
    """Every criterion that has default parameters, with these; the configured ones; and all these as one."""
    specs: dict[str, Any] = {}
    for name, member in STOPPING.members():
        watches = any(field.name == "metric" for field in fields(member))
        specs[name] = {"name": name, "metric": metric} if watches else {"name": name}
    rules = {}
    for name, spec in specs.items():
        try:
            rules[name] = _rule(spec)
        except ConfigError:  # a parameter has no default, as a target
            continue
    configured = [spec for _, spec in criteria_of(config)]
    rules |= {_title(spec): _rule(spec) for spec in configured}
    if len(configured) > 1:
        rules[WHOLE] = lambda past: combined(config.stop, said(config, past))["verdict"] == "stop"
    return rules


def _rule(spec: Any) -> Rule:
    criterion = STOPPING.build(spec)
    return lambda past: bool(criterion.judge(past).stop)


def _title(spec: Any) -> str:
    """`target` with its parameters: `target (value 0.9)`."""
    name, parameters = split_spec(spec)
    shown = ", ".join(f"{key} {value}" for key, value in parameters.items())
    return f"{name} ({shown})" if shown else name


def _past(points: Sequence[Point], config: Config, cost: str | None) -> list[Past]:
    entries = [
        {
            "round": point.round,
            "n_labels": point.n_labels,
            "n_candidates": point.n_candidates,
            "metrics": {
                name: (value := point.figures[name], value - _NORMAL * error, value + _NORMAL * error)
                for name, error in point.errors.items()
            },
            "stop_set": point.stop_set,
            "spent": asdict(Spent(int(point.figures["answers"]), 0, point.round - 1, 0)),
        }
        for point in points
    ]
    pasts = past_of(config, entries)
    if cost is None:
        return pasts
    return [replace(past, spent=point.figures[cost]) for past, point in zip(pasts, points, strict=True)]


def _test(
    rule: Rule, pasts: Sequence[Sequence[Past]], values: Sequence[Sequence[float]], metric: str
) -> dict[str, Any]:
    sign = 1 if metric in HIGHER_IS_BETTER else -1
    stops = [next((n for n in range(len(past)) if rule(past[: n + 1])), None) for past in pasts]
    at = [len(past) - 1 if stop is None else stop for past, stop in zip(pasts, stops, strict=True)]
    labels = np.array([past[n].n_labels for past, n in zip(pasts, at, strict=True)])
    everything = np.array([past[-1].n_labels for past in pasts])
    lost = np.array([sign * (value[-1] - value[n]) for value, n in zip(values, at, strict=True)])
    return {
        "stopped": sum(stop is not None for stop in stops),
        "labels": round(float(labels.mean()), 1),
        "saved": rounded(float((1 - labels / everything).mean())),
        "lost": rounded(float(lost.mean())),
        "worst": rounded(float(lost.max())),
    }
