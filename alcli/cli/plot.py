"""A line plot for the terminal: several curves, axes, a legend; plain ASCII where there is no Unicode."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from alcli.drawing.ticks import tick_labels, ticks

Curve = Sequence[tuple[float, float]]
"""Points (x, y), x ascending."""

Cell = tuple[int, int]
"""Column and row of the drawing area, from the top left."""

_HEIGHT = 15
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Unicode braille: 4 rows of 2 dots a cell


@dataclass(frozen=True)
class Look:
    """What a plot is drawn with.

    Attributes:
        marks: one sign a curve, for its points; the first curve lies on top.
        axis: the signs for: vertical, its tick, corner, horizontal, its tick.
        braille: draw lines in eight dots a character, not one.
        styles: a rich style a curve; none: no markup at all.
    """

    marks: str
    axis: str
    braille: bool
    styles: tuple[str, ...] = ()

    def painted(self, text: str, curve: int) -> str:
        """Text in the curve's style."""
        return f"[{self.styles[curve]}]{text}[/]" if self.styles and text else text


ASCII = Look("*o+x", "|++-+", braille=False)
UNICODE = Look("●○◆◇", "│┤└─┬", braille=True)


def look_for(encoding: str, styles: tuple[str, ...] = ()) -> Look:
    """The look that a stream of this encoding can show."""
    plain = UNICODE if encoding.lower().replace("-", "").startswith("utf") else ASCII
    return Look(plain.marks, plain.axis, plain.braille, styles)


def plot(
    curves: Mapping[str, Curve], x_label: str, y_label: str, *, width: int = 80, look: Look = UNICODE
) -> list[str]:
    r"""The lines of a plot of named curves, at most `width` characters wide.

    >>> print("\n".join(plot({"a": [(0, 1), (10, 2)]}, "labels", "score", width=30, look=ASCII)[:4]))
     score                     * a
     2.0 +                       *
         |                     ..
         |                    .
    """
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return []
    y_ticks = ticks([y for _, y in points])
    labels = tick_labels(y_ticks)
    margin = max(map(len, labels)) + 3
    area = _Area(
        max(width - margin, 12),
        _rows(len(y_ticks)),
        (min(x for x, _ in points), max(x for x, _ in points)),
        (y_ticks[0], y_ticks[-1]),
        look,
    )
    for number, curve in reversed(list(enumerate(curves.values()))):
        area.draw(curve, number)
    lines = _heading(y_label, list(curves), margin + area.width, look)
    every = (area.height - 1) // (len(y_ticks) - 1)
    for row in range(area.height):
        back, beside = divmod(area.height - 1 - row, every)
        label, sign = (labels[back], look.axis[1]) if not beside else ("", look.axis[0])
        lines.append(f"{label:>{margin - 2}} {sign}{area.row(row)}".rstrip())
    lines += [" " * (margin - 1) + line for line in _x_axis(area, [x for x, _ in points])]
    return [*lines, " " * margin + x_label.center(area.width).rstrip()]


def _rows(n_ticks: int) -> int:
    """As many rows as give each tick one of its own, evenly."""
    return max(1, round((_HEIGHT - 1) / (n_ticks - 1))) * (n_ticks - 1) + 1


def _heading(y_label: str, names: Sequence[str], width: int, look: Look) -> list[str]:
    """The y axis' name, and the legend beside it; below it, a curve a line, where it is too long for that."""
    plain = [f"{look.marks[number]} {name}" for number, name in enumerate(names)]
    painted = [look.painted(text, number) for number, text in enumerate(plain)]
    room = width - len("   ".join(plain)) - len(y_label) - 1
    if room < 1 and len(names) > 1:
        return [f" {y_label}", *(f"   {text}" for text in painted)]
    return [f" {y_label}" + " " * max(3, room) + "   ".join(painted)]


def _x_axis(area: _Area, values: Sequence[float]) -> list[str]:
    """The axis with a tick at each x that has room for its label, and the labels."""
    corner, horizontal, tick = tuple(area.look.axis)[2:]
    axis, text, end = [horizontal] * area.width, [" "] * (area.width + 8), -2
    for x in sorted(set(values)):
        column, label = area.column(x), f"{x:,.0f}"
        start = min(max(0, column - len(label) // 2), area.width - len(label))
        if start > end + 1:
            axis[column] = tick
            text[start : start + len(label)] = label
            end = start + len(label)
    return [corner + "".join(axis), " " + "".join(text).rstrip()]


@dataclass
class _Area:
    """The drawing area: dots of lines, marks of points, and whose they are."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    look: Look
    owner: dict[Cell, int] = field(default_factory=dict)
    dots: dict[Cell, int] = field(default_factory=dict)
    marks: dict[Cell, str] = field(default_factory=dict)

    def draw(self, curve: Curve, number: int) -> None:
        """Lines first, marks over them; over whatever other curve is there."""
        for start, end in pairwise(curve):
            for cell, dot in self._line(start, end):
                if self.owner.get(cell) != number:
                    self.owner[cell], self.dots[cell] = number, 0
                    self.marks.pop(cell, None)
                self.dots[cell] |= dot
        for x, y in curve:
            cell = self.column(x), round(self._down(y) * (self.height - 1))
            self.owner[cell], self.marks[cell] = number, self.look.marks[number]

    def column(self, x: float) -> int:
        """Where a value of x lies."""
        return round(self._right(x) * (self.width - 1))

    def row(self, row: int) -> str:
        """One row as text."""
        cells = [(column, row) for column in range(self.width)]
        runs = groupby(cells, key=lambda cell: self.owner.get(cell, -1))
        parts = [(owner, "".join(map(self._sign, run))) for owner, run in runs]
        return "".join(text if owner < 0 else self.look.painted(text, owner) for owner, text in parts)

    def _sign(self, cell: Cell) -> str:
        if cell not in self.owner:
            return " "
        return self.marks.get(cell) or (chr(0x2800 + self.dots[cell]) if self.look.braille else ".")

    def _line(self, start: tuple[float, float], end: tuple[float, float]) -> Iterator[tuple[Cell, int]]:
        across, down = (2, 4) if self.look.braille else (1, 1)
        (x0, y0), (x1, y1) = self._dot(start, across, down), self._dot(end, across, down)
        count = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
        for step in range(count + 1):
            x = int(x0 + (x1 - x0) * step / count + 0.5)  # round() would send halves to even dots only
            y = int(y0 + (y1 - y0) * step / count + 0.5)
            yield (x // across, y // down), _DOTS[y % down][x % across]

    def _dot(self, point: tuple[float, float], across: int, down: int) -> tuple[float, float]:
        """A point in dots, in the middle of the cell that its mark has."""
        column, row = self._right(point[0]) * (self.width - 1), self._down(point[1]) * (self.height - 1)
        return column * across + (across - 1) / 2, row * down + (down - 1) / 2

    def _right(self, x: float) -> float:
        low, high = self.x
        return (x - low) / (high - low) if high > low else 0.0

    def _down(self, y: float) -> float:
        low, high = self.y
        return (high - y) / (high - low)
