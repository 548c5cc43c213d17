"""The labels that random collection would have needed, by rows that were drawn at random beside those chosen.

Models of random subsets of these rows, and the project's own model, are measured on the same validation rows.
The subsets' mean errors are put on a power law, which is followed to where it is as good as the project's.
What makes that uncertain, with n random rows and subsets of k rows, nested in each of m random orders:

- the luck of the validation rows: the covariance, over bootstrap resamples of them, of the mean errors of all
  sizes and of the project's model. What moves all of them alike does not move the result.
- the luck of the random rows: over samples of k rows the error of a model has the variance a_k^2 / k. Were it
  linear in the rows, the mean errors of sizes k <= l would share a_k a_l (1/n + (1/l - 1/n) / m): first the
  luck of all n rows, then that of the orders, which show a_k. The variance falls by about k^-1.2 to k^-2 on
  the sets that were looked at, from n/6 to 3 n rows; a_k^2 is taken to go with k^-0.5.
- the curve beyond n: the posterior of `power_law`, whose t is measured in 2% of the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.curves.power_law import Beside, PowerLaw, posterior
from alcli.estimate import Estimate

Floats = NDArray[np.float64]

FARTHEST = 10.0
"""Times the random rows that the curve is followed, or twice the labels, if that is more."""
_MISFIT = 0.02
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Measured:
    """Models measured on the same validation rows.

    Attributes:
        sizes: (J,) rows of the subsets, ascending; the last are all random rows.
        values: (m, J) the metric of each order's subsets; the last column is one and the same model's.
        own: the metric of the project's model.
        resampled: (J + 1, B) mean values of the sizes, then that of the project's model, on each resample.
        higher_is_better: whether the metric is 1 - error, or the error itself.
    """

    sizes: Floats
    values: Floats
    own: float
    resampled: Floats
    higher_is_better: bool

    def errors(self, values: Floats) -> Floats:
        """Of some values of the metric."""
        return 1 - values if self.higher_is_better else values

    def luck_of_rows(self) -> Floats:
        """(J,) a_k."""
        sizes, n = self.sizes, self.sizes[-1]
        found = self.values[:, :-1].var(axis=0, ddof=1) / (1 / sizes[:-1] - 1 / n)
        of_all = np.average(found * np.sqrt(sizes[:-1] / n), weights=sizes[:-1])
        luck: Floats = np.sqrt(of_all * np.sqrt(n / sizes))
        return luck

    def curve(self) -> PowerLaw:
        """Random collection's learning curve; its `last` is the project's model."""
        sizes, n, n_orders = self.sizes, self.sizes[-1], len(self.values)
        luck, errors = self.luck_of_rows(), self.errors(self.values.mean(axis=0))
        validation = np.cov(self.resampled) + _LEAST_VARIANCE * np.eye(len(sizes) + 1)
        rows = 1 / n + (1 / np.maximum.outer(sizes, sizes) - 1 / n) / n_orders
        own = float(self.errors(np.array(self.own)))
        return posterior(
            sizes,
            errors,
            validation[:-1, :-1] + np.outer(luck, luck) * rows,
            _MISFIT * errors,
            last=Beside(own, validation[-1, :-1], float(validation[-1, -1])),
            higher_is_better=self.higher_is_better,
        )


@dataclass(frozen=True)
class Saving:
    """The labels that a project did without, against random collection.

    Attributes:
        labels: `of` less those that the project's model learned from; below 0: random does with fewer.
        of: labels with which random collection has a model as good, on average.
        share: `labels` of the larger of the two, as `Arm.saving` has it.
        farthest: `of` is followed no farther: a value, or an end of its interval, that would be beyond is put
            here, so that every figure is finite.
        open: whether the upper end is such a one; it is not where `farthest` is the whole pool.
        n_labels: that the project's model learned from.
        n_random: rows drawn at random, the seed set's among them where it is near random.
        n_control: of these, those of `query.explore`.
        curve: random collection's metric by labels, up to the project's.
    """

    labels: Estimate
    of: Estimate
    share: Estimate
    farthest: float
    open: bool
    n_labels: int
    n_random: int
    n_control: int
    curve: tuple[tuple[float, Estimate], ...]

    @property
    def verdict(self) -> str:
        """One of saved, alike and lost: whether the interval lies above 0, holds it, or lies below."""
        if round(100 * self.share.low) > 0:
            return "saved"
        return "lost" if round(100 * self.share.high) < 0 and not self.open else "alike"

    @property
    def sentence(self) -> str:
        """What the data say, and no more."""
        low, value, high = (
            round(100 * share) for share in (self.share.low, self.share.value, self.share.high)
        )
        interval = f"95% interval from {low}% up" if self.open else f"95% interval {low} to {high}%"
        if self.verdict == "saved":
            labels, of, share = self.labels.value, self.of.value, value
            if self.open:  # how much more than the lower end it is, the prior says rather than the data
                labels, of, share = self.labels.low, self.of.low, low
            least = "at least " if self.open else ""
            saved = f"{least}{labels:,.0f} of {of:,.0f} ({share}%)"
            return f"labels saved against random so far: {saved}, {interval}"
        if self.verdict == "lost":
            return (
                f"random collection would have needed fewer labels: {self.of.value:,.0f} in place of "
                f"{self.n_labels:,} ({-value}% fewer), 95% interval {-high} to {-low}%"
            )
        return f"not distinguishable from random: labels saved so far, {interval}"

    def to_json(self) -> dict[str, Any]:
        """All of it; estimates as `Estimate.to_json`."""
        return {
            "verdict": self.verdict,
            "labels": self.labels.to_json(),
            "of": self.of.to_json(),
            "share": self.share.to_json(),
            "open": self.open,
            "n_labels": self.n_labels,
            "n_random": self.n_random,
            "n_control": self.n_control,
            "curve": [{"n_labels": n, **value.to_json()} for n, value in self.curve],
        }


def saving(measured: Measured, n_labels: int, n_pool: int, *, n_random: int, n_control: int) -> Saving:
    """The saving of a project.

    Args:
        n_labels: that its model learned from.
        n_pool: rows that may be labeled at all: random collection ends with them.
        n_random: rows that were drawn at random; `measured` may have some more that stand in for others.
        n_control: of these, those of `query.explore`.
    """
    followed = max(FARTHEST * float(measured.sizes[-1]), 2.0 * n_labels)
    farthest = max(float(n_labels), min(followed, float(n_pool)))
    law = measured.curve()
    of = law.labels_to_catch_up(farthest)
    counts = sorted({*measured.sizes.tolist(), float(n_labels)})
    return Saving(
        labels=Estimate(of.value - n_labels, of.low - n_labels, of.high - n_labels),
        of=of,
        share=Estimate(*(share_of(n_labels, n) for n in (of.value, of.low, of.high))),
        farthest=farthest,
        open=of.high >= farthest and farthest < n_pool,
        n_labels=n_labels,
        n_random=n_random,
        n_control=n_control,
        curve=tuple((n, law.value(n)) for n in counts if n <= n_labels),
    )


def share_of(n_labels: float, of: float) -> float:
    """The share saved of the larger of two label counts, the project's and random collection's.

    >>> share_of(1090, 1400)
    0.22142857142857142
    """
    return (of - n_labels) / max(of, n_labels)
