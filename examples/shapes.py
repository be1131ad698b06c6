"""Outlines for drawings: points in the plane, no Blender."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Point = tuple[float, float]
Place = Callable[[Point], Point]


def ellipse(centre: Point, width: float, height: float, turn: float = 0.0, count: int = 48) -> list[Point]:
    """Return points around an ellipse with these radii, turned by `turn` radians counter-clockwise."""
    return arc(centre, width, height, 0.0, math.tau * (count - 1) / count, turn, count)


def arc(
    centre: Point, width: float, height: float, start: float, end: float, turn: float = 0.0, count: int = 24
) -> list[Point]:
    """Return points along an ellipse from angle `start` to `end` (radians, counter-clockwise from the right)."""
    cosine, sine = math.cos(turn), math.sin(turn)
    points = []
    for step in range(count):
        angle = start + (end - start) * step / (count - 1)
        x, z = width * math.cos(angle), height * math.sin(angle)
        points.append((centre[0] + cosine * x - sine * z, centre[1] + sine * x + cosine * z))
    return points


def smooth(corners: Sequence[Point], *, closed: bool = True, steps: int = 10) -> list[Point]:
    """Return a soft curve through the corners (a uniform Catmull-Rom spline)."""
    count = len(corners)
    segments = count if closed else count - 1

    def corner(index: int) -> Point:
        return corners[index % count] if closed else corners[min(max(index, 0), count - 1)]

    points = [
        _between(corner(index - 1), corner(index), corner(index + 1), corner(index + 2), step / steps)
        for index in range(segments)
        for step in range(steps)
    ]
    return points if closed else [*points, corners[-1]]


def _between(before: Point, start: Point, end: Point, after: Point, time: float) -> Point:
    weights = (
        (-time + 2 * time**2 - time**3) / 2,
        (2 - 5 * time**2 + 3 * time**3) / 2,
        (time + 4 * time**2 - 3 * time**3) / 2,
        (time**3 - time**2) / 2,
    )
    corners = (before, start, end, after)
    x = sum(weight * point[0] for weight, point in zip(weights, corners, strict=True))
    z = sum(weight * point[1] for weight, point in zip(weights, corners, strict=True))
    return x, z


def mirrored(half: Sequence[Point]) -> list[Point]:
    """Return a closed outline from its right half, which runs from the bottom to the top on the axis x = 0."""
    return [*half, *((-x, z) for x, z in reversed(half[1:-1]))]


def placed(at: Point, *, turn: float = 0.0, scale: tuple[float, float] = (1.0, 1.0)) -> Place:
    """Return a mapping that scales, then turns (radians, counter-clockwise) and then moves a point."""
    cosine, sine = math.cos(turn), math.sin(turn)

    def place(point: Point) -> Point:
        x, z = point[0] * scale[0], point[1] * scale[1]
        return at[0] + cosine * x - sine * z, at[1] + sine * x + cosine * z

    return place
