"""What replays of the loop say, where `alcli simulate` was run in the project."""

from __future__ import annotations

import json
from typing import Any

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.errors import IntegrityError
from alcli.registry import STRATEGIES, split_spec
from alcli.tables.atomic import file_errors

SUMMARY = "simulation/summary.json"


def look(facts: Facts) -> Finding:
    """The configured strategy's saving over replays, with its interval."""
    document = read_summary(facts)
    arms = document.get("strategies", {})
    name = document.get("default")
    strategy = split_spec(facts.project.config.query.strategy)[0]
    arm = arms.get(name) if str(name).split("(")[0] == STRATEGIES.aliases.get(strategy, strategy) else None
    if arm is None:
        advice = "`alcli simulate --labels FILE` (or --from-project) replays the loop on known labels"
        return Finding.unknown("replays", "no replay of the configured strategy lies in simulation/", advice)
    saving, repeats = arm["saving"], document["n_repeats"]
    figure = (
        f"{name} saved {saving['value']:.0%} of random sampling's labels ({saving['low']:.0%} to "
        f"{saving['high']:.0%}) in {repeats} replays, p = {arm['p_value']:.3f}"
    )
    more = {"strategy": name, "saving": saving, "p_value": arm["p_value"]}
    if arm["p_value"] < 0.05 and saving["low"] > 0:
        return Finding("replays", GOOD, figure, value=saving["value"], more=more)
    if arm["p_value"] < 0.05 and arm["difference"]["high"] < 0:
        advice = "worse than random sampling on this data: ask at random, or take another strategy"
        return Finding("replays", STOP, figure, advice, saving["value"], more=more)
    advice = "not distinguishable from random sampling: expect no saving, or replay with more repeats"
    return Finding("replays", CAUTION, figure, advice, saving["value"], more=more)


def read_summary(facts: Facts) -> dict[str, Any]:
    """`simulation/summary.json`; empty where there is none."""
    path = facts.project.root / SUMMARY
    if not path.exists():
        return {}
    with file_errors(path):
        text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        hint = "run `alcli simulate` again, or remove the file"
        raise IntegrityError("this is no summary of a simulation", where=SUMMARY, hint=hint)
    return found
