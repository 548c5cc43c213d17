"""Do training rows or the pool give the validation rows away?"""

from __future__ import annotations

import numpy as np

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.engine import highest_cosine
from alcli.project.pool import Rows

NEAR, MANY = 0.95, 0.05
"""Cosine of near-duplicates; the share of validation rows with one from which on figures flatter."""


def look(facts: Facts) -> Finding:
    """Copies, group-mates and near-duplicates of validation rows among training rows and in the pool."""
    if facts.standing is None or not len(facts.sealed_rows):
        return Finding.unknown("leakage", "there is no validation set yet")
    leaks = int(facts.sealed_of(facts.train.rows).sum())
    in_train = _share_near(facts, facts.train.rows)
    in_pool = _share_near(facts, facts.open_sample)
    figure = f"{leaks:,} training rows are copies of sealed rows"
    if in_train is not None and in_pool is not None:
        figure += f"; near-duplicates: {in_train:.1%} in training, {in_pool:.1%} in the pool"
    more = {"copies": leaks, "near_in_train": in_train, "near_in_pool": in_pool}
    if leaks:
        advice = "undo the file that brought them: `alcli ingest --retract SOURCE`"
        return Finding("leakage", STOP, figure, advice, leaks, more=more)
    if max(in_train or 0, in_pool or 0) > MANY:
        advice = "metrics flatter: in a new project, split.group_by keeps near-copies apart"
        return Finding("leakage", CAUTION, figure, advice, in_train, more=more)
    return Finding("leakage", GOOD, figure, value=in_train, more=more)


def _share_near(facts: Facts, rows: Rows) -> float | None:
    """The share of validation rows with one of these rows nearer than the cap."""
    if not len(rows):
        return 0.0
    validation, others = facts.units(facts.sealed_rows), facts.units(rows)
    if validation is None or others is None:
        return None
    return round(float(np.mean(highest_cosine(validation, others) > NEAR)), 6)
