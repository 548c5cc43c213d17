"""A learning curve as a power law with its uncertainty, and how far earlier forecasts by it were off.

The error of a model of n labels is e(n) = a + b (n + d)^-c, with a, b, d >= 0 and 0 < c <= 1.5 (Cortes et
al., NIPS 1993, without d; as pow4 in Viering and Loog, The Shape of Learning Curves, TPAMI 2023). The values
that are seen share their validation rows: the luck of these moves all of them together, which leaves gains as
they are, beside a smaller part of each round's own. With v_i the sampling variances, r the part that is
shared, and t^2 what else moves a round, such as which rows were labeled,

    Cov(y_i, y_j) = r sqrt(v_i v_j) + [i = j] ((1 - r) v_i + t^2).

The curve is written e(n) = level (floor + (1 - floor) ((n + d) / (N + d))^-c), N the largest label count:
what is not known is its level at N, the share of that which no labels remove, the rate c and the delay d. The
priors are flat: on the level above 0, on the square root of the floor from 0 to 1 (half of it lies below 1/4:
curves that are taken to level off flatter whatever is compared with them), on the rate from 0 to 1.5, on d
among 0, 0.1 and 0.3 N, and on t among 0, 1/2, 1 and 2 times a scale, which is a round's own sampling error.
The posterior is worked out on a grid, the level in closed form: no chance enters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate

Floats = NDArray[np.float64]

SHARED = 0.6
FARTHEST = 10.0
"""Times the largest label count: the curve is followed no farther to where it reaches a value."""
_STEPS, _FASTEST, _LEVELS = 18, 1.5, 11
_DELAYS = (0.0, 0.1, 0.3)
_OWN_LUCK = (0.0, 0.5, 1.0, 2.0)
_QUANTILES = (0.025, 0.5, 0.975)
_LEAST_SD = 1e-4  # of a value that seems certain, as all right does
_LEAST_WEIGHT = 1e-7  # beside the likeliest curve: others are left out
_HALVINGS = 26


@dataclass(frozen=True)
class PowerLaw:
    """M curves, level (floor + (1 - floor) ((n / at + delay) / (1 + delay))^-rate), and what each weighs.

    Attributes:
        at: the largest label count, at which the curves have their level.
        level, floor, rate, delay: (M,) of each curve.
        weight: (M,) its probability.
        last: the error that other rounds are measured against: that of the last round.
        luck: (M,) what is to be expected of a measurement beside the error itself, by what these had.
        spread: (M,) the standard deviation of that.
        higher_is_better: whether the metric is 1 - error, or the error itself.
    """

    at: float
    level: Floats
    floor: Floats
    rate: Floats
    delay: Floats
    weight: Floats
    last: float
    luck: Floats
    spread: Floats
    higher_is_better: bool = True

    def errors(self, n: float) -> Floats:
        """(M,) of each curve at n labels."""
        late = (n / self.at + self.delay) / (1 + self.delay)
        found: Floats = self.level * (self.floor + (1 - self.floor) * late**-self.rate)
        return found

    def value(self, n: float) -> Estimate:
        """The metric that models of n labels have, on average, on all rows of the validation rows' kind."""
        errors = self.errors(n)
        return self._middle(1 - errors if self.higher_is_better else errors)

    def gain(self, from_n: float, to_n: float) -> Estimate:
        """How much better models of `to_n` labels are than those of `from_n`, on average; better is above 0.

        It is the curve's, and the curve never falls. What the next round will show is `measured_gain`.
        """
        return self._middle(self.errors(from_n) - self.errors(to_n))

    def measured_gain(self, to_n: float) -> Estimate:
        """How much better than the last round the one of `to_n` labels will measure; better is above 0.

        It has the luck of both rounds in it, so it may well be below 0 where the curve rises.
        """
        means = self.last - self.errors(to_n) - self.luck
        reach = 10 * float(self.spread.max())
        span = float(means.min()) - reach, float(means.max()) + reach
        ends = [_crossing(lambda x: self._share_below(x - means), *span, share) for share in _QUANTILES]
        return Estimate(ends[1], ends[0], ends[2])

    def labels_for(self, value: float) -> Estimate | None:
        """The labels at which the curve reaches a value of the metric.

        Infinite where that is beyond 10 times the largest label count, the estimate as the ends of its
        interval; None where even the lower end is.
        """
        error, far = 1 - value if self.higher_is_better else value, FARTHEST * self.at
        found = self._labels(lambda n: float(self.weight @ (self.errors(n) <= error)), far)
        low, value, high = (n if n < far else math.inf for n in (found.low, found.value, found.high))
        return None if math.isinf(low) else Estimate(value, low, high)

    def labels_to_catch_up(self, far: float) -> Estimate:
        """The labels at which a model measured beside the last one is as good; `far` for what is beyond."""
        return self._labels(lambda n: self._share_below(self.last - self.luck - self.errors(n)), far)

    def _labels(self, reached: Callable[[float], float], far: float) -> Estimate:
        """Label counts at which the share of the curves that have reached something is that of a quantile."""
        most = math.log(far)
        low, value, high = (
            far
            if reached(far) < share
            else math.exp(_crossing(lambda x: reached(math.exp(x)), 0.0, most, share))
            for share in _QUANTILES
        )
        return Estimate(value, low, high)

    def _share_below(self, differences: Floats) -> float:
        """The probability that luck of a standard deviation of `spread` is below some differences, (M,)."""
        from scipy.special import ndtr  # slow to import

        return float(self.weight @ ndtr(differences / self.spread))

    def _middle(self, draws: Floats) -> Estimate:
        """The median of figures of the curves, (M,), and their 95% interval."""
        order = np.argsort(draws, kind="stable")
        places = np.searchsorted(np.cumsum(self.weight[order]), _QUANTILES)
        low, value, high = draws[order][np.minimum(places, len(draws) - 1)].tolist()
        return Estimate(value, low, high)


def fit(
    n_labels: Sequence[float],
    values: Sequence[float],
    sds: Sequence[float],
    *,
    shared: float = SHARED,
    higher_is_better: bool = True,
) -> PowerLaw | None:
    """The curve behind the values of K rounds.

    Args:
        n_labels: (K,) labels that each round's model learned from, ascending.
        values: (K,) its metric: accuracy or macro F1, from 0 to 1; or, lower being better, log loss or Brier.
        sds: (K,) sampling errors of the values: the width of a 95% interval / 3.92.
        shared: the part of their variance that all rounds share, below 1.
        higher_is_better: whether the metric is one of the first two.

    Returns:
        None with fewer than two label counts. With two or three the priors tell as much as the values do, and
        the intervals are as wide as that.

    Raises:
        ValueError: not as many of each, or numbers that cannot be.

    >>> law = fit([100, 200, 400, 800], [0.60, 0.70, 0.77, 0.82], [0.02, 0.02, 0.02, 0.02])
    >>> gain = law.gain(800, 1600)
    >>> f"{gain.value:.2f} ({gain.low:.2f} to {gain.high:.2f})"
    '0.04 (0.02 to 0.06)'
    """
    n, seen, sd = (np.asarray(numbers, dtype=np.float64) for numbers in (n_labels, values, sds))
    _check(n, seen, sd, shared)
    if len(np.unique(n)) < 2:
        return None
    sd = np.maximum(sd, _LEAST_SD)
    own = math.sqrt(1 - shared) * sd
    common = shared * np.outer(sd, sd)
    errors = 1 - seen if higher_is_better else seen
    return posterior(
        n,
        errors,
        common + np.diag(own**2),
        own,
        last=Beside(float(errors[-1]), common[-1], float(sd[-1] ** 2), float(own[-1])),
        higher_is_better=higher_is_better,
    )


@dataclass(frozen=True)
class Beside:
    """A measurement beside those that a curve is fitted to.

    Attributes:
        error: what is compared with it.
        covariance: (K,) of its luck with theirs.
        variance: of its luck.
        own: what t is measured in for it; 0: it has no other luck.
    """

    error: float
    covariance: Floats
    variance: float
    own: float = 0.0


def posterior(
    n: Floats,
    errors: Floats,
    covariance: Floats,
    own: Floats,
    *,
    last: Beside,
    higher_is_better: bool,
) -> PowerLaw:
    """The curves behind errors (K,) at label counts (K,), the largest last.

    Args:
        covariance: (K, K) of the luck of the errors, t left out.
        own: (K,) what t is measured in.
        last: the measurement that `measured_gain` and `labels_to_catch_up` look at.
    """
    steps = (np.arange(_STEPS) + 0.5) / _STEPS
    floor, rate, delay = (grid.reshape(-1, 1) for grid in np.meshgrid(steps**2, _FASTEST * steps, _DELAYS))
    shapes = floor + (1 - floor) * ((n / n[-1] + delay) / (1 + delay)) ** -rate  # (cells, K)
    parts = [
        _given(shapes, errors, covariance + np.diag((t * own) ** 2), last, (t * last.own) ** 2)
        for t in _OWN_LUCK
    ]
    evidence, level, luck, spread = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    weight = np.where(level > 0, np.exp(evidence - evidence[level > 0].max()), 0.0)
    keep = weight > _LEAST_WEIGHT
    floor, rate, delay = (
        np.tile(np.repeat(grid, _LEVELS), len(_OWN_LUCK))[keep] for grid in (floor, rate, delay)
    )
    return PowerLaw(
        at=float(n[-1]),
        level=level[keep],
        floor=floor,
        rate=rate,
        delay=delay,
        weight=weight[keep] / weight[keep].sum(),
        last=last.error,
        luck=luck[keep],
        spread=np.sqrt(np.maximum(spread[keep], _LEAST_SD**2)),
        higher_is_better=higher_is_better,
    )


def _given(
    shapes: Floats, errors: Floats, covariance: Floats, last: Beside, more: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """For each of some shapes, (cells, K), and of _LEVELS quantiles of its level, all in one row.

    Returns:
        The log of the shape's evidence, the level, and the mean and variance of the luck of a measurement
        like `last`, which has `more` variance of its own.
    """
    from scipy.special import ndtri  # slow to import

    inverse = np.linalg.inv(covariance)
    projected = shapes @ inverse
    precision, moment = (projected * shapes).sum(axis=1), projected @ errors
    evidence = 0.5 * (np.linalg.slogdet(inverse)[1] - np.log(precision))
    evidence += 0.5 * (moment**2 / precision - errors @ inverse @ errors)
    normal = ndtri((np.arange(_LEVELS) + 0.5) / _LEVELS)
    level = (moment / precision)[:, None] + normal / normal.std() / np.sqrt(precision)[:, None]
    pull = inverse @ last.covariance
    luck = errors @ pull - level * (shapes @ pull)[:, None]
    spread = np.full(level.size, last.variance + more - last.covariance @ pull)
    return np.repeat(evidence, _LEVELS), level.ravel(), luck.ravel(), spread


@dataclass(frozen=True)
class BackTest:
    """How forecasts of earlier rounds, each from the rounds before it, compare with what came.

    Attributes:
        n: forecasts.
        mean_error: mean absolute difference of the gain forecast and the one measured.
        held: forecasts whose 95% interval of the measured gain held it.
    """

    n: int
    mean_error: float
    held: int


def back_test(
    n_labels: Sequence[float],
    values: Sequence[float],
    sds: Sequence[float],
    *,
    shared: float = SHARED,
    higher_is_better: bool = True,
) -> BackTest | None:
    """Forecasts of every round from the third on, as they would have been made; None: there is no third.

    Args: as those of `fit`.
    """
    errors, held = [], 0
    for k in range(2, len(n_labels)):
        law = fit(n_labels[:k], values[:k], sds[:k], shared=shared, higher_is_better=higher_is_better)
        if law is None:
            continue
        came = (values[k] - values[k - 1]) * (1 if higher_is_better else -1)
        forecast = law.measured_gain(n_labels[k])
        errors.append(abs(law.gain(n_labels[k - 1], n_labels[k]).value - came))
        held += forecast.low <= came <= forecast.high
    return BackTest(len(errors), math.fsum(errors) / len(errors), held) if errors else None


def _crossing(rising: Callable[[float], float], low: float, high: float, share: float) -> float:
    """Where a function that rises reaches a share; an end of the span where it does not inside."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) >= share else (middle, high)
    return high


def _check(n: Floats, values: Floats, sds: Floats, shared: float) -> None:
    if not len(n) == len(values) == len(sds):
        raise ValueError(f"{len(n)} label counts, {len(values)} values and {len(sds)} sampling errors")
    if not (np.isfinite(n).all() and (n > 0).all() and (np.diff(n) >= 0).all()):
        raise ValueError(f"label counts must be above 0 and ascend, found {n.tolist()}")
    if not (np.isfinite(values).all() and np.isfinite(sds).all() and (sds >= 0).all()):
        raise ValueError("values must be finite, and sampling errors neither infinite nor below 0")
    if not 0 <= shared < 1:
        raise ValueError(f"shared must be a share below 1, found {shared!r}")
