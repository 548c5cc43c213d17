"""Stop when the labels that were planned for are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.stopping import Criterion, Past, Verdict


@dataclass(frozen=True)
class Budget(Criterion):
    """Stop once the newest round was trained on `labels` labels or more.

    >>> Budget(labels=500).judge([Past(round=3, n_labels=420, n_candidates=9000, metrics={})])
    Verdict(stop=False, reason='420 of 500 training labels: 80 to go')
    """

    labels: int

    def __post_init__(self) -> None:
        if type(self.labels) is not int or self.labels < 1:
            raise ValueError(f"labels must be a whole number of at least 1, found {self.labels!r}")

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        spent = history[-1].n_labels
        if spent >= self.labels:
            return Verdict(True, f"{spent} of {self.labels} training labels: the budget is spent")
        return Verdict(False, f"{spent} of {self.labels} training labels: {self.labels - spent} to go")
