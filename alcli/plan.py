"""`plan`: rounds, calendar and spend ahead, for the configured batch size and its neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alcli.config import Cost
from alcli.curves.forecast import Rounds
from alcli.curves.power_law import PowerLaw
from alcli.errors import ConfigError, StateError
from alcli.loop import Result, plural
from alcli.loop._money import Spent
from alcli.loop._people import Answers, Work
from alcli.loop._spending import spent_on
from alcli.project import Project
from alcli.project.history import read_history

WORKING_DAYS = 5
ROUNDS = 5
"""Batches that are planned where neither labels, nor a budget, nor a target says how far."""


@dataclass(frozen=True)
class Limits:
    """How far to plan, and with whom.

    Attributes:
        labels: further training labels at most.
        budget: money to spend from now on.
        target: value of the metric to reach.
        hours: of labeling a week, of all people together.
        days: working days that a round takes besides labeling.
    """

    labels: int | None = None
    budget: float | None = None
    target: float | None = None
    hours: float = 10.0
    days: float = 1.0


@dataclass(frozen=True)
class Row:
    """What one batch size comes to.

    Attributes:
        batch_size: rows a round.
        labels: further ones.
        rounds: that they take.
        weeks: of calendar; None: the time of an answer is not known.
        cost: of labels and rounds; None: no prices.
        bound: what ends it: labels, budget, target or pool.
        metric: what the model is expected to have then, {value, low, high}; None: too few rounds.
    """

    batch_size: int
    labels: int
    rounds: int
    weeks: float | None
    cost: float | None
    bound: str
    metric: dict[str, float] | None


def plan(project: Project, limits: Limits) -> Result:
    """Rounds, calendar and spend, by the project's own learning curve and time an answer.

    Raises:
        ConfigError: limits that cannot be.
        StateError: nothing is trained yet.
    """
    config = project.config
    cost = config.cost
    _check(limits, cost)
    project.check_sealed()
    history = read_history(project)
    if not history:
        raise StateError(
            "nothing is trained yet: there is no curve to plan by", hint="run `alcli train` first"
        )
    metric = cost.metric if cost is not None else "accuracy"
    rounds = Rounds.of(history, metric)
    people = Answers.read(project).by_round()
    ahead = _Ahead(limits, cost, rounds.law(), history[-1], _minutes(people, cost))
    sizes = _neighbours(config.query.batch_size)
    rows = [ahead.row(size) for size in sizes]
    return Result(
        "plan",
        round=project.rounds[-1].number,
        changed=False,
        counts={"labeled": ahead.now, "candidates": ahead.candidates},
        warnings=ahead.warnings(),
        more={
            "plan": [vars(row) for row in rows],
            "batch_size": config.query.batch_size,
            "metric": metric,
            "minutes_per_label": ahead.minutes,
            "spent": None if cost is None else round(spent_on(project).money(cost), 2),
            "currency": cost.currency if cost is not None else "",
            "by_round": [vars(work) | {"disagreement": work.disagreement} for work in people],
        },
        summary=[_headline(ahead, metric, rounds)],
    )


class _Ahead:
    """What is ahead of the newest round."""

    def __init__(
        self, limits: Limits, cost: Cost | None, law: PowerLaw | None, newest: Any, minutes: float | None
    ) -> None:
        self.limits = limits
        self.cost = cost
        self.law = law
        self.minutes = minutes
        self.now = int(newest["n_labels"])
        self.candidates = int(newest["n_candidates"])
        self.target = (
            limits.target if limits.target is not None else cost.target if cost is not None else None
        )
        self.needed = self._needed()

    def _needed(self) -> float | None:
        """Further labels to the target; infinite where the curve does not reach it; None: no target."""
        if self.target is None or self.law is None:
            return None
        found = self.law.labels_for(self.target)
        return math.inf if found is None else max(0.0, found.value - self.now)

    def warnings(self) -> list[str]:
        """What the plan lacks."""
        found = []
        if self.law is None:
            found.append("fewer than two rounds were measured: the metric ahead is not known")
        if self.needed == math.inf:
            found.append(
                f"the learning curve does not reach {self.target:g} within ten times the labels so far"
            )
        if self.minutes is None:
            found.append("the time of an answer is not known: set cost.minutes_per_label, or ingest seconds")
        if self.cost is None:
            found.append("no cost is set: spend is not known (cost.per_label, cost.per_round)")
        return found

    def row(self, batch_size: int) -> Row:
        """What a batch size comes to."""
        bounds = {"pool": float(self.candidates)}
        if self.limits.labels is not None:
            bounds["labels"] = float(self.limits.labels)
        if self.limits.budget is not None and self.cost is not None:
            bounds["budget"] = float(self._affordable(batch_size, self.cost, self.limits.budget))
        if self.needed is not None:
            bounds["target"] = self.needed
        if len(bounds) == 1:
            bounds["rounds"] = float(ROUNDS * batch_size)
        bound = min(bounds, key=bounds.__getitem__)
        labels = math.ceil(bounds[bound])
        rounds = math.ceil(labels / batch_size)
        then = self.law.value(self.now + labels) if self.law is not None else None
        return Row(
            batch_size,
            labels,
            rounds,
            self._weeks(labels, rounds),
            None if self.cost is None else round(self._cost(labels, rounds, self.cost), 2),
            bound,
            then.to_json() if then is not None else None,
        )

    def _weeks(self, labels: int, rounds: int) -> float | None:
        if self.minutes is None:
            return None
        weeks = labels * self.minutes / 60 / self.limits.hours + rounds * self.limits.days / WORKING_DAYS
        return round(weeks, 6)

    def _cost(self, labels: int, rounds: int, cost: Cost) -> float:
        return Spent(labels, 0, rounds, rounds * self.candidates).money(cost)

    def _affordable(self, batch_size: int, cost: Cost, budget: float) -> int:
        """The most labels whose rounds a budget pays for."""
        a_round = self._cost(batch_size, 1, cost)
        if not a_round:
            return self.candidates
        budget *= 1 + 1e-9  # 12 pays for 120 labels at 0.1
        whole = int(min(budget // a_round, self.candidates // batch_size + 1))
        left = budget - whole * a_round - self._cost(0, 1, cost)
        rest = int(min(left // cost.per_label, batch_size)) if left > 0 and cost.per_label else 0
        return whole * batch_size + min(rest, batch_size)


def _neighbours(batch_size: int) -> tuple[int, ...]:
    """Half, the same and twice."""
    return tuple(sorted({max(1, batch_size // 2), batch_size, 2 * batch_size}))


def _minutes(people: Sequence[Work], cost: Cost | None) -> float | None:
    """An answer's time: as it was in the newest round that tells, since later rounds are harder."""
    if cost is not None and cost.minutes_per_label is not None:
        return cost.minutes_per_label
    seconds = [work.seconds for work in people if work.seconds is not None]
    return round(seconds[-1] / 60, 6) if seconds else None


def _headline(ahead: _Ahead, metric: str, rounds: Rounds) -> str:
    left = plural(ahead.candidates, "candidate")
    if not rounds.values:
        return f"{plural(ahead.now, 'label')} so far, {left} left."
    return f"{plural(ahead.now, 'label')} so far, {metric} {rounds.values[-1]:.3f}, {left} left."


def _check(limits: Limits, cost: Cost | None) -> None:
    if limits.budget is not None and cost is None:
        raise ConfigError(
            "a budget needs prices", where="--budget", hint="set cost.per_label and cost.per_round"
        )
    limited = {
        "--labels": limits.labels,
        "--budget": limits.budget,
        "--target": limits.target,
        "--hours": limits.hours,
    }
    for name, value in limited.items():
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"must be above 0, found {value:g}", where=name)
    if not 0 <= limits.days < math.inf:
        raise ConfigError(f"must be 0 or above, found {limits.days:g}", where="--days")
