"""The learning curve of a project's own rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alcli.curves.power_law import BackTest, PowerLaw, back_test, fit
from alcli.metrics import HIGHER_IS_BETTER
from alcli.project.history import Past

_ERRORS_WIDE = 3.92  # a 95% interval, in standard errors


@dataclass(frozen=True)
class Measured:
    """A metric by labels.

    Attributes:
        metric: its name.
        n_labels: (K,) of each measured round, ascending.
        values: (K,) the metric there.
        sds: (K,) its sampling error.
    """

    metric: str
    n_labels: tuple[int, ...]
    values: tuple[float, ...]
    sds: tuple[float, ...]

    @classmethod
    def of(cls, history: Sequence[Past], metric: str) -> Measured:
        """From the trained rounds."""
        past = [
            (entry["n_labels"], *entry["metrics"][metric]) for entry in history if metric in entry["metrics"]
        ]
        past.sort(key=lambda entry: entry[0])
        return cls(
            metric,
            tuple(n for n, _, _, _ in past),
            tuple(value for _, value, _, _ in past),
            tuple((high - low) / _ERRORS_WIDE for _, _, low, high in past),
        )

    @property
    def higher_is_better(self) -> bool:
        """Which way the metric is better."""
        return self.metric in HIGHER_IS_BETTER

    def law(self) -> PowerLaw | None:
        """The fitted curve; None with fewer than two label counts."""
        if not self.n_labels:
            return None
        return fit(self.n_labels, self.values, self.sds, higher_is_better=self.higher_is_better)

    def back_test(self) -> BackTest | None:
        """How earlier forecasts fared; None with fewer than three rounds."""
        return back_test(self.n_labels, self.values, self.sds, higher_is_better=self.higher_is_better)
