"""Four little Grease Pencil animations as plain shapes: bouncing ball, walker, turning head, falling leaf."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .canvas import Colour, Outline, Shape, capsule, ellipse, turned

SIZE = (512, 320)
_RED, _WHITE, _SKIN, _EAR, _HAIR = (228, 70, 58), (255, 255, 255), (250, 204, 168), (230, 168, 132), (92, 50, 36)
_BLUE, _NAVY, _YELLOW = (64, 122, 198), (40, 56, 106), (250, 204, 76)
_GREEN, _DARK_GREEN, _BROWN = (90, 168, 78), (52, 116, 58), (110, 70, 50)
_LIP: Colour = (178, 46, 52)


def _blend(t: float) -> float:
    return 0.5 - 0.5 * float(np.cos(np.pi * t))


def ball(t: float) -> list[Shape]:
    """One hop from apex to apex, turning once and squashed where it hits the ground."""
    u = abs(2 * t - 1)
    contact = max(0.0, 1 - u / 0.12)
    across, tall = 40 * (1 + 0.35 * contact), 40 * (1 - 0.32 * contact)
    at = 70 + 372 * t, 270 - tall - 170 * (1 - (1 - u) ** 2)
    roll = 2 * np.pi * t
    stripe = np.linspace(-1, 1, 9)[:, None] * [across * np.cos(roll) * 0.97, tall * np.sin(roll) * 0.97] + at
    return [
        Shape(ellipse(at, (across, tall)), _RED, width=3),
        Shape(stripe, None, _WHITE, 4, closed=False),
        Shape(ellipse((at[0] - 13, at[1] - 16), (8, 6), 0.6), _WHITE, None),
    ]


def stick(t: float) -> list[Shape]:
    """Half a stride with filled limbs while an arm waves up."""
    x, swing, lift = 200 + 112 * t, float(np.cos(np.pi * t)), float(np.sin(np.pi * t))
    hip, neck = np.array([x, 188.0]), np.array([x + 3, 112.0])

    def limb(
        start: NDArray[Any], a: float, b: float, lengths: tuple[int, int], r: float, fill: Colour
    ) -> list[Shape]:
        knee = start + lengths[0] * np.array([np.sin(a), np.cos(a)])
        foot = knee + lengths[1] * np.array([np.sin(b), np.cos(b)])
        upper, lower = capsule(start, knee, r, r * 0.85), capsule(knee, foot, r * 0.85, r * 0.7)
        return [Shape(upper, fill, width=2.6), Shape(lower, fill, width=2.6)]

    shoulder = neck + np.array([0, 10])
    up = -0.3 + 2.8 * _blend(t)
    head = neck - np.array([0, 32])
    return [
        *limb(shoulder, 0.45 * swing, 0.45 * swing + 0.35, (35, 32), 7, _EAR),
        *limb(hip, -0.5 * swing, -0.5 * swing - 0.15 - 0.7 * lift, (46, 45), 10, _NAVY),
        *limb(hip, 0.5 * swing, 0.5 * swing - 0.12, (46, 45), 10, _BLUE),
        Shape(capsule(hip, neck + np.array([0, 8]), 18, 15), _YELLOW, width=2.6),
        Shape(ellipse((head[0], head[1]), (28, 29)), _SKIN, width=2.6),
        Shape(ellipse((head[0] - 3, head[1] - 14), (27, 16)), _HAIR, width=2.6),
        Shape(ellipse((head[0] + 13, head[1]), (3, 5)), (28, 22, 34), None),
        *limb(shoulder, up, up + 0.25 + 0.5 * t, (33, 31), 8, _SKIN),
    ]


def head(t: float) -> list[Shape]:
    """A head turning from one three-quarter view to the other; features slide over a sphere."""
    yaw = -0.8 + 1.6 * _blend(t)

    def on_sphere(longitude: float, latitude: float) -> tuple[float, float, float]:
        angle = longitude + yaw
        return 256 + 86 * np.sin(angle) * np.cos(latitude), 150 - 96 * np.sin(latitude), float(np.cos(angle))

    shapes = [
        Shape(capsule(np.array([256.0, 215]), np.array([256.0, 290]), 27, 32), _EAR, width=2.6),
        Shape(ellipse((256 - 8 * np.sin(yaw), 136), (98, 104)), _HAIR, width=2.6),
        Shape(ellipse((256 + 4 * np.sin(yaw), 153), (85, 92)), _SKIN, width=2.6),
    ]
    for side in (-1, 1):
        x, y, depth = on_sphere(side * 0.42, 0.05)
        shapes.append(Shape(ellipse((x, y), (16 * max(depth, 0.15), 17)), _WHITE, width=2))
        shapes.append(Shape(ellipse((x + 3 * np.sin(yaw), y), (7 * max(depth, 0.15), 9)), _NAVY, None))
    nose = np.array([on_sphere(0, 0.02)[:2], np.add(on_sphere(0, -0.16)[:2], (8 * np.sin(yaw), 0))])
    shapes.append(Shape(np.linspace(nose[0], nose[1], 6), None, width=2.6, closed=False))
    mouth = np.array([on_sphere(a, -0.5)[:2] for a in np.linspace(-0.34, 0.34, 9)])
    shapes.append(Shape(mouth, None, _LIP, 3, closed=False))
    fringe = np.array(
        [on_sphere(a - yaw, 0.62 - 0.12 * np.cos(4 * (a - yaw)))[:2] for a in np.linspace(-1.5, 1.5, 25)]
    )
    dome = ellipse((256 - 8 * np.sin(yaw), 136), (98, 104), points=60)
    dome = dome[30:60][dome[30:60][:, 1] < fringe[:, 1].max()]
    return [*shapes, Shape(np.concatenate([fringe[::-1], dome]), _HAIR, width=2.6)]


def leaf(t: float) -> list[Shape]:
    """A leaf that sways down on a curve, turning and foreshortening."""
    at = 256 + 140 * np.cos(1.5 * np.pi * t) * (1 - 0.15 * t), 70 + 185 * t - 18 * np.cos(3 * np.pi * t)
    turn, flip = -0.5 + 0.9 * float(np.sin(1.5 * np.pi * t)), float(np.cos(1.2 * np.pi * t))
    thin = 0.25 + 0.75 * abs(flip)

    def placed(points: Outline) -> Outline:
        return np.asarray(turned(points * [1, thin], turn) + at)

    along = np.linspace(0, 1, 24)
    edge = 27 * np.sin(np.pi * along) ** 0.8 * (1.15 - 0.35 * along)
    x = -64 + 128 * along
    outline = np.concatenate([np.column_stack([x, edge]), np.column_stack([x, -edge])[::-1][1:-1]])
    rib = np.column_stack([np.linspace(-86, 54, 10), np.zeros(10)])
    veins = [
        Shape(placed(np.linspace((a, 0), (a + 20, 15 * side), 5)), None, width=1.8, closed=False)
        for a in (-32, -3, 26)
        for side in (1, -1)
    ]
    fill = _GREEN if flip > 0 else _DARK_GREEN
    return [Shape(placed(outline), fill, width=2.6), Shape(placed(rib), None, _BROWN, 3, closed=False), *veins]


SCENES: dict[str, Callable[[float], list[Shape]]] = {"ball": ball, "stick": stick, "head": head, "leaf": leaf}
