"""What is compared: every strategy, with every batch size, model and seed strategy that was named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from alcli.config import Config, parse_setting
from alcli.errors import ConfigError
from alcli.registry import MODELS, STRATEGIES, Registry, split_spec

BASELINE = "random_sampling"
_PLAIN = (
    "query.diversity=null",
    "query.quotas=null",
    "query.class_balance=false",
    "query.explore=0",
    "query.relabel=0",
)
"""What the baseline is without: with these it would not be random, or not all new."""
_DIMENSIONS = {
    "--strategies": "query.strategy",
    "--batch-sizes": "query.batch_size",
    "--models": "model",
    "--seed-strategies": "seed.strategy",
    "--relabel": "query.relabel",
}


@dataclass(frozen=True)
class Choices:
    """What a user named of each dimension: comma-separated values; empty: what the config says."""

    strategies: str = ""
    batch_sizes: str = ""
    models: str = ""
    seed_strategies: str = ""
    relabel: str = ""


@dataclass(frozen=True)
class Arm:
    """One configuration to replay.

    Attributes:
        name: its strategy, and what else tells it from other arms.
        settings: as `--set` takes them.
        baseline: the name of the arm that it is compared with: random sampling with all else as here.
        batch_size: rows a query.
    """

    name: str
    settings: tuple[str, ...]
    baseline: str
    batch_size: int


def arms_of(choices: Choices, config: Config) -> list[Arm]:
    """Every combination; random sampling is always among the strategies, and comes first.

    Args:
        choices: what the user named; a bare name that the config has too comes with the config's parameters.
        config: says the strategy where none was named.

    Raises:
        ConfigError: a value that cannot be, with the nearest right one.
    """
    configured = config.value("query.strategy")
    strategies = _specs("--strategies", choices.strategies, configured, STRATEGIES) or [configured]
    others = [spec for spec in strategies if _named(spec) != BASELINE]
    values: list[list[Any]] = [
        [BASELINE, *_distinct(others)],
        _distinct(_sizes(choices.batch_sizes)),
        _distinct(_specs("--models", choices.models, config.model.spec, MODELS)),
        _distinct(_specs("--seed-strategies", choices.seed_strategies, config.seed.strategy, STRATEGIES)),
        _distinct(_shares(choices.relabel)),
    ]
    keys, arms = list(_DIMENSIONS.values()), []
    for strategy, *combination in product(*(found or [None] for found in values)):
        told = {
            key: f"{'seed' if key == 'seed.strategy' else key.rpartition('.')[2]} {label(value)}"
            for key, value, found in zip(keys[1:], combination, values[1:], strict=True)
            if len(found) > 1
        }
        chosen = dict(zip(keys, (strategy, *combination), strict=True))
        settings = tuple(_setting(key, value) for key, value in chosen.items() if value is not None)
        beside = [words for key, words in told.items() if key != "query.relabel"]
        name, baseline = ", ".join([label(strategy), *told.values()]), ", ".join([BASELINE, *beside])
        if _named(strategy) == BASELINE:
            name, settings = baseline, (*settings, *_PLAIN)
        size = chosen["query.batch_size"] or config.query.batch_size
        arms.append(Arm(name, settings, baseline, size))
    return _distinct(arms)


def _specs(option: str, text: str, configured: Any, registry: Registry[Any]) -> list[Any]:
    """Names and mappings of members that there are."""
    specs = []
    for spec in _values(option, text):
        if not isinstance(spec, str | Mapping):
            raise ConfigError(f"{spec!r} is no name", where=option, hint="write a list: margin,badge")
        try:
            registry.build(spec)
        except ConfigError as error:
            raise ConfigError(error.message, where=error.where or option, hint=error.hint) from error
        specs.append(configured if spec == split_spec(configured)[0] else spec)
    return specs


def _values(option: str, text: str) -> list[Any]:
    """`margin, {name: core_set, metric: cosine}` as names and mappings."""
    if not text.strip():
        return []
    try:
        found = parse_setting(f"list=[{text}]")[1]
    except ConfigError as error:
        raise ConfigError(error.message, where=option, hint="write a list: margin,badge") from error
    if not all(isinstance(value, str | Mapping | int | float) for value in found):
        raise ConfigError(f"{text!r} is no list of names", where=option, hint="write a list: margin,badge")
    return list(found)


def _sizes(text: str) -> list[int]:
    sizes = _values("--batch-sizes", text)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ConfigError(
                f"{size!r} is no number of rows", where="--batch-sizes", hint="write a list: 50,200"
            )
    return sizes


def _shares(text: str) -> list[float]:
    shares = _values("--relabel", text)
    for share in shares:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ConfigError(f"{share!r} is no share", where="--relabel", hint="write a list: 0,0.1")
    return shares


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


def _named(spec: Any) -> str:
    name = split_spec(spec)[0]
    return STRATEGIES.aliases.get(name, name)


def label(spec: Any) -> str:
    """What a choice is called: `core_set(metric=cosine)`."""
    if isinstance(spec, int | float):
        return str(spec)
    name, parameters = split_spec(spec)
    name = STRATEGIES.aliases.get(name, name)
    told = ", ".join(f"{key}={value}" for key, value in parameters.items())
    return f"{name}({told})" if told else name


def _setting(key: str, value: Any) -> str:
    """As `--set` takes it."""
    if key == "model" and isinstance(value, str):
        value = {"name": value}
    return f"{key}={json.dumps(value)}"
