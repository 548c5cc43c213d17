"""Several annotators' answers to a row become one label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.project.answers import LABELED, SKIPPED, UNSURE
from alcli.project.grouping import Codes, group, ranked
from alcli.project.ledger import current, moments

Policy = Literal["majority", "unanimous", "latest"]

DISPUTED = "disputed"

_VOTES_NEEDED: Mapping[Policy, Callable[[Codes], Codes]] = {
    "majority": lambda cast: cast // 2 + 1,
    "unanimous": lambda cast: cast,
    "latest": lambda cast: np.minimum(cast, 1),
}


@dataclass(frozen=True)
class Resolution:
    """What the ledger's answers come to.

    Attributes:
        labels: `id`, `label`, `n_annotators` (who labeled it), `agreement` (the share of them that gave
            this label), `resolution` (single | unanimous | majority | latest); sorted by id.
        rows: every row that has an answer: `id`, `status` (labeled | disputed | skipped | unsure),
            `n_annotators` (who answered in any way); sorted by id.
        standing: positions in the ledger of the answers that stand, by id and annotator.
    """

    labels: pa.Table
    rows: pa.Table
    standing: NDArray[np.int64]


def resolve(ledger: pa.Table, policy: Policy = "majority") -> Resolution:
    """One label a row, from the last answer of each annotator.

    Majority means more than half of those who labeled the row, unanimous all of them, latest the newest
    answer; a row without such a label is in dispute. Skipped and unsure answers are no votes where somebody
    labeled the row.
    """
    standing = current(ledger)
    answers = ledger.select(["id", "label", "status"]).take(pa.array(standing))
    row = group(ranked(answers["id"]))
    n_rows = int(row.max(initial=-1)) + 1
    votes = _count(answers, row, moments(ledger)[0][standing] if policy == "latest" else None)
    decided = (votes.cast > 0) & (votes.won >= _VOTES_NEEDED[policy](votes.cast))
    ids = answers["id"].take(pa.array(np.searchsorted(row, np.arange(n_rows))))
    labels = pa.table(
        {
            "id": ids,
            "label": answers["label"].take(pa.array(votes.winner)),
            "n_annotators": votes.cast,
            "agreement": votes.won / np.maximum(votes.cast, 1),
            "resolution": _how(votes, policy),
        }
    )
    status = _statuses(answers, row, decided, votes.cast > 0)
    rows = pa.table({"id": ids, "status": status, "n_annotators": np.bincount(row, minlength=n_rows)})
    return Resolution(labels.filter(pa.array(decided)), rows, standing)


@dataclass(frozen=True)
class _Votes:
    """(n_rows,) how many labeled each row, how many as its best answer did, and where that one stands."""

    cast: Codes
    won: Codes
    winner: Codes


def _count(answers: pa.Table, row: Codes, moment: Codes | None) -> _Votes:
    """The best answer has the label that most gave; given a `moment` for each answer, it is the newest."""
    voting = np.flatnonzero(np.asarray(pc.equal(answers["status"], LABELED)))
    n_rows = int(row.max(initial=-1)) + 1
    row, label = row[voting], ranked(answers["label"])[voting]
    choice = group(row, label)
    size = np.bincount(choice)
    # two answers of one moment rank by label, whatever the order of the annotators
    rank = size[choice] if moment is None else group(moment[voting], label)
    order = np.lexsort((rank, row))
    best = order[np.append(np.diff(row[order]) > 0, True)[: len(order)]]
    won, winner = np.zeros(n_rows, dtype=np.int64), np.zeros(n_rows, dtype=np.int64)
    won[row[best]] = size[choice[best]]
    winner[row[best]] = voting[best]
    return _Votes(np.bincount(row, minlength=n_rows), won, winner)


def _statuses(
    answers: pa.Table, row: Codes, decided: NDArray[np.bool_], voted: NDArray[np.bool_]
) -> pa.Array:
    """Where nobody labeled a row: unsure if anyone said so, else skipped."""
    unsure = np.zeros(len(decided), dtype=bool)
    unsure[row[np.asarray(pc.equal(answers["status"], UNSURE))]] = True
    names = pa.array([LABELED, DISPUTED, UNSURE, SKIPPED])
    return names.take(pa.array(np.select([decided, voted, unsure], [0, 1, 2], 3)))


def _how(votes: _Votes, policy: Policy) -> pa.Array:
    names = pa.array(["single", "unanimous", policy])
    return names.take(pa.array(np.select([votes.cast == 1, votes.won == votes.cast], [0, 1], 2)))
