"""A penguin with a balloon crouches and hops: three keys on six layers, one guide."""

from __future__ import annotations

import math
from dataclasses import dataclass

from examples.drawing import Shape
from examples.shapes import Place, Point, arc, ellipse, mirrored, placed, smooth

INK = "#1d1b33"
NAVY, NAVY_DARK, CREAM, ORANGE = "#34467f", "#27335f", "#fff4df", "#f59a32"
SCARF, SCARF_DARK, CHEEK = "#e2574c", "#b93f45", "#f2877f90"
GROUND = -1.72


@dataclass(frozen=True)
class Pose:
    """How the penguin stands.

    x: of the feet; hop: their height above the ground; height: of the body (1: at rest, its width follows);
    lean: radians to the right. left, right: how far the wings are raised (radians from hanging down).
    look: where the face points (-1 left .. 1 right). scarf: how far the loose end flies up (radians).
    balloon: its centre. kick: how far the feet point down (radians).
    """

    x: float
    hop: float
    height: float
    lean: float
    left: float
    right: float
    look: float
    scarf: float
    balloon: Point
    kick: float = 0.0


KEYS = {
    1: Pose(-1.05, 0.0, 1.0, 0.05, 0.35, 1.15, -0.5, -0.5, (0.55, 1.35)),
    9: Pose(-0.85, 0.0, 0.82, -0.12, 0.75, 0.85, 0.2, -0.9, (0.45, 1.0)),
    17: Pose(0.25, 0.68, 1.1, -0.1, 1.75, 1.85, 0.7, 0.55, (1.62, 1.55), 0.5),
}
GUIDES = {13: Pose(-0.3, 0.5, 1.06, -0.2, 1.3, 1.4, 0.5, 0.1, (0.95, 1.3), 0.35)}

_BODY = [(0, 0), (0.5, 0.03), (0.82, 0.45), (0.84, 1.0), (0.68, 1.5), (0.62, 1.95), (0.4, 2.36), (0, 2.5)]
_BELLY = [(0, 0.09), (0.4, 0.13), (0.61, 0.5), (0.6, 0.98), (0.42, 1.36), (0, 1.44)]
_WING = [(0.02, 0.14), (0.2, -0.1), (0.25, -0.55), (0.1, -0.98), (-0.06, -0.98), (-0.16, -0.5), (-0.13, 0.0)]


def _on_body(pose: Pose) -> Place:
    return placed((pose.x, GROUND + 0.1 + pose.hop), turn=-pose.lean, scale=(pose.height**-0.7, pose.height))


def _closed(points: list[Point], place: Place, fill: str, width: float = 0.06) -> Shape:
    return Shape([place(point) for point in smooth(points)], fill, INK, width)


def _wing(pose: Pose, side: int) -> Place:
    """Return the mapping from a wing that hangs from (0, 0) to the left (-1) or right (1) side of the body."""
    shoulder = _on_body(pose)((side * 0.66, 1.42))
    raised = pose.right if side > 0 else pose.left
    return placed(shoulder, turn=side * raised - pose.lean, scale=(float(side), 1.0))


def shadow(pose: Pose) -> list[Shape]:
    """The shadow on the ice."""
    near = 1 - 0.4 * min(pose.hop, 1.0)
    return [
        Shape(ellipse((pose.x, GROUND), 1.05 * near, 0.13 * near), "#3d5a8c" + f"{round(130 * near):02x}", None)
    ]


def balloon(pose: Pose) -> list[Shape]:
    """A balloon that one can see through, on a string to the right wing."""
    x, z = pose.balloon
    hand = _wing(pose, 1)((0.02, -0.9))
    knot = x, z - 0.66
    slack = (hand[0] + knot[0]) / 2 + 0.12, (hand[1] + knot[1]) / 2
    return [
        Shape(smooth([hand, slack, knot], closed=False), None, INK, 0.03, closed=False),
        Shape([(x - 0.07, z - 0.72), (x + 0.07, z - 0.72), (x, z - 0.58)], "#f7b733d0", INK, 0.04),
        Shape(
            smooth(
                [
                    (x, z - 0.62),
                    (x + 0.42, z - 0.2),
                    (x + 0.46, z + 0.26),
                    (x, z + 0.6),
                    (x - 0.46, z + 0.26),
                    (x - 0.42, z - 0.2),
                ]
            ),
            "#f7b73390",
            INK,
            0.055,
        ),
        Shape(ellipse((x - 0.2, z + 0.26), 0.09, 0.15, 0.5), "#ffffffb0", None),
    ]


def back(pose: Pose) -> list[Shape]:
    """What lies behind the body: tail and feet."""
    on = _on_body(pose)
    feet = []
    for side in (-1, 1):
        foot = placed(on((side * 0.36, 0.0)), turn=-pose.kick, scale=(1.0, 1.0))
        outline = [(-0.3, -0.04), (-0.2, 0.1), (0.12, 0.13), (0.34, 0.0), (0.3, -0.11), (-0.05, -0.12)]
        feet.append(_closed(outline, foot, ORANGE))
    return [_closed([(-0.6, 0.4), (-0.98, 0.12), (-0.5, 0.1)], on, NAVY_DARK), *feet]


def body(pose: Pose) -> list[Shape]:
    """The body with its white belly, and the left wing."""
    on = _on_body(pose)
    return [
        _closed(_WING, _wing(pose, -1), NAVY_DARK),
        _closed(mirrored(_BODY), on, NAVY, 0.07),
        Shape([on((x + 0.08 * pose.look, z)) for x, z in smooth(mirrored(_BELLY))], CREAM, None),
    ]


def face(pose: Pose) -> list[Shape]:
    """Mask, eyes, cheeks and beak; they slide round the head with the look."""
    on = _on_body(pose)
    turn = 0.2 * pose.look
    shapes = []
    for side in (-1, 1):
        narrow = 1 - 0.25 * max(0.0, side * pose.look)
        shapes.append(Shape([on(p) for p in ellipse((side * 0.21 + turn, 1.98), 0.27 * narrow, 0.31)], CREAM, None))
    shapes.append(Shape([on(p) for p in ellipse((turn, 1.82), 0.34, 0.18)], CREAM, None))
    for side in (-1, 1):
        eye = side * 0.2 + turn * 1.25
        shapes += [
            Shape([on(p) for p in ellipse((side * 0.33 + turn, 1.8), 0.1, 0.07)], CHEEK, None),
            Shape([on(p) for p in ellipse((eye, 2.0), 0.075, 0.105)], INK, None),
            Shape([on(p) for p in ellipse((eye + 0.025, 2.04), 0.026, 0.034)], "#ffffff", None),
        ]
    x = turn * 1.6
    beak = [(x - 0.17, 1.85), (x, 1.95), (x + 0.17, 1.85), (x + 0.03 * pose.look, 1.7)]
    shapes.append(_closed(beak, on, ORANGE, 0.045))
    return shapes


def scarf(pose: Pose) -> list[Shape]:
    """A scarf with a loose end in the wind, and the right wing over it."""
    on = _on_body(pose)
    start = on((-0.5, 1.5))
    loose = placed(start, turn=math.pi - pose.scarf)
    end = [
        (-0.02, 0.12),
        (0.35, 0.2),
        (0.72, 0.1),
        (1.0, 0.16),
        (0.98, -0.12),
        (0.7, -0.16),
        (0.35, -0.06),
        (0.0, -0.12),
    ]
    fringe = [[loose((0.82, 0.1)), loose((0.8, -0.12))]]
    band = [(-0.68, 1.62), (0.0, 1.47), (0.68, 1.62), (0.7, 1.42), (0.0, 1.22), (-0.7, 1.42)]
    return [
        _closed(end, loose, SCARF_DARK),
        *(Shape(line, None, CREAM, 0.05, closed=False) for line in fringe),
        _closed(band, on, SCARF),
        _closed(_WING, _wing(pose, 1), NAVY),
    ]


LAYERS = {"Shadow": shadow, "Balloon": balloon, "Feet": back, "Body": body, "Face": face, "Scarf": scarf}


def guide(pose: Pose) -> list[Shape]:
    """Rough outlines of body, wings and balloon, and the path of the body."""
    blue, on = "#3f6fd8", _on_body(pose)
    poses = [KEYS[9], pose, KEYS[17]]
    path = smooth([_on_body(step)((0, 1.2)) for step in poses], closed=False)
    x, z = pose.balloon
    return [
        Shape(path, None, blue, 0.03, closed=False),
        Shape([on(point) for point in smooth(mirrored(_BODY))], None, blue, 0.045),
        *(Shape([_wing(pose, side)(p) for p in smooth(_WING)], None, blue, 0.035) for side in (-1, 1)),
        Shape(ellipse((x, z), 0.45, 0.6), None, blue, 0.035),
    ]


def background() -> list[Shape]:
    """Evening sky, ice bergs and ice."""
    left, right, top, bottom = -4.4, 4.4, 2.6, -2.6
    bergs = [
        (4.4, -0.3),
        (3.6, 0.75),
        (2.9, 0.2),
        (2.2, 0.95),
        (1.2, -0.35),
        (-1.6, -0.35),
        (-2.3, 0.35),
        (-2.9, 0.1),
        (-3.6, 1.0),
        (-4.4, 0.2),
    ]
    ice = smooth([(4.4, -1.2), (2.0, -1.28), (-0.5, -1.18), (-2.6, -1.3), (-4.4, -1.2)], closed=False)
    return [
        Shape([(left, bottom), (right, bottom), (right, top), (left, top)], "#f9dcc8", None),
        Shape(ellipse((-2.9, 1.5), 0.55, 0.55), "#fff1d6", None),
        Shape([(left, bottom), (right, bottom), *bergs], "#b9d3e8", None),
        Shape([(left, bottom), (right, bottom), (right, -0.62), (left, -0.62)], "#7fa9d1", None),
        Shape([(left, bottom), (right, bottom), *ice], "#eaf4fb", None),
        Shape(ice, None, "#a9c6de", 0.05, closed=False),
        *(
            Shape(arc(spot, 0.35, 0.06, 0.3, 2.6), None, "#bcd6ea", 0.035, closed=False)
            for spot in [(-2.7, -1.95), (1.9, -2.05), (3.1, -1.6)]
        ),
    ]
