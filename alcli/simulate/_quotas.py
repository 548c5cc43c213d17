"""Quotas by a column, where only labeled rows can be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from alcli.config import Config
from alcli.loop._quotas import check_segments
from alcli.simulate._memory import HeldPool


def check_quotas(config: Config, where: Callable[[str], str], pool: HeldPool) -> None:
    """Every segment that the quotas name has a labeled row, as `query` asks of the pool.

    Raises:
        ConfigError: the first that has none.
    """
    for column, shares in (config.query.quotas or {}).items():
        if not isinstance(shares, str):
            there = pool.held.shown[column].unique().to_pylist()
            check_segments(column, shares, there, "labeled row", where)


def unfilled(config: Config, pool: HeldPool, starts: Sequence[Sequence[str]], asked: int) -> list[str]:
    """Warnings of segments that have fewer rows than their quota.

    Args:
        starts: for each repeat, ids of the test rows and of the seed set, which no query may ask.
        asked: rows that the queries of a replay ask in all.
    """
    warnings = []
    for column, shares in (config.query.quotas or {}).items():
        if isinstance(shares, str):
            continue
        n_short = Counter[str]()
        for ids in starts:
            closed = pc.is_in(pool.ids, value_set=pa.array(ids, pa.string()))
            left = Counter(pool.held.shown[column].filter(pc.invert(closed)).to_pylist())
            n_short.update(name for name, share in shares.items() if left[name] < share * asked)
        for name, count in sorted(n_short.items()):
            repeats = f"{count:,} of {len(starts):,} repeats"
            warnings.append(f"the quota of {name!r} has too few rows in {repeats}: filled as far as they go")
    return warnings
