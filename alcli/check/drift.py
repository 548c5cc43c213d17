"""Are the rows that came into the pool since the round before like those that were there?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, Finding
from alcli.loop._classes import names_now
from alcli.project import Round
from alcli.project.pool import isin_sorted
from alcli.project.scores import score_files
from alcli.tables.hashing import Hashes, hash_strings

MOST, FEWEST, SURE, CHANGED = 1 << 17, 100, 0.01, 0.2
"""Ids that are compared; new rows that can tell; p; share of changed predictions."""


def look(facts: Facts) -> Finding:
    """New rows against validation rows by the newest model's confidence; and how many predictions changed.

    Kolmogorov and Smirnov's test of two samples. Rows are thinned by the hash of their id.
    """
    scored = [round_ for round_ in facts.project.rounds if "score" in round_.steps]
    if len(scored) < 2:
        return Finding.unknown("drift", "fewer than two rounds were scored")
    before, now = (_Scored.of(facts, round_) for round_ in scored[-2:])
    if before is None or now is None:
        return Finding.unknown("drift", "scores of the two newest rounds are not there: `alcli score` again")
    common = isin_sorted(now.ids, before.ids)
    new = int((~common).sum())
    same = before.prediction[np.searchsorted(before.ids, now.ids[common])]
    changed = float((now.prediction[common] != same).mean()) if common.any() else 0.0
    figure = f"{changed:.1%} of the predictions changed since round {scored[-2].number}"
    more = {"changed": round(changed, 6), "new_rows": new}
    if new < FEWEST:
        return Finding("drift", GOOD, f"{figure}; hardly a new row came", value=round(changed, 6), more=more)
    old = _sealed(facts, scored[-1].number)
    figure += f"; {new / len(now.ids):.1%} of the rows are new"
    if old is None:
        return Finding("drift", GOOD, figure, value=round(changed, 6), more=more)
    from scipy.stats import ks_2samp

    p = float(ks_2samp(now.confidence[~common], old).pvalue)
    less = float(old.mean() - now.confidence[~common].mean())
    figure += f", confidence there {-less:+.3f} (p = {p:.3f})"
    if p < SURE:
        advice = "the pool has become another one: no validation row stands for the new rows"
        return Finding("drift", CAUTION, figure, advice, round(changed, 6), more={**more, "p_value": p})
    return Finding("drift", GOOD, figure, value=round(changed, 6), more={**more, "p_value": p})


def _sealed(facts: Facts, number: int) -> NDArray[np.float32] | None:
    """(n,) confidence of the validation rows, by the round's model.

    They are the pool's rows as it was, at random: others were learned from, or what no strategy wanted.
    """
    newest = facts.model_round
    if facts.trained is None or newest is None or newest.number != number or not len(facts.sealed_rows):
        return None
    proba = facts.trained.evidence(facts.sealed_rows.features, ("proba",))["proba"]
    confidence: NDArray[np.float32] = np.asarray(proba).max(axis=1)
    return confidence


class _Scored:
    """A round's scores of a random part of the pool, by rising id hash."""

    def __init__(self, ids: Hashes, prediction: NDArray[np.uint64], confidence: NDArray[np.float32]) -> None:
        order = np.argsort(ids, kind="stable")
        self.ids, self.prediction, self.confidence = ids[order], prediction[order], confidence[order]

    @classmethod
    def of(cls, facts: Facts, round_: Round) -> _Scored | None:
        classes = round_.steps["score"].more["classes"]
        names = pa.array(names_now(facts.project, round_.steps["train"], classes), pa.string())
        known = pa.array(classes, pa.string())
        limit = np.uint64(min(2**64 - 1, MOST * 2**64 // max(1, facts.look.n_rows)))
        parts: list[tuple[Hashes, Hashes, NDArray[np.float32]]] = []
        tables = score_files(facts.project.root / round_.folder / "scores")
        for batch in tables(["id", "prediction", "confidence"]):
            ids = hash_strings(batch.column("id"))
            low = ids <= limit
            prediction = pc.index_in(pc.cast(batch.column("prediction"), "string"), value_set=known)
            predicted = hash_strings(names.take(prediction))
            parts.append((ids[low], predicted[low], batch.column("confidence").to_numpy()[low]))
        if not parts:
            return None
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))
