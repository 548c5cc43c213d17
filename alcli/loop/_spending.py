"""What was asked of people and machines so far, counted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.loop._money import Spent
from alcli.project import LEDGER, Project
from alcli.project.ledger import paid, read_ledger
from alcli.project.selection import RELABEL, read_asked
from alcli.project.splits import VALIDATION, Splits


def spent_on(project: Project, before: int | None = None) -> Spent:
    """From the ledger and the manifests.

    Args:
        before: a round; what it and later ones have scored and asked is left out.
    """
    ledger = read_ledger(project.root / LEDGER)
    again = _asked_again(project, ledger)  # who changes an answer is paid once, who is asked again is not
    parts = (ledger.filter(pa.array(part)) for part in (~again, again))
    answered = pa.chunked_array([part["id"].take(pa.array(paid(part))).combine_chunks() for part in parts])
    n_validation = 0
    if len(answered):
        validation = Splits.read(project).ids(VALIDATION)
        n_validation = int(pc.sum(pc.is_in(answered, value_set=validation)).as_py())
    steps = [round_.steps for round_ in project.rounds if before is None or round_.number < before]
    return Spent(
        len(answered) - n_validation,
        n_validation,
        sum("query" in step for step in steps),
        sum(step["score"].counts["scored"] for step in steps if "score" in step),
    )


def second_opinions(project: Project, before: int) -> int:
    """Answers to rows that were asked once more, before a round."""
    ledger = read_ledger(project.root / LEDGER)
    again = _asked_again(project, ledger) & (ledger["round"].to_numpy() < before)
    return len(paid(ledger.filter(pa.array(again))))


def _asked_again(project: Project, ledger: pa.Table) -> NDArray[np.bool_]:
    """(n,) answers to rows of which the label was in doubt, since they were asked about it."""
    queries = [round_.steps["query"] for round_ in project.rounds if "query" in round_.steps]
    if not any(query.counts.get(RELABEL) for query in queries):
        return np.zeros(ledger.num_rows, dtype=np.bool_)
    asked = read_asked(project)
    since = pa.array([asked.rounds[id_] for id_ in asked.again], pa.int64())
    place = pc.index_in(ledger["id"], value_set=pa.array(list(asked.again), pa.string()))
    found: NDArray[np.bool_] = np.asarray(
        pc.greater_equal(ledger["round"], since.take(place)).fill_null(False)
    )
    return found
