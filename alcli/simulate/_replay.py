"""One repeat of a simulation: the rounds of the loop by the steps' own code, with an oracle for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.config import Config
from alcli.engine import Trained, Views, size_of_a_row
from alcli.errors import DataError
from alcli.loop import _stop_set
from alcli.loop._doubt import doubted
from alcli.loop._drawing import draw_splits
from alcli.loop._ground import Ground
from alcli.loop._learning import classes_of, fit_space, groups_of, learn, needs_votes
from alcli.loop._picking import Picking
from alcli.loop._scoring import Scoring
from alcli.metrics import figures, standard_errors
from alcli.project.brought import Brought
from alcli.project.pool import Rows, group_hashes
from alcli.project.resolve import resolve
from alcli.project.scores import held_scores
from alcli.project.selection import RELABEL, Asked, Choice
from alcli.project.splits import HELD_OUT, RESERVE, SEED, VALIDATION, Splits, splits_table
from alcli.project.standing import Standing
from alcli.registry import STRATEGIES
from alcli.simulate._memory import HeldPool, HeldSpace
from alcli.simulate._oracle import Oracle


@dataclass(frozen=True)
class Point:
    """One trained round of a replay.

    Attributes:
        round: from 1, as a project counts.
        n_labels: training labels; of rows asked once more both answers, whatever they come to.
        n_candidates: rows that could still be asked.
        figures: the model's quality on the test rows, and what the answers have cost so far, by name.
        errors: sampling errors of those of the figures that have one.
        stop_set: what the model says of the stop set, as `alcli.stopping.StopSet`.
    """

    round: int
    n_labels: int
    n_candidates: int
    figures: Mapping[str, float]
    errors: Mapping[str, float]
    stop_set: Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """Where a repeat starts, if that is not drawn: ids of its test rows; of the seed set, if given too."""

    test: tuple[str, ...]
    seed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """The splits and the seed set from which all arms of a repeat start."""

    splits: Splits
    seed: tuple[str, ...]

    @classmethod
    def of(cls, config: Config, where: Callable[[str], str], pool: HeldPool, given: Given | None) -> Start:
        """Drawn as `seed` draws, except for what is given."""
        if given is not None and given.seed:
            return cls(_given_splits(config, pool, given), given.seed)
        brought = Brought(validation=given.test) if given is not None else Brought()
        drawn = draw_splits(config, where, pool, len(pool), brought)
        draw = drawn.draw
        parts = {
            VALIDATION: draw.part(draw.validation),
            RESERVE: draw.part(draw.reserve),
            SEED: draw.part(draw.seed),
            HELD_OUT: drawn.held_out,
        }
        splits = Splits.with_groups(splits_table(parts), config.split.group_by, pool)
        return cls(splits, tuple(parts[SEED][0].to_pylist()))


def _given_splits(config: Config, pool: HeldPool, given: Given) -> Splits:
    """Splits by ids; what is too near to the test rows is sealed with them.

    Raises:
        DataError: a seed row that is a group-mate of a test row.
    """
    test, seeds = pool.take(given.test), pool.take(given.seed)
    by = config.split.group_by
    if by is not None:
        mates = np.flatnonzero(np.isin(group_hashes(seeds, by), group_hashes(test, by), kind="sort"))
        if len(mates):
            name = seeds.ids[int(mates[0])].as_py()
            what = f"the seed row {name!r} has the {by} of a validation row"
            raise DataError(what, where="--splits", hint="keep groups together: split.group_by asks for it")
    parts = {VALIDATION: (test.ids, test.content()), SEED: (seeds.ids, seeds.content())}
    return Splits.with_groups(splits_table(parts), by, pool)


@dataclass
class Replay:
    """The loop for one arm, round after round.

    Attributes:
        config: of the arm, with the repeat's random state.
        where: names the place of a config key, for errors.
        pool: the rows.
        start: the repeat's splits and seed set.
        space: the features, learned as the first `train` learns them.
        oracle: answers in people's place.
        budget: training rows to ask about, the seed set among them.
    """

    config: Config
    where: Callable[[str], str]
    pool: HeldPool
    start: Start
    space: HeldSpace
    oracle: Oracle
    budget: int
    _asked: dict[str, tuple[int, str]] = field(default_factory=dict)
    _ledger: pa.Table = None
    _paid: Counter[str] = field(default_factory=Counter)
    _predicted: _stop_set.Predicted | None = None
    _n_sealed: int = 0
    _n_again: int = 0

    def points(self) -> Iterator[Point]:
        """Every round's model, measured; ends when the budget or the pool is used up."""
        self._n_sealed = len(self.start.splits.ids(VALIDATION, RESERVE, HELD_OUT))
        self._ask([Choice(id_, "", "seed") for id_ in self.start.seed], 0)
        number = 0
        while True:
            number += 1
            standing, labels = self._standing()
            if not labels.num_rows:  # all were skipped, or are in dispute
                return
            ground = self._train(number, labels)
            n_candidates = len(self.pool) - self._n_sealed - len(standing.status)
            found, errors = self._measure(ground.trained)
            watched = self._watch(ground.trained, labels)
            n_labels = self._n_labels(standing)
            yield Point(number, n_labels, n_candidates, {**found, **self._paid}, errors, watched)
            size = min(self.config.query.batch_size, self.budget - len(self._asked) - self._n_again)
            choices = self._choose(ground, standing, size) if size > 0 else []
            if not choices:
                return
            self._ask(choices, number)

    def _ask(self, choices: Sequence[Choice], number: int) -> None:
        """Ask the oracle, and take its answers in; of a row asked once more, one of somebody else."""
        self._asked |= {choice.id: (number, choice.reason) for choice in choices}
        new = [choice.id for choice in choices if choice.reason != RELABEL]
        shared = {choice.id for choice in choices if choice.reason == "overlap"}
        again = [choice.id for choice in choices if choice.reason == RELABEL]
        answers = pa.concat_tables(
            [
                self.oracle.answer(new, number, shared, self.config.query.overlap_annotators),
                self.oracle.answer_again(again, number),
            ]
        )
        self._n_again += len(again)
        self._paid.update(self.oracle.cost_of(answers))
        answers = answers.append_column("ingest", pa.repeat(pa.scalar(number, pa.int64()), len(answers)))
        self._ledger = answers if self._ledger is None else pa.concat_tables([self._ledger, answers])

    def _standing(self) -> tuple[Standing, pa.Table]:
        """Where every asked row stands, and the labels to train on, as `ingest` resolves them."""
        resolution = resolve(self._ledger, self.config.labels.resolve)
        reasons = {id_: reason for id_, (_, reason) in self._asked.items()}
        asked = Asked(
            {id_: number for id_, (number, _) in self._asked.items()},
            reasons,
            {
                id_: self.config.query.overlap_annotators
                for id_, reason in reasons.items()
                if reason == "overlap"
            },
            frozenset(),
        )
        sealed = self.start.splits.ids(VALIDATION, RESERVE, HELD_OUT)
        return Standing.of(asked, self._ledger, resolution, sealed), resolution.labels

    def _n_labels(self, standing: Standing) -> int:
        """Training labels; of rows asked once more every answer, whatever they come to."""
        return len(standing.labels.keys() - standing.asked.again) + 2 * self._n_again

    def _train(self, number: int, labels: pa.Table) -> Ground:
        """As `train`."""
        rows = self.pool.take(labels["id"].combine_chunks())
        classes = classes_of(self.config, [*pc.unique(labels["label"]).to_pylist(), *self._truth[0]])
        y = pc.index_in(labels["label"].combine_chunks(), value_set=pa.array(classes)).to_numpy()
        views = Views(self.space, rows.features)
        votes = needs_votes(self.config)
        y = y.astype(np.int64)
        groups = groups_of(rows, self.start.splits)
        model, members = learn(self.config, number, views, y, len(classes), votes=votes, groups=groups)
        trained = Trained(
            self.space, model, [member for _, member in members], classes, self.config.model.name
        )
        return Ground(
            self.config,
            self.where,
            self.pool,
            len(self.pool),
            number,
            trained,
            size_of_a_row(views.features),
        )

    def _choose(self, ground: Ground, standing: Standing, size: int) -> list[Choice]:
        """As `score`, then `query`."""
        strategy = STRATEGIES.build(self.config.query.strategy)
        scoring = Scoring(ground, self.start.splits, strategy, standing.labels)
        wanted = round(size * self.config.query.relabel)
        again = doubted(ground, self.start.splits, standing, wanted)
        picking = Picking(ground, held_scores(list(scoring.tables())), standing)
        return [*picking.choose(size - len(again)), *again]

    def _watch(self, trained: Trained, labels: pa.Table) -> dict[str, Any]:
        """What the model says of the stop set, drawn before the first time."""
        labeled = labels["id"].combine_chunks()
        if self._predicted is None:
            drawing = _stop_set.Drawing(self.config.random_state, self.start.splits, labeled)
            for rows in self.pool.rows():
                drawing.add(rows)
            drawn = _stop_set.unsealed(self.pool.take(drawing.ids()), self.start.splits)
        else:
            drawn = self.pool.take(self._predicted.ids)
        before, self._predicted = self._predicted, _stop_set.Predicted.by(trained, drawn)
        return _stop_set.figures(self._predicted, before, labeled)

    def _measure(self, trained: Trained) -> tuple[dict[str, float], dict[str, float]]:
        """The model's figures on the test rows, by their true labels, and their sampling errors."""
        proba = trained.evidence(self._test_rows.features, ("proba",))["proba"]
        names, y = self._truth
        number = np.array([trained.classes.index(name) for name in names])
        given = proba, number[y], trained.classes
        return figures(*given), standard_errors(*given)

    @cached_property
    def _test_rows(self) -> Rows:
        return self.pool.take(self.start.splits.ids(VALIDATION))

    @cached_property
    def _truth(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """The classes that the test rows have, and each row's number among them."""
        truth = self.oracle.truth
        found, y = np.unique(truth.y[truth.places(self._test_rows.ids)], return_inverse=True)
        return tuple(truth.classes[n] for n in found), y.astype(np.int64)


def space_of(config: Config, pool: HeldPool, splits: Splits) -> HeldSpace:
    """The features that a repeat's rounds share."""
    return HeldSpace(fit_space(config, pool, splits), pool)
