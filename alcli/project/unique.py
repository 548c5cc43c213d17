"""Finds equal hashes among any number of them in flat memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from alcli.tables.atomic import file_errors
from alcli.tables.hashing import Hashes

_IN_MEMORY = 1 << 22
_BUCKET_BITS = 6


class DuplicateFinder:
    """Takes hashes, then tells which came more than once.

    Up to 4 million stay in memory; more go to 64 scratch files by their top bits, each looked at alone.
    """

    def __init__(self, scratch: Path) -> None:
        self._folder = scratch / "ids"
        self._held: list[Hashes] = []
        self._count = 0
        self._spilled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spilled:
            shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, hashes: Hashes) -> None:
        """Take some more."""
        self._held.append(hashes)
        self._count += len(hashes)
        if self._count > _IN_MEMORY:
            self._spill()

    def duplicates(self) -> Hashes:
        """Sorted distinct hashes that came more than once."""
        if not self._spilled:
            return _repeated(self._held)
        self._spill()
        found = [_repeated([np.fromfile(path, dtype=np.uint64)]) for path in sorted(self._folder.glob("*"))]
        return np.concatenate(found) if found else np.empty(0, dtype=np.uint64)

    def _spill(self) -> None:
        if not self._count:
            return
        if not self._spilled:
            shutil.rmtree(self._folder, ignore_errors=True)
        with file_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._spilled = True
            ordered = np.sort(np.concatenate(self._held))
            edges = np.searchsorted(
                ordered, np.arange(1, 1 << _BUCKET_BITS, dtype=np.uint64) << np.uint64(64 - _BUCKET_BITS)
            )
            for number, part in enumerate(np.split(ordered, edges)):
                with (self._folder / f"{number:02d}").open("ab") as file:
                    part.tofile(file)
        self._held, self._count = [], 0


def _repeated(parts: list[Hashes]) -> Hashes:
    if not parts:
        return np.empty(0, dtype=np.uint64)
    ordered = np.sort(np.concatenate(parts))
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
