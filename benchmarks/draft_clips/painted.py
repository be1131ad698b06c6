"""Painted pictures: a soft-shaded, textured figure in front of a textured backdrop, or on clear ground."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (512, 320)
_ROOM = 40


def painted(seed: int, time: float, *, clear: bool = False) -> NDArray[np.uint8]:
    """Return one frame (height, width, 4) straight RGBA; from time 0 to 1 the figure goes, turns and blinks."""
    random = np.random.default_rng(seed)
    width, height = SIZE
    texture = _texture(random)
    pan, way = random.uniform(-30, 30), 0.2 * float(random.choice([-1, 1]))
    dark, light = random.uniform(60, 140, 3), random.uniform(120, 230, 3)
    hair, coat = random.uniform(40, 200, 3), random.uniform(40, 200, 3)
    backdrop = dark + (light - dark) * _shifted(texture, pan * time)[..., None]
    backdrop = backdrop + np.linspace(-20, 20, height)[:, None, None]
    x, y, turn = width * (0.4 + way * time), height * 0.5, 0.5 * time
    grain = (_shifted(texture, width / 2 - x) - 0.5)[..., None] * 40
    skin, dark_skin, lips = (np.array(colour) for colour in ((236.0, 196, 170), (50.0, 40, 60), (150.0, 50, 60)))
    brush = _Brush(backdrop, np.full((height, width), 0.0 if clear else 1.0), grain)
    brush.blob(x, y + 110, (70, 90), coat, turn=0.2 * turn)
    brush.blob(x - 70 - 10 * time, y + 80, (22, 70), coat * 0.9, turn=0.5 + turn)
    brush.blob(x + 70, y + 80, (22, 70), coat * 0.9, turn=-0.5 - turn)
    brush.blob(x, y - 40, (62, 70), hair)
    brush.blob(x + 8 * time, y - 25, (48, 54), skin)
    for side in (-20, 20):
        brush.blob(x + side + 16 * time, y - 25, (9, 12 - 7 * time), dark_skin)
    brush.blob(x + 10 * time, y + 5, (12, 3 + 6 * time), lips)
    for lock in range(7):
        at = x - 50 + lock * 16, y - 80 + 6 * np.sin(lock + 4 * time)
        brush.blob(*at, (12, 34), hair * 0.92, turn=0.3 * np.sin(lock + 3 * time))
    picture = np.dstack([brush.colour, brush.alpha * 255])
    return np.asarray(np.rint(np.clip(picture, 0, 255)), np.uint8)


class _Brush:
    """Paints soft shaded ellipses over colour (height, width, 3) 0..255 and alpha (height, width) 0..1."""

    def __init__(self, colour: NDArray[Any], alpha: NDArray[Any], grain: NDArray[Any]) -> None:
        self.colour, self.alpha, self._grain = colour, alpha, grain
        self._rows, self._columns = np.mgrid[0 : colour.shape[0], 0 : colour.shape[1]]

    def blob(self, x: float, y: float, radii: tuple[float, float], colour: NDArray[Any], turn: float = 0.0) -> None:
        """Paint one ellipse, lit from the upper left, with the grain of the paint."""
        across, down = self._columns - x, self._rows - y
        u = (across * np.cos(turn) + down * np.sin(turn)) / radii[0]
        v = (down * np.cos(turn) - across * np.sin(turn)) / radii[1]
        covers = np.clip((1 - np.hypot(u, v)) * min(radii) / 2, 0, 1)
        light = np.clip(1 - 0.3 * ((u + 0.4) ** 2 + (v + 0.5) ** 2), 0.45, 1.15)[..., None]
        paint = np.clip(colour * light + self._grain, 0, 255)
        self.colour = self.colour * (1 - covers[..., None]) + paint * covers[..., None]
        self.alpha = np.maximum(self.alpha, covers)


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
