"""What the next labels are expected to bring, and how far earlier forecasts were off, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alcli.curves.power_law import SHARED, BackTest, PowerLaw, back_test, fit
from alcli.estimate import Estimate, rounded

_WIDTH = 3.92  # of a 95% interval, in standard deviations
_SPOKEN = {"accuracy": "accuracy", "macro_f1": "macro F1", "log_loss": "log loss", "brier": "the Brier score"}
_POINTS = ("accuracy", "macro_f1")
"""Shares, of which higher is better; they are said in points, hundredths."""


@dataclass(frozen=True)
class Forecast:
    """What further labels bring to a metric; above 0 is better, whichever way the metric goes.

    Attributes:
        labels: further ones.
        gain: of models of so many labels on average, along the curve; never below 0.
        measured: what the next round will show on these validation rows, the luck of both rounds in it.
        past: how earlier forecasts did; None: there were none.
    """

    metric: str
    labels: int
    gain: Estimate
    measured: Estimate
    past: BackTest | None

    @property
    def sentence(self) -> str:
        """What is expected."""
        gain, more = self.gain, f"the next {self.labels:,} labels are expected to"
        if self.metric in _POINTS:
            value, low, high = (_points(x) for x in (gain.value, gain.low, gain.high))
            return f"{more} bring +{value} points ({low} to {high})"
        return f"{more} lower {_SPOKEN[self.metric]} by {gain.value:.3f} ({gain.low:.3f} to {gain.high:.3f})"

    @property
    def record(self) -> str:
        """How far to trust it: what chance does to the measured change, and how earlier forecasts did."""
        if self.metric in _POINTS:
            low, high = (f"{100 * x:+.1f}" for x in (self.measured.low, self.measured.high))
            measured = f"the measured change may be {low} to {high} points"
        else:
            low, high = (f"{-x:+.3f}" for x in (self.measured.high, self.measured.low))
            measured = f"the measured change may be {low} to {high}"
        if self.past is None:
            return f"{measured}; no earlier round was forecast yet"
        off = _points(self.past.mean_error) + " points"
        if self.metric not in _POINTS:
            off = f"{self.past.mean_error:.3f}"
        rounds = "1 earlier forecast was" if self.past.n == 1 else f"{self.past.n} earlier forecasts were"
        return (
            f"{measured}; {rounds} off by {off} on average, {self.past.held} of {self.past.n} in the interval"
        )

    def to_json(self) -> dict[str, Any]:
        """All of it; `past` is null where there is none."""
        past = self.past
        return {
            "metric": self.metric,
            "labels": self.labels,
            "gain": self.gain.to_json(),
            "measured": self.measured.to_json(),
            "past": past and {"n": past.n, "mean_error": rounded(past.mean_error), "held": past.held},
            "sentence": self.sentence,
            "record": self.record,
        }


@dataclass(frozen=True)
class Rounds:
    """The K measured rounds of a history, by rising label count.

    Attributes:
        n_labels, values, sds: (K,) labels, the metric, and its sampling error.
        higher_is_better: which way the metric is better.
    """

    n_labels: tuple[float, ...]
    values: tuple[float, ...]
    sds: tuple[float, ...]
    higher_is_better: bool

    @classmethod
    def of(cls, history: Sequence[Mapping[str, Any]], metric: str) -> Rounds:
        """Those that have the metric."""
        measured = sorted(
            ((past["n_labels"], *past["metrics"][metric]) for past in history if metric in past["metrics"]),
            key=lambda past: past[0],
        )
        n_labels, values, lows, highs = zip(*measured, strict=True) if measured else ((), (), (), ())
        sds = tuple((high - low) / _WIDTH for low, high in zip(lows, highs, strict=True))
        return cls(n_labels, values, sds, metric in _POINTS)

    def law(self, shared: float = SHARED) -> PowerLaw | None:
        """The curve behind them; None with fewer than two label counts."""
        higher = self.higher_is_better
        return fit(self.n_labels, self.values, self.sds, shared=shared, higher_is_better=higher)


def forecast(
    history: Sequence[Mapping[str, Any]], labels: int, metric: str = "accuracy", shared: float = SHARED
) -> Forecast | None:
    """What so many further labels are expected to bring.

    Args:
        history: rounds with `n_labels` and `metrics`, {name: (value, low, high)}, as `alcli.project.history`
            reads them; those without the metric are left out.
        labels: 1 or more.
        metric: accuracy, macro_f1, log_loss or brier.
        shared: the part of the sampling variance that all rounds share.

    Returns:
        None with fewer than two label counts.
    """
    rounds = Rounds.of(history, metric)
    law = rounds.law(shared)
    if law is None:
        return None
    last = rounds.n_labels[-1]
    return Forecast(
        metric,
        labels,
        law.gain(last, last + labels),
        law.measured_gain(last + labels),
        back_test(
            rounds.n_labels,
            rounds.values,
            rounds.sds,
            shared=shared,
            higher_is_better=rounds.higher_is_better,
        ),
    )


def _points(share: float) -> str:
    return f"{100 * share:.1f}"
