"""Whether a model is right as often as its confidence says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate, rounded
from alcli.metrics._exact import share
from alcli.metrics._sampling import Floats, Ints, blocks, check, equal_mass, interval, resamples

Verdict = Literal["over-confident", "under-confident", "calibrated"]
_SAME = 1e-12  # sums in another order


@dataclass(frozen=True)
class Bin:
    """Rows of about the same confidence.

    Attributes:
        confidence: its mean over the n rows.
        accuracy: the share of them that is right, with the interval of Clopper and Pearson.
    """

    n: int
    confidence: float
    accuracy: Estimate

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, "confidence": rounded(self.confidence), "accuracy": self.accuracy.to_json()}


@dataclass(frozen=True)
class BrierParts:
    """The Brier score, from 0 to 2, and what it is the sum of:

        score = reliability - resolution + uncertainty + within_variance - within_covariance

    Each class c is taken against the rest, in equal-mass bins b of its probability p_c, and the parts are
    summed over the classes: for two classes twice those of the half score. With p_bc and o_bc the means in a
    bin of the probability and of the outcome (1: the row is of the class), and o_c that over all n rows:

        reliability        sum_c sum_b (n_b / n) (p_bc - o_bc)^2     0 where calibrated; less is better
        resolution         sum_c sum_b (n_b / n) (o_bc - o_c)^2      how far bins differ; more is better
        uncertainty        sum_c o_c (1 - o_c)                       of the data, whatever the model
        within_variance    sum_c (1 / n) sum_i (p_ic - p_bc)^2       0 where all of a bin are equal
        within_covariance  sum_c (2 / n) sum_i (p_ic - p_bc) (o_ic - o_bc)

    The first three are Murphy's vector partition (Journal of Applied Meteorology 12, 1973), the other two
    what bins of unequal probabilities add (Stephenson et al., Weather and Forecasting 23, 2008).
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float

    def to_json(self) -> dict[str, float]:
        return {name: rounded(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Reliability:
    """How confidence, the probability of the likeliest class, compares with accuracy on n rows.

    Attributes:
        ece: expected calibration error, as in `Metrics`.
        ece_by_chance: what it would be if every row were right with a chance of just its confidence: the
            mean and the middle 95% over draws (consistency resampling, Broecker and Smith, Weather and
            Forecasting 22, 2007). On few rows that is far above 0.
        excess: ece above the mean by chance.
        p_value: share of such draws that are no better calibrated than the model, itself counted in.
        gap: mean confidence minus accuracy.
        verdict: over-confident where the interval of the gap is above 0, under-confident where it is below,
            calibrated where it covers 0. Opposite errors cancel in it: `p_value` sees those too.
        bins: the bins of ece, by rising confidence.
    """

    n: int
    ece: Estimate
    ece_by_chance: Estimate
    p_value: float
    gap: Estimate
    brier: BrierParts
    bins: tuple[Bin, ...]

    @property
    def excess(self) -> float:
        return self.ece.value - self.ece_by_chance.value

    @property
    def verdict(self) -> Verdict:
        if self.gap.low > 0:
            return "over-confident"
        return "under-confident" if self.gap.high < 0 else "calibrated"

    def to_json(self) -> dict[str, Any]:
        """A plain document, floats rounded to 6 decimals."""
        return {
            "n": self.n,
            "verdict": self.verdict,
            "gap": self.gap.to_json(),
            "ece": self.ece.to_json(),
            "ece_by_chance": self.ece_by_chance.to_json(),
            "excess": rounded(self.excess),
            "p_value": rounded(self.p_value),
            "brier": self.brier.to_json(),
            "bins": [one.to_json() for one in self.bins],
        }


def reliability(
    proba: NDArray[np.float32], y: Ints, rng: np.random.Generator, n_bootstrap: int = 1000
) -> Reliability:
    """Confidence against accuracy, for probabilities (n, C) of rows whose true class numbers are `y`, (n,).

    The intervals depend on the order of the rows: bring them sorted by id.

    Raises:
        ValueError: no rows, shapes that do not fit, or numbers that are no class numbers or probabilities.

    >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], dtype=np.float32)
    >>> found = reliability(proba, np.array([0, 1, 1]), np.random.default_rng(0))
    >>> round(found.gap.value, 3), found.verdict
    (0.133, 'calibrated')
    """
    check(proba, y, proba.shape[-1], n_bootstrap)
    n = len(y)
    confidence, right = proba.max(axis=1).astype(np.float64), proba.argmax(axis=1) == y
    bins = equal_mass(confidence)
    order = np.argsort(bins, kind="stable")
    confidence, right = confidence[order], right[order]
    starts = np.unique(bins[order], return_index=True)[1]

    def ece(gaps: Floats) -> Floats:
        errors: Floats = np.abs(np.add.reduceat(gaps, starts, axis=1)).sum(axis=1) / n
        return errors

    gap = confidence - right
    found = float(ece(gap[None])[0])
    weighted = [(ece(w * gap), (w * gap).sum(axis=1) / n) for w in resamples(n, n_bootstrap, rng)]
    ece_drawn, gap_drawn = (np.concatenate(draws) for draws in zip(*weighted, strict=True))
    by_chance = np.concatenate(
        [ece(confidence - (rng.random((b, n)) < confidence)) for b in blocks(n, n_bootstrap)]
    )
    return Reliability(
        n=n,
        ece=interval(found, ece_drawn),
        ece_by_chance=interval(by_chance.mean(), by_chance),
        p_value=(1 + int((by_chance >= found - _SAME).sum())) / (1 + n_bootstrap),
        gap=_gap(confidence, right, gap_drawn),
        brier=brier_parts(proba, y),
        bins=tuple(
            Bin(len(rows), float(confidence[rows].mean()), share(int(right[rows].sum()), len(rows)))
            for rows in np.split(np.arange(n), starts[1:])
        ),
    )


def brier_parts(proba: NDArray[np.float32], y: Ints) -> BrierParts:
    """The Brier score of probabilities (n, C) for true class numbers (n,), taken apart."""
    parts = np.sum([_parts(proba[:, c].astype(np.float64), y == c) for c in range(proba.shape[1])], axis=0)
    return BrierParts(*parts.tolist())


def _parts(p: Floats, is_so: NDArray[np.bool_]) -> list[float]:
    """The score of one class against the rest and its parts, in the order of `BrierParts`."""
    _, bins = np.unique(equal_mass(p), return_inverse=True)
    n, outcome, mean = np.bincount(bins), is_so.astype(np.float64), float(is_so.mean())
    p_bin, o_bin = np.bincount(bins, p) / n, np.bincount(bins, outcome) / n
    p_off, o_off = p - p_bin[bins], outcome - o_bin[bins]
    return [
        float(((p - outcome) ** 2).mean()),
        float(np.average((p_bin - o_bin) ** 2, weights=n)),
        float(np.average((o_bin - mean) ** 2, weights=n)),
        mean * (1 - mean),
        float((p_off**2).mean()),
        float(2 * (p_off * o_off).mean()),
    ]


def _gap(confidence: Floats, right: NDArray[np.bool_], draws: Floats) -> Estimate:
    """Confidence minus accuracy; all right or all wrong is known no better than the exact bound says."""
    if right.all() or not right.any():
        accuracy, mean = share(int(right.sum()), len(right)), float(confidence.mean())
        return Estimate(mean - accuracy.value, mean - accuracy.high, mean - accuracy.low)
    return interval((confidence - right).mean(), draws)
