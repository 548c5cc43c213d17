"""How precisely can the validation set measure?"""

from __future__ import annotations

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.loop import plural
from alcli.project.splits import RESERVE

WIDE, FEW = 0.08, 50
"""Width of accuracy's interval that hides the gain of most rounds; rows that measure hardly anything."""


def look(facts: Facts) -> Finding:
    """The width of the interval at this size, and how many more rows halve it."""
    if facts.standing is None:
        return Finding.unknown("validation", "nothing is seeded yet")
    n_asked, n = len(facts.splits.ids("validation")), len(facts.validation)
    share = f"{n:,} of {n_asked:,} labeled"
    newest = facts.history[-1] if facts.history else {}
    accuracy = newest.get("metrics", {}).get("accuracy")
    if not n or accuracy is None:
        return Finding.unknown("validation", f"{share}, and no model was measured on them")
    _, low, high = accuracy
    measured = (newest.get("validation") or {}).get("rows", n)
    if measured < n:
        why = f"{share}, and the newest model was measured on {measured:,} of them"
        return Finding.unknown("validation", why, "alcli train")
    width, more_rows = high - low, 3 * n
    reserve = len(facts.splits.ids(RESERVE))
    half = f"half as wide with {plural(more_rows, 'further row')}"
    figure = f"{share}: accuracy within {low:.3f} to {high:.3f}; {half}"
    more = {"rows": n, "for_half": more_rows, "reserve": reserve}
    if n < FEW:
        advice = f"fewer than {FEW} rows measure hardly anything: label the validation set to its end"
        return Finding("validation", STOP, figure, advice, round(width, 6), more=more)
    if width > WIDE:
        advice = "gains of a few points a round cannot be seen"
        if n < n_asked:
            advice += f": label the other {n_asked - n:,} validation rows"
        elif reserve:
            advice += f": `alcli seed --extend-validation {min(reserve, more_rows)}`"
        return Finding("validation", CAUTION, figure, advice, round(width, 6), more=more)
    return Finding("validation", GOOD, figure, value=round(width, 6), more=more)
