"""What will the next labels bring?"""

from __future__ import annotations

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding
from alcli.curves.forecast import forecast

LITTLE = 0.005
"""A gain of half a point a batch, of a metric that is a share."""
_FORETOLD = ("accuracy", "macro_f1", "log_loss", "brier")


def look(facts: Facts) -> Finding:
    """The gain of the next batch by the fitted curve, and how far earlier forecasts were off."""
    metric = facts.metric if facts.metric in _FORETOLD else "accuracy"
    found = forecast(facts.history, facts.project.config.query.batch_size, metric)
    if found is None:
        return Finding.unknown("forecast", "fewer than two rounds were measured")
    value, more = round(found.gain.value, 6), {"forecast": found.to_json()}
    lines = [found.record, *_curve(facts, metric)]
    if found.gain.high < LITTLE:
        advice = "hardly a gain to expect: look at the stopping criteria, the model and the labels"
        return Finding("forecast", CAUTION, found.sentence, advice, value, lines=lines, more=more)
    return Finding("forecast", GOOD, found.sentence, value=value, lines=lines, more=more)


def _curve(facts: Facts, metric: str) -> list[str]:
    """The metric by labels, a line a round."""
    rounds = [
        (past["n_labels"], past["metrics"][metric]) for past in facts.history if metric in past["metrics"]
    ]
    return [
        f"{n:,} labels: {metric} {value:.3f} ({low:.3f} to {high:.3f})" for n, (value, low, high) in rounds
    ]
