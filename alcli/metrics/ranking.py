"""Whether uncertainty finds the errors: are the rows that a model is unsure of those that it gets wrong?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alcli.estimate import Estimate, rounded
from alcli.metrics._sampling import Floats, Ints, interval, resamples

Verdict = Literal["informative", "inverted", "unclear"]
_SAME = 1e-12  # sums in another order


@dataclass(frozen=True)
class RiskCoverage:
    """The area under the risk-coverage curve of n rows, and what would be good or bad.

    Attributes:
        area: (1 / n) sum_k r_k, with r_k the share of errors among the k rows of least uncertainty (AURC;
            Geifman and El-Yaniv, NeurIPS 2017; Geifman, Uziel and El-Yaniv, ICLR 2019). Rows of equal
            uncertainty count as in the mean over all their orders. Less is better.
        random: what a random order has: the error rate.
        perfect: what the best order has: all errors last.
        difference: area minus random, both of the same resample.
        verdict: informative where the interval of the difference is below 0, inverted where it is above
            (the sure rows are those that are wrong), unclear where it covers 0.
        informative: True, False and None for those three.
    """

    n: int
    area: Estimate
    random: float
    perfect: float
    difference: Estimate

    @property
    def informative(self) -> bool | None:
        if self.difference.high < -_SAME:
            return True
        return False if self.difference.low > _SAME else None

    @property
    def verdict(self) -> Verdict:
        if self.informative is None:
            return "unclear"
        return "informative" if self.informative else "inverted"

    def to_json(self) -> dict[str, Any]:
        """A plain document, floats rounded to 6 decimals."""
        return {
            "n": self.n,
            "verdict": self.verdict,
            "area": self.area.to_json(),
            "random": rounded(self.random),
            "perfect": rounded(self.perfect),
            "difference": self.difference.to_json(),
        }


def risk_coverage(
    uncertainty: NDArray[np.floating[Any]],
    wrong: NDArray[np.bool_],
    rng: np.random.Generator,
    n_bootstrap: int = 1000,
) -> RiskCoverage:
    """How well `uncertainty`, (n,) higher = less sure, ranks the rows that are `wrong`, (n,).

    The intervals depend on the order of the rows: bring them sorted by id.

    Raises:
        ValueError: no rows, not as many in both, or uncertainty that is not finite.

    >>> found = risk_coverage(np.array([0.1, 0.2, 0.3]), np.array([0, 0, 1]), np.random.default_rng(0))
    >>> round(found.area.value, 3), round(found.random, 3), found.verdict
    (0.111, 0.333, 'unclear')
    """
    if not len(wrong) or np.shape(uncertainty) != np.shape(wrong):
        raise ValueError(
            f"{len(uncertainty)} uncertainties of {len(wrong)} rows: as many are needed, and any"
        )
    if not np.isfinite(uncertainty).all():
        raise ValueError("uncertainty must be finite")
    if n_bootstrap < 1:
        raise ValueError(f"n_bootstrap must be at least 1, found {n_bootstrap}")
    n = len(wrong)
    order = np.argsort(uncertainty, kind="stable")
    errors = np.asarray(wrong, dtype=np.bool_)[order].astype(np.int64)
    starts = np.unique(uncertainty[order], return_index=True)[1]
    everything = np.ones((1, n), dtype=np.int64)
    area = float(_areas(everything, errors, starts)[0])
    drawn = [
        (_areas(w, errors, starts), (w * errors).sum(axis=1) / n) for w in resamples(n, n_bootstrap, rng)
    ]
    areas, rates = (np.concatenate(draws) for draws in zip(*drawn, strict=True))
    rate = float(errors.mean())
    return RiskCoverage(
        n=n,
        area=interval(area, areas),
        random=rate,
        perfect=float(_areas(everything, np.sort(errors), np.arange(n))[0]),
        difference=interval(area - rate, areas - rates),
    )


def _areas(weights: Ints, errors: Ints, starts: Ints) -> Floats:
    """(b,) areas of b weightings (b, n) of rows by rising uncertainty, in groups of equal ones.

    In a group of m rows with e errors, after s rows with E errors, the k-th row overall has the expected risk
    (E + (k - s) e / m) / k; summed over the group that is E h + (m - s h) e / m, where h = sum of its 1 / k.
    """
    m = np.add.reduceat(weights, starts, axis=1)
    e = np.add.reduceat(weights * errors, starts, axis=1)
    ends, errors_so_far = m.cumsum(axis=1), e.cumsum(axis=1)
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, weights.shape[1] + 1)))
    h = harmonic[ends] - harmonic[ends - m]
    risks = (errors_so_far - e) * h + (m - (ends - m) * h) * e / np.maximum(m, 1)
    total: Floats = risks.sum(axis=1) / weights.shape[1]
    return total
