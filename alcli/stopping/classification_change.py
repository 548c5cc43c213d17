"""Stop when a further batch changes no prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_share
from alcli.stopping._stop_set import cannot_compare


@dataclass(frozen=True)
class ClassificationChange(Criterion):
    """Stop once at most `share` of the stop set is predicted otherwise than in the round before.

    Source: Zhu, Wang and Hovy, COLING 2008, for whom no prediction may change (`share` 0).

    >>> from alcli.stopping import StopSet
    >>> newest = Past(3, 600, 9000, {}, stop_set=StopSet(2000, 0.999, 0.0005, 1900, 0.1, 0.9))
    >>> ClassificationChange().judge([newest])
    Verdict(stop=False, reason='1 of 2000 predictions changed since the round before; 0 may')
    >>> ClassificationChange(share=0.001).judge([newest]).stop
    True
    """

    share: float = 0.0

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        found = history[-1].stop_set
        if found is None or found.changed is None:
            return Verdict(False, cannot_compare(history[-1]))
        n_changed, allowed = round(found.changed * found.n_rows), int(self.share * found.n_rows)
        reason = f"{n_changed} of {found.n_rows} predictions changed since the round before; {allowed} may"
        return Verdict(found.changed <= self.share, reason)
