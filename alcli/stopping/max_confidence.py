"""Stop when the model is certain of even its most uncertain row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_share
from alcli.stopping._stop_set import unknown


@dataclass(frozen=True)
class MaxConfidence(Criterion):
    """Stop once no unlabeled row of the stop set has an entropy above `threshold`.

    Entropy is normalized as in `overall_uncertainty`. Source: Zhu and Hovy, EMNLP 2007; Zhu, Wang and Hovy,
    COLING 2008, who look at the batch that uncertainty sampling has just chosen, the most uncertain rows of
    the pool, and take 0.001. Here it is the stop set: other strategies choose other batches, and the newest
    batch is labeled by the time that a model has learned from the one before. One noisy row keeps it going.

    >>> from alcli.stopping import StopSet
    >>> newest = Past(3, 600, 9000, {}, stop_set=StopSet(2000, 1900, 0.99, 0.01, 0.001, 0.04))
    >>> MaxConfidence().judge([newest]).stop, MaxConfidence(threshold=0.05).judge([newest]).stop
    (False, True)
    """

    threshold: float = 0.001

    def __post_init__(self) -> None:
        check_share("threshold", self.threshold)

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        found = history[-1].stop_set
        if found is None or found.max_entropy is None:
            return Verdict(False, unknown(history[-1]))
        stop = found.max_entropy <= self.threshold
        relation = "at most" if stop else "above"
        rows = f"the stop set's {found.n_unlabeled} unlabeled rows"
        return Verdict(
            stop, f"highest entropy of {rows} is {found.max_entropy:.4f}, {relation} {self.threshold:g}"
        )
