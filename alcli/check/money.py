"""Is selection worth its rounds, at the price of a label?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding, Verdict
from alcli.config import Cost
from alcli.loop._money import Spent, amount
from alcli.loop._spending import spent_on

MUCH, SOME, ROUNDS = 0.5, 0.25, 5
"""Savings that few and that many data sets allow; rounds to look ahead where nothing says how far."""


def look(facts: Facts) -> Finding:
    """Spend so far, spend ahead with and without selection, and the saving above which selection pays."""
    cost = facts.project.config.cost
    if cost is None:
        advice = "set cost.per_label (and cost.per_round, your time) to see what selection must save to pay"
        return Finding.unknown("money", "no cost is set", advice)
    spent = spent_on(facts.project).money(cost) if facts.standing is not None else 0.0
    ahead, known = _Ahead.of(facts, cost), facts.known_saving
    at_random = None if known is None else ahead.labels_cost / max(1e-9, 1 - known.value)
    pays = f"selection pays if it saves {ahead.break_even:.0%}"
    figure = f"spent {amount(spent, cost)}; {ahead.words(cost)}; {pays}"
    lines = [f"{ahead.rounds:,} rounds at {amount(cost.per_round, cost)} each (cost.per_round: your time)"]
    if at_random is not None and known is not None:
        lines.append(f"at random about {amount(at_random, cost)}, by the saving of {known.value:.0%}")
    verdict, advice = next(_verdicts(facts, cost, ahead), (GOOD, ""))
    more = {
        "spent": round(spent, 2),
        "labels_ahead": ahead.labels,
        "rounds_ahead": ahead.rounds,
        "with_selection": round(ahead.cost, 2),
        "without_selection": None if at_random is None else round(at_random, 2),
        "whole_pool": round(facts.n_candidates * cost.per_label, 2),
        "currency": cost.currency,
    }
    return Finding("money", verdict, figure, advice, round(ahead.break_even, 6), lines=lines, more=more)


@dataclass(frozen=True)
class _Ahead:
    """What is still to be spent.

    Attributes:
        labels: to the target, to the budget, or for some rounds.
        whither: which of these, in words.
        rounds: that they take.
        labels_cost: of these labels.
        overhead: of these rounds, labels aside.
    """

    labels: int
    whither: str
    rounds: int
    labels_cost: float
    overhead: float

    @property
    def cost(self) -> float:
        """All of it."""
        return self.labels_cost + self.overhead

    @property
    def break_even(self) -> float:
        """The share of random collection's labels that selection must save to cost no more than it."""
        return self.overhead / self.cost if self.cost else 0.0

    @classmethod
    def of(cls, facts: Facts, cost: Cost) -> _Ahead:
        """From the forecast, the stopping criteria and the batch size."""
        labels, whither = _labels_ahead(facts, cost)
        rounds = math.ceil(labels / facts.project.config.query.batch_size)
        overhead = Spent(0, 0, rounds, rounds * facts.n_candidates).money(cost)
        return cls(labels, whither, rounds, labels * cost.per_label, overhead)

    def words(self, cost: Cost) -> str:
        """`to the budget 800 labels in 4 rounds: 140 USD`."""
        return f"{self.whither} {self.labels:,} labels in {self.rounds:,} rounds: {amount(self.cost, cost)}"


def _labels_ahead(facts: Facts, cost: Cost) -> tuple[int, str]:
    config, now = facts.project.config, len(facts.train)
    law = facts.law(cost.metric)
    if cost.target is not None and law is not None:
        needed = law.labels_for(cost.target)
        if needed is not None and math.isfinite(needed.value):
            labels = max(0, math.ceil(needed.value) - now)
            return min(facts.n_candidates, labels), f"to {cost.metric} {cost.target:g} about"
    stop = config.stop
    alone = stop.vote.criteria if stop.vote.needed == 1 else ()
    specs = [spec for spec in (*stop.any, *stop.all, *alone) if isinstance(spec, dict)]
    budgets = [spec["labels"] for spec in specs if spec.get("labels") is not None]
    if budgets:
        return min(facts.n_candidates, max(0, min(budgets) - now)), "to the budget"
    return min(facts.n_candidates, ROUNDS * config.query.batch_size), "ahead"


def _verdicts(facts: Facts, cost: Cost, ahead: _Ahead) -> Iterator[tuple[Verdict, str]]:
    """What speaks against selection, the worst first."""
    each, known = f"labels at {amount(cost.per_label, cost)} each", facts.known_saving
    if not ahead.labels:
        return
    whole = facts.n_candidates * cost.per_label
    if ahead.overhead and whole <= ahead.overhead:
        what = f"labeling all {facts.n_candidates:,} candidates ({amount(whole, cost)})"
        yield STOP, f"{each}: {what} is cheaper than your time for these rounds"
    if facts.most_saved is not None and facts.most_saved < ahead.break_even:
        yield STOP, f"{each}: random collection is cheaper than your time, by the saving measured"
    if known is None and ahead.break_even > MUCH:
        yield STOP, f"{each}: random collection is cheaper than your time; few data sets allow such a saving"
    yield from _next_batch(facts, cost)
    if ahead.break_even > (known.value if known is not None else SOME):
        yield CAUTION, f"{each}: it is not sure that selection pays; take larger batches"


def _next_batch(facts: Facts, cost: Cost) -> Iterator[tuple[Verdict, str]]:
    """Where even the upper end of the next batch's gain is worth less than the batch."""
    law = facts.law(cost.metric)
    if cost.value_per_point is None or law is None:
        return
    now, batch = len(facts.train), facts.project.config.query.batch_size
    points = 100 * law.gain(now, now + batch).high
    price, worth = batch * cost.per_label + cost.per_round, points * cost.value_per_point
    if worth < price:
        what = f"the next {batch:,} labels cost {amount(price, cost)} and bring {points:.1f} points at most"
        yield CAUTION, f"{what}, worth {amount(worth, cost)}: it is time to stop"
