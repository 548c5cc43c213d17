"""Stop when there is nothing left to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.stopping import Criterion, Past, Verdict


@dataclass(frozen=True)
class PoolExhausted(Criterion):
    """Stop once no row can be asked any more.

    >>> PoolExhausted().judge([Past(round=9, n_labels=4000, n_candidates=0, metrics={})])
    Verdict(stop=True, reason='0 candidates left: the whole pool has been asked')
    """

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest round only."""
        left = history[-1].n_candidates
        if left == 0:
            return Verdict(True, "0 candidates left: the whole pool has been asked")
        return Verdict(False, f"{left} candidate{'s' if left > 1 else ''} left to ask")
