"""A comparison in plain sentences, none of which says more than the data do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alcli.curves.comparison import Arm, Comparison
from alcli.curves.paired import ALPHA, repeats_needed, smallest_p

_CLOSE = 0.5  # labels


def verdict(comparison: Comparison, metric: str) -> list[str]:
    """What a reader may conclude about each arm, the best first.

    A saving is stated only where its whole interval is above 0, shown as at least 1%, and the arm's area is
    significantly better than the baseline's.
    """
    others = {name: arm for name, arm in comparison.arms.items() if name != comparison.baseline}
    if comparison.n_repeats == 1:
        return ["One repeat proves nothing: any difference may be luck."]
    if not others:
        return []
    if smallest_p(comparison.n_repeats, len(others)) > ALPHA:
        return [_too_few(comparison.n_repeats, len(others))]
    ranked = sorted(others, key=lambda name: (-_height(comparison, others[name]), name))
    sentences = [sentence for name in ranked for sentence in _about(comparison, name, metric)]
    return [*sentences, *_like_the_best(comparison, ranked)]


def _too_few(n_repeats: int, n_arms: int) -> str:
    arms = "an arm" if n_arms == 1 else f"{n_arms} arms"
    return (
        f"{n_repeats} repeats are too few to tell {arms} from the baseline: no difference, however large, "
        f"would be significant. It takes at least {repeats_needed(n_arms)}."
    )


def _about(comparison: Comparison, name: str, metric: str) -> Iterator[str]:
    """The sentences on one arm against the baseline."""
    arm, baseline = comparison.arms[name], _spoken(comparison.baseline)
    if arm.p_value >= ALPHA:
        yield f"{name} does no better than {baseline} on this data ({_p(arm)})."
    elif not _better(comparison, arm):
        yield f"{name} does worse than {baseline} on this data ({_p(arm)})."
    elif round(100 * arm.saving.low) > 0:
        yield _saves(comparison, name, metric)
    else:
        yield f"{name} does better than {baseline} over the whole budget ({_p(arm)}), but no saving is shown."
    yield from _along(comparison, name)


def _saves(comparison: Comparison, name: str, metric: str) -> str:
    arm, base = comparison.arms[name], comparison.arms[comparison.baseline]
    baseline = _spoken(comparison.baseline)
    low, value, high = (round(100 * share) for share in (arm.saving.low, arm.saving.value, arm.saving.high))
    own = (
        ""
        if _is_budget(comparison, base.labels_to_target)
        else (f" labels, {baseline} with {base.labels_to_target:,.0f}")
    )
    return (
        f"{name} saves {value}% [{low}, {high}] of the labels on this data: it reaches {baseline}'s {metric} "
        f"at {comparison.budget:,.0f} labels ({comparison.target:.3f}) with {arm.labels_to_target:,.0f}{own}."
    )


def _along(comparison: Comparison, name: str) -> Iterator[str]:
    """Where along the budget the arm is worse, and where better, unless that is everywhere."""
    arm, baseline = comparison.arms[name], _spoken(comparison.baseline)
    worse, better = arm.worse_until, arm.better_from
    if worse is not None and not _is_budget(comparison, worse):
        later = f", and better from {better:,.0f} on" if better is not None else ""
        yield f"{name} is worse than {baseline} up to {worse:,.0f} labels{later}."
    elif better is not None and not (arm.p_value < ALPHA and _better(comparison, arm)):
        yield f"{name} is better than {baseline} from {better:,.0f} labels on."


def _like_the_best(comparison: Comparison, ranked: Sequence[str]) -> Iterator[str]:
    """Those that do better than the baseline, but cannot be told from the best arm."""
    sure = [name for name in ranked if _sure(comparison, name)]
    if comparison.best in sure:
        alike = [name for name in sure if name != comparison.best and not comparison.arms[name].against_best]
        if alike:
            verb = "is" if len(alike) == 1 else "are"
            yield f"{_listed(alike)} {verb} not distinguishable from {comparison.best}."


def _sure(comparison: Comparison, name: str) -> bool:
    arm = comparison.arms[name]
    return arm.p_value < ALPHA and _better(comparison, arm)


def _better(comparison: Comparison, arm: Arm) -> bool:
    return _height(comparison, arm) > _height(comparison, comparison.arms[comparison.baseline])


def _height(comparison: Comparison, arm: Arm) -> float:
    return arm.auc.value if comparison.higher_is_better else -arm.auc.value


def _is_budget(comparison: Comparison, labels: float) -> bool:
    return labels > comparison.budget - _CLOSE


def _p(arm: Arm) -> str:
    return "p < 0.001" if arm.p_value < 0.001 else f"p = {arm.p_value:.2g}"


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
