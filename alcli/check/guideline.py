"""Is the guideline clear: which classes do people take for each other, and do they agree less than before?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding
from alcli.check._predicted import Predicted, predicted
from alcli.check._shared import FEWEST, MOST_SHOWN, SURE, Fall, Shared, compare, named
from alcli.check.people import spread
from alcli.estimate import Estimate, rounded
from alcli.loop import plural
from alcli.loop._people import Answers
from alcli.metrics._exact import share
from alcli.metrics.contested import Confusion, class_agreement

_NAMED, _EXAMPLES, _LINES = 3, 3, 10
"""Contested boundaries and examples on the page; classes and boundaries with -v."""

Record = dict[str, Any]


def look(facts: Facts) -> Finding:
    """The newest round, and the newest version of the guideline, against those before; contested classes.

    Whether people differ more is tested by permuting rows (`fall`); whether two classes are taken for each
    other more than any two are, by a binomial test of each pair, corrected for their number.
    """
    answers, shared = facts.answers, facts.shared
    if not answers or shared is None or facts.standing is None:
        return Finding.unknown("guideline", "nobody has answered yet")
    falls = compare(answers, shared, facts.rng(5))
    fell = {what: found for what, found in falls.items() if found.p < SURE}
    confusions = shared.confusions()
    blamed = {_both(answers, one) for found in fell.values() for one in found.confused}
    contested = {_both(answers, one) for one in confusions[:MOST_SHOWN] if one.p_more < SURE} - blamed
    boundaries = _boundaries(facts, answers, shared, confusions)
    model = predicted(facts.project, answers, facts.standing.asked)
    versions = _versions(facts, answers, shared, model)
    rounds = [{"round": n, **_against(model, model.round == n)} for n in np.unique(model.round).tolist()]
    classes = _classes(answers, shared)
    examples = _examples([one for one in boundaries if tuple(one["classes"]) in (blamed or contested)])
    lines = [_version_line(one) for one in versions if one["guideline"] or len(versions) > 1]
    lines += [f"round {one['round']:03d}: {_model_words(one)}" for one in rounds]
    lines += _class_lines(classes[:_LINES])
    lines += [_boundary(one) for one in boundaries[:_LINES]]
    return Finding(
        "guideline",
        CAUTION if fell else GOOD,
        _figure(answers, shared, falls, [one for one in boundaries if tuple(one["classes"]) in contested]),
        _advice(answers, fell),
        min((found.p for found in falls.values()), default=None),
        decides=bool(falls),
        shown=examples[:_EXAMPLES],
        lines=[*lines, *examples[_EXAMPLES:]],
        more={
            "compared": [_compared(answers, what, found) for what, found in falls.items()],
            "versions": versions,
            "rounds": rounds,
            "classes": classes,
            "boundaries": boundaries,
        },
    )


def _figure(answers: Answers, shared: Shared, falls: dict[str, Fall], contested: Sequence[Record]) -> str:
    if not len(shared):
        return "no row was answered twice, so that contested classes are not known"
    parts = [
        f"chance that two people differ: {found.differ:.0%} in {what}, {plural(found.rows, 'row')}; "
        f"{found.differ_before:.0%} before, {plural(found.rows_before, 'row')}; {_p(found.p)}"
        f"{_blamed(answers, found)}"
        for what, found in falls.items()
    ]
    if not parts:
        several = len(np.unique(shared.round)) > 1
        why = (
            f"fewer than {FEWEST} rows a round, too few to compare" if several else "no round to compare with"
        )
        rows = plural(len(shared), "row")
        parts = [f"chance that two people differ: {shared.differing.mean():.0%} ({rows}; {why})"]
    if contested:
        parts.append("contested: " + "; ".join(map(_boundary, contested[:_NAMED])))
    return "; ".join(parts)


def _blamed(answers: Answers, found: Fall) -> str:
    """The classes behind a fall."""
    return "".join(
        f"; {' / '.join(_both(answers, one))}: both given to {one.rows_now:,} of {one.of_now:,} rows with "
        f"either, before to {one.rows - one.rows_now:,} of {one.of - one.of_now:,}"
        for one in found.confused
        if found.p < SURE
    )


def _p(p: float) -> str:
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def _advice(answers: Answers, fell: dict[str, Fall]) -> str:
    if not fell:
        return ""
    classes = dict.fromkeys(
        f"'{name}'" for found in fell.values() for one in found.confused for name in _both(answers, one)
    )
    *others, last = classes
    spoken = f"{', '.join(others)} and {last}"
    harder = any(found.by_chance for found in fell.values())
    reason = ", whose rows are harder than those drawn at random, or less clear" if harder else ""
    return (
        f"people agree less in {' and '.join(fell)}{reason}: refine what the guideline says of {spoken}, "
        "and name its new version (`alcli ingest --guideline NAME`)"
    )


def _both(answers: Answers, one: Confusion) -> tuple[str, str]:
    """The names of two classes."""
    low, high = one.classes
    return answers.class_of(low), answers.class_of(high)


def _compared(answers: Answers, what: str, found: Fall) -> Record:
    return {
        "what": what,
        "rows": found.rows,
        "rows_before": found.rows_before,
        "differ": rounded(found.differ),
        "differ_before": rounded(found.differ_before),
        "before_by_chance": found.by_chance,
        "p_value": rounded(found.p),
        "classes": [
            {
                "classes": list(_both(answers, one)),
                "rows": one.rows_now,
                "of": one.of_now,
                "rows_before": one.rows - one.rows_now,
                "of_before": one.of - one.of_now,
                "p_value": rounded(one.p_rose),
            }
            for one in found.confused
        ],
    }


def _boundaries(
    facts: Facts, answers: Answers, shared: Shared, confusions: Sequence[Confusion]
) -> list[Record]:
    """Every two classes that were given to one row, with rows of the first of them."""
    texts = facts.text_of(answers.ids.take(shared.example_rows()).to_pylist())
    found = []
    for place, one in enumerate(confusions):
        items = shared.examples(one.classes) if place < MOST_SHOWN else []
        found.append(
            {
                "classes": list(_both(answers, one)),
                "rows": one.rows,
                "of": one.of,
                "share": share(one.rows, one.of).to_json(),
                "p_value": rounded(one.p_more),
                "examples": [_example(answers, shared, item, texts) for item in items],
            }
        )
    return found


def _example(answers: Answers, shared: Shared, item: int, texts: dict[str, str]) -> Record:
    votes = shared.labels_of(item)
    id_ = answers.ids[int(shared.row[item])].as_py()
    return {
        "id": id_,
        "round": int(shared.round[item]),
        "votes": {answers.class_of(number): votes[number] for number in sorted(votes)},
        "text": texts.get(id_, ""),
    }


def _examples(contested: Sequence[Record]) -> list[str]:
    """In words: of each boundary its first row, then the second ones ..."""
    most = max((len(one["examples"]) for one in contested), default=0)
    rows = [one["examples"][n] for n in range(most) for one in contested if n < len(one["examples"])]
    said = [", ".join(f"{count} {name}" for name, count in row["votes"].items()) for row in rows]
    wide, widest = (max(map(len, column), default=0) for column in ([row["id"] for row in rows], said))
    lines = [
        f"{row['id']:{wide}}  {votes:{widest}}  {row['text']}".rstrip()
        for row, votes in zip(rows, said, strict=True)
    ]
    return list(dict.fromkeys(lines))


def _boundary(one: Record) -> str:
    return f"{' / '.join(one['classes'])}: both given to {one['rows']:,} of {one['of']:,} rows with either"


def _classes(answers: Answers, shared: Shared) -> list[Record]:
    """By rising agreement."""
    found = class_agreement(shared.item, shared.label, len(answers.classes))
    given = np.bincount(shared.label, minlength=len(answers.classes))
    order = [number for number in np.argsort(found, kind="stable").tolist() if given[number]]
    return [
        {
            "class": answers.class_of(number),
            "votes": int(given[number]),
            "agreement": rounded(float(found[number])),
        }
        for number in order
    ]


def _class_lines(classes: Sequence[Record]) -> list[str]:
    wide = max((len(one["class"]) for one in classes), default=0)
    return [
        f"{one['class']:{wide}}  another person agrees with {one['agreement']:.0%} of {one['votes']:,} votes"
        for one in classes
    ]


def _versions(facts: Facts, answers: Answers, shared: Shared, model: Predicted) -> list[Record]:
    of_version, version = shared.by_version()
    found = []
    for number, name in enumerate(answers.versions):
        alpha = of_version.alpha(version == number, facts.rng(6, number))
        found.append(
            {
                "guideline": name,
                "answers": int((answers.version == number).sum()),
                "rows": int((version == number).sum()),
                "alpha": None if alpha is None else alpha.to_json(),
                **_against(model, model.version == number),
            }
        )
    return found


def _version_line(one: Record) -> str:
    alpha = f"alpha {spread(Estimate.from_json(one['alpha']))}" if one["alpha"] else "no row twice"
    answers = plural(one["answers"], "answer")
    return f"guideline {named(one['guideline'])}: {answers}, {alpha}, {_model_words(one)}"


def _against(model: Predicted, chosen: np.ndarray[Any, Any]) -> Record:
    """How many labels differ from what a model had predicted."""
    n = int(chosen.sum())
    found = share(int(model.other[chosen].sum()), n) if n else None
    return {"predicted": n, "model_differs": None if found is None else found.to_json()}


def _model_words(one: Record) -> str:
    found = one["model_differs"]
    if found is None:
        return "no label was predicted before"
    spread_ = f"({found['low']:.0%} to {found['high']:.0%})"
    return f"the model differed from {found['value']:.0%} of {one['predicted']:,} labels {spread_}"
