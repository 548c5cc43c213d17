"""What selection has saved so far, measured against the rows that were drawn at random."""

from __future__ import annotations

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.evidence import Unmeasured

_LOST = "random collection does better here: set query.strategy to random_sampling, or replay others"
_UNMEASURED = "selection has not shown its worth yet: query.explore: 0.1 draws rows to measure it by"
_WIDE = "selection has not shown its worth yet: `alcli seed --extend-validation` makes the measure finer"


def look(facts: Facts) -> Finding:
    """Labels saved against random collection, by the control share; `alcli.curves.control` has the method."""
    found = facts.saving
    if isinstance(found, Unmeasured):
        return Finding.unknown("saving", found.sentence)
    verdict = {"saved": GOOD, "alike": CAUTION, "lost": STOP}[found.verdict]
    unclear = _WIDE if facts.project.config.query.explore else _UNMEASURED
    advice = {"saved": "", "alike": unclear, "lost": _LOST}[found.verdict]
    lines = [f"{found.n_random:,} rows drawn at random, {found.n_control:,} of them by query.explore"]
    more = {key: value for key, value in found.to_json().items() if key != "verdict"}
    value = round(found.share.value, 6)
    return Finding("saving", verdict, found.sentence, advice, value, lines=lines, more=more)
