"""What was asked of people and machines so far, counted."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from alcli.loop._money import Spent
from alcli.project import LEDGER, Project
from alcli.project.ledger import paid, read_ledger
from alcli.project.splits import VALIDATION, Splits


def spent_on(project: Project, before: int | None = None) -> Spent:
    """From the ledger and the manifests.

    Args:
        before: a round; what it and later ones have scored and asked is left out.
    """
    ledger = read_ledger(project.root / LEDGER)
    answered = ledger["id"].take(pa.array(paid(ledger)))  # who changes an answer is paid once
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
