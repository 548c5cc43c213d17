"""Whole processes, measured by the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ALCLI = Path(sys.executable).parent / "alcli"
ROOT = Path(__file__).parents[2]
KIB = 1024


@dataclass(frozen=True)
class Cost:
    """What processes cost: CPU and clock seconds add up, the peak memory is the highest."""

    cpu: float
    wall: float
    peak: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.cpu + other.cpu, self.wall + other.wall, max(self.peak, other.peak))


def run(arguments: Sequence[str | Path], folder: Path | None = None) -> Cost:
    """Run a process to its end and measure it, with the children it waited for.

    Raises:
        RuntimeError: it failed; the message holds what it printed.
    """
    with (Path(os.devnull)).open("rb") as nothing:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(a) for a in arguments],
            cwd=folder,
            stdin=nothing,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        words = process.stderr.read().decode() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))} ended with {process.returncode}:\n{words}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / KIB)


def alcli(folder: Path, *arguments: str | Path) -> Cost:
    """Run an alcli command in a project directory, as from the shell."""
    return run([ALCLI, *arguments], folder)


def make_pool(kind: str, folder: Path, size: int | Path) -> Cost:
    """Run `tests.benchmark.pools`."""
    return run([sys.executable, "-m", "tests.benchmark.pools", kind, folder, str(size)], ROOT)


def side_by_side(runs: int, contenders: dict[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """The median cost of each contender; they take turns, so that a busy neighbour disturbs all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, contender in contenders.items():
            costs[name].append(contender())
    return {name: middle(found) for name, found in costs.items()}


def middle(costs: Sequence[Cost]) -> Cost:
    """The medians."""
    return Cost(median(c.cpu for c in costs), median(c.wall for c in costs), median(c.peak for c in costs))


def show(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown."""
    say(f"\n{title}\n")
    for row in (header, ["---"] * len(header), *rows):
        say(f"| {' | '.join(row)} |")


def say(line: str) -> None:
    """Print a line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
