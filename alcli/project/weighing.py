"""How far each annotator is right, as their agreement tells it: the one-coin model of Dawid and Skene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.project.grouping import Codes, group

Floats = NDArray[np.float64]

STRENGTH, ALIKE = 10, 0.8
"""Answers that say as much of a person as what all are like; the agreement assumed for as many pairs."""
_SETTLED, _MOST_TURNS = 1e-6, 500


@dataclass(frozen=True)
class Trust:
    """What the model makes of some votes.

    Attributes:
        accuracy: (people,) how often each is right.
        label: (rows,) the likeliest label.
        sure: (rows,) its probability.
    """

    accuracy: Floats
    label: Codes
    sure: Floats


def one_coin(
    row: Codes, who: Codes, label: Codes, known: Codes, teaches: NDArray[np.bool_] | None = None
) -> Trust:
    """Accuracies and labels that explain each other best, by expectation and maximization.

    A person is right with one probability, whatever the row, and each wrong label is as likely as another
    (Dawid and Skene, Applied Statistics 28, 1979, with one parameter a person as in Zhang et al., NIPS 2014);
    before anyone votes all classes are equally likely. A person of whom little is known counts like the
    average of all, which comes from how often two votes on a row are the same. Nobody counts as worse than
    chance: such votes weigh nothing, rather than against the label that they give.

    Args:
        row: (votes,) numbers of rows from 0, all of them in use, ascending.
        who: (votes,) numbers of people from 0, ascending within a row: sums do not depend on a file's order.
        label: (votes,) numbers of classes.
        known: (rows,) the class where somebody has decided it, else -1.
        teaches: (rows,) from which accuracies are learned; None: from all.
    """
    cell = group(row, label)  # what was said of a row: numbered by row, then by class
    first = np.unique(cell, return_index=True)[1]
    row_of, label_of = row[first], label[first]
    start = np.unique(row_of, return_index=True)[1]
    n_cells = np.bincount(row_of)
    n_classes = max(2, len(np.unique(np.concatenate([label, known[known >= 0]]))))
    fixed = known[row_of] >= 0
    taught = np.ones(len(row)) if teaches is None else teaches[row].astype(np.float64)
    given = np.bincount(who, weights=taught)
    average = _if_alike(np.bincount(cell, weights=taught), np.bincount(row, weights=taught), n_classes)
    accuracy = np.full(len(given), average)
    for _ in range(_MOST_TURNS):
        weight = np.log(accuracy * (n_classes - 1) / (1 - accuracy))
        score = np.bincount(cell, weights=weight[who])
        top = np.maximum.reduceat(score, start)
        likely = np.exp(score - top[row_of])
        all_likely = np.add.reduceat(likely, start) + (n_classes - n_cells) * np.exp(-top)
        sure = np.where(fixed, label_of == known[row_of], likely / all_likely[row_of])
        right = np.bincount(who, weights=sure[cell] * taught)
        before, accuracy = accuracy, (STRENGTH * average + right) / (STRENGTH + given)
        accuracy = np.maximum(accuracy, 1 / n_classes)
        if np.abs(accuracy - before).max() < _SETTLED:
            break
    best = np.flatnonzero(score == top[row_of])
    label_best = np.full(len(start), -1)
    label_best[row_of[best]] = label_of[best]
    return Trust(accuracy, label_best, 1 / all_likely)


def _if_alike(same: NDArray[Any], votes: NDArray[Any], n_classes: int) -> float:
    """The accuracy of people who are all alike, from the share of pairs of votes on a row that agree."""
    agreed, pairs = (float((n * (n - 1)).sum()) / 2 for n in (same, votes))
    share = max((agreed + STRENGTH * ALIKE) / (pairs + STRENGTH), 1 / n_classes)
    return float(1 + np.sqrt((n_classes - 1) * (n_classes * share - 1))) / n_classes
