"""Arms against a baseline: areas, label counts that reach a target, savings, tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcli.curves.crossing import TOLERANCE, end, first_at
from alcli.curves.paired import ALPHA, holm, signed_rank
from alcli.curves.resampling import Resamples
from alcli.estimate import Estimate

Floats = NDArray[np.float64]

_CLOSE = 1e-6  # labels


@dataclass(frozen=True)
class Curves:
    """The learning curves of one arm, (R, T): R repeats of T rounds, NaN where a repeat has fewer.

    Attributes:
        n_labels: labels that the model of a round learned from, ascending along a row.
        values: its metric.
    """

    n_labels: Floats
    values: Floats

    def __post_init__(self) -> None:
        if self.n_labels.ndim != 2 or self.n_labels.shape != self.values.shape or not self.n_labels.size:
            raise ValueError(f"curves of {self.n_labels.shape} label counts and {self.values.shape} values")
        known = np.isfinite(self.n_labels)
        if not np.array_equal(known, np.isfinite(self.values)):
            raise ValueError("a label count without a value, or a value without a label count")
        if not known[:, 0].all() or (known[:, 1:] & ~known[:, :-1]).any():
            raise ValueError("every repeat needs a first round, and none after one that is missing")
        if (np.diff(self.n_labels, axis=1) <= 0).any():
            raise ValueError("label counts must ascend from round to round")

    def at(self, grid: Floats) -> Floats:
        """(R, M) the values at label counts (M,), linear between rounds."""
        rounds = np.isfinite(self.n_labels).sum(axis=1).tolist()
        rows = zip(self.n_labels, self.values, rounds, strict=True)
        return np.array([np.interp(grid, labels[:n], values[:n]) for labels, values, n in rows])

    def last(self) -> Floats:
        """(R,) the label count of each repeat's last round."""
        found: Floats = np.nanmax(self.n_labels, axis=1)
        return found

    def rounds_to(self, labels: float) -> int:
        """Queries until the repeats have that many labels, on average; all of them where they never have."""
        known = np.isfinite(self.n_labels)
        mean = np.where(known, self.n_labels, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        enough = np.flatnonzero(mean >= labels - _CLOSE)
        return int(enough[0]) if len(enough) else self.n_labels.shape[1] - 1


@dataclass(frozen=True)
class Arm:
    """What the curves of one arm show; every p-value is two-sided.

    Attributes:
        auc: mean height of the curve on the label counts that all arms share (area by label range).
        final: value at the full budget.
        labels_to_target: where the mean curve reaches the target, the full budget where it never does.
        saving: (baseline - arm) / the larger of the two labels_to_target: the share of the baseline's
            labels that the arm does without; negative, the share of the arm's that the baseline does without.
        not_reached: repeats whose own curve never reaches what the baseline's has at the full budget.
        rounds_to_target: queries until then; None where the mean curve never reaches the target.
        p_value: of the area against the baseline's, corrected for the number of arms.
        p_best: of the area against the best arm's, corrected likewise.
        worse_until: from the start the arm lies below the baseline, significantly so at this label count
            and at none later in that stretch; None where it does not.
        better_from: from here, significantly, and until the full budget the arm lies above the baseline.
    """

    auc: Estimate
    final: Estimate
    labels_to_target: float
    saving: Estimate
    not_reached: int
    rounds_to_target: int | None
    p_value: float
    p_best: float
    worse_until: float | None
    better_from: float | None

    @property
    def against_best(self) -> bool:
        """Whether the arm can be told from the best one."""
        return self.p_best < ALPHA


@dataclass(frozen=True)
class Comparison:
    """All arms on the label counts that they share, from `start` to `budget`, the full budget.

    Attributes:
        best: the arm of the best mean area, of equal ones the first by name.
        target: what the baseline's mean curve, made monotone, has at the full budget.
    """

    baseline: str
    best: str
    n_repeats: int
    start: float
    budget: float
    target: float
    higher_is_better: bool
    arms: Mapping[str, Arm]


def compare(
    arms: Mapping[str, Curves],
    baseline: str,
    *,
    higher_is_better: bool,
    rng: np.random.Generator,
    n_bootstrap: int = 2000,
) -> Comparison:
    """Every arm against the baseline, with 95% bootstrap intervals over the repeats.

    A resample draws the same repeats for all arms. Neither the order of the arms nor that of the repeats
    matters, and what other arms there are matters only for the range that all share and for the corrections.

    The target and where it is reached are read off mean curves made monotone, the baseline's as any other
    (see `crossing`). So the baseline reaches its own target at the full budget, or where it levels off.

    Raises:
        ValueError: no such baseline, unequal numbers of repeats, or no label count that all arms share.
    """
    _check(arms, baseline)
    start = max(float(curves.n_labels[:, 0].max()) for curves in arms.values())
    budget = min(float(curves.last().min()) for curves in arms.values())
    if start > budget:
        raise ValueError(f"the arms share no label count: one starts at {start:g}, one ends at {budget:g}")
    n_repeats, sign = len(arms[baseline].values), 1.0 if higher_is_better else -1.0
    ordered = _in_one_order(arms)
    tracks = {name: _track(ordered[name], start, budget, sign) for name in arms}
    areas = {name: track.areas() for name, track in tracks.items()}
    best = max(sorted(tracks), key=lambda name: math.fsum(areas[name]))
    p_value, p_best = _against(areas, baseline), _against(areas, best)
    race = _Race(tracks[baseline], Resamples(n_repeats, n_bootstrap, rng))
    return Comparison(
        baseline=baseline,
        best=best,
        n_repeats=n_repeats,
        start=start,
        budget=budget,
        target=sign * float(race.targets[0]),
        higher_is_better=higher_is_better,
        arms={name: race.run(track, p_value[name], p_best[name]) for name, track in tracks.items()},
    )


@dataclass(frozen=True)
class _Track:
    """An arm's curves within the shared range.

    Attributes:
        curves: what it was made of.
        sign: -1 where lower is better; all values here are higher = better.
        grid: (M,) label counts from the start to the full budget: those of the arm's own rounds.
        values: (R, M).
    """

    curves: Curves
    sign: float
    grid: Floats
    values: Floats

    def at(self, grid: Floats) -> Floats:
        """(R, M) at any label counts (M,)."""
        return self.sign * self.curves.at(grid)

    def areas(self) -> Floats:
        """(R,) mean height of each curve; the height itself where the range is one point."""
        if len(self.grid) == 1:
            return self.values[:, 0]
        found: Floats = np.trapezoid(self.values, self.grid, axis=1) / (self.grid[-1] - self.grid[0])
        return found


def _track(curves: Curves, start: float, budget: float, sign: float) -> _Track:
    own = curves.n_labels[(curves.n_labels > start) & (curves.n_labels < budget)]
    grid = np.unique(np.concatenate([own, [start, budget]]))
    return _Track(curves, sign, grid, sign * curves.at(grid))


class _Race:
    """All arms run for the baseline's end, in the data and in each resample."""

    def __init__(self, baseline: _Track, resamples: Resamples) -> None:
        self.baseline = baseline
        self.resamples = resamples
        self.targets = end(resamples.means(baseline.values))  # (B + 1,)
        self.labels = self._labels(baseline)

    def run(self, track: _Track, p_value: float, p_best: float) -> Arm:
        """What an arm shows."""
        labels, mean = self._labels(track), self.resamples.means
        reached = bool(end(mean(track.values)[:1])[0] >= self.targets[0] - TOLERANCE)
        worse_until, better_from = _stretches(track, self.baseline)
        return Arm(
            auc=self.resamples.estimate(track.sign * mean(track.areas())),
            final=self.resamples.estimate(track.sign * mean(track.values[:, -1])),
            labels_to_target=float(labels[0]),
            saving=self.resamples.estimate((self.labels - labels) / np.maximum(self.labels, labels)),
            not_reached=int((end(track.values) < end(self.baseline.values) - TOLERANCE).sum()),
            rounds_to_target=track.curves.rounds_to(float(labels[0])) if reached else None,
            p_value=p_value,
            p_best=p_best,
            worse_until=worse_until,
            better_from=better_from,
        )

    def _labels(self, track: _Track) -> Floats:
        """(B + 1,) labels to the target, the full budget where it is not reached."""
        found = first_at(track.grid, self.resamples.means(track.values), self.targets)
        labels: Floats = np.minimum(found, track.grid[-1])
        return labels


def _against(areas: Mapping[str, Floats], other: str) -> dict[str, float]:
    """Corrected p-values of all arms against one; its own is 1."""
    names = [name for name in areas if name != other]
    tested = holm([signed_rank(areas[name] - areas[other]) for name in names])
    return {other: 1.0, **dict(zip(names, tested, strict=True))}


def _stretches(track: _Track, baseline: _Track) -> tuple[float | None, float | None]:
    """Up to where from the start the arm is worse than the baseline, and from where to the end better.

    Points where no repeat differs, as all start from one seed set, can show nothing and are not counted
    among the tests (Tarone, Biometrics 46, 1990).
    """
    differences = np.round(track.values - baseline.at(track.grid), 12)
    points = np.flatnonzero(differences.any(axis=0))
    grid, differences = track.grid[points], differences[:, points]
    mean = differences.mean(axis=0)
    tests = holm([signed_rank(column) for column in differences.T])
    sure = np.array(tests) < ALPHA
    worse = grid[sure & np.logical_and.accumulate(mean < 0)]
    better = grid[sure & np.logical_and.accumulate(mean[::-1] > 0)[::-1]]
    return (float(worse[-1]) if len(worse) else None), (float(better[0]) if len(better) else None)


def _in_one_order(arms: Mapping[str, Curves]) -> dict[str, Curves]:
    """The repeats of all arms in an order that depends on nothing but their numbers."""
    keys = [array for name in sorted(arms) for array in (arms[name].values, arms[name].n_labels)]
    order = np.lexsort(np.concatenate(keys, axis=1).T)
    return {name: Curves(curves.n_labels[order], curves.values[order]) for name, curves in arms.items()}


def _check(arms: Mapping[str, Curves], baseline: str) -> None:
    if baseline not in arms:
        raise ValueError(f"the baseline {baseline!r} is none of the arms: {', '.join(arms)}")
    repeats = {name: len(curves.values) for name, curves in arms.items()}
    if len(set(repeats.values())) > 1:
        raise ValueError(f"the arms are not paired, their repeats differ: {repeats}")
