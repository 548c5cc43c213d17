"""How long finished replays are kept: so that the next run need not do them again, but not for ever."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

MOST_KEPT = 100_000_000
"""Bytes of replays that the last run did not use: of some 50 runs with 10 strategies in 30 repeats."""


def prune(folder: Path, used: Collection[Path]) -> None:
    """Remove all but the used parts and the newest others, and what a killed run left half written.

    The folder's lock is held, so nobody else is writing here.
    """
    gone = list(folder.glob(".*.tmp-alcli"))
    others = {path: path.stat() for path in folder.glob("[0-9a-f]*.json") if path not in used}
    total = 0
    for path, stat in sorted(others.items(), key=lambda other: (-other[1].st_mtime_ns, other[0])):
        total += stat.st_size
        if total > MOST_KEPT:
            gone.append(path)
    for path in gone:
        with suppress(OSError):  # one that stays does no harm
            path.unlink()
