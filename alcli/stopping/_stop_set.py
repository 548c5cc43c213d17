"""What the criteria that watch the stop set say where it has no figure for them."""

from __future__ import annotations

from alcli.stopping import Past


def unknown(past: Past) -> str:
    """Why a round lacks a figure of the stop set."""
    if past.stop_set is None:
        return f"round {past.round} has no stop set: an older alcli trained it"
    if not past.stop_set.n_unlabeled:
        return f"round {past.round}'s stop set has no unlabeled row ({past.stop_set.n_rows} in all)"
    return f"round {past.round} is the first with a stop set: its predictions have none to compare with"
