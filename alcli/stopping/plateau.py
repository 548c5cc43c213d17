"""Stop when more labels no longer show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_count
from alcli.stopping._metric import check_metric, lacking


@dataclass(frozen=True)
class Plateau(Criterion):
    """Stop once the newest `rounds` rounds all lie within the 95% interval of the round before them.

    So `rounds` batches in a row changed the metric by no more than chance would on this validation set.
    It says nothing of changes too small for that set to show: a larger one has narrower intervals. A fall
    out of the interval is no plateau either, but something to look into. Needs `rounds` + 1 rounds.

    >>> values = [(0.70, 0.65, 0.75), (0.80, 0.76, 0.84), (0.81, 0.77, 0.85), (0.82, 0.78, 0.86)]
    >>> history = [Past(i, 200 * i, 9000, {"accuracy": v}) for i, v in enumerate(values, start=1)]
    >>> Plateau(rounds=2).judge(history).stop, Plateau(rounds=3).judge(history).stop
    (True, False)
    """

    metric: str = "accuracy"
    rounds: int = 3

    def __post_init__(self) -> None:
        check_metric(self.metric)
        check_count("rounds", self.rounds)

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at the newest `rounds` + 1 rounds."""
        if len(history) <= self.rounds:
            return Verdict(
                False, f"{self.rounds + 1} trained rounds show a plateau, there are {len(history)}"
            )
        before, *newest = history[-self.rounds - 1 :]
        for past in (before, *newest):
            if self.metric not in past.metrics:
                return Verdict(False, lacking(self.metric, past))
        _, low, high = before.metrics[self.metric]
        values = [past.metrics[self.metric][0] for past in newest]
        flat = all(low <= value <= high for value in values)
        shown = ", ".join(f"{value:.3f}" for value in values)
        where = f"within round {before.round}'s interval, {low:.3f} to {high:.3f}"
        since = f"{self.metric} since then: {shown}"
        return Verdict(flat, f"{'all' if flat else 'not all'} {where}; {since}")
