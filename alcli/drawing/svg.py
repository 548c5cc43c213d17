"""Shapes as SVG, by hand: no dependency, a few kilobytes, tooltips without a script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from alcli.drawing.shapes import Area, Dot, Line, Point, Shape, Text

_FONTS = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(shapes: Sequence[Shape], width: float, height: float, title: str) -> str:
    """A whole document on white."""
    wide, high = _number(width), _number(height)
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(_clean(title))} '
        f'font-family="{_FONTS}" stroke-linejoin="round" stroke-linecap="round">'
    )
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, ground, *map(_element, shapes), "</svg>", ""])


def _element(shape: Shape) -> str:
    match shape:
        case Area():
            return f'<path d="{_path(shape.points)}Z" fill="{shape.color}" fill-opacity="{shape.opacity:g}"/>'
        case Line():
            dash = f' stroke-dasharray="{shape.dash[0]:g} {shape.dash[1]:g}"' if shape.dash else ""
            fade = f' stroke-opacity="{shape.opacity:g}"' if shape.opacity < 1 else ""
            style = f'fill="none" stroke="{shape.color}" stroke-width="{shape.width:g}"{dash}{fade}'
            return _with_tooltip("path", f'd="{_path(shape.points)}" {style}', shape.tooltip)
        case Dot():
            x, y = map(_number, shape.center)
            place = f'cx="{x}" cy="{y}" r="{shape.radius:g}"'
            return _with_tooltip("circle", f'{place} fill="{shape.color}" stroke="#fff"', shape.tooltip)
        case Text():
            return _text(shape)


def _text(shape: Text) -> str:
    x, y = map(_number, shape.place)
    anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
    bold = ' font-weight="600"' if shape.bold else ""
    halo = ' stroke="#fff" stroke-width="3" paint-order="stroke"' if shape.halo else ""
    style = f'font-size="{shape.size:g}" fill="{shape.color}"{anchor}{bold}{halo}'
    return f'<text x="{x}" y="{y}" {style}>{escape(_clean(shape.text))}</text>'


def _with_tooltip(name: str, attributes: str, tooltip: str) -> str:
    if not tooltip:
        return f"<{name} {attributes}/>"
    return f"<{name} {attributes}><title>{escape(_clean(tooltip))}</title></{name}>"


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _clean(text: str) -> str:
    """Without the few control characters that XML has no way to write."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
