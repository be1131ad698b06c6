"""Two jointed figures: a round child and an angular robot, posed by the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .canvas import Colour, Outline, Shape, box, capsule, ellipse, turned

STYLES = ("child", "robot")
_WHITE, _PUPIL, _MOUTH = (250, 250, 248), (30, 26, 40), (188, 62, 70)


@dataclass(frozen=True)
class Pose:
    """Angles in radians from hanging straight down; `at` is the neck in pixels, `unit` the body's measure.

    arms, forearms, legs: left and right. open_eyes, open_mouth, turn: the face, 0..1 and -1..1.
    """

    at: tuple[float, float]
    unit: float
    angle: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    arms: tuple[float, float] = (0.5, -0.5)
    forearms: tuple[float, float] = (0.2, -0.2)
    legs: tuple[float, float] = (0.15, -0.15)
    open_eyes: float = 1.0
    open_mouth: float = 0.2
    turn: float = 0.0


def draw_figure(style: str, pose: Pose, palette: list[Colour], *, line_art: bool = False) -> list[Shape]:
    """Return the shapes of a posed figure, back to front."""
    shapes = _child(pose, palette) if style == "child" else _robot(pose, palette)
    width = 2.2 * pose.unit / 38 if line_art is False else 1.6 * pose.unit / 38
    return [
        Shape(
            turned(shape.outline * pose.unit * pose.scale, pose.angle) + pose.at,
            "erase" if line_art and shape.fill not in (None, _PUPIL) else shape.fill,
            shape.line,
            max(1.2, width * shape.width),
            shape.closed,
        )
        for shape in shapes
    ]


def _limb(
    joint: tuple[float, float], angle: float, bend: float, lengths: tuple[float, float], radius: float,
    colours: tuple[Colour, Colour, Colour], *, angular: bool = False,
) -> list[Shape]:  # fmt: skip
    """Two segments and an end; the upper one overlaps the lower one."""
    start: NDArray[Any] = np.array(joint)
    elbow = start + turned(np.array([[0.0, lengths[0]]]), angle)[0]
    end = elbow + turned(np.array([[0.0, lengths[1]]]), angle + bend)[0]

    def segment(a: NDArray[Any], b: NDArray[Any], heading: float) -> Outline:
        if not angular:
            return capsule(a, b, radius, radius * 0.8)
        length = float(np.linalg.norm(b - a))
        blade = box((-radius, -radius * 0.5), (radius, length + radius * 0.5))
        return np.asarray(turned(blade, heading) + a)

    hand = (
        turned(box((-radius * 1.2, -radius), (radius * 1.2, radius * 1.2)), angle + bend) + end
        if angular
        else ellipse((float(end[0]), float(end[1])), (radius * 1.15, radius * 1.15))
    )
    return [
        Shape(segment(elbow, end, angle + bend), colours[1], width=1.0),
        Shape(segment(start, elbow, angle), colours[0], width=1.0),
        Shape(hand, colours[2], width=1.0),
    ]


def _child(pose: Pose, palette: list[Colour]) -> list[Shape]:
    coat, sleeve, trousers, belt, skin, hair = palette
    leg = {"lengths": (0.8, 0.8), "radius": 0.27, "colours": (trousers, trousers, skin)}
    arm = {"lengths": (0.75, 0.7), "radius": 0.2, "colours": (sleeve, skin, skin)}
    shapes: list[Shape] = []
    for side, angle in zip((-0.36, 0.36), pose.legs, strict=True):
        shapes += _limb((side, 1.9), angle, 0.0, **leg)  # type: ignore[arg-type]
    shapes += _limb((0.74, 0.6), pose.arms[1], pose.forearms[1], **arm)  # type: ignore[arg-type]
    upper, lower = ellipse((0, 0.75), (0.86, 0.55))[32:], ellipse((0, 1.7), (0.74, 0.5))[:32]
    shapes.append(Shape(np.concatenate([upper, lower]), coat, width=1.0))
    shapes.append(Shape(capsule(np.array([-0.58, 1.5]), np.array([0.58, 1.5]), 0.12, 0.12), belt, width=0.8))
    shapes += _limb((-0.74, 0.6), pose.arms[0], pose.forearms[0], **arm)  # type: ignore[arg-type]
    shapes.append(Shape(ellipse((0, -0.55), (0.95, 0.9)), skin, width=1.0))
    dome = ellipse((0, -0.55), (1.0, 0.95))
    dome = dome[dome[:, 1] < -0.62]
    dome = dome[np.argsort(dome[:, 0])]
    across = np.linspace(0.95, -0.95, 9)
    fringe = np.column_stack([across + 0.12 * pose.turn, -0.74 + 0.15 * (np.arange(9) % 2)])
    shapes.append(Shape(np.concatenate([dome, fringe]), hair, width=1.0))
    for side in (-0.38, 0.38):
        x = side + 0.34 * pose.turn
        shapes.append(Shape(ellipse((x, -0.4), (0.17, max(0.02, 0.24 * pose.open_eyes))), _WHITE, width=0.8))
        if pose.open_eyes > 0.3:
            iris = ellipse((x + 0.05 * pose.turn, -0.38), (0.08, 0.13 * pose.open_eyes))
            shapes.append(Shape(iris, _PUPIL, None))
    mouth = ellipse((0.3 * pose.turn, 0.05), (0.22, max(0.02, pose.open_mouth) * 0.5))
    return [*shapes, Shape(mouth, _MOUTH, width=0.8)]


def _robot(pose: Pose, palette: list[Colour]) -> list[Shape]:
    body, upper, leg_colour, panel, metal, visor = palette
    shapes: list[Shape] = []
    for side, angle in zip((-0.45, 0.45), pose.legs, strict=True):
        shapes += _limb((side, 1.9), angle, 0.05, (0.7, 0.65), 0.22, (leg_colour, metal, panel), angular=True)
    shapes += _limb(
        (0.95, 0.45), pose.arms[1], pose.forearms[1], (0.7, 0.7), 0.17, (upper, metal, panel), angular=True
    )
    shapes.append(Shape(np.array([[-0.95, 0.2], [0.95, 0.2], [0.7, 2.0], [-0.7, 2.0]]), body, width=1.0))
    shapes.append(Shape(box((-0.45, 0.7), (0.45, 1.3)), panel, width=0.8))
    for x in (-0.25, 0.0, 0.25):
        shapes.append(Shape(ellipse((x, 1.0), (0.09, 0.09)), visor, width=0.7))
    shapes += _limb(
        (-0.95, 0.45), pose.arms[0], pose.forearms[0], (0.7, 0.7), 0.17, (upper, metal, panel), angular=True
    )
    shapes.append(Shape(np.array([[0.0, -1.45], [0.0, -1.95]]), None, width=1.2, closed=False))
    shapes.append(Shape(ellipse((0.0, -2.05), (0.14, 0.14)), _MOUTH, width=0.8))
    shapes.append(Shape(box((-0.85, -1.45), (0.85, 0.1)), metal, width=1.0))
    shapes.append(Shape(box((-0.65, -1.1), (0.65, -0.5)), visor, width=0.8))
    for side in (-0.3, 0.3):
        x = side + 0.25 * pose.turn
        half = max(0.03, 0.2 * pose.open_eyes)
        shapes.append(Shape(box((x - 0.13, -0.8 - half), (x + 0.13, -0.8 + half)), _WHITE, width=0.7))
    half = max(0.03, 0.2 * pose.open_mouth)
    x = 0.2 * pose.turn
    return [*shapes, Shape(box((x - 0.35, -0.2 - half), (x + 0.35, -0.2 + half)), _MOUTH, width=0.7)]
