"""Labeled rows whose label is most likely wrong: a share of the batch asks about them once more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.engine import Views
from alcli.loop._ground import Ground
from alcli.loop._learning import groups_of, out_of_fold
from alcli.project.grouping import Codes
from alcli.project.pool import Rows
from alcli.project.selection import RELABEL, Choice
from alcli.project.splits import Splits
from alcli.project.standing import Standing
from alcli.registry import split_spec
from alcli.tables.hashing import Hashes, hash_strings, salted

_CERTAIN, _PRIOR = 1e-6, 10
"""The nearest a probability comes to 0 or 1; rows that an annotator starts with, of average quality."""


def doubted(ground: Ground, splits: Splits, standing: Standing, wanted: int) -> list[Choice]:
    """The `wanted` labeled rows to ask about once more, the most suspicious first; fewer where there are not.

    Only labels that are one annotator's word are in question, and none that was asked about before; there is
    no doubt where too few labels can be held out: see `out_of_fold`.

    Args:
        splits: with the groups, where they were drawn by group.
    """
    config, number = ground.config, {name: n for n, name in enumerate(ground.trained.classes)}
    label_of = {id_: number[label] for id_, label in standing.labels.items() if label in number}
    asked = standing.pending | (standing.asked.again - standing.asked.released)
    open_ = {id_ for id_, word in standing.single.items() if word.round < ground.round} - asked
    if not wanted or not open_ & label_of.keys():
        return []
    rows = ground.pool.take(label_of, config.features, splits.shown)
    ids = rows.ids.to_pylist()
    y = np.array([label_of[id_] for id_ in ids], dtype=np.int64)
    views = Views(ground.trained.space, rows.features)
    held = out_of_fold(config, ground.round, views, y, len(number), groups=together(rows, splits))
    if held is None:
        return []
    who = [standing.single[id_].annotator if id_ in standing.single else None for id_ in ids]
    codes = pa.array(who, pa.string()).dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    doubt = suspicion(held.proba, y[held.positions], codes[held.positions])
    may = np.array([ids[n] in open_ for n in held.positions])
    found, doubt = held.positions[may], doubt[may]
    order = np.lexsort((rows.keys(config.random_state, ground.round)[found], -doubt))[:wanted]
    name = split_spec(config.query.strategy)[0]
    return [Choice(ids[found[n]], name, RELABEL, float(doubt[n])) for n in order]


def suspicion(proba: NDArray[np.float32], y: NDArray[np.int64], annotator: Codes) -> NDArray[np.float64]:
    """(n,) how likely each label is wrong: 1 - the probability of its class, weighed by who gave it.

    Self-confidence, as Northcutt, Jiang and Chuang (2021, arXiv:1911.00068) rank labels by it. The odds are
    multiplied by those of the annotator's labels to differ from the prediction, beside everybody's.

    Args:
        proba: (n, C) of models that have not learned from the row.
        y: (n,) class numbers of the labels.
        annotator: (n,) numbers of who gave them; -1 where it was several.

    >>> proba = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    >>> suspicion(proba, np.array([0, 0]), np.array([0, 0])).round(3)
    array([0.1, 0.8])
    """
    own = np.clip(proba[np.arange(len(y)), y].astype(np.float64), _CERTAIN, 1 - _CERTAIN)
    differs = (proba.argmax(axis=1) != y).astype(np.float64)
    usual = np.clip(differs.mean(), _CERTAIN, 1 - _CERTAIN)
    rows = np.bincount(annotator + 1)
    theirs = (np.bincount(annotator + 1, differs) + _PRIOR * usual) / (rows + _PRIOR)
    if np.count_nonzero(rows[1:]) < 2:
        theirs[:] = usual
    theirs[0] = usual
    error = theirs[annotator + 1]
    odds: NDArray[np.float64] = (1 - own) / own * error / (1 - error) * (1 - usual) / usual
    return odds / (1 + odds)


def together(rows: Rows, splits: Splits) -> Hashes:
    """(n,) number of the group that each row is held out with: its copies, and `split.group_by`'s."""
    groups = groups_of(rows, splits)
    ties = [rows.content()] if groups is None else [rows.content(), groups]
    codes = [np.unique(tie, return_inverse=True)[1] for tie in ties]
    number, before = np.arange(len(rows)), None
    while before is None or (number != before).any():  # the lowest number spreads over all that is tied
        before = number
        for code in codes:
            lowest = np.full(len(rows), len(rows))
            np.minimum.at(lowest, code, number)
            number = lowest[code]
    return number.astype(np.uint64)


def mixed(new: Sequence[Choice], again: Sequence[Choice], ground: Ground) -> list[Choice]:
    """Both in one file, in which nobody can tell them apart; each kind keeps its order."""
    ids = pa.array([choice.id for choice in (*new, *again)], pa.string())
    keys = salted(hash_strings(ids), ground.config.random_state, ground.round, "relabel")
    places = set(np.argsort(keys, kind="stable")[: len(again)].tolist())
    rest, doubtful = iter(new), iter(again)
    return [next(doubtful if place in places else rest) for place in range(len(ids))]
