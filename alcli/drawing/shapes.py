"""What a scene is made of. Places are in pixels from the top left, colours are `#rrggbb`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]

_NARROW, _WIDE = frozenset("iljtfrI.,:;|!'()[]- "), frozenset("mwMW%@&")


@dataclass(frozen=True)
class Line:
    """Straight strokes from point to point; `dash`: lengths of stroke and gap."""

    points: Sequence[Point]
    color: str
    width: float
    dash: tuple[float, float] | None = None
    opacity: float = 1.0
    tooltip: str = ""


@dataclass(frozen=True)
class Area:
    """A filled polygon."""

    points: Sequence[Point]
    color: str
    opacity: float


@dataclass(frozen=True)
class Dot:
    """A filled circle with a white rim."""

    center: Point
    radius: float
    color: str
    tooltip: str = ""


@dataclass(frozen=True)
class Text:
    """One line of text; `place` is on its baseline, at its start, middle or end. A halo sets it off."""

    place: Point
    text: str
    size: float
    color: str
    anchor: Literal["start", "middle", "end"] = "start"
    bold: bool = False
    halo: bool = False


Shape = Line | Area | Dot | Text


def width_of(text: str, size: float) -> float:
    """About how wide a text is, in whatever sans serif: rather too much than too little."""
    return size * sum(0.36 if sign in _NARROW else 0.9 if sign in _WIDE else _usual(sign) for sign in text)


def _usual(sign: str) -> float:
    if ord(sign) > 0x2E80:  # east Asian signs are square
        return 1.05
    return 0.7 if sign.isupper() else 0.6
