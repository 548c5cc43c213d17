"""What a project costs, by the prices in `cost`."""

from __future__ import annotations

from dataclasses import dataclass

from alcli.config import Cost


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
