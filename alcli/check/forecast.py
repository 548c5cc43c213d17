"""What will the next labels bring?"""

from __future__ import annotations

from typing import Any

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding

LITTLE = 0.005
"""A gain of half a point a batch."""


def look(facts: Facts) -> Finding:
    """The gain of the next batch by the fitted curve, and how far earlier forecasts were off."""
    metric = facts.metric
    law = facts.law(metric)
    if law is None:
        return Finding.unknown("forecast", "fewer than two rounds were measured")
    now, batch = len(facts.train), facts.project.config.query.batch_size
    gain = law.gain(now, now + batch)
    figure = (
        f"the next {batch:,} labels are expected to bring {100 * gain.value:+.1f} points of {metric} "
        f"({100 * gain.low:.1f} to {100 * gain.high:.1f})"
    )
    more: dict[str, Any] = {"gain": gain.to_json(), "labels": batch, "metric": metric}
    lines = []
    past = facts.measurements(metric).back_test()
    if past is not None:
        more["back_test"] = {"n": past.n, "mean_error": round(past.mean_error, 6), "held": past.held}
        off = f"earlier forecasts were off by {100 * past.mean_error:.1f} points"
        lines = [f"{off}; {past.held} of {past.n} intervals held"]
        figure += f", {off}"
    value = round(gain.value, 6)
    if gain.high < LITTLE:
        advice = "hardly a gain to expect: look at the stopping criteria, the model and the labels"
        return Finding("forecast", CAUTION, figure, advice, value, lines=lines, more=more)
    return Finding("forecast", GOOD, figure, value=value, lines=lines, more=more)
