"""Shapes as PNG, by Pillow: painted large, then made smaller, which smooths; no font of the system's."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from PIL import Image, ImageColor, ImageDraw, ImageFont

from alcli.drawing.shapes import Area, Dot, Line, Point, Shape, Text

_SCALE = 2  # pixels of the picture a pixel of the scene: sharp on today's screens
_SMOOTH = 2  # painted so many times larger still
_UNIT = _SCALE * _SMOOTH
_WHITE = "#ffffff"
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(shapes: Sequence[Shape], width: float, height: float) -> bytes:
    """A whole file on white, twice as large as the scene."""
    image = Image.new("RGB", (round(width * _UNIT), round(height * _UNIT)), _WHITE)
    for shape in shapes:
        _paint(image, shape)
    small = image.resize((round(width * _SCALE), round(height * _SCALE)), Image.Resampling.BOX)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True, dpi=(96 * _SCALE, 96 * _SCALE))
    return file.getvalue()


def _paint(image: Image.Image, shape: Shape) -> None:
    draw = ImageDraw.Draw(image)
    match shape:
        case Area():
            veil = Image.new("L", image.size, 0)
            ImageDraw.Draw(veil).polygon(_scaled(shape.points), fill=round(255 * shape.opacity))
            image.paste(ImageColor.getrgb(shape.color), (0, 0), veil)
        case Line():
            color = _faded(shape.color, shape.opacity)
            for stroke in _strokes(shape):
                _stroke(draw, _scaled(stroke), color, shape.width * _UNIT)
        case Dot():
            _disc(draw, shape.center, shape.radius + 0.5, _WHITE)
            _disc(draw, shape.center, shape.radius - 0.5, shape.color)
        case Text():
            _write(draw, shape)


def _stroke(draw: ImageDraw.ImageDraw, points: Sequence[Point], color: str, width: float) -> None:
    """A line with round ends and joints."""
    draw.line(points, fill=color, width=max(1, round(width)))
    if width > _UNIT:
        for x, y in points:
            reach = width / 2 - 0.5
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=color)


def _disc(draw: ImageDraw.ImageDraw, center: Point, radius: float, color: str) -> None:
    x, y = center
    box = (x - radius, y - radius, x + radius, y + radius)
    draw.ellipse(tuple(side * _UNIT for side in box), fill=color)


def _write(draw: ImageDraw.ImageDraw, shape: Text) -> None:
    place, anchor, font = _scaled([shape.place])[0], _ANCHORS[shape.anchor], _font(shape.size)
    text = " ".join(shape.text.split())
    if shape.halo:
        draw.text(place, text, fill=_WHITE, font=font, anchor=anchor, stroke_width=round(1.5 * _UNIT))
    draw.text(place, text, fill=shape.color, font=font, anchor=anchor, stroke_width=1 if shape.bold else 0)


@cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _UNIT)


def _strokes(line: Line) -> Iterator[Sequence[Point]]:
    """The line itself, or the strokes that its dashes cut it into."""
    if line.dash is None:
        yield line.points
        return
    stroke, gap = line.dash
    for (x0, y0), (x1, y1) in pairwise(line.points):
        length = math.hypot(x1 - x0, y1 - y0)
        for number in range(math.ceil(length / (stroke + gap))):
            start = number * (stroke + gap)
            ends = (start / length, min(start + stroke, length) / length)
            yield [(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share) for share in ends]


def _scaled(points: Sequence[Point]) -> list[Point]:
    return [(x * _UNIT, y * _UNIT) for x, y in points]


def _faded(color: str, opacity: float) -> str:
    """The colour as it looks on white."""
    parts = [round(255 + (part - 255) * opacity) for part in ImageColor.getrgb(color)[:3]]
    return "#{:02x}{:02x}{:02x}".format(*parts)
