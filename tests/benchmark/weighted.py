"""`labels.resolve: weighted` against majority, on simulated teams: how many rows are decided, and wrong."""

from __future__ import annotations

from argparse import Namespace

import numpy as np

from alcli.project.resolve import SURE
from alcli.project.weighing import one_coin
from tests.benchmark.measure import show

PEOPLE, ROWS, TEAMS = 8, 500, 100
LOW, HIGH = 0.6, 0.95
"""How often the worst and the best of a team are right."""
THRESHOLDS = (0.5, SURE, 0.9)
KINDS = {
    "as the model has it": {},
    "one of them guesses": {"guesses": 1},
    "on 30% of the rows all are half as good": {"hard": 0.3},
    "80% of the errors hit the same class": {"alike": 0.8},
}


def benchmark(_: Namespace) -> None:
    """100 teams a line: rows that get a label, and wrong labels of all rows, in percent."""
    rows = []
    for kind, how in KINDS.items():
        sizes = ((2, 2), (2, 3), (2, 5), (4, 2), (4, 3), (4, 5), (10, 3))
        for n_classes, votes in sizes[3:] if "alike" in how else sizes:  # two classes have no such choice
            rng = np.random.default_rng(0)
            teams = [_team(rng, n_classes, votes, **how) for _ in range(TEAMS)]
            *shares, said, true = np.nanmean(teams, axis=0).tolist()
            cells = [f"{100 * a:.0f}, {100 * b:.1f}" for a, b in zip(shares[::2], shares[1::2], strict=True)]
            rows.append([kind, str(n_classes), str(votes), *cells, f"{said:.2f}, {true:.2f}"])
    heads = [f"sure by {threshold:g}" for threshold in THRESHOLDS]
    show("weighted", ["team", "classes", "votes", "majority", *heads, "said, right"], rows)


def _team(
    rng: np.random.Generator, n_classes: int, votes: int, guesses: int = 0, hard: float = 0, alike: float = 0
) -> list[float]:
    """(decided, wrong) of majority and of each threshold; of split rows how sure, and how often right."""
    accuracy = rng.uniform(LOW, HIGH, size=PEOPLE)
    accuracy[:guesses] = 1 / n_classes
    truth = rng.integers(n_classes, size=(ROWS, 1))
    who = np.sort(np.argsort(rng.random((ROWS, PEOPLE)), axis=1)[:, :votes], axis=1)
    right = np.where(rng.random((ROWS, 1)) < hard, (accuracy[who] + 1 / n_classes) / 2, accuracy[who])
    wrong = (truth + rng.integers(1, n_classes, size=(ROWS, votes))) % n_classes
    wrong = np.where(rng.random((ROWS, votes)) < alike, (truth + 1) % n_classes, wrong)
    said = np.where(rng.random((ROWS, votes)) < right, truth, wrong)
    trust = one_coin(np.repeat(np.arange(ROWS), votes), who.ravel(), said.ravel(), np.full(ROWS, -1))
    counts = (said[:, :, None] == np.arange(n_classes)).sum(axis=1)
    most, unanimous = counts.argmax(axis=1), counts.max(axis=1) == votes
    found = [_decided(2 * counts.max(axis=1) > votes, most != truth[:, 0])]
    other = np.where(unanimous, most, trust.label) != truth[:, 0]
    found += [_decided(unanimous | (trust.sure >= threshold), other) for threshold in THRESHOLDS]
    split = ~unanimous
    return [*np.ravel(found).tolist(), float(trust.sure[split].mean()), float(1 - other[split].mean())]


def _decided(decided: np.ndarray, wrong: np.ndarray) -> tuple[float, float]:
    return float(decided.mean()), float((decided & wrong).mean())
