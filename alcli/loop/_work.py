"""Refuses, before it starts, what would take hours or more memory than is allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alcli.config.query import Query
from alcli.errors import ConfigError
from alcli.loop._ground import Ground
from alcli.strategies import Size, Strategy

GIB = 2**30


def check_work(ground: Ground, key: str, name: str, strategy: Strategy, size: Size) -> None:
    """Nothing, where a choice stays within `query.max_minutes` and `query.max_gib`.

    Args:
        key: of the config that names the strategy, for the error.

    Raises:
        ConfigError: it would not; with what the strategy declares, and what would do.
    """
    limits = ground.config.query
    try:
        work, allowed = strategy.work(size), _allowed(strategy, size, limits)
    except Exception as error:  # a user's strategy may raise anything
        what = f"the strategy {name!r} cannot be used: work raised {type(error).__name__}: {error}"
        raise ConfigError(what, where=ground.where(key)) from error
    if allowed:
        return
    takes = f"about {_time(work.seconds)} of CPU time and {_memory(work.memory)}"
    most = f"{_time(60 * limits.max_minutes)} and {_memory(GIB * limits.max_gib)}"
    message = (
        f"{name} would take {takes} for a batch of {size.batch_size:,} from {size.n:,} rows "
        f"({strategy.cost}); query.max_minutes and query.max_gib allow {most}"
    )
    raise ConfigError(message, where=ground.where(key), hint=_advice(strategy, size, limits))


def _allowed(strategy: Strategy, size: Size, limits: Query) -> bool:
    work = strategy.work(size)
    fits = strategy.kind == "score" or work.memory <= GIB * limits.max_gib  # scores are a stream
    return fits and work.seconds <= 60 * limits.max_minutes


def _advice(strategy: Strategy, size: Size, limits: Query) -> str:
    """What to change so that it would be allowed."""
    found = []
    if strategy.kind == "set":
        rows = _largest(lambda n: _allowed(strategy, replace(size, n=n), limits), size.n)
        if size.batch_size <= rows < size.n:
            found.append(f"set query.shortlist to {rows:,} or less".replace(",", ""))
        batch = _largest(
            lambda k: _allowed(strategy, replace(size, batch_size=k, n=max(k, min(size.n, 10 * k))), limits),
            size.batch_size,
        )
        if 0 < batch < size.batch_size:
            found.append(f"ask for {batch:,} rows or fewer, ten times as many in the shortlist")
    return ", or ".join([*found, "raise query.max_minutes or query.max_gib", "take another strategy"])


def _largest(holds: Any, most: int) -> int:
    """The largest number up to `most` for which something holds that holds for all smaller ones; else 0."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _time(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.2g} seconds"


def _memory(size: float) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 2**20:.2g} MiB"
