"""What the criteria that watch a metric share: its name, which way is better, its figures in a round."""

from __future__ import annotations

from alcli.stopping import Past

HIGHER_IS_BETTER = {"accuracy": True, "macro_f1": True, "log_loss": False, "brier": False, "ece": False}


def check_metric(metric: str) -> None:
    """Raises ValueError for a metric that no round has."""
    if not isinstance(metric, str) or metric not in HIGHER_IS_BETTER:
        raise ValueError(f"metric must be one of {', '.join(HIGHER_IS_BETTER)}, found {metric!r}")


def lacking(metric: str, past: Past) -> str:
    """Why nothing can be said: the round was not measured."""
    return f"round {past.round} has no {metric} yet: no validation row was labeled when it was trained"
