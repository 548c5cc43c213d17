"""A finished picture, in whichever form it is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from alcli.drawing.shapes import Shape
from alcli.drawing.svg import svg


@dataclass(frozen=True)
class Scene:
    """Shapes in the order that they are drawn, on white; the same scene gives the same bytes."""

    width: float
    height: float
    title: str
    shapes: tuple[Shape, ...]

    def to_svg(self) -> str:
        """An SVG document; points show their figures under the pointer."""
        return svg(self.shapes, self.width, self.height, self.title)

    def to_png(self) -> bytes:
        """A PNG file of 2 pixels a pixel of the scene; signs that Pillow's own font lacks show as boxes."""
        from alcli.drawing.png import png  # Pillow is slow to import

        return png(self.shapes, self.width, self.height)
