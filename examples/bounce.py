"""A beach ball falls, squashes on the sand and jumps up again: three keys, two guides."""

from __future__ import annotations

import math
from dataclasses import dataclass

from examples.drawing import Shape
from examples.shapes import Place, Point, arc, ellipse, placed, smooth

INK = "#2b1d33"
GROUND = -1.45
RADIUS = 0.95
WEDGES = ("#f2594b", "#fff3e0", "#2fa6a0", "#fff3e0", "#f7b733", "#fff3e0")


@dataclass(frozen=True)
class Pose:
    """Where the ball is: its centre, how far it is stretched (1: round) along `axis`, how far it has rolled.

    Angles are in radians.
    """

    x: float
    z: float
    stretch: float = 1.0
    axis: float = math.pi / 2
    roll: float = 0.0


FIRST = Pose(-2.35, 1.05, 1.04, -1.0, 0.5)
CONTACT = Pose(0.0, GROUND + 0.70, 0.74, math.pi / 2, 0.1)
LAST = Pose(2.35, 1.05, 1.04, 1.0, -0.3)
FALLING = Pose(-1.25, 0.42, 1.16, -1.05, 0.3)
RISING = Pose(1.25, 0.42, 1.16, 1.05, -0.1)

KEYS = {1: FIRST, 9: CONTACT, 17: LAST}
GUIDES = {5: FALLING, 13: RISING}


def _on_ball(pose: Pose) -> Place:
    """Return the mapping from the unit disc to the ball in the picture."""
    stretch = placed((0, 0), scale=(RADIUS * pose.stretch, RADIUS / pose.stretch))
    back, turned = placed((0, 0), turn=-pose.axis), placed((pose.x, pose.z), turn=pose.axis)
    return lambda point: turned(stretch(back(point)))


def _wedge(pole: Point, start: float, end: float) -> list[Point]:
    """Return the part of the unit disc between two seams that run from the pole to the rim at these angles."""

    def seam(angle: float) -> list[Point]:
        rim = math.cos(angle), math.sin(angle)
        bent = (pole[0] + rim[0]) / 2 - 0.16 * rim[1], (pole[1] + rim[1]) / 2 + 0.16 * rim[0]
        return smooth([pole, bent, rim], closed=False, steps=8)

    return [*seam(start), *arc((0, 0), 1, 1, start, end, count=14)[1:-1], *reversed(seam(end))]


def shadow(pose: Pose) -> list[Shape]:
    """The shadow on the sand, smaller and fainter the higher the ball."""
    near = 1 - min((pose.z - GROUND) / 4, 0.65)
    fill = "#5a3a2e" + f"{round(150 * near):02x}"
    return [Shape(ellipse((pose.x + 0.1, GROUND - 0.02), 1.15 * near, 0.16 * near), fill, None)]


def ball(pose: Pose) -> list[Shape]:
    """The ball: wedges, a shade at its lower side, a light, seams and outline."""
    on = _on_ball(pose)
    pole = 0.34 * math.cos(pose.roll + 0.9), 0.34 * math.sin(pose.roll + 0.9)
    step = math.tau / len(WEDGES)
    shapes = [
        Shape(
            [on(point) for point in _wedge(pole, pose.roll + i * step, pose.roll + (i + 1) * step)], fill, INK, 0.03
        )
        for i, fill in enumerate(WEDGES)
    ]
    shade = [*arc((0, 0), 1, 1, -2.7, 0.3, count=30), *reversed(arc((-0.16, 0.2), 1, 1, -2.45, 0.05, count=30))]
    light = ellipse((-0.42, 0.5), 0.2, 0.11, 0.75)
    cap = ellipse(pole, 0.13, 0.13)
    return [
        *shapes,
        Shape([on(point) for point in cap], "#fff3e0", INK, 0.03),
        Shape([on(point) for point in shade], "#4a1f5a48", None),
        Shape([on(point) for point in light], "#ffffffc8", None),
    ]


def outline(pose: Pose) -> list[Shape]:
    """The ink line around the ball."""
    return [Shape([_on_ball(pose)(point) for point in ellipse((0, 0), 1, 1, count=64)], None, INK, 0.075)]


def guide(pose: Pose) -> list[Shape]:
    """A rough circle where the ball is to be, and the path that it takes."""
    path = smooth([(key.x, key.z) for key in (FIRST, FALLING, CONTACT, RISING, LAST)], closed=False)
    on = _on_ball(pose)
    cross = [[on((-0.3, 0)), on((0.3, 0))], [on((0, -0.3)), on((0, 0.3))]]
    return [
        Shape(path, None, "#3f6fd8", 0.03, closed=False),
        Shape([on(point) for point in ellipse((0, 0), 1, 1)], None, "#3f6fd8", 0.04),
        *(Shape(line, None, "#3f6fd8", 0.03, closed=False) for line in cross),
    ]


def background() -> list[Shape]:
    """Sky, sun, sea and sand."""
    left, right, top, bottom = -4.4, 4.4, 2.6, -2.6
    waves = [(x / 4, -0.52 + 0.03 * math.sin(x * 1.3)) for x in range(18, -19, -1)]
    dune = smooth([(4.4, -0.95), (2.4, -0.86), (0.4, -1.0), (-1.8, -0.84), (-4.4, -1.02)], closed=False)
    return [
        Shape([(left, bottom), (right, bottom), (right, top), (left, top)], "#cdeaf5", None),
        Shape(ellipse((2.9, 1.55), 0.5, 0.5), "#ffe08a", None),
        Shape(ellipse((-2.6, 1.7), 0.85, 0.16), "#ffffff", None),
        Shape(ellipse((-2.1, 1.86), 0.5, 0.17), "#ffffff", None),
        Shape(ellipse((0.9, 1.25), 0.6, 0.1), "#ffffff", None),
        Shape([(left, bottom), (right, bottom), *waves], "#5fb7cf", None),
        Shape([(left, bottom), (right, bottom), *dune], "#f6dfae", None),
        Shape(dune, None, "#d9b877", 0.04, closed=False),
        *(
            Shape(ellipse(spot, 0.05, 0.025), "#d9b877", None)
            for spot in [(-3.1, -1.7), (-0.9, -2.0), (1.7, -1.8), (3.2, -1.4)]
        ),
    ]
