"""Painted pictures: shaded, textured, soft-edged; in front of a painted backdrop, or on clear ground."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (512, 320)
_ROOM = 40


def figure(seed: int, time: float, *, clear: bool, reach: float = 1.0) -> NDArray[np.uint8]:
    """Return one frame: a grainy figure goes, turns and blinks. reach: how much of that it does."""
    time = reach * time
    random = np.random.default_rng(seed)
    width, height = SIZE
    texture = _texture(random)
    pan, way = random.uniform(-30, 30), 0.2 * float(random.choice([-1, 1]))
    backdrop = _backdrop(random, _shifted(texture, pan * time))
    hair, coat = random.uniform(40, 200, 3), random.uniform(40, 200, 3)
    x, y, turn = width * (0.4 + way * time), height * 0.5, 0.5 * time
    brush = _Brush(backdrop, clear=clear, grain=(_shifted(texture, width / 2 - x) - 0.5)[..., None] * 40)
    brush.blob(x, y + 110, (70, 90), coat, turn=0.2 * turn)
    brush.blob(x - 70 - 10 * time, y + 80, (22, 70), coat * 0.9, turn=0.5 + turn)
    brush.blob(x + 70, y + 80, (22, 70), coat * 0.9, turn=-0.5 - turn)
    brush.head(x, y, hair, time, turn=8 * time)
    return brush.picture()


def soft(seed: int, time: float, *, clear: bool) -> NDArray[np.uint8]:
    """Return one frame: a figure of smooth gradients and blurred rims leans and turns its head before a sky."""
    random = np.random.default_rng([seed, 1])
    width, height = SIZE
    pan, way = random.uniform(-30, 30), float(random.choice([-1, 1]))
    sky = _backdrop(random, np.linspace(0, 1, height)[:, None])
    hair, coat = random.uniform(40, 200, 3), random.uniform(40, 200, 3)
    brush = _Brush(sky, clear=clear, softness=14)
    for cloud in random.uniform((0, 0, 30, 12), (width, height / 2, 90, 30), (5, 4)):
        if not clear:
            brush.blob(cloud[0] + pan * time, cloud[1], (cloud[2], cloud[3]), np.array([225.0, 220, 230]))
    brush.softness = 8
    x, y = width * (0.5 + 0.1 * way * (time - 0.5)), height * 0.5
    brush.blob(x, y + 100, (56, 80), coat)
    for side in (-1, 1):
        brush.blob(x + 60 * side, y + 70, (18, 60), coat * 0.9, turn=-side * (0.4 + 0.4 * time))
    brush.head(x, y, hair, time, turn=10 * way * (2 * time - 1))
    return brush.picture()


def cloth(seed: int, time: float, *, clear: bool) -> NDArray[np.uint8]:
    """Return one frame: a flag with shaded folds sways; its folds run through it."""
    random = np.random.default_rng([seed, 2])
    width, height = SIZE
    brush = _Brush(_backdrop(random, _shifted(_texture(random), 0)), clear=clear)
    colour, phase = random.uniform(60, 220, 3), random.uniform(0, 6) + 1.6 * time
    rows, columns = brush.rows, brush.columns
    sway = 0.1 * height * np.sin(columns / 55 - phase) * columns / width
    covers = np.clip(rows - 0.25 * height - sway, 0, 1) * np.clip(0.75 * height + sway - rows, 0, 1)
    covers *= np.clip((columns - 0.2 * width) / 2, 0, 1) * np.clip((0.8 * width - columns) / 2, 0, 1)
    folds = 0.8 + 0.25 * np.sin(columns / 25 - 2 * phase + rows / 90)
    brush.cover(covers, np.clip(colour * folds[..., None], 0, 255))
    brush.blob(0.2 * width, 0.5 * height, (7, 130), np.array([90.0, 70, 50]))
    return brush.picture()


def passing(seed: int, time: float, *, clear: bool) -> NDArray[np.uint8]:
    """Return one frame: sky, hills, a figure and bushes pass by, the nearer the faster."""
    random = np.random.default_rng([seed, 3])
    width, height = SIZE
    way = float(random.choice([-1, 1])) * random.uniform(20, 60) * (time - 0.5)
    texture = _texture(random)
    brush = _Brush(_backdrop(random, _shifted(texture, -0.3 * way)), clear=clear)
    brush.grain = (_shifted(texture, -way) - 0.5)[..., None] * 40
    hair, coat, hills, bushes = random.uniform(40, 200, (4, 3))
    if not clear:
        crest = height * 0.6 + 18 * np.sin((brush.columns + 0.7 * way) / 53 + random.uniform(0, 6))
        brush.cover(np.clip(brush.rows - crest, 0, 1), np.clip(hills + 1.5 * brush.grain, 0, 255))
    x, y = width * 0.5 - way, height * 0.55
    brush.blob(x, y + 90, (56, 80), coat)
    brush.head(x, y, hair, 0.4 * time)
    for across, down, wide, tall in random.uniform((-40, -10, 14, 40), (width + 40, 30, 40, 110), (4, 4)):
        brush.blob(across - 2 * way, height * 0.9 + down, (wide, tall), bushes)
    return brush.picture()


#: Name -> one frame (height, width, 4) straight RGBA for a seed, a time 0..1 and whether the ground is clear.
PAINTED: dict[str, Callable[..., NDArray[np.uint8]]] = {
    "near": lambda seed, time, *, clear: figure(seed, time, clear=clear, reach=0.4),
    "far": figure,
    "soft": soft,
    "cloth": cloth,
    "passing": passing,
}


class _Brush:
    """Paints soft shaded shapes over colour (height, width, 3) 0..255 and alpha (height, width) 0..1.

    grain: what is added to every paint. softness: how wide the rims are.
    """

    def __init__(
        self, colour: NDArray[Any], *, clear: bool, grain: NDArray[Any] | float = 0.0, softness: float = 2.0
    ) -> None:
        self._colour, self._alpha = colour, np.full(colour.shape[:2], 0.0 if clear else 1.0)
        self.grain, self.softness = grain, softness
        self.rows, self.columns = np.mgrid[0 : colour.shape[0], 0 : colour.shape[1]]

    def cover(self, covers: NDArray[Any], paint: NDArray[Any]) -> None:
        """Lay paint (height, width, 3) over what there is, as thick as a map 0..1 says."""
        self._colour = self._colour * (1 - covers[..., None]) + paint * covers[..., None]
        self._alpha = np.maximum(self._alpha, covers)

    def blob(self, x: float, y: float, radii: tuple[float, float], colour: NDArray[Any], turn: float = 0.0) -> None:
        """Paint one ellipse, lit from the upper left, with the grain of the paint."""
        across, down = self.columns - x, self.rows - y
        u = (across * np.cos(turn) + down * np.sin(turn)) / radii[0]
        v = (down * np.cos(turn) - across * np.sin(turn)) / radii[1]
        covers = np.clip((1 - np.hypot(u, v)) * min(radii) / self.softness, 0, 1)
        light = np.clip(1 - 0.3 * ((u + 0.4) ** 2 + (v + 0.5) ** 2), 0.45, 1.15)[..., None]
        self.cover(covers, np.clip(colour * light + self.grain, 0, 255))

    def head(self, x: float, y: float, hair: NDArray[Any], time: float, turn: float = 0.0) -> None:
        """Paint a head above (x, y) that blinks, speaks and shakes its hair; its face is `turn` pixels aside."""
        skin, dark, lips = (np.array(colour) for colour in ((236.0, 196, 170), (50.0, 40, 60), (150.0, 50, 60)))
        self.blob(x, y - 40, (62, 70), hair)
        self.blob(x + turn, y - 25, (48, 54), skin)
        for side in (-20, 20):
            self.blob(x + side + 2 * turn, y - 25, (9, 12 - 7 * time), dark)
        self.blob(x + 1.25 * turn, y + 5, (12, 3 + 6 * time), lips)
        for lock in range(7):
            at = x - 50 + lock * 16, y - 80 + 6 * np.sin(lock + 4 * time)
            self.blob(*at, (12, 34), hair * 0.92, turn=0.3 * np.sin(lock + 3 * time))

    def picture(self) -> NDArray[np.uint8]:
        """Return what was painted as straight RGBA (height, width, 4)."""
        picture = np.dstack([self._colour, self._alpha * 255])
        return np.asarray(np.rint(np.clip(picture, 0, 255)), np.uint8)


def _backdrop(random: np.random.Generator, texture: NDArray[Any]) -> NDArray[Any]:
    """Return a backdrop (height, width, 3) between a dark and a light colour, darker above."""
    dark, light = random.uniform(60, 140, 3), random.uniform(120, 230, 3)
    plain = np.broadcast_to(texture, (SIZE[1], SIZE[0]))
    return dark + (light - dark) * plain[..., None] + np.linspace(-20, 20, SIZE[1])[:, None, None]


def _texture(random: np.random.Generator) -> NDArray[Any]:
    width, height = SIZE[0] + 2 * _ROOM, SIZE[1] + 2 * _ROOM
    total = np.zeros((height, width), np.float32)
    for cell, strength in ((48, 0.5), (16, 0.3), (5, 0.2)):
        coarse = random.random((height // cell + 3, width // cell + 3)).astype(np.float32)
        total += strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def _shifted(texture: NDArray[Any], pixels: float) -> NDArray[Any]:
    """Return a picture-sized part of the texture, `pixels` to the right of its middle."""
    move = np.array([[1, 0, -_ROOM - pixels], [0, 1, -_ROOM]], np.float32)
    return cv2.warpAffine(texture, move, SIZE, borderMode=cv2.BORDER_REFLECT)
