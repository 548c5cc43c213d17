"""Is the model right as often as its confidence says?"""

from __future__ import annotations

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding
from alcli.metrics.calibration import reliability

SURE, MUCH = 0.05, 0.05
"""p of an error of calibration beyond chance; an error that selection and people feel."""


def look(facts: Facts) -> Finding:
    """ECE with its interval and what chance alone makes of it, the Brier score's parts, and the bins."""
    if not facts.measured:
        return Finding.unknown("calibration", "no model was measured on validation rows")
    found = reliability(facts.proba, facts.validation.y, facts.rng(2))
    ece, gap, brier = found.ece, found.gap, found.brier
    uneven = found.p_value < SURE and found.excess > MUCH
    leans = found.verdict != "calibrated" and abs(gap.value) > MUCH
    word = "miscalibrated" if uneven and found.verdict == "calibrated" else found.verdict
    figure = (
        f"{word}: confidence {100 * gap.value:+.1f} points off ({100 * gap.low:.1f} to "
        f"{100 * gap.high:.1f}); ECE {ece.value:.3f}, by chance {found.ece_by_chance.value:.3f}"
    )
    parts = f"{brier.reliability:.3f} of it by miscalibration, {brier.resolution:.3f} off it by resolution"
    lines = [
        f"ECE {ece.low:.3f} to {ece.high:.3f}; as large by chance: p = {found.p_value:.3f}",
        f"Brier score {brier.score:.3f}: {parts}, {brier.uncertainty:.3f} of the data's own",
    ]
    lines += [
        f"confidence {one.confidence:.2f}: {one.accuracy.value:.2f} right "
        f"({one.accuracy.low:.2f} to {one.accuracy.high:.2f}), {one.n:,} rows"
        for one in found.bins
    ]
    would, more = facts.prospect, {key: value for key, value in found.to_json().items() if key != "verdict"}
    if would is not None:
        more["temperature"] = would.to_json()
        lines.append(
            f"temperature scaling ({would.temperature:.2f}) would make the ECE {would.after['ece']:.3f}"
        )
    off = leans or uneven
    advice = ""
    if off:
        advice = "its confidences mislead, and with them what counts as uncertain"
        if would is not None and would.helps:
            advice += f": set model.calibrate: temperature (ECE {would.after['ece']:.3f} then)"
    verdict = CAUTION if off else GOOD
    return Finding("calibration", verdict, figure, advice, round(ece.value, 6), lines=lines, more=more)
