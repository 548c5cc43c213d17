"""What a round learns: features once, from a sample of the pool; the model and its committee from labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.config import Config
from alcli.engine import FeatureSpace, Views, fit_model, stratified_bootstrap
from alcli.loop import strategies_of
from alcli.project.pool import RowSource
from alcli.project.sample import lowest
from alcli.project.splits import Splits
from alcli.registry import FEATURES, MODELS, STRATEGIES

SAMPLE = 20_000
_STEP = 1

Member = tuple[Mapping[str, Any], Any]
"""A committee member's spec and its fitted model."""


def classes_of(config: Config, labels: Iterable[str]) -> tuple[str, ...]:
    """The configured classes, then those that only labels name, sorted."""
    configured = config.task.classes or ()
    return (*configured, *sorted(set(labels) - set(configured)))


def needs_votes(config: Config) -> bool:
    """Whether a strategy that chooses the batch looks at a committee."""
    return any("votes" in STRATEGIES.build(spec).needs for spec in strategies_of(config))


def training_rng(config: Config, round_: int, *more: int) -> np.random.Generator:
    """All chance of a round's training; `more` starts another stream of it."""
    return np.random.default_rng([config.random_state, round_, _STEP, *more])


def fit_space(config: Config, pool: RowSource, splits: Splits) -> FeatureSpace:
    """The features, learned from a random sample of the rows that are not sealed."""
    ids = lowest(pool.rows(), SAMPLE, config.random_state, 0)
    sample = pool.take(ids, config.features, splits.shown)
    content = sample.content()
    sample = sample.take(~splits.find_sealed(sample, content))
    sample = sample.take(np.argsort(sample.keys(config.random_state, 0), kind="stable"))
    space = FeatureSpace({kind: FEATURES.build(kind) for kind in config.features.describing})
    return space.fit(sample.features)


def learn(
    config: Config, round_: int, rows: Views, y: NDArray[np.int64], n_classes: int, *, votes: bool
) -> tuple[Any, list[Member]]:
    """The model fitted to labeled rows, and the committee where its votes are wanted.

    Raises:
        ConfigError: a model cannot learn from such features.
    """
    rng = training_rng(config, round_)
    model = MODELS.build(config.model.spec)
    fit_model(config.model.name, model, rows.read_by(model), y, n_classes, rng)
    return model, _committee(config, rows, y, n_classes, rng) if votes else []


def _committee(
    config: Config, rows: Views, y: NDArray[np.int64], n_classes: int, rng: np.random.Generator
) -> list[Member]:
    """Other models on all labels, or the model on stratified bootstraps."""
    specs = config.committee.members
    members: list[Member] = []
    for number in range(len(specs) if specs else config.committee.size):
        spec = specs[number] if specs else config.model.spec
        spec = {"name": spec} if isinstance(spec, str) else spec
        chosen = np.arange(len(y)) if specs else stratified_bootstrap(y, rng)
        member = MODELS.build(spec)
        read = rows.read_by(member)[chosen]
        fit_model(spec["name"], member, read, y[chosen], n_classes, rng)
        members.append((spec, member))
    return members
