"""Stop when what the next labels can be expected to bring is not worth asking for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from alcli.curves.power_law import PowerLaw, fit
from alcli.stopping import Criterion, Past, Verdict
from alcli.stopping._checks import check_count, check_positive
from alcli.stopping._metric import HIGHER_IS_BETTER, check_metric, lacking

POINTS = 0.3
"""The least gain that is worth a batch, where nobody says what a point is worth."""
_WIDTH = 3.92  # of a 95% interval, in standard errors


@dataclass(frozen=True)
class ExpectedGain(Criterion):
    """Stop once even the high end of what the next `labels` labels can bring is less than `points`.

    A gain is counted in points, hundredths of the metric. Its forecast is a power law fitted to all rounds
    (`alcli.curves.power_law`), which knows that they were measured on the same validation rows.

    Args:
        metric: which is to gain: accuracy, macro_f1, log_loss or brier.
        labels: how many more labels are weighed; None: a batch, the most that a round has brought so far.
        points: the least gain that is worth these labels; None: what they cost by cost.per_label and
            cost.value_per_point, or 0.3 where these are not set.

    >>> values = [(0.70, 0.66, 0.74), (0.80, 0.765, 0.835), (0.83, 0.8, 0.86), (0.845, 0.815, 0.875)]
    >>> history = [Past(n, 200 * n, 9000, {"accuracy": value}) for n, value in enumerate(values, start=1)]
    >>> ExpectedGain(points=3).judge(history).stop, ExpectedGain(points=0.5).judge(history).stop
    (True, False)
    """

    metric: str = "accuracy"
    labels: int | None = None
    points: float | None = None

    def __post_init__(self) -> None:
        check_metric(self.metric)
        if self.metric == "ece":
            raise ValueError("metric must be one that labels improve; ece may rise or fall with them")
        if self.labels is not None:
            check_count("labels", self.labels)
        if self.points is not None:
            check_positive("points", self.points)

    def judge(self, history: Sequence[Past]) -> Verdict:
        """Looks at every measured round but those with more labels than a later one: some were taken back."""
        newest = history[-1]
        if self.metric not in newest.metrics:
            return Verdict(False, lacking(self.metric, newest))
        law, counts = self._law(history)
        if law is None:
            needed = "2 measured rounds with different numbers of labels give a forecast"
            return Verdict(False, f"{needed}; so far: {len(counts)}")
        labels = self.labels or max(after - before for before, after in pairwise(counts))
        gain = law.gain(newest.n_labels, newest.n_labels + labels)
        least, why = self._least(labels, newest)
        stop = 100 * gain.high < least
        bring = f"{labels} more labels bring {100 * gain.value:.2f} points of {self.metric}"
        return Verdict(stop, f"{bring}, {100 * gain.high:.2f} at most; {why}")

    def _law(self, history: Sequence[Past]) -> tuple[PowerLaw | None, list[int]]:
        """The curve of the metric, and the label counts that it rests on."""
        kept: list[Past] = []
        for past in reversed(history):
            if self.metric in past.metrics and (not kept or past.n_labels <= kept[-1].n_labels):
                kept.append(past)
        kept.reverse()
        figures = [past.metrics[self.metric] for past in kept]
        law = fit(
            [past.n_labels for past in kept],
            [value for value, _, _ in figures],
            [(high - low) / _WIDTH for _, low, high in figures],
            higher_is_better=HIGHER_IS_BETTER[self.metric],
        )
        return law, sorted({past.n_labels for past in kept})

    def _least(self, labels: int, newest: Past) -> tuple[float, str]:
        """The least gain worth asking for, in points, and why."""
        cost, value = newest.cost_per_label, newest.value_per_point
        if self.points is not None or cost is None or value is None:
            least = self.points or POINTS
            return least, f"{least:g} are worth asking for"
        least = cost * labels / value
        return least, f"{least:.3g} are worth the {cost * labels:.12g} that they cost"
