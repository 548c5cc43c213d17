"""What a project has cost so far, by the prices in `cost`."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from alcli.config import Cost
from alcli.project import LEDGER, Project
from alcli.project.ledger import current, read_ledger
from alcli.project.splits import VALIDATION, Splits


@dataclass(frozen=True)
class Spent:
    """What was asked of people and of machines.

    Attributes:
        answers: of all annotators to training rows, skipped and unsure ones too: people are paid for them.
        validation_answers: the same, to validation rows.
        rounds: rounds that asked something of a model.
        scored: rows that were scored, over all rounds.
    """

    answers: int
    validation_answers: int
    rounds: int
    scored: int

    @classmethod
    def of(cls, project: Project) -> Spent:
        """From the ledger and the manifests."""
        ledger = read_ledger(project.root / LEDGER)
        answered = ledger["id"].take(pa.array(current(ledger)))  # who changes an answer is paid once
        n_validation = 0
        if len(answered):
            validation = Splits.read(project).ids(VALIDATION)
            n_validation = int(pc.sum(pc.is_in(answered, value_set=validation)).as_py())
        steps = [round_.steps for round_ in project.rounds]
        return cls(
            len(answered) - n_validation,
            n_validation,
            sum("query" in step for step in steps),
            sum(step["score"].counts["scored"] for step in steps if "score" in step),
        )

    def money(self, cost: Cost) -> float:
        """All of it by these prices."""
        validation = cost.per_label if cost.per_validation_label is None else cost.per_validation_label
        return (
            self.answers * cost.per_label
            + self.validation_answers * validation
            + self.rounds * cost.per_round
            + self.scored / 1e6 * cost.per_million_scored
        )


def amount(money: float, cost: Cost) -> str:
    """`1,240 USD`, `0.42 USD`."""
    digits = 0 if abs(money) >= 100 else 2
    return f"{money:,.{digits}f} {cost.currency}".rstrip()
