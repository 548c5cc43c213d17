"""Is the model wrong where it is unsure? Selection by uncertainty stands on that."""

from __future__ import annotations

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.metrics.ranking import risk_coverage

FEWEST = 10
"""Errors on validation rows from which on silence means something."""


def look(facts: Facts) -> Finding:
    """The area under the risk-coverage curve of the margin, against that of a random order."""
    if not facts.measured:
        return Finding.unknown("ranking", "no model was measured on validation rows")
    if len(facts.classes) < 2:
        return Finding.unknown("ranking", "the model knows one class only")
    proba, y = facts.proba.astype(float), facts.validation.y
    proba.sort(axis=1)
    wrong = facts.proba.argmax(axis=1) != y
    found = risk_coverage(1 - (proba[:, -1] - proba[:, -2]), wrong, facts.rng(3))
    figure = (
        f"{found.verdict}: mean error of the surest rows {found.area.value:.3f}, "
        f"at random {found.random:.3f}, at best {found.perfect:.3f}"
    )
    more = {key: value for key, value in found.to_json().items() if key != "verdict"}
    value = round(found.difference.value, 6)
    if found.informative:
        return Finding("ranking", GOOD, figure, value=value, more=more)
    if found.informative is False:
        advice = "the model is surest where it is wrong: uncertainty asks for the wrong rows; ask at random"
        return Finding("ranking", STOP, figure, advice, value, more=more)
    if wrong.sum() < FEWEST:
        return Finding(
            "ranking", GOOD, f"{figure}; {int(wrong.sum())} errors tell little", value=value, more=more
        )
    advice = "uncertainty does not find the errors yet: more random labels first, or a strategy that spreads"
    return Finding("ranking", CAUTION, figure, advice, value, more=more)
