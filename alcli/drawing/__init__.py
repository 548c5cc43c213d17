"""Learning curves as a picture: one scene of shapes, written as SVG or painted as PNG."""

from __future__ import annotations

from alcli.drawing.chart import Series, draw
from alcli.drawing.scene import Scene

__all__ = ["Scene", "Series", "draw"]
