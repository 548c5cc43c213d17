"""Stop when successive models predict the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_count, check_share
from alcli.stopping._stop_set import unknown


@dataclass(frozen=True)
class StabilizingPredictions(Criterion):
    """Stop once successive models agree: a mean kappa of at least `kappa` over the newest `rounds` rounds.

    Kappa is Cohen's, of a round's predictions of the stop set's unlabeled rows with those of the round
    before. Source: Bloodgood and Vijay-Shanker, CoNLL 2009, who take 0.99 over 3. Where kappa is at least T,
    the F-measures of two such models of two classes differ by at most 4 (1 - T) / T (Bloodgood and
    Grothendieck, CoNLL 2013; Altschuler and Bloodgood, ICSC 2019, choose T by it). Needs no validation
    label, and `rounds` + 1 rounds. A small batch changes a model less than a large one, and stops it sooner.
    Where hard rows are asked first, those left late in a small pool are easy, and agree more than new rows.

    >>> from alcli.stopping import StopSet
    >>> agreed = [StopSet(2000, 1900, kappa, 0.005, 0.1, 0.9) for kappa in (None, 0.989, 0.991, 0.992)]
    >>> history = [Past(n, 200 * n, 9000, {}, stop_set=found) for n, found in enumerate(agreed, start=1)]
    >>> StabilizingPredictions().judge(history).stop, StabilizingPredictions(kappa=0.995).judge(history).stop
    (True, False)
    """

    kappa: float = 0.99
    rounds: int = 3

    def __post_init__(self) -> None:
        check_share("kappa", self.kappa)
        check_count("rounds", self.rounds)
        if self.kappa == 0:
            raise ValueError("kappa must be above 0, found 0")

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest `rounds` rounds."""
        if len(history) <= self.rounds:
            needed = f"{self.rounds + 1} trained rounds give {self.rounds} comparisons"
            return Verdict(False, f"{needed}; so far: {len(history)}")
        found = []
        for past in history[-self.rounds :]:
            if past.stop_set is None or past.stop_set.kappa is None:
                return Verdict(False, unknown(past))
            found.append(past.stop_set.kappa)
        mean = round(fmean(found), 9)
        stop = mean >= self.kappa
        bound = 4 * (1 - self.kappa) / self.kappa
        relation = "has reached" if stop else "has not reached"
        over = f"over {self.rounds} rounds" if self.rounds > 1 else "with the round before"
        return Verdict(
            stop,
            f"predictions agree by a mean kappa of {mean:.4f} {over}, which {relation} {self.kappa:g} "
            f"(where F changes by 4(1-T)/T = {bound:.3f} at most)",
        )
