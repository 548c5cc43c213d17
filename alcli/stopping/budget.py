"""Stop when the labels, or the money, that were planned for are used up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_count, check_positive


@dataclass(frozen=True)
class Budget(Criterion):
    """Stop once the newest round was trained on `labels` labels, or its labels have cost `money`, or more.

    `money` is in the unit of the config's cost.per_label.

    >>> Budget(labels=500).judge([Past(round=3, n_labels=420, n_candidates=9000, metrics={})])
    Verdict(stop=False, reason='420 of 500 training labels: 80 to go')
    >>> Budget(money=900).judge([Past(3, 420, 9000, {}, spent=961.5)])
    Verdict(stop=True, reason='961.5 of 900 spent: the budget is used up')
    """

    labels: int | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        if self.labels is None and self.money is None:
            raise ValueError("write labels: a number of labels, or money: a sum")
        if self.labels is not None:
            check_count("labels", self.labels)
        if self.money is not None:
            check_positive("money", self.money)

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        said = []
        if self.labels is not None:
            said.append(_labels(history[-1].n_labels, self.labels))
        if self.money is not None:
            said.append(_money(history[-1], self.money))
        shown = [verdict for verdict in said if verdict.stop] or said
        return Verdict(shown[0].stop, "; ".join(verdict.reason for verdict in shown))


def _labels(used: int, planned: int) -> Verdict:
    if used >= planned:
        return Verdict(True, f"{used} of {planned} training labels: the budget is spent")
    return Verdict(False, f"{used} of {planned} training labels: {planned - used} to go")


def _money(newest: Past, planned: float) -> Verdict:
    if newest.spent is None:
        return Verdict(False, f"nobody knows what round {newest.round}'s labels cost: set cost.per_label")
    if newest.spent >= planned:
        return Verdict(True, f"{newest.spent:.12g} of {planned:.12g} spent: the budget is used up")
    left = round(planned - newest.spent, 9)
    return Verdict(False, f"{newest.spent:.12g} of {planned:.12g} spent: {left:.12g} to go")
