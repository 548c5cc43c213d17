"""Where things lie: the area inside the axes, what its sides stand for, room for names."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from alcli.drawing.shapes import Point, width_of
from alcli.drawing.ticks import tick_labels, ticks

TITLE, NAME, TICK = 19, 13.5, 12.5  # sizes of text
TITLE_LINE, NAME_LINE = 25, 17  # pixels from one line to the next
LEADER = 26  # from the end of a curve to its name
_WIDTH, _HEIGHT = 640, 380  # of the area inside the axes


@dataclass(frozen=True)
class Spot:
    """One point of a curve; low <= y <= high."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """A named curve of at least one point."""

    name: str
    points: tuple[Spot, ...]


@dataclass(frozen=True)
class Frame:
    """The area inside the axes and what lies around it.

    Attributes:
        left, top, bottom, right: pixels.
        x, y: what the sides stand for.
        title: its lines.
    """

    left: float
    top: float
    right: float
    bottom: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    title: Sequence[str]

    def across(self, x: float) -> float:
        """Pixels from the left."""
        low, high = self.x
        return self.left + (x - low) / (high - low) * (self.right - self.left)

    def down(self, y: float) -> float:
        """Pixels from the top."""
        low, high = self.y
        return self.bottom - (y - low) / (high - low) * (self.bottom - self.top)

    def at(self, x: float, y: float) -> Point:
        """Both."""
        return self.across(x), self.down(y)


def frame_of(curves: Sequence[Curve], target: float | None, title: str) -> Frame:
    """A frame that holds the curves with their intervals, the target, the title and all names."""
    spots = [spot for curve in curves for spot in curve.points]
    heights = [end for spot in spots for end in (spot.low, spot.high)]
    heights += [target] if target is not None else []
    y_low, y_high, y_ticks = _upright(heights)
    x_low, x_high = min(spot.x for spot in spots), max(spot.x for spot in spots)
    x_ticks = _lengthwise(x_low, x_high)
    if x_low == x_high:
        x_low, x_high = x_low - max(1, abs(x_low) / 2), x_high + max(1, abs(x_high) / 2)
    left = 30 + max(width_of(label, TICK) for label in tick_labels(y_ticks))
    right = left + _WIDTH
    width = right + LEADER + 28 + max(width_of(curve.name, 1.08 * NAME) for curve in curves)
    lines = textwrap.wrap(title, max(12, int((width - 40) / (0.56 * TITLE))))
    top = 62 + TITLE_LINE * len(lines)
    bottom = top + max(_HEIGHT, NAME_LINE * (len(curves) + 1))
    return Frame(
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        width=math.ceil(width),
        height=math.ceil(bottom + 62),
        x=(x_low, x_high),
        y=(y_low, y_high),
        x_ticks=x_ticks,
        y_ticks=y_ticks,
        title=lines,
    )


def _upright(heights: Sequence[float]) -> tuple[float, float, list[float]]:
    """Where the upright axis starts and ends, a little beyond the curves, and its ticks."""
    around = ticks(heights, most=8)
    if min(heights) == max(heights):
        return around[0], around[-1], around
    margin = 0.05 * (max(heights) - min(heights))
    low, high = max(around[0], min(heights) - margin), min(around[-1], max(heights) + margin)
    return low, high, [tick for tick in around if low <= tick <= high]


def _lengthwise(low: float, high: float) -> list[float]:
    """Both ends, and the round numbers that leave them room for their labels."""
    if low == high:
        return [low]
    room = 0.08 * (high - low)
    return [low, *(tick for tick in ticks([low, high], most=8) if low + room < tick < high - room), high]


def apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least a gap apart, in the same order, between two bounds, as near as can be to the wanted.

    Places that touch move as one, to the mean of what they want (isotonic regression, by pooling).

    >>> apart([50.0, 52.0, 90.0], 10.0, 0.0, 100.0)
    [46.0, 56.0, 90.0]
    """
    order = sorted(range(len(wanted)), key=lambda number: (wanted[number], number))
    blocks: list[tuple[float, int]] = []  # where its first wants to be, on average; how many
    for rank, number in enumerate(order):
        block = (wanted[number] - gap * rank, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, count = blocks.pop()
            block = ((mean * count + block[0] * block[1]) / (count + block[1]), count + block[1])
        blocks.append(block)
    first = [start for start, count in blocks for _ in range(count)]
    last = high - gap * (len(wanted) - 1)
    placed = [0.0] * len(wanted)
    for rank, number in enumerate(order):
        placed[number] = min(max(first[rank], low), max(last, low)) + gap * rank
    return placed
