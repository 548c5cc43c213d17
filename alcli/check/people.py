"""Do people agree, how long do they take, and who is upheld where others decide?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding
from alcli.check._shared import FEWEST, Shared
from alcli.estimate import Estimate, rounded
from alcli.loop import plural
from alcli.loop._people import Answers, Person, Work
from alcli.metrics._exact import share
from alcli.metrics.agreement import Agreement

MANY, SLOWER = 0.3, 1.5
"""The chance that two people differ; times as long as the first round's median answer."""
_LINES = 10
"""Pairs of annotators with -v."""

Pairs = Mapping[tuple[int, int], Agreement]


def look(facts: Facts) -> Finding:
    """Seconds an answer, passes and agreement, by round, by annotator and by two annotators."""
    if not facts.answers or facts.shared is None:
        return Finding.unknown("people", "nobody has answered yet")
    rounds, people = facts.answers.by_round(), facts.answers.by_annotator()
    pairs = _worst_first(facts.shared.by_people(facts.rng(2)))
    alphas = _alphas(facts, facts.shared, rounds)
    shared, disagreed = sum(w.shared for w in rounds), sum(w.disagreed for w in rounds)
    portion = disagreed / shared if shared else None
    slower = _slower(rounds)
    figure = _figure(facts, shared, disagreed)
    if slower is not None:
        figure += f"; an answer takes {slower:.1f} times as long as in round {rounds[0].round}"
    advice = _advice(facts.shared, slower)
    lines = [_line(work, alphas[work.round]) for work in rounds]
    if len(people) > 1:
        lines += [_who(person, facts.accuracy.get(person.annotator)) for person in people]
    named = [(_names(facts.answers, pair), found) for pair, found in pairs.items()]
    lines += [_pair(*pair, found) for pair, found in named[:_LINES]]
    more = {
        "annotators": [_person(person, facts.accuracy.get(person.annotator)) for person in people],
        "rounds": [_round(work, alphas[work.round]) for work in rounds],
        "pairs": [{"annotators": list(pair), **found.to_json()} for pair, found in named],
    }
    verdict = CAUTION if advice else GOOD
    return Finding(
        "people", verdict, figure, advice, portion, lines=lines, more=more, decides=shared > 0 or bool(advice)
    )


def _figure(facts: Facts, shared: int, disagreed: int) -> str:
    if not shared or facts.shared is None:
        return "no row was answered twice, so that disagreement is not known"
    found = facts.shared.alpha(np.ones(len(facts.shared), dtype=bool), facts.rng(3))
    return (
        f"{disagreed:,} of {plural(shared, 'row')} with two answers or more in disagreement"
        f"{f', alpha {spread(found)}' if found is not None else ''}"
    )


def _advice(shared: Shared, slower: float | None) -> str:
    if len(shared) >= FEWEST and shared.differing.mean() > MANY:
        return "people disagree about many rows: no model can be better than its labels; refine the guideline"
    if slower is not None and slower > SLOWER:
        return "later rounds are harder: plan more time for them"
    return ""


def _slower(rounds: Sequence[Work]) -> float | None:
    first, newest = rounds[0].seconds, rounds[-1].seconds
    return newest / first if len(rounds) > 1 and first and newest else None


def _alphas(facts: Facts, shared: Shared, rounds: Sequence[Work]) -> dict[int, Estimate | None]:
    return {work.round: shared.alpha(shared.round == work.round, facts.rng(4, work.round)) for work in rounds}


def _worst_first(pairs: Pairs) -> Pairs:
    """By rising kappa; those of too few rows to say anything come last."""
    return dict(sorted(pairs.items(), key=lambda item: (item[1].n < FEWEST, item[1].kappa.value, item[0])))


def _names(answers: Answers, pair: tuple[int, int]) -> tuple[str, str]:
    one, other = (answers.people[number].as_py() for number in pair)
    return one, other


def _upheld(person: Person) -> Estimate | None:
    return share(person.upheld, person.decided) if person.decided else None


def _json(found: Estimate | None) -> dict[str, float] | None:
    return None if found is None else found.to_json()


def _person(person: Person, accuracy: float | None) -> dict[str, Any]:
    more = {"share_upheld": _json(_upheld(person)), "weighed_as": accuracy and rounded(accuracy)}
    return vars(person) | more


def _round(work: Work, alpha: Estimate | None) -> dict[str, Any]:
    return vars(work) | {"disagreement": work.disagreement, "alpha": _json(alpha)}


def spread(found: Estimate) -> str:
    """`0.81 (0.75 to 0.86)`."""
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _line(work: Work, alpha: Estimate | None) -> str:
    seconds = f"{work.seconds:.0f} s an answer" if work.seconds is not None else "no times"
    agreed = f"{work.disagreement:.0%} of {work.shared:,} in disagreement" if work.shared else "no row twice"
    measured = f", alpha {spread(alpha)}" if alpha is not None else ""
    return (
        f"round {work.round:03d}: {work.answers:,} answers, {seconds}, {work.passed:.0%} passed, "
        f"{agreed}{measured}"
    )


def _who(person: Person, accuracy: float | None) -> str:
    seconds = f"{person.seconds:.0f} s an answer" if person.seconds is not None else "no times"
    answers = plural(person.answers, "answer")
    parts = [f"{_name(person.annotator)}: {answers}, {seconds}, {person.passed:.0%} passed"]
    found = _upheld(person)
    if found is not None:
        decided = f"{person.upheld:,} of {plural(person.decided, 'row')} that were decided"
        parts.append(f"upheld in {decided} ({found.low:.0%} to {found.high:.0%})")
    if accuracy is not None:
        parts.append(f"weighed as right in {accuracy:.0%}")
    return ", ".join(parts)


def _pair(one: str, other: str, found: Agreement) -> str:
    rows = plural(found.n, "row")
    return f"{_name(one)} and {_name(other)}: kappa {spread(found.kappa)} on {rows}"


def _name(annotator: str) -> str:
    return annotator or "(no name)"
