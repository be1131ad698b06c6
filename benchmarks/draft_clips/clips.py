"""Fourteen kinds of motion, each drawn frame by frame from one seed."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .canvas import Colour, Shape, capsule, ellipse, rasterize
from .characters import STYLES, Pose, draw_figure

FRAMES = 16


@dataclass(frozen=True)
class Clip:
    """kind, seed, and frames (FRAMES, height, width, 4) uint8 straight RGBA; the first and last are the keys."""

    kind: str
    seed: int
    frames: NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """What one clip keeps the same on all frames."""

    width: int
    height: int
    unit: float
    direction: int
    style: str
    palette: list[Colour]
    other_palette: list[Colour]
    arms: tuple[float, float]
    phase: float

    def figure(self, x: float, y: float, **pose: Any) -> list[Shape]:
        """Return the figure with its neck at that share of the picture; x runs in the clip's direction."""
        unit = self.unit * pose.pop("size", 1.0)
        line_art = pose.pop("line_art", False)
        style = pose.pop("style", self.style)
        palette = pose.pop("palette", self.palette)
        at = ((0.5 + self.direction * x) * self.width, y * self.height)
        settings: dict[str, Any] = {"arms": self.arms, **pose}
        return draw_figure(style, Pose(at, unit, **settings), palette, line_art=line_art)


def make_clip(kind: str, seed: int, size: tuple[int, int] = (512, 320)) -> Clip:
    """Draw a clip. kind: one of KINDS. size: (width, height). The same seed draws the same pixels."""
    scene, random = make_scene(kind, seed, size)
    times = np.linspace(0, 1, FRAMES)
    if kind == "pan":
        texture = ground_texture(random, scene)
        frames = [_pan(scene, texture, float(t)) for t in times]
    else:
        backdrop = (206, 224, 240) if kind == "crossing" else None
        frames = [rasterize(KINDS[kind](scene, float(t)), size, backdrop) for t in times]
    return Clip(kind, seed, np.stack(frames))


def make_scene(kind: str, seed: int, size: tuple[int, int]) -> tuple[Scene, np.random.Generator]:
    """Return what a clip keeps the same on all frames, and the generator for what else it needs."""
    random = np.random.default_rng([list(KINDS).index(kind), seed, 7])
    scene = Scene(
        width=size[0], height=size[1], unit=size[1] * 0.1 * (1 + 0.2 * random.random()),
        direction=1 if random.random() < 0.5 else -1, style=STYLES[seed % len(STYLES)],
        palette=_palette(random), other_palette=_palette(random),
        arms=(0.5 + 0.3 * random.random(), -0.5 - 0.3 * random.random()), phase=random.random(),
    )  # fmt: skip
    return scene, random


def _palette(random: np.random.Generator) -> list[Colour]:
    """Six colours of clearly different hue."""
    hues = random.permutation(8)[:6] / 8 + random.random() / 12
    return [
        (int(255 * r), int(255 * g), int(255 * b))
        for r, g, b in (
            colorsys.hsv_to_rgb(h % 1, random.uniform(0.45, 0.85), random.uniform(0.6, 0.95)) for h in hues
        )
    ]


def _between(a: float, b: float, t: float) -> float:
    return a + (b - a) * t


def _slide_small(s: Scene, t: float) -> list[Shape]:
    return s.figure(_between(-0.03, 0.03, t), 0.42 + 0.03 * t, angle=s.direction * 0.14 * t)


def _slide_large(s: Scene, t: float) -> list[Shape]:
    y = _between(0.37, 0.45, t) - 0.03 * np.sin(np.pi * t)
    return s.figure(_between(-0.25, 0.25, t), y, angle=s.direction * _between(-0.2, 0.25, t))


def _spin(s: Scene, t: float) -> list[Shape]:
    return s.figure(_between(-0.12, 0.12, t), 0.47, angle=s.direction * _between(-0.7, 0.85, t), size=0.8)


def _limb(s: Scene, t: float, turn: float) -> list[Shape]:
    arms = s.arms[0] + turn * t, s.arms[1] - 0.6 * turn * t * s.phase
    return s.figure(0, 0.42, arms=arms, forearms=(0.2 + 0.5 * t, -0.2), legs=(0.15, -0.15 - 0.3 * turn * t))


def _bounce(s: Scene, t: float) -> list[Shape]:
    fall = t * t
    at = (0.5 + s.direction * _between(-0.15, 0.1, t)) * s.width, _between(0.3, 0.72, fall) * s.height
    tall = float(np.interp(t, [0, 0.7, 1], [1, 1.15, 0.65]))
    u = s.unit

    def squashed(outline: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(outline * [1 / tall, tall] + at)

    shapes = [
        Shape(np.array([[0, 0.9 * s.height], [s.width, 0.9 * s.height]]), None, closed=False),
        Shape(squashed(ellipse((0, 0), (1.9 * u, 1.9 * u))), s.palette[0]),
        Shape(squashed(ellipse((-0.6 * u, -0.8 * u), (0.5 * u, 0.3 * u), -0.6)), (250, 250, 245), None),
        Shape(squashed(ellipse((0, 0.9 * u), (0.6 * u, 0.2 * u))), s.palette[1]),
    ]
    shapes += [
        Shape(squashed(ellipse((x * u, 0.1 * u), (0.2 * u, 0.35 * u))), (30, 26, 40), None) for x in (-0.5, 0.5)
    ]
    return shapes


def _crossing(s: Scene, t: float) -> list[Shape]:
    w, h = s.width, s.height
    ground = np.array([[-5, 0.75 * h], [w + 5, 0.7 * h], [w + 5, h + 5], [-5, h + 5]])
    sun = ellipse((w * 0.8, h * 0.2), (h * 0.12, h * 0.12))
    other = STYLES[1 - STYLES.index(s.style)]
    return [
        Shape(ground, (152, 190, 122)),
        Shape(sun, (250, 234, 160), None),
        *s.figure(_between(0.12, -0.12, t), 0.42, size=0.8, style=other, palette=s.other_palette),
        *s.figure(_between(-0.2, 0.2, t), 0.48),
    ]


def _lines(s: Scene, t: float, reach: float, turn: float, swing: float) -> list[Shape]:
    arms = s.arms[0] + swing * t, s.arms[1]
    return s.figure(
        _between(-reach, reach, t), 0.42, angle=s.direction * turn * (t - 0.4), arms=arms, line_art=True
    )


def _face(s: Scene, t: float) -> list[Shape]:
    return s.figure(
        0, 0.55, size=1.6, turn=s.direction * _between(-0.6, 0.6, t), open_eyes=_between(1, 0.1, t),
        open_mouth=_between(0.1, 0.8, t),
    )  # fmt: skip


def _walk(s: Scene, t: float) -> list[Shape]:
    a = 0.55 * np.cos(np.pi * t)
    return s.figure(
        _between(-0.08, 0.08, t), 0.42 - 0.012 * np.sin(np.pi * t),
        arms=(a, -a), forearms=(0.2, 0.2), legs=(-a, a),
    )  # fmt: skip


def _wave(s: Scene, t: float) -> list[Shape]:
    w, h = s.width, s.height
    along = np.linspace(0, 1, 60)
    phase = 2.2 * t + 3 * s.phase
    heave = 0.07 * h * np.sin(2 * np.pi * along * 1.3 - phase) * (0.2 + along)
    x = w * (0.25 + 0.5 * along)
    shapes = []
    for colour, low, high in zip(s.palette, (-0.22, -0.07, 0.08), (-0.07, 0.08, 0.22), strict=False):
        top, bottom = (
            np.column_stack([x, h * (0.45 + low) + heave]),
            np.column_stack([x, h * (0.45 + high) + heave]),
        )
        shapes.append(Shape(np.concatenate([top, bottom[::-1]]), colour))
    shapes.append(Shape(ellipse((float(x[30]), float(h * 0.45 + heave[30])), (0.09 * h, 0.09 * h)), s.palette[3]))
    pole = capsule(np.array([w * 0.25, h * 0.15]), np.array([w * 0.25, h * 0.95]), 0.016 * h, 0.016 * h)
    return [*shapes, Shape(pole, (120, 92, 62))]


def _zoom(s: Scene, t: float) -> list[Shape]:
    return s.figure(0.03 * t, _between(0.42, 0.35, t), size=0.85 * 1.6**t)


def ground_texture(random: np.random.Generator, scene: Scene) -> NDArray[Any]:
    """Cloudy ground with stones, wider than the picture."""
    width, height = int(scene.width * 1.3), scene.height
    cloud = np.zeros((height, width), np.float32)
    for grain in (64, 24, 9, 4):
        noise = random.random((height // grain + 3, width // grain + 3)).astype(np.float32)
        cloud += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * grain**0.6
    cloud = (cloud - cloud.min()) / np.ptp(cloud)
    ground = np.array([118, 158, 122]) + cloud[..., None] * np.array([80, 55, 50])
    stones = []
    for _ in range(14):
        at = float(random.uniform(0, width)), float(random.uniform(0.5, 1) * height)
        shape = ellipse(at, (random.uniform(6, 40), random.uniform(4, 20)), random.uniform(0, 3))
        shade = (int(random.integers(60, 190)), int(random.integers(60, 190)), int(random.integers(60, 190)))
        stones.append(Shape(shape, shade, None))
    drawn = rasterize(stones, (width, height)).astype(np.float64)
    alpha = drawn[..., 3:] / 255
    return np.asarray(drawn[..., :3] * alpha + ground * (1 - alpha)).astype(np.float32)


def _pan(scene: Scene, texture: NDArray[Any], t: float) -> NDArray[np.uint8]:
    shift = np.array([[1, 0, -_between(0.02, 0.12, t) * scene.width], [0, 1, 0]])
    ground = cv2.warpAffine(texture, shift, (scene.width, scene.height), flags=cv2.INTER_CUBIC)
    arms = scene.arms[0] + 0.4 * t, scene.arms[1]
    figure = rasterize(scene.figure(_between(-0.1, 0.1, t), 0.42, arms=arms), (scene.width, scene.height))
    alpha = figure[..., 3:].astype(np.float32) / 255
    colour = np.clip(figure[..., :3] * alpha + ground * (1 - alpha), 0, 255)
    return np.dstack([np.rint(colour), np.full(alpha.shape[:2], 255)]).astype(np.uint8)


#: Kind -> its shapes at time 0..1. "pan" is drawn over a texture.
KINDS: dict[str, Callable[[Scene, float], list[Shape]]] = {
    "slide_small": _slide_small,
    "slide_large": _slide_large,
    "spin": _spin,
    "limb45": lambda s, t: _limb(s, t, np.pi / 4),
    "limb90": lambda s, t: _limb(s, t, np.pi / 2),
    "bounce": _bounce,
    "crossing": _crossing,
    "line_small": lambda s, t: _lines(s, t, 0.025, 0.12, 0.3),
    "line_large": lambda s, t: _lines(s, t, 0.16, 0.3, 0.6),
    "face": _face,
    "pan": lambda s, t: s.figure(0, 0.42),
    "walk": _walk,
    "wave": _wave,
    "zoom": _zoom,
}
