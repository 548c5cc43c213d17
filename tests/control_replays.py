"""Replays of active learning with an explored share, where what random collection needs is known.

A labeled set is cut in two. From one half come pool and validation rows, drawn anew in every replay. On the
other, the test rows, random collection's mean curve is known from many models, and each replayed project's
model has the quality at which its saving is read off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.config import Config
from alcli.curves.control import Saving, share_of
from alcli.curves.crossing import first_at
from alcli.curves.power_law import BackTest, back_test
from alcli.engine import FeatureSpace, Part, Trained, Views
from alcli.evidence import Evidence, Labeled, Origin, Unmeasured
from alcli.loop._learning import learn
from alcli.metrics import HIGHER_IS_BETTER, figures
from alcli.project import columns as col
from alcli.project.pool import Rows
from alcli.project.splits import VALIDATION
from alcli.simulate._memory import HeldPool
from alcli.simulate._oracle import Faults, Oracle, Truth
from alcli.simulate._replay import Point, Replay, Start, space_of
from alcli.tables.hashing import hash_strings

Ints = NDArray[np.int64]

MOST_TEST = 3000
_POINTS = 20


@dataclass(frozen=True)
class Setting:
    """How a project is run; rows."""

    validation: int = 200
    seed: int = 60
    batch: int = 40
    rounds: int = 6
    explore: float = 0.15
    strategy: str = "margin"
    model: str = "logistic_regression"
    metric: str = "accuracy"


@dataclass(frozen=True)
class Outcome:
    """A replay's end: what was estimated, and what is true.

    Attributes:
        n_labels: of the project's model.
        of: labels with which random collection is as good, at most all that there are.
        past: how the forecasts of its rounds did.
    """

    saving: Saving | Unmeasured
    n_labels: int
    of: float
    past: BackTest | None

    @property
    def true_share(self) -> float:
        return share_of(self.n_labels, self.of)

    @property
    def covered(self) -> bool:
        """Whether the interval holds the truth; it does where there is none, and nothing was claimed."""
        found = self.saving
        return isinstance(found, Unmeasured) or (
            found.of.low - 1e-6 <= self.of and (found.open or self.of <= found.of.high + 1e-6)
        )


class Problem:
    """A labeled set.

    Args:
        features: raw columns by kind.
        labels: (n,) names.
        most: rows to use.
    """

    def __init__(self, features: Mapping[str, list[Any]], labels: Sequence[str], most: int = 9000) -> None:
        self.kinds = {kind: tuple(f"{kind}_{n}" for n in range(len(c))) for kind, c in features.items()}
        self.classes, y = np.unique(np.asarray(labels), return_inverse=True)
        # copies are kept out of validation and batches: with them random collection would be something else
        distinct = np.unique(_rows(features, np.arange(len(y))).content(), return_index=True)[1]
        order = np.random.default_rng(0).permutation(np.sort(distinct))[:most]
        pool, test = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])[:MOST_TEST]
        self.pool = HeldPool.of(_rows(features, pool))
        self.truth = Truth(self.pool.ids, y[pool].astype(np.int64), tuple(self.classes.tolist()))
        self.test = Labeled(_rows(features, test), y[test].astype(np.int64))

    def config(self, setting: Setting, repeat: int) -> Config:
        """That of a replay."""
        kinds = {k: names[0] if k == "embedding" else names for k, names in self.kinds.items()}
        return Config.model_validate(
            {
                "features": kinds,
                "split": {"validation": setting.validation, "reserve": 0},
                "seed": {"size": setting.seed},
                "model": {"name": setting.model},
                "query": {
                    "batch_size": setting.batch,
                    "explore": setting.explore,
                    "strategy": setting.strategy,
                },
                "random_state": repeat,
            }
        )

    def quality(self, space: FeatureSpace, trained: Trained, metric: str) -> float:
        """On the test rows; higher is better."""
        if trained.classes != tuple(self.classes.tolist()):
            raise ValueError("a class is missing from the replay")
        proba = trained.predict(Views(FeatureSpace(space.parts), self.test.rows.features))
        value = figures(proba, self.test.y, trained.classes)[metric]
        return value if metric in HIGHER_IS_BETTER else -value


def _rows(features: Mapping[str, list[Any]], places: Ints) -> Rows:
    taken = {kind: [col.take(column, places) for column in columns] for kind, columns in features.items()}
    ids = pa.array([f"r{place:06d}" for place in places.tolist()])
    return Rows(ids, hash_strings(ids), taken, {}, [c for columns in taken.values() for c in columns])


class Random:
    """Random collection's mean curve on a problem's test rows, by `repeats` models a size."""

    def __init__(self, problem: Problem, setting: Setting, repeats: int) -> None:
        config = problem.config(setting, 0)
        start = Start.of(config, str, problem.pool, None)
        space = space_of(config, problem.pool, start.splits)
        rows, y = Views(space, problem.pool.held.features), problem.truth.y
        most = len(problem.pool) - setting.validation
        self.sizes = np.unique(np.rint(np.geomspace(20, most, _POINTS)).astype(np.int64))
        rng = np.random.default_rng(1)
        self.values = np.zeros((repeats, len(self.sizes)))
        for repeat, at in np.ndindex(*self.values.shape):
            chosen = np.sort(rng.permutation(len(problem.pool))[: self.sizes[at]])
            n_classes = len(problem.classes)
            model, _ = learn(config, 0, Part(rows, chosen), y[chosen], n_classes, votes=False)
            trained = Trained(space, model, (), tuple(problem.classes.tolist()), setting.model)
            self.values[repeat, at] = problem.quality(space, trained, setting.metric)

    def labels_for(self, quality: float) -> float:
        """Where the curve, made monotone, is as good; infinite where it never is."""
        mean = self.values.mean(axis=0)[None, :]
        return float(first_at(self.sizes.astype(float), mean, np.array([quality]))[0])


class _Watched(Replay):
    """A replay whose newest model and labels can be looked at."""

    def _train(self, number: int, labels: Any) -> Any:
        self.labels, self.ground = labels, super()._train(number, labels)
        return self.ground

    @cached_property
    def validation(self) -> Labeled:
        rows = self.pool.take(self.start.splits.ids(VALIDATION))
        return Labeled(rows, self.oracle.truth.y[self.oracle.truth.places(rows.ids)])

    def evidence(self, number: int) -> Evidence:
        """As `measure_saving` gathers it."""
        rows = self.pool.take(self.labels["id"].combine_chunks())
        asked = [self._asked[id_] for id_ in rows.ids.to_pylist()]
        origin = Origin(
            np.array([round_ for round_, _ in asked]),
            np.array([reason in {"seed", "explore"} for _, reason in asked]),
        )
        truth = self.oracle.truth
        train = Labeled(rows, truth.y[truth.places(rows.ids)])
        trained = self.ground.trained
        return Evidence(self.config, number, trained, trained.classes, train, origin, self.validation)


def outcomes(problem: Problem, random: Random, setting: Setting, repeats: int) -> Iterator[Outcome]:
    """The end of every replay."""
    budget, n_pool = setting.seed + setting.rounds * setting.batch, len(problem.pool) - setting.validation
    for repeat in range(1, repeats + 1):
        config = problem.config(setting, repeat)
        start = Start.of(config, str, problem.pool, None)
        space = space_of(config, problem.pool, start.splits)
        oracle = Oracle(problem.truth, Faults(), repeat)
        replay = _Watched(config, str, problem.pool, start, space, oracle, budget)
        points = list(replay.points())
        last = points[-1]
        found = replay.evidence(last.round).saving(last.n_labels, n_pool, setting.metric)
        of = random.labels_for(problem.quality(space, replay.ground.trained, setting.metric))
        yield Outcome(found, last.n_labels, min(of, n_pool), _past(points, setting.validation))


def _past(points: Sequence[Point], n_validation: int) -> BackTest | None:
    """Forecasts of the accuracies that the rounds measured."""
    values = [point.figures["accuracy"] for point in points]
    sds = [np.sqrt(value * (1 - value) / n_validation) for value in values]
    return back_test([point.n_labels for point in points], values, sds)
