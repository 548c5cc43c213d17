"""Stop when the model is surely good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._metric import HIGHER_IS_BETTER, check_metric, lacking


@dataclass(frozen=True)
class Target(Criterion):
    """Stop once the worse end of the newest round's 95% interval reaches `value`.

    That is the low end of accuracy and macro_f1, and the high end of log_loss, brier and ece, where lower
    is better. A value that only chance carried over the target does not stop the loop.

    >>> newest = Past(round=3, n_labels=420, n_candidates=9000, metrics={"accuracy": (0.93, 0.9, 0.96)})
    >>> Target(value=0.9).judge([newest]).stop, Target(value=0.92).judge([newest]).stop
    (True, False)
    """

    value: float
    metric: str = "accuracy"

    def __post_init__(self) -> None:
        check_metric(self.metric)
        share = HIGHER_IS_BETTER[self.metric]
        right = "a number above 0 and at most 1" if share else "a number above 0"
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not (number and isfinite(self.value) and self.value > 0 and (self.value <= 1 or not share)):
            raise ValueError(f"value must be {right} for {self.metric}, found {self.value!r}")

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        newest = history[-1]
        if self.metric not in newest.metrics:
            return Verdict(False, lacking(self.metric, newest))
        value, low, high = newest.metrics[self.metric]
        higher = HIGHER_IS_BETTER[self.metric]
        reached = low >= self.value if higher else high <= self.value
        end = f"{'low' if higher else 'high'} end {low if higher else high:.3f}"
        relation = "has reached" if reached else "has not reached"
        return Verdict(
            reached, f"{self.metric} is {value:.3f}; its {end} {relation} the target {self.value:g}"
        )
