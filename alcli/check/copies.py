"""Does the pool repeat itself?"""

from __future__ import annotations

import numpy as np

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding
from alcli.engine import highest_cosine

MANY, NEAR, PROBES = 0.2, 0.95, 500


def look(facts: Facts) -> Finding:
    """The share of exact copies in the whole pool, and of near-duplicates within a sample of it."""
    cap = facts.project.config.query.max_similarity
    near, among = _near(facts, cap or NEAR)
    figure, lines = f"{facts.look.copies:.1%} of the rows are exact copies of others", []
    if near is not None:
        figure += f"; {near:.1%} have a near-duplicate"
        looked = f"{PROBES:,} rows were compared with {among:,} others"
        lines = [f"near: a cosine above {cap or NEAR:g}; {looked}"]
    advice = ""
    if facts.look.copies > MANY:
        advice = "copies are never asked twice; what counts is the number of distinct rows"
    elif near is not None and near > MANY:
        advice = (
            "query.max_similarity keeps them out of a batch; split.group_by keeps a document's rows together"
            if cap is not None
            else "set query.max_similarity: 0.95, so that a batch holds no two of a kind"
        )
    more = {"near_duplicates": None if near is None else round(near, 6)}
    verdict = CAUTION if advice else GOOD
    return Finding("copies", verdict, figure, advice, round(facts.look.copies, 6), lines=lines, more=more)


def _near(facts: Facts, cap: float) -> tuple[float | None, int]:
    """The share of some sampled rows that have another sampled row above the cap, exact copies aside."""
    sample = facts.look.sample
    _, first = np.unique(sample.content(), return_index=True)
    sample = sample.take(np.sort(first))
    units = facts.units(sample)
    if units is None or units.shape[0] < 2 * PROBES:
        return None, 0
    return float((highest_cosine(units[:PROBES], units[PROBES:]) > cap).mean()), units.shape[0] - PROBES
