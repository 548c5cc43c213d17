"""Is the pool large enough to choose from?"""

from __future__ import annotations

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.loop import plural

FEW_BATCHES, SOME_BATCHES, SMALL, MIDDLING = 3, 10, 500, 2000


def look(facts: Facts) -> Finding:
    """How many batches are left, and what share of the pool is labeled or sealed."""
    batch, n, left = facts.project.config.query.batch_size, facts.look.n_rows, facts.n_candidates
    batches = left / batch
    figure = f"{plural(n, 'row')}, {plural(left, 'candidate')} left: {batches:,.1f} batches of {batch:,}"
    more = {"candidates": left, "batches": round(batches, 6)}
    if n < SMALL or batches <= FEW_BATCHES:
        advice = f"there is hardly a choice: label the {left:,} that are left, or add rows"
        return Finding("pool", STOP, figure, advice, n, more=more)
    if n < MIDDLING or batches <= SOME_BATCHES:
        advice = "little to choose from: smaller batches, or more rows, make selection worth its rounds"
        return Finding("pool", CAUTION, figure, advice, n, more=more)
    return Finding("pool", GOOD, figure, value=n, more=more)
