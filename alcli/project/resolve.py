"""Several annotators' answers to a row become one label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.project.answers import ADJUDICATED, LABELED, SKIPPED, UNSURE
from alcli.project.grouping import Codes, group, ordered
from alcli.project.ledger import current, moments
from alcli.project.relabeling import labels_now
from alcli.project.weighing import one_coin

Policy = Literal["majority", "unanimous", "latest", "weighted"]

DISPUTED = "disputed"
SURE = 0.8
"""Of `weighted`: the probability from which a label is taken."""
_STATUSES = (LABELED, SKIPPED, UNSURE, ADJUDICATED)  # an array would load pandas, made at import
_LABELED, _UNSURE, _RULED = 0, 2, 3
_OPEN = -3  # a row that nobody has decided

_VOTES_NEEDED: Mapping[Policy, Callable[[Codes], Codes]] = {
    "majority": lambda cast: cast // 2 + 1,
    "unanimous": lambda cast: cast,
    "latest": lambda cast: np.minimum(cast, 1),
    "weighted": lambda cast: np.minimum(cast, 1),
}


@dataclass(frozen=True)
class Resolution:
    """What the ledger's answers come to.

    Attributes:
        labels: `id`, `label`, `n_annotators` (who labeled it), `agreement` (the share of them that gave
            this label), `resolution` (single | unanimous | adjudicated, or the policy); sorted by id.
        rows: every row that has an answer: `id`, `status` (labeled | disputed | skipped | unsure),
            `n_annotators` (who answered in any way), `round` (the newest in which an answer that stands was
            asked for); sorted by id.
        standing: positions in the ledger of the answers that stand, by id and annotator.
        accuracy: by annotator, how often right, where answers are weighed by that.
    """

    labels: pa.Table
    rows: pa.Table
    standing: NDArray[np.int64]
    accuracy: Mapping[str, float] = field(default_factory=dict)


def resolve(ledger: pa.Table, policy: Policy = "majority") -> Resolution:
    """One label a row, from the last answer of each annotator.

    Majority means more than half of those who labeled the row, unanimous all of them, latest the newest
    answer, weighted all of them or else the label that is right with a probability of `SURE`, by accuracies
    learned from all rows (`one_coin`); a row without such a label is in dispute. Skipped and unsure answers
    are no votes where somebody labeled the row. An adjudicated answer is a vote that decides alone; without a
    label it says that the row cannot be labeled. Adjudicators who differ leave the row in dispute.
    """
    standing = current(ledger)
    (id_, ids), (label, labels) = ordered(ledger["id"]), ordered(labels_now(ledger))
    votes = _Votes(
        group(id_[standing]),
        label[standing],
        pc.index_in(ledger["status"], value_set=pa.array(_STATUSES)).fill_null(-1).to_numpy()[standing],
        moments(ledger)[0][standing],
    )
    ruled, ruling = votes.rulings()
    best = votes.newest() if policy == "latest" else votes.most()
    accuracy: dict[str, float] = {}
    if policy == "weighted":
        who, people = ordered(ledger["annotator"])
        round_, rulings = ledger["round"].to_numpy()[standing], np.where(ruled, ruling, _OPEN)
        best, accuracy = _weighed(votes, best, (who[standing], people), round_, rulings)
    best = np.where(ruled, ruling, best)
    cast, won = votes.cast(), votes.won(best)
    decided = (best >= 0) & (ruled | (won >= _VOTES_NEEDED[policy](cast)))
    ids = ids.take(pa.array(np.unique(id_[standing])))
    how = _named([ADJUDICATED, "single", "unanimous", policy], ruled, cast == 1, won == cast)
    kept = np.flatnonzero(decided)
    table = pa.table(
        {
            "id": ids.take(pa.array(kept)),
            "label": labels.take(pa.array(best[kept])),
            "n_annotators": cast[kept],
            "agreement": won[kept] / cast[kept],
            "resolution": how.take(pa.array(kept)),
        }
    )
    conditions = (decided, ruled & (ruling == -1), ruled | (cast > 0), votes.unsure())
    status = _named([LABELED, SKIPPED, DISPUTED, UNSURE, SKIPPED], *conditions)
    newest = np.zeros(len(ids), dtype=np.int64)
    np.maximum.at(newest, votes.row, ledger["round"].to_numpy()[standing])
    rows = pa.table({"id": ids, "status": status, "n_annotators": np.bincount(votes.row), "round": newest})
    return Resolution(table, rows, standing, accuracy)


@dataclass(frozen=True)
class _Votes:
    """(n,) of each answer that stands: number of the row, rank of the label or -1, of `_STATUSES`, moment."""

    row: Codes
    label: Codes
    status: Codes
    moment: Codes

    @cached_property
    def n_rows(self) -> int:
        return int(self.row.max(initial=-1)) + 1

    @cached_property
    def voting(self) -> Codes:
        """Positions of the answers that have a label."""
        return np.flatnonzero(self.label >= 0)

    def cast(self) -> Codes:
        """(n_rows,) how many labeled each row."""
        return np.bincount(self.row[self.voting], minlength=self.n_rows)

    def won(self, best: Codes) -> Codes:
        """(n_rows,) how many gave each row this label."""
        same = (self.label == best[self.row]) & (self.label >= 0)
        return np.bincount(self.row[same], minlength=self.n_rows)

    def most(self) -> Codes:
        """(n_rows,) the label that most gave, or -1."""
        choice = group(self.row[self.voting], self.label[self.voting])
        return self._last(self.voting, np.bincount(choice)[choice])

    def newest(self) -> Codes:
        """(n_rows,) the newest label, or -1; two of one moment rank by label, whoever gave them."""
        return self._last(self.voting, self.moment[self.voting])

    def rulings(self) -> tuple[NDArray[np.bool_], Codes]:
        """(n_rows,) which rows were adjudicated, and the label, -1 for none, -2 where adjudicators differ."""
        at = np.flatnonzero(self.status == _RULED)
        low, high = np.full(self.n_rows, np.iinfo(np.int64).max), np.full(self.n_rows, -2)
        np.minimum.at(low, self.row[at], self.label[at])
        np.maximum.at(high, self.row[at], self.label[at])
        return high > -2, np.where(low == high, high, -2)

    def unsure(self) -> NDArray[np.bool_]:
        """(n_rows,) where anyone said so."""
        found = np.zeros(self.n_rows, dtype=bool)
        found[self.row[self.status == _UNSURE]] = True
        return found

    def _last(self, at: Codes, rank: Codes) -> Codes:
        """(n_rows,) label of the answer that ranks last in each row."""
        order = at[np.lexsort((self.label[at], rank, self.row[at]))]
        found = np.full(self.n_rows, -1, dtype=np.int64)
        found[self.row[order]] = self.label[order]
        return found


def _weighed(
    votes: _Votes, most: Codes, people: tuple[Codes, pa.Array], round_: Codes, ruling: Codes
) -> tuple[Codes, dict[str, float]]:
    """(n_rows,) the label of which weights are sure, -1 for none, or that of all; each one's accuracy.

    Accuracies are learned from rows with several votes, and from those that were decided, whose label is
    known; not from rows that cannot be labeled, or of which adjudicators differ; nor from those whose votes
    are of several rounds: these were asked once more since their label was in doubt.
    """
    who, names = people
    voted = (votes.label >= 0) & (votes.status == _LABELED)
    cast = np.bincount(votes.row[voted], minlength=votes.n_rows)
    tells = (ruling >= 0) | ((ruling == _OPEN) & (cast > 1))
    at = np.flatnonzero(voted & tells[votes.row])
    if not len(at):
        return most, {}
    rows, known = np.unique(votes.row[at]), np.maximum(ruling, -1)
    row = group(votes.row[at])
    first, last = np.full(len(rows), np.iinfo(np.int64).max), np.full(len(rows), -1)
    np.minimum.at(first, row, round_[at])
    np.maximum.at(last, row, round_[at])
    trust = one_coin(row, group(who[at]), votes.label[at], known[rows], first == last)
    split = (votes.won(most) < votes.cast())[rows]
    best = most.copy()
    best[rows[split]] = np.where(trust.sure >= SURE, trust.label, -1)[split]
    named = names.take(pa.array(np.unique(who[at]))).to_pylist()
    return best, dict(zip(named, trust.accuracy.tolist(), strict=True))


def _named(names: list[str], *conditions: NDArray[np.bool_]) -> pa.Array:
    """The name of the first condition that holds for each row, or the last name."""
    at = np.select(list(conditions), range(len(conditions)), len(conditions))
    return pa.array(names).take(pa.array(at))
