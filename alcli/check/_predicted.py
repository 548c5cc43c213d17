"""What models had predicted for rows before anyone labeled them, against what people then said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.loop._people import Answers
from alcli.project import Project
from alcli.project.grouping import Codes
from alcli.project.pool import isin_sorted
from alcli.project.scores import PREDICTION, score_files
from alcli.project.selection import Asked
from alcli.tables.hashing import hash_strings

MOST_ROUNDS = 8
"""The newest scored rounds that are looked at: each is one pass over its scores."""


@dataclass(frozen=True)
class Predicted:
    """Labels of rows for which the model of the round that asked them had a prediction.

    Attributes:
        round, version: (n,) of each label, as in `Answers`.
        other: (n,) whether the prediction was another class.
    """

    round: Codes
    version: Codes
    other: NDArray[np.bool_]


def predicted(project: Project, answers: Answers, asked: Asked) -> Predicted:
    """By the scores of the round that asked, whose model had not learned them; no rows asked again."""
    scored = [round_ for round_ in project.rounds if "score" in round_.steps][-MOST_ROUNDS:]
    again = pa.array(sorted(asked.again), pa.string())
    fresh = ~pc.is_in(answers.ids, value_set=again).to_numpy(zero_copy_only=False)
    found, other = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=bool)]
    for round_ in scored:
        own = np.flatnonzero((answers.round == round_.number) & (answers.label >= 0) & fresh[answers.row])
        if not len(own):
            continue
        rows = np.unique(answers.row[own])
        said = np.full(len(answers.ids), -2)  # as a class: none was predicted
        said[rows] = _predictions(project, round_.folder, answers, rows)
        own = own[said[answers.row[own]] > -2]
        found.append(own)
        other.append(answers.label[own] != said[answers.row[own]])
    at = np.concatenate(found)
    return Predicted(answers.round[at], answers.version[at], np.concatenate(other))


def _predictions(project: Project, folder: str, answers: Answers, rows: Codes) -> Codes:
    """(rows,) the class that was predicted; -1 for one that nobody gives, -2 where there is no score."""
    hashes = hash_strings(answers.ids.take(pa.array(rows)))
    order = np.argsort(hashes)
    known = hashes[order]
    said = np.full(len(rows), -2)
    for batch in score_files(project.root / folder / "scores")(["id", PREDICTION]):
        of_batch = hash_strings(batch.column("id"))
        here = np.flatnonzero(isin_sorted(of_batch, known))
        classes = pc.cast(batch.column(PREDICTION).take(pa.array(here)), "string")
        place = pc.index_in(classes, value_set=answers.classes).fill_null(-1).to_numpy()
        said[order[np.searchsorted(known, of_batch[here])]] = place
    return said
