"""Stop when the model is hardly uncertain on the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_share
from alcli.stopping._stop_set import unknown


@dataclass(frozen=True)
class OverallUncertainty(Criterion):
    """Stop once the mean entropy of the stop set's unlabeled rows is at most `threshold`.

    A row's entropy is -sum_c p_c ln p_c / ln C: 1 where all C classes are equally likely. Source: Zhu, Wang
    and Hovy, COLING 2008; Zhu, Wang, Hovy and Ma, ACM TSLP 6, 2010. It believes the model's probabilities,
    and on data whose classes truly overlap it may never stop.

    >>> from alcli.stopping import StopSet
    >>> newest = Past(3, 600, 9000, {}, stop_set=StopSet(2000, 1900, 0.95, 0.01, 0.042, 0.9))
    >>> OverallUncertainty().judge([newest]).stop, OverallUncertainty(threshold=0.01).judge([newest]).stop
    (True, False)
    """

    threshold: float = 0.05

    def __post_init__(self) -> None:
        check_share("threshold", self.threshold)

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        found = history[-1].stop_set
        if found is None or found.mean_entropy is None:
            return Verdict(False, unknown(history[-1]))
        stop = found.mean_entropy <= self.threshold
        relation = "at most" if stop else "above"
        rows = f"the stop set's {found.n_unlabeled} unlabeled rows"
        return Verdict(
            stop, f"mean entropy of {rows} is {found.mean_entropy:.4f}, {relation} {self.threshold:g}"
        )
