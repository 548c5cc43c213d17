"""Has the model learned anything?"""

from __future__ import annotations

import numpy as np

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.metrics import paired_change

ENOUGH, SURE, SHUFFLES = 50, 0.01, 1000
"""Labels of training, and of validation, from which on silence means something; p; permutations."""


def look(facts: Facts) -> Finding:
    """Whether the probabilities have to do with the labels at all, and beat naming the commonest class.

    The first by permutation: the mean probability of the true class against that of shuffled labels
    (Ojala and Garriga, JMLR 2010, test 1). The second by a paired bootstrap over validation rows.
    """
    if not facts.measured:
        return Finding.unknown("learning", "no model was measured on validation rows")
    y, proba = facts.validation.y, facts.proba
    common = int(np.bincount(y, minlength=len(facts.classes)).argmax())
    if (y == common).all():
        return Finding.unknown(
            "learning",
            f"all {len(y):,} labeled validation rows are {facts.classes[common]!r}",
            "`alcli seed --extend-validation`: without a row of another class nothing can be measured",
        )
    p = _by_chance(facts)
    constant = np.zeros_like(proba)
    constant[:, common] = 1
    gain = paired_change(constant, proba, y, facts.rng(1))
    accuracy, share = float((proba.argmax(axis=1) == y).mean()), float((y == common).mean())
    figure = (
        f"accuracy {accuracy:.3f}, always {facts.classes[common]!r} {share:.3f}; "
        f"probabilities as good by chance: p = {p:.3f}"
    )
    if p < SURE and gain.low > 0:
        verdict, advice = GOOD, ""
    elif p < SURE:
        verdict, advice = CAUTION, "not surely better than the commonest class: look at the rare classes"
    elif min(len(facts.train), len(y)) >= ENOUGH:
        verdict = STOP
        advice = "the labels cannot be told from the features: look at the labels, then at the features"
    else:
        verdict, advice = CAUTION, "too few labels to tell: label the seed set to its end"
    return Finding("learning", verdict, figure, advice, round(p, 6), more={"gain": gain.to_json()})


def _by_chance(facts: Facts) -> float:
    """The share of shuffles of the labels that fit the probabilities as well as the labels do."""
    y, proba, rng = facts.validation.y, facts.proba.astype(np.float64), facts.rng(0)
    rows = np.arange(len(y))
    found = proba[rows, y].sum() - 1e-9
    shuffled = np.array([proba[rows, rng.permutation(y)].sum() for _ in range(SHUFFLES)])
    return (1 + int((shuffled >= found).sum())) / (1 + SHUFFLES)
