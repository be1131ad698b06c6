"""The drawings of the four clips by time: outlined ball, jointed figure, turning head, falling leaf."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from examples.drawing import Shape
from examples.shapes import Point, arc, ellipse, smooth

INK, SKY, MEADOW = "#1b1722", "#cfe4f7", "#a3c46b"
CAMERA_WIDTH = 8.0


def background() -> list[Shape]:
    """Sky and a rolling meadow, without lines."""
    hills = [(4.4 - 0.3 * i, -1.8 + 0.09 * math.sin(0.9 * i)) for i in range(30)]
    return [
        Shape([(-4.4, -2.8), (4.4, -2.8), (4.4, 2.8), (-4.4, 2.8)], SKY, None),
        Shape([(-4.4, -2.8), (4.4, -2.8), *hills], MEADOW, None),
    ]


def ball(t: float) -> list[Shape]:
    """A ball that bounces once and turns; thin shadow, stripe and glint."""
    fall = abs(2 * t - 1)
    centre = (-2.8 + 5.6 * t, -1.1 + 2.4 * (1 - (1 - fall) ** 2))
    wide, high = 0.7 + 0.15 * (1 - fall) ** 6, 0.7 - 0.12 * (1 - fall) ** 6
    turn = -5.5 * t
    stripe = [
        (centre[0] + k * wide * math.cos(turn), centre[1] + k * high * math.sin(turn)) for k in (-0.95, 0, 0.95)
    ]
    return [
        Shape(ellipse((centre[0], -1.9), 0.4 + 0.35 * (1 - fall), 0.09, count=30), "#7b9a50", None),
        Shape(ellipse(centre, wide, high), "#d9503f", INK, 0.045),
        Shape(stripe, None, "#fdf6e3", 0.07, closed=False),
        Shape(ellipse((centre[0] - 0.25, centre[1] + 0.3), 0.14, 0.1, 0.5, 20), "#fdf6e3", None),
    ]


def _limb(start: Point, angle: float, length: float, radius: float, colour: str) -> tuple[Shape, Point]:
    end = (start[0] + length * math.sin(angle), start[1] - length * math.cos(angle))
    along = math.atan2(end[1] - start[1], end[0] - start[0])
    outline = [
        *arc(start, radius, radius, along + math.pi / 2, along + 1.5 * math.pi, count=10),
        *arc(end, 0.8 * radius, 0.8 * radius, along - math.pi / 2, along + math.pi / 2, count=10),
    ]
    return Shape(outline, colour, INK, 0.045), end


def figure(t: float) -> list[Shape]:
    """A walking figure of overlapping outlined limbs that waves."""
    x = -0.8 + 1.6 * t
    swing = 0.55 * math.cos(math.pi * t)
    shapes: list[Shape] = []
    for side, colour in ((-1, "#2b3f63"), (1, "#4f86c6")):
        thigh, knee = _limb((x, -0.4), side * swing, 0.7, 0.17, colour)
        shin, foot = _limb(knee, side * swing - 0.35 * math.sin(math.pi * t), 0.65, 0.14, colour)
        shapes += [
            thigh,
            shin,
            Shape(ellipse((foot[0] + 0.1, foot[1]), 0.21, 0.1, count=20), "#5a3a28", INK, 0.045),
        ]
    body, _ = _limb((x + 0.03, 0.6), 0.0, 0.95, 0.3, "#f2c84b")
    face = (x + 0.08, 1.3)
    shapes += [
        body,
        Shape(ellipse(face, 0.45, 0.47), "#f4c7a1", INK, 0.045),
        Shape(
            arc((face[0] - 0.03, face[1] + 0.1), 0.47, 0.42, 0.2, math.pi + 0.4, count=30), "#5a3a28", INK, 0.045
        ),
        Shape(ellipse((face[0] + 0.2, face[1]), 0.05, 0.08, count=16), INK, INK, 0.03),
        Shape(
            arc((face[0] + 0.2, face[1] - 0.2), 0.12, 0.07, math.pi, math.tau, count=12), None, INK, 0.035, False
        ),
    ]
    arm, elbow = _limb((x + 0.05, 0.55), 0.2 + 2.2 * t, 0.5, 0.12, "#f4c7a1")
    hand, _ = _limb(elbow, 0.6 + 2.4 * t, 0.5, 0.11, "#f4c7a1")
    return [*shapes, arm, hand]


def head(t: float) -> list[Shape]:
    """A turning head: thin lines around eyes, features that slide and hide, lines that meet at small angles."""
    turn = 0.9 * (2 * t - 1)
    slide = math.sin(turn)
    shapes = [
        Shape([(-0.4, -0.8), (0.4, -0.8), (0.48, -2.2), (-0.48, -2.2)], "#d99c78", INK, 0.045),
        Shape(ellipse((0, -2.7), 1.9, 0.9), "#4f86c6", INK, 0.045),
        Shape(ellipse((-0.1 * slide, 0.4), 1.5, 1.6), "#5a3a28", INK, 0.045),
        Shape(ellipse((0.08 * slide, 0.1), 1.3, 1.42, count=56), "#f4c7a1", INK, 0.045),
    ]
    for side in (-1, 1):
        depth = math.cos(turn + 0.42 * side)
        x = 1.25 * math.sin(turn + 0.42 * side)
        shapes += [
            Shape(ellipse((x, 0.22), 0.26 * depth, 0.28, count=28), "#ffffff", INK, 0.033),
            Shape(ellipse((x + 0.05 * slide, 0.2), 0.13 * depth, 0.15, count=20), "#2b3f63", None),
            Shape([(x - 0.3, 0.66), (x, 0.76), (x + 0.3, 0.66)], None, "#5a3a28", 0.075, closed=False),
        ]
    nose = 1.35 * slide
    shapes += [
        Shape(
            smooth([(0.9 * slide, 0.15), (nose, -0.2), (0.9 * slide, -0.3)], closed=False), None, INK, 0.045, False
        ),
        Shape(
            arc((1.1 * slide, -0.5), 0.42, 0.16, math.pi, math.tau, count=14), None, "#a63a3f", 0.05, closed=False
        ),
    ]
    fringe = [(-1.5, 0.9), (-0.8, 1.05 + 0.1 * slide), (0.3 * slide, 0.85), (0.8, 1.05 - 0.1 * slide), (1.5, 0.9)]
    top = arc((-0.1 * slide, 0.4), 1.5, 1.6, 0.33, math.pi - 0.33, count=30)
    return [*shapes, Shape([*smooth(fringe, closed=False), *top], "#5a3a28", INK, 0.045)]


def leaf(t: float) -> list[Shape]:
    """A falling leaf with tapering rib and fine veins; it turns over and becomes narrow."""
    centre = (2.2 * math.cos(4.2 * t), 1.5 - 3.0 * t)
    angle, narrow = 0.5 - math.sin(4.2 * t), 0.25 + 0.75 * abs(math.cos(3.6 * t))
    front = math.cos(3.6 * t) > 0

    def place(u: float, v: float) -> Point:
        cosine, sine = math.cos(angle), math.sin(angle)
        return centre[0] + cosine * u - sine * v * narrow, centre[1] + sine * u + cosine * v * narrow

    rim = [(-1 + i / 11, 0.42 * math.sin(math.pi * i / 22) ** 0.85) for i in range(23)]
    outline = [place(u, v) for u, v in rim] + [place(u, -v) for u, v in reversed(rim[1:-1])]
    rib = [place(-1.4, 0.06), place(-1, 0), place(-0.2, 0.03), place(0.8, 0)]
    shapes = [
        Shape(outline, "#63a84c" if front else "#3c7440", INK, 0.045),
        Shape(smooth(rib, closed=False), None, INK, 0.05, closed=False, taper=True),
    ]
    for u in (-0.5, -0.05, 0.35):
        for side in (-1, 1):
            vein = [place(u, 0), place(u + 0.18, 0.13 * side), place(u + 0.28, 0.22 * side)]
            shapes.append(Shape(vein, None, "#3c7440" if front else INK, 0.03, closed=False))
    return shapes


CLIPS: Mapping[str, Callable[[float], list[Shape]]] = {"ball": ball, "figure": figure, "head": head, "leaf": leaf}
