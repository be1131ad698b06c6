"""Vector shapes drawn with anti-aliasing: four times too large, then averaged in premultiplied colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

OVERSAMPLING = 4
INK = (28, 22, 34)

Colour = tuple[int, int, int]
#: (n, 2) float64, x then y in pixels.
Outline = NDArray[Any]


@dataclass(frozen=True)
class Shape:
    """One outline: fill (None: no fill, "erase": clear what lies behind), line colour and width in pixels."""

    outline: Outline
    fill: Colour | str | None
    line: Colour | None = INK
    width: float = 2.2
    closed: bool = True


def rasterize(shapes: list[Shape], size: tuple[int, int], backdrop: Colour | None = None) -> NDArray[np.uint8]:
    """Draw shapes back to front; returns straight RGBA (height, width, 4) uint8. size: (width, height)."""
    large = size[0] * OVERSAMPLING, size[1] * OVERSAMPLING
    image = Image.new("RGBA", large, (0, 0, 0, 0) if backdrop is None else (*backdrop, 255))
    pen = ImageDraw.Draw(image)
    for shape in shapes:
        points = [(float(x), float(y)) for x, y in (shape.outline + 0.5) * OVERSAMPLING]
        if shape.fill is not None:
            pen.polygon(points, (0, 0, 0, 0) if isinstance(shape.fill, str) else (*shape.fill, 255))
        if shape.line is not None:
            path = [*points, *points[:2]] if shape.closed else points
            pen.line(path, (*shape.line, 255), max(1, round(shape.width * OVERSAMPLING)), joint="curve")
    return np.asarray(image.convert("RGBa").reduce(OVERSAMPLING).convert("RGBA"))


def ellipse(
    centre: tuple[float, float], radii: tuple[float, float], turn: float = 0.0, points: int = 64
) -> Outline:
    """Return an ellipse turned by radians."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return turned(np.column_stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)]), turn) + centre


def capsule(start: Outline, end: Outline, radius: float, end_radius: float) -> Outline:
    """Return a limb: two half circles joined."""
    heading = np.arctan2(*(end - start)[::-1])
    angle = np.linspace(0, np.pi, 14)
    rounded = [
        point + r * np.column_stack([np.cos(a + heading), np.sin(a + heading)])
        for point, r, a in ((start, radius, angle + np.pi / 2), (end, end_radius, angle - np.pi / 2))
    ]
    return np.concatenate(rounded)


def box(low: tuple[float, float], high: tuple[float, float]) -> Outline:
    """Return an upright rectangle."""
    return np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]], float)


def turned(outline: Outline, radians: float) -> Outline:
    """Return the outline turned about the origin."""
    cosine, sine = np.cos(radians), np.sin(radians)
    return np.asarray(outline @ np.array([[cosine, sine], [-sine, cosine]]))
