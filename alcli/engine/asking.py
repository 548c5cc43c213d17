"""Strategies, which may be anybody's, are asked, and their answers looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcli.errors import AlcliError, ConfigError

Positions = NDArray[np.int64]


def asked_score(strategy: Any, name: str, candidates: Any) -> NDArray[np.float32]:
    """(n,) float32, a strategy's score of some rows.

    Raises:
        ConfigError: it fails, or gives anything but one finite number a row.
    """
    try:
        score = np.asarray(strategy.score(candidates), dtype=np.float32)
    except Exception as error:  # a user's strategy may raise anything
        raise _faulty(name, f"score raised {type(error).__name__}: {error}") from error
    if score.shape != (len(candidates),):
        raise _faulty(name, f"score gave an array of shape {score.shape} for {len(candidates)} rows")
    if not np.isfinite(score).all():
        raise _faulty(name, "score gave NaN or infinite numbers")
    return score


def asked_survey(strategy: Any, name: str, pool: Iterable[Any]) -> Any:
    """A strategy that has looked at the whole pool.

    Raises:
        ConfigError: it fails.
    """
    try:
        return strategy.survey(pool)
    except AlcliError:
        raise
    except Exception as error:  # a user's strategy may raise anything
        raise _faulty(name, f"survey raised {type(error).__name__}: {error}") from error


def asked_choice(strategy: Any, name: str, candidates: Any, size: int, rng: np.random.Generator) -> Positions:
    """Positions of the rows that a strategy chooses together.

    Raises:
        ConfigError: it fails, gives anything but distinct positions, or too few where there are no others.
    """
    try:
        chosen = np.asarray(strategy.select(candidates, size, rng))
    except Exception as error:  # a user's strategy may raise anything
        raise _faulty(name, f"select raised {type(error).__name__}: {error}") from error
    if chosen.ndim != 1 or not (np.issubdtype(chosen.dtype, np.integer) or not len(chosen)):
        raise _faulty(name, f"select gave {chosen.dtype} of shape {chosen.shape}, positions are needed")
    inside = (chosen >= 0) & (chosen < len(candidates))
    if not inside.all() or len(np.unique(chosen)) < len(chosen):
        raise _faulty(name, "select gave a position twice, or one that is no row")
    wanted = min(size, len(candidates))
    if len(chosen) < wanted and candidates.beyond == -np.inf:
        raise _faulty(name, f"select gave {len(chosen):,} of {wanted:,} rows")
    return chosen[:size].astype(np.int64)


def _faulty(name: str, what: str) -> ConfigError:
    return ConfigError(f"the strategy {name!r} cannot be used: {what}", where="query.strategy")
