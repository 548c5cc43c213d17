"""Learning curves with bands and a target, laid out as shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alcli.drawing.frame import (
    LEADER,
    NAME,
    NAME_LINE,
    TICK,
    TITLE,
    TITLE_LINE,
    Curve,
    Frame,
    Spot,
    apart,
    frame_of,
)
from alcli.drawing.scene import Scene
from alcli.drawing.shapes import Area, Dot, Line, Shape, Text
from alcli.drawing.ticks import tick_labels

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#e69f00", "#56b4e9", "#44337a")
"""Okabe and Ito's palette (2008), for the colour-blind too; its yellow and pink darker."""
_GREY, _INK, _SOFT, _GRID = "#8a8a8a", "#222222", "#666666", "#e6e6e6"
_DASHES = (None, (7.0, 4.0), (2.0, 4.0))  # once every colour is used
_DOTS = 200  # at most, over all curves
_BANDS = 12  # of more curves they would only be mud


@dataclass(frozen=True)
class Series:
    """One curve: points (x, y), x ascending, each with its 95% interval if there is one."""

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def draw(
    series: Mapping[str, Series],
    *,
    title: str,
    x_name: str,
    y_name: str,
    target: float | None = None,
    baseline: str = "random_sampling",
) -> Scene:
    """A picture of curves, each named at its end; the baseline's in grey, the target a dashed line.

    Points that are not finite are left out, and an interval that is not finite has no width. Above 12 curves
    the bands are left out, above 200 points some of the dots.

    Raises:
        ValueError: no curves, or one without a finite point.
    """
    curves = [_curve(name, one) for name, one in series.items()]
    if not curves:
        raise ValueError("no curves to draw")
    frame = frame_of(curves, target, title)
    styles = _styles([curve.name for curve in curves], baseline)
    back_to_front = sorted(curves, key=lambda curve: curve.name != baseline)
    shapes: list[Shape] = [*_axes(frame, x_name, y_name)]
    shapes += [shape for curve in back_to_front for shape in _band(frame, curve, styles, len(curves))]
    shapes += _target(frame, target)
    every = max(1, math.ceil(sum(len(curve.points) for curve in curves) / _DOTS))
    shapes += [shape for curve in back_to_front for shape in _line(frame, curve, styles, every, x_name)]
    shapes += _names(frame, curves, styles)
    return Scene(frame.width, frame.height, title, tuple(shapes))


@dataclass(frozen=True)
class _Style:
    """How a curve looks: `ink` is its colour darkened for text."""

    color: str
    ink: str
    dash: tuple[float, float] | None
    width: float


def _curve(name: str, series: Series) -> Curve:
    low = series.y if series.low is None else series.low
    high = series.y if series.high is None else series.high
    rows = zip(series.x, series.y, low, high, strict=True)
    points = tuple(_spot(*row) for row in rows if math.isfinite(row[0]) and math.isfinite(row[1]))
    if not points:
        raise ValueError(f"the curve of {name!r} has no point")
    return Curve(name, points)


def _spot(x: float, y: float, low: float, high: float) -> Spot:
    return Spot(
        float(x),
        float(y),
        min(float(low), float(y)) if math.isfinite(low) else float(y),
        max(float(high), float(y)) if math.isfinite(high) else float(y),
    )


def _styles(names: Sequence[str], baseline: str) -> dict[str, _Style]:
    """A colour each in the order that the curves come; the baseline's is no colour."""
    styles = {}
    for number, name in enumerate(name for name in names if name != baseline):
        color = _COLORS[number % len(_COLORS)]
        styles[name] = _Style(color, _darker(color), _DASHES[number // len(_COLORS) % len(_DASHES)], 2.4)
    return {**styles, baseline: _Style(_GREY, _SOFT, None, 2.4)}


def _darker(color: str) -> str:
    parts = [int(int(color[start : start + 2], 16) * 0.8) for start in (1, 3, 5)]
    return "#{:02x}{:02x}{:02x}".format(*parts)


def _axes(frame: Frame, x_name: str, y_name: str) -> Iterator[Shape]:
    for number, line in enumerate(frame.title):
        yield Text((20, 34 + TITLE_LINE * number), line, TITLE, _INK, bold=True)
    yield Text((20, frame.top - 22), y_name, NAME, _SOFT)
    for tick, label in zip(frame.y_ticks, tick_labels(frame.y_ticks), strict=True):
        y = frame.down(tick)
        yield Line([(frame.left, y), (frame.right, y)], _GRID, 1)
        yield Text((frame.left - 10, y + 4.5), label, TICK, _SOFT, anchor="end")
    yield Line([(frame.left, frame.bottom), (frame.right, frame.bottom)], _SOFT, 1.2)
    for tick in frame.x_ticks:
        x = frame.across(tick)
        yield Line([(x, frame.bottom), (x, frame.bottom + 5)], _SOFT, 1.2)
        yield Text((x, frame.bottom + 21), f"{tick:,.10g}", TICK, _SOFT, anchor="middle")
    yield Text(((frame.left + frame.right) / 2, frame.bottom + 45), x_name, NAME, _SOFT, anchor="middle")


def _band(frame: Frame, curve: Curve, styles: Mapping[str, _Style], n_curves: int) -> Iterator[Shape]:
    """The intervals of a curve; of a single point, a stroke."""
    color, spots = styles[curve.name].color, curve.points
    if n_curves > _BANDS or all(spot.low == spot.high for spot in spots):
        return
    if len(spots) == 1:
        yield Line([frame.at(spots[0].x, spots[0].low), frame.at(spots[0].x, spots[0].high)], color, 1.6)
        return
    above = [frame.at(spot.x, spot.high) for spot in spots]
    below = [frame.at(spot.x, spot.low) for spot in reversed(spots)]
    yield Area([*above, *below], color, round(0.08 + 0.16 / n_curves, 3))


def _target(frame: Frame, target: float | None) -> Iterator[Shape]:
    if target is None:
        return
    y = frame.down(target)
    yield Line([(frame.left, y), (frame.right, y)], _INK, 1.3, dash=(6, 4))
    beside = y - 7 if y - frame.top > 24 else y + 17
    yield Text((frame.left + 6, beside), f"target {target:.3f}", TICK, _INK, halo=True)


def _line(
    frame: Frame, curve: Curve, styles: Mapping[str, _Style], every: int, x_name: str
) -> Iterator[Shape]:
    """A curve, and a dot at every so many of its points and at its last."""
    style, spots = styles[curve.name], curve.points
    points = [frame.at(spot.x, spot.y) for spot in spots]
    if len(points) > 1:
        yield Line(points, style.color, style.width, style.dash, tooltip=curve.name)
    for number, (point, spot) in enumerate(zip(points, spots, strict=True)):
        if number % every == 0 or number == len(points) - 1:
            around = f" [{spot.low:.3f}, {spot.high:.3f}]" if spot.low < spot.high else ""
            tooltip = f"{curve.name}: {spot.y:.3f}{around} at {spot.x:,.10g} {x_name}"
            yield Dot(point, 3.4, style.color, tooltip)


def _names(frame: Frame, curves: Sequence[Curve], styles: Mapping[str, _Style]) -> Iterator[Shape]:
    """Each curve's name at the right, as near to its end as the others let it."""
    ends = [frame.at(curve.points[-1].x, curve.points[-1].y) for curve in curves]
    places = apart([y for _, y in ends], NAME_LINE, frame.top, frame.bottom)
    led = any(abs(place - y) > 3 or x < frame.right - 1 for (x, y), place in zip(ends, places, strict=True))
    turn = frame.right + (LEADER if led else 8)
    for curve, (x, y), place in zip(curves, ends, places, strict=True):
        style = styles[curve.name]
        if led:
            yield Line([(x + 5, y), (turn - 6, place), (turn, place)], style.color, 1, opacity=0.7)
        yield Text((turn + 4, place + 4.5), curve.name, NAME, style.ink, bold=True)
