"""Stop when a further batch changes no prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_share
from alcli.stopping._stop_set import unknown


@dataclass(frozen=True)
class ClassificationChange(Criterion):
    """Stop once at most `share` of the stop set's unlabeled rows are predicted otherwise than a round before.

    Source: Zhu, Wang and Hovy, COLING 2008, for whom no prediction may change (`share` 0).

    >>> from alcli.stopping import StopSet
    >>> newest = Past(3, 600, 9000, {}, stop_set=StopSet(2000, 1900, 0.999, 0.001053, 0.1, 0.9))
    >>> ClassificationChange().judge([newest])
    Verdict(stop=False, reason='2 of 1900 predictions changed since the round before; 0 may')
    >>> ClassificationChange(share=0.002).judge([newest]).stop
    True
    """

    share: float = 0.0

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        found = history[-1].stop_set
        if found is None or found.changed is None:
            return Verdict(False, unknown(history[-1]))
        n_changed, n_allowed = (
            round(found.changed * found.n_unlabeled),
            floor(self.share * found.n_unlabeled + 1e-9),
        )
        changed = f"{n_changed} of {found.n_unlabeled} predictions changed since the round before"
        return Verdict(n_changed <= n_allowed, f"{changed}; {n_allowed} may")
