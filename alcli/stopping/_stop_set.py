"""What the criteria that watch the stop set say where it has no figure for them."""

from __future__ import annotations

from alcli.stopping import Past


def cannot_compare(past: Past) -> str:
    """Why a round has no `kappa` and no `changed`."""
    if past.stop_set is None:
        return _no_stop_set(past)
    return f"round {past.round} is the first with a stop set: its predictions have none to compare with"


def cannot_doubt(past: Past) -> str:
    """Why a round has no entropies."""
    if past.stop_set is None:
        return _no_stop_set(past)
    return f"round {past.round}'s stop set has no unlabeled row ({past.stop_set.n_rows} in all)"


def _no_stop_set(past: Past) -> str:
    return f"round {past.round} has no stop set: an older alcli trained it"
