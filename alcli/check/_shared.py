"""Rows that several people labeled: of each round all, or a random part where there are many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate
from alcli.loop._people import Answers
from alcli.metrics.agreement import Agreement, agreement, alpha_of_votes
from alcli.metrics.contested import Confusion, confusions, differing, p_of_rise, vote_pairs
from alcli.project.grouping import Codes, group
from alcli.tables.hashing import hash_strings, salted

MOST_ROWS, MOST_VOTES, MOST_PAIRS, MOST_CONFUSIONS, MOST_SHOWN, MOST_EXAMPLES = 5_000, 10, 100, 100, 20, 10
"""Rows a round, votes a row, pairs of annotators, of classes, of these with examples, examples of each."""
FEWEST, SURE, MOST_NAMED = 10, 0.05, 3
"""Rows from which anything is concluded; p; pairs of classes that are named."""


@dataclass(frozen=True)
class Shared:
    """Votes on shared rows, by item: a row in one round.

    Attributes:
        item, who, label, version: (n,) of each vote; items count from 0.
        row, round: (items,) place of the id in `Answers.ids`, and the round.
    """

    item: Codes
    who: Codes
    label: Codes
    version: Codes
    row: Codes
    round: Codes

    @classmethod
    def of(cls, answers: Answers, random_state: int) -> Self:
        """The votes on at most `MOST_ROWS` rows a round, by the lowest keys, and `MOST_VOTES` on a row."""
        labeled = np.flatnonzero(answers.label >= 0)
        item = group(answers.round[labeled], answers.row[labeled])
        order = np.argsort(item, kind="stable")
        labeled, item = labeled[order], item[order]
        counts = np.bincount(item)
        first = np.cumsum(counts) - counts
        place = np.arange(len(item)) - first[item]  # of each vote on its row
        several = np.flatnonzero(counts > 1)
        row, round_ = answers.row[labeled[first[several]]], answers.round[labeled[first[several]]]
        keys = salted(hash_strings(answers.ids.take(row)), random_state, "shared")
        by_key = np.lexsort((keys, round_))
        rank = np.empty(len(several), dtype=np.int64)
        rank[by_key] = np.arange(len(several)) - np.searchsorted(round_[by_key], round_[by_key])
        kept = np.zeros(len(counts), dtype=bool)
        kept[several[rank < MOST_ROWS]] = True
        votes = labeled[kept[item] & (place < MOST_VOTES)]
        item = group(answers.round[votes], answers.row[votes])
        chosen = rank < MOST_ROWS
        return cls(
            item,
            answers.who[votes],
            answers.label[votes],
            answers.version[votes],
            row[chosen],
            round_[chosen],
        )

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def differing(self) -> NDArray[np.float64]:
        """(items,) the share of every two votes that differ."""
        return differing(self.item, self.label)

    def labels_of(self, item: int) -> Counter[int]:
        """How often each class was given to an item."""
        own = slice(*np.searchsorted(self.item, [item, item + 1]))
        return Counter(self.label[own].tolist())

    def alpha(self, items: NDArray[np.bool_], rng: np.random.Generator) -> Estimate | None:
        """Krippendorff's alpha of some items (a mask), of `MOST_ROWS` at most; None where there are none."""
        chosen = np.flatnonzero(items)
        if len(chosen) > MOST_ROWS:
            chosen = np.sort(rng.choice(chosen, MOST_ROWS, replace=False))
        wanted = np.zeros(len(self), dtype=bool)
        wanted[chosen] = True
        votes = wanted[self.item]
        return alpha_of_votes(group(self.item[votes]), self.label[votes], rng)

    def by_version(self) -> tuple[Shared, Codes]:
        """The votes of one version of the guideline on a row as one item, and (items,) the versions."""
        order = np.lexsort((self.who, self.item, self.version))
        item = group(self.version[order], self.item[order])
        votes = np.bincount(item)[item] > 1
        order, item = order[votes], group(item[votes])
        first = order[np.unique(item, return_index=True)[1]]
        of = self.item[first]
        votes_of = (self.who[order], self.label[order], self.version[order])
        return Shared(item, *votes_of, self.row[of], self.round[of]), self.version[first]

    def by_people(self, rng: np.random.Generator) -> dict[tuple[int, int], Agreement]:
        """How far every two annotators agree; the pairs with the most shared rows."""
        a, b = vote_pairs(self.item)
        pair = self.who[a] * (int(self.who.max(initial=0)) + 1) + self.who[b]  # in a row sorted by who
        _, place, counts = np.unique(pair, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        order, found = np.argsort(place, kind="stable"), {}
        for kind in np.argsort(-counts, kind="stable")[:MOST_PAIRS].tolist():
            own = order[ends[kind] - counts[kind] : ends[kind]]
            one, other = int(self.who[a[own[0]]]), int(self.who[b[own[0]]])
            found[one, other] = agreement(self.label[a[own]], self.label[b[own]], rng)
        return found

    def confusions(self, now: NDArray[np.bool_] | None = None) -> list[Confusion]:
        """Classes that were taken for each other, those of the most rows first."""
        return confusions(self.item, self.label, now)[:MOST_CONFUSIONS]

    def examples(self, classes: tuple[int, int]) -> list[int]:
        """Items to which both classes were given, of the newest rounds first."""
        one, other = (np.unique(self.item[self.label == number]) for number in classes)
        items = np.intersect1d(one, other)
        found: list[int] = items[np.lexsort((items, -self.round[items]))][:MOST_EXAMPLES].tolist()
        return found

    def example_rows(self) -> Codes:
        """The rows among all examples, by their place."""
        items = [item for one in self.confusions()[:MOST_SHOWN] for item in self.examples(one.classes)]
        return np.unique(self.row[np.array(items, dtype=np.int64)])


@dataclass(frozen=True)
class Fall:
    """A round, or a version of the guideline, against those before it.

    Attributes:
        rows, rows_before: how many rows are shared.
        differ, differ_before: the chance that two people differ about one.
        by_chance: whether those before are of round 000 alone, whose rows were drawn at random.
        p: that people differ so much more, at all or about two classes, is chance; corrected for both, and
            for the looks before and beside this one.
        confused: the classes behind it.
    """

    rows: int
    rows_before: int
    differ: float
    differ_before: float
    by_chance: bool
    p: float
    confused: list[Confusion]


def fall(
    shared: Shared,
    now: NDArray[np.bool_],
    before: NDArray[np.bool_],
    rng: np.random.Generator,
    looks: int = 1,
    beside: int = 1,
) -> Fall | None:
    """Whether people differ more in the items `now` than `before`; None where these are too few.

    Tested over all rows, and over those of every two classes, since a change may harm two classes only. Rows
    that were chosen are compared with rows that were chosen, which are harder than those that round 000 drew
    at random, and with the latter only where there are too few others. So that ever new looks do not add up
    to a false alarm, the k-th of `looks` has 1 / (k (k + 1)) of the 5%, and of `beside` each a part.
    """
    chosen = before & (shared.round > 0)
    by_chance = int(chosen.sum()) < FEWEST
    before = before if by_chance else chosen
    new, old = shared.differing[now], shared.differing[before]
    if min(len(new), len(old)) < FEWEST:
        return None
    both = now | before
    votes = both[shared.item]
    found = confusions(group(shared.item[votes]), shared.label[votes], now[both])
    rose = sorted((one for one in found if one.p_rose < SURE), key=lambda one: one.p_rose)
    p = min([p_of_rise(old, new, rng), *(one.p_rose for one in found)])
    corrected = min(1.0, 2 * beside * looks * (looks + 1) * p)
    confused = rose[:MOST_NAMED] or found[:1]
    return Fall(len(new), len(old), float(new.mean()), float(old.mean()), by_chance, corrected, confused)


def compare(answers: Answers, shared: Shared, rng: np.random.Generator) -> dict[str, Fall]:
    """The newest round, and the newest version of the guideline where it is not just that round, by name."""
    newest, last = int(answers.round.max()), len(answers.versions) - 1
    of_round = shared.round == newest
    sizes = np.unique(shared.round, return_counts=True)[1]
    looks = max(1, int((sizes[1:] >= FEWEST).sum()))
    name = f"guideline {named(answers.versions[last])}"
    if not last or np.array_equal(answers.version == last, answers.round == newest):
        what = f"round {newest} ({name})" if last else f"round {newest}"
        found = {what: fall(shared, of_round, ~of_round, rng, looks)}
    else:
        rubric, version = shared.by_version()
        of_version = version == last
        found = {
            f"round {newest}": fall(shared, of_round, ~of_round, rng, looks, beside=2),
            name: fall(rubric, of_version, ~of_version, rng, last, beside=2),
        }
    return {what: one for what, one in found.items() if one is not None}


def named(version: str) -> str:
    """A version of the guideline, in words."""
    return version or "(not named)"
