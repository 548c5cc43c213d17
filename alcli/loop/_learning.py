"""What a round learns: features once, from a sample of the pool; the model and its committee from labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.config import Config
from alcli.engine import FeatureSpace, Views, fit_model, predict, stratified_bootstrap
from alcli.loop import strategies_of
from alcli.project.pool import Rows, RowSource, group_hashes
from alcli.project.sample import lowest
from alcli.project.splits import Splits
from alcli.registry import FEATURES, MODELS, STRATEGIES
from alcli.tables.hashing import Hashes
from alcli.temperature import Tempered, fit_temperature

SAMPLE = 20_000
FEWEST_HELD_OUT = 20
"""Labels that calibration takes at least, of two classes with two or more."""
_STEP, _FOLDS = 1, 5


@dataclass(frozen=True)
class Labeled:
    """Labeled rows, sorted by id, and their class numbers, (n,)."""

    rows: Rows
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


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


def fit_space(
    config: Config, pool: RowSource, splits: Splits, ids: Sequence[str] | None = None
) -> FeatureSpace:
    """The features, learned from a random sample of the rows that are not sealed.

    Args:
        ids: of the sample, the `SAMPLE` rows with the lowest keys of round 0; None: they are looked for.
    """
    if ids is None:
        ids = lowest(pool.rows(), SAMPLE, config.random_state, 0)
    sample = pool.take(ids, config.features, splits.shown)
    content = sample.content()
    sample = sample.take(~splits.find_sealed(sample, content))
    sample = sample.take(np.argsort(sample.keys(config.random_state, 0), kind="stable"))
    space = FeatureSpace({kind: FEATURES.build(kind) for kind in config.features.describing})
    return space.fit(sample.features)


def learn(
    config: Config,
    round_: int,
    rows: Views,
    y: NDArray[np.int64],
    n_classes: int,
    *,
    votes: bool,
    groups: Hashes | None = None,
) -> tuple[Any, list[Member]]:
    """The model fitted to labeled rows, and the committee where its votes are wanted.

    Calibrated, both are `Tempered`, unless there is too little to calibrate on; `groups` as in `out_of_fold`.

    Raises:
        ConfigError: a model cannot learn from such features.
    """
    rng = training_rng(config, round_)
    model = MODELS.build(config.model.spec)
    fit_model(config.model.name, model, rows.read_by(model), y, n_classes, rng)
    members = _committee(config, rows, y, n_classes, rng) if votes else []
    if config.model.calibrate == "none":
        return model, members

    def degree(spec: Mapping[str, Any]) -> float | None:
        held_out = out_of_fold(config, round_, rows, y, n_classes, spec=spec, groups=groups)
        return fit_temperature(held_out.proba, y[held_out.positions]) if held_out else None

    own = degree(config.model.spec)
    # bootstraps of the model are as sure of themselves as it is; other models are not
    theirs = [degree(spec) if config.committee.members else own for spec, _ in members]
    return _at(own, model), [
        (spec, _at(t, member)) for t, (spec, member) in zip(theirs, members, strict=True)
    ]


@dataclass(frozen=True)
class HeldOut:
    """Predictions for labeled rows, each by a model that has not learned from it.

    Attributes:
        positions: (m,) the rows, among all labeled ones.
        proba: (m, C) float32.
    """

    positions: NDArray[np.int64]
    proba: NDArray[np.float32]


def out_of_fold(
    config: Config,
    round_: int,
    rows: Views,
    y: NDArray[np.int64],
    n_classes: int,
    *,
    spec: Mapping[str, Any] | None = None,
    groups: Hashes | None = None,
) -> HeldOut | None:
    """What the configured model, or that of `spec`, predicts for labeled rows that it has not learned from.

    By stratified cross-validation in five parts. The only row of a class is not held out: none could know it.

    Args:
        groups: (n,) what group each row is of, as `groups_of` says; a group is held out as a whole.

    Returns:
        None where the model does not learn, or where fewer than 20 rows of two classes could be held out.
    """
    spec = spec or config.model.spec
    rng = training_rng(config, round_, 2)
    folds = _folds(y, np.arange(len(y), dtype=np.uint64) if groups is None else groups, rng)
    held = np.flatnonzero(folds >= 0)
    learns = MODELS.load(spec["name"]).learns
    if not learns or len(held) < FEWEST_HELD_OUT or len(np.unique(y[held])) < 2:
        return None
    proba = np.zeros((len(y), n_classes), dtype=np.float32)
    for fold in range(_FOLDS):
        model = MODELS.build(spec)
        read, left_in = rows.read_by(model), np.flatnonzero(folds != fold)
        fit_model(spec["name"], model, read[left_in], y[left_in], n_classes, rng)
        out = np.flatnonzero(folds == fold)
        proba[out] = predict(spec["name"], model, read[out], n_classes)
    return HeldOut(held, proba[held])


def groups_of(rows: Rows, splits: Splits) -> Hashes | None:
    """(n,) hash of each row's group; None where the splits were not drawn by group."""
    return None if splits.group_by is None else group_hashes(rows, splits.group_by)


def _folds(y: NDArray[np.int64], groups: Hashes, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) numbers from 0 of the fold that holds each row out; -1 for the only group of a class.

    The groups of a class (that of their first row) are shuffled and dealt out one by one, each class going on
    where the one before it ended: folds are of equal size, and what is left in knows every class.
    """
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    label = y[first]
    dealt = [rng.permutation(np.flatnonzero(label == c)) for c in np.flatnonzero(np.bincount(label) > 1)]
    order = np.concatenate([np.empty(0, dtype=np.int64), *dealt])
    folds = np.full(len(first), -1, dtype=np.int64)
    folds[order] = np.arange(len(order)) % _FOLDS
    held_by: NDArray[np.int64] = folds[member]
    return held_by


def _at(temperature: float | None, model: Any) -> Any:
    return model if temperature is None else Tempered(model, temperature)


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
