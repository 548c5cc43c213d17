"""Do people agree, and do later rounds ask more of them?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding
from alcli.loop import plural
from alcli.loop._people import Person, Work, work_by_annotator, work_by_round

SURE, MANY, SLOWER = 0.05, 0.3, 1.5
"""p of a rise; share of shared rows in disagreement; times as long as the first round's median answer."""


def look(facts: Facts) -> Finding:
    """Seconds an answer, passes and disagreement by round; the newest round against those before it.

    A rise of disagreement is tested by Fisher's exact test.
    """
    if facts.standing is None or not facts.standing.status:
        return Finding.unknown("people", "nobody has answered yet")
    rounds = work_by_round(facts.project)
    lines = [_line(work) for work in rounds]
    people = work_by_annotator(facts.project)
    if len(people) > 1:
        lines += [_who(person) for person in people]
    more: dict[str, Any] = {"annotators": [vars(person) for person in people]}
    more |= {"rounds": [vars(work) | {"disagreement": work.disagreement} for work in rounds]}
    shared, disagreed = sum(w.shared for w in rounds), sum(w.disagreed for w in rounds)
    share = disagreed / shared if shared else None
    figure = (
        f"{disagreed:,} of {plural(shared, 'row')} with two answers or more in disagreement"
        if shared
        else "no row was answered twice, so that disagreement is not known"
    )
    slower = _slower(rounds)
    if slower is not None:
        figure += f"; an answer takes {slower:.1f} times as long as in round {rounds[0].round}"
    advice = _advice(rounds, share, slower)
    verdict = CAUTION if advice else GOOD
    return Finding(
        "people", verdict, figure, advice, share, lines=lines, more=more, decides=shared > 0 or bool(advice)
    )


def _advice(rounds: Sequence[Work], share: float | None, slower: float | None) -> str:
    if _rose(rounds):
        return f"disagreement rose in round {rounds[-1].round}: refine the guideline before the next one"
    if share is not None and share > MANY:
        return "people disagree about many rows: no model can be better than its labels; refine the guideline"
    if slower is not None and slower > SLOWER:
        return "later rounds are harder: plan more time for them"
    return ""


def _rose(rounds: Sequence[Work]) -> bool:
    *before, newest = rounds
    shared, disagreed = sum(w.shared for w in before), sum(w.disagreed for w in before)
    if not shared or not newest.shared:
        return False
    from scipy.stats import fisher_exact

    table = [[newest.disagreed, newest.shared - newest.disagreed], [disagreed, shared - disagreed]]
    return bool(fisher_exact(np.array(table), alternative="greater").pvalue < SURE)


def _slower(rounds: Sequence[Work]) -> float | None:
    first, newest = rounds[0].seconds, rounds[-1].seconds
    return newest / first if len(rounds) > 1 and first and newest else None


def _who(person: Person) -> str:
    seconds = f"{person.seconds:.0f} s an answer" if person.seconds is not None else "no times"
    name = person.annotator or "(no name)"
    return f"{name}: {plural(person.answers, 'answer')}, {seconds}, {person.passed:.0%} passed"


def _line(work: Work) -> str:
    seconds = f"{work.seconds:.0f} s an answer" if work.seconds is not None else "no times"
    agreed = f"{work.disagreement:.0%} of {work.shared:,} in disagreement" if work.shared else "no row twice"
    return f"round {work.round:03d}: {work.answers:,} answers, {seconds}, {work.passed:.0%} passed, {agreed}"
