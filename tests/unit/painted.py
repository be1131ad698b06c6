"""Pictures of known shapes and of traced drawings, painted large and shrunk: edges as soft as on screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contract.strokes import Drawing

Array = NDArray[Any]

#: Everything is painted this many times larger than asked for.
LARGER = 8


def rgba(colour: str) -> Array:
    return np.array(
        [int(colour[i : i + 2], 16) for i in (1, 3, 5, 7)] if len(colour) == 9 else [*rgba(colour + "ff")]
    )


class Paper:
    """A picture (height, width, 4) of bytes, straight alpha, to paint on with places in its pixels."""

    def __init__(self, width: int, height: int, colour: str = "#00000000") -> None:
        self._sheet = np.tile(premultiplied(colour), (height * LARGER, width * LARGER, 1))

    def area(self, points: Array, colour: str, holes: Sequence[Array] = ()) -> None:
        mask = np.zeros(self._sheet.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fine(ring) for ring in (points, *holes)], 1, cv2.LINE_8, 4)
        self._lay(mask, colour)

    def line(self, points: Array, widths: Array | float, colour: str, *, closed: bool = False) -> None:
        mask = np.zeros(self._sheet.shape[:2], np.uint8)
        widths = np.broadcast_to(widths, len(points))
        for index in range(len(points) if closed else len(points) - 1):
            other = (index + 1) % len(points)
            _stroke(mask, *np.array([points[index], points[other]]) * LARGER, *widths[[index, other]] * LARGER / 2)
        self._lay(mask, colour)

    def _lay(self, mask: Array, colour: str) -> None:
        paint = premultiplied(colour)
        there = mask > 0
        self._sheet[there] = paint + self._sheet[there] * (1 - paint[3] / 255)

    def picture(self) -> Array:
        height, width = (side // LARGER for side in self._sheet.shape[:2])
        small = cv2.resize(self._sheet, (width, height), interpolation=cv2.INTER_AREA)
        small[..., :3] *= 255 / np.maximum(small[..., 3:], 1e-3)
        return np.rint(np.clip(small, 0, 255)).astype(np.uint8)


def _stroke(mask: Array, start: Array, end: Array, first: float, last: float) -> None:
    """Mark what is nearer to a straight line than its radius, which goes from `first` to `last`."""
    margin = max(first, last) + 1
    low = np.maximum(np.minimum(start, end) - margin, 0).astype(int)
    high = np.maximum(np.maximum(start, end) + margin + 1, 0).astype(int)
    crop = mask[low[1] : high[1], low[0] : high[0]]
    rows, columns = np.indices(crop.shape)
    places = np.stack([columns, rows], -1) + low + 0.5
    way = end - start
    share = np.clip((places - start) @ way / max(float(way @ way), 1e-9), 0, 1)
    away = np.linalg.norm(places - start - share[..., None] * way, axis=-1)
    crop[away <= first + share * (last - first)] = 1


def premultiplied(colour: str) -> Array:
    paint = rgba(colour).astype(np.float32)
    paint[:3] *= paint[3] / 255
    return paint


def fine(points: Array) -> Array:
    return np.rint((np.asarray(points) * LARGER - 0.5) * 16).astype(np.int32)


def disc(x: float, y: float, radius: float, squash: float = 1.0) -> Array:
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * squash * np.sin(angle)])


def along(knots: Sequence[float], *, closed: bool, steps: int = 16) -> Array:
    """Return places on a curve of knots."""
    table = np.array(knots).reshape(-1, 6)
    ends = np.roll(table, -1, axis=0) if closed else table[1:]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        (1 - t) ** 3 * a[:2] + 3 * t * (1 - t) ** 2 * a[4:] + 3 * t * t * (1 - t) * b[2:4] + t**3 * b[:2]
        for a, b in zip(table, ends, strict=False)
    ]
    return np.concatenate(pieces if closed else [*pieces, table[-1:, :2]])


def redrawn(drawing: Drawing, paper: str = "#00000000") -> Array:
    """Return the picture of a traced drawing on paper of a colour."""
    sheet = Paper(drawing.width, drawing.height, paper)
    for fill in drawing.fills:
        outer, *holes = (along(outline, closed=True) for outline in fill.outlines)
        sheet.area(outer, fill.colour, holes)
    for line in drawing.lines:
        points = along(line.knots, closed=line.closed)
        widths = np.append(line.widths, line.widths[0]) if line.closed else np.array(line.widths)
        at = np.arange(len(points)) / 16
        sheet.line(points, np.interp(at, np.arange(len(widths)), widths), line.colour, closed=line.closed)
    return sheet.picture()


def psnr(one: Array, other: Array) -> float:
    """Return the likeness of two RGBA pictures in dB, seen on grey."""

    def on_grey(picture: Array) -> Array:
        alpha = picture[..., 3:].astype(float) / 255
        return picture[..., :3] * alpha + 128 * (1 - alpha)

    error = ((on_grey(one) - on_grey(other)) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def spoiled(picture: Array, seed: int = 0) -> Array:
    """Return the picture slightly blurred and with noise of ±6, as diffusion leaves it."""
    chance = np.random.default_rng(seed)
    blurred = cv2.GaussianBlur(picture[..., :3].astype(np.float32), (0, 0), 0.7)
    noisy = blurred + chance.integers(-6, 7, blurred.shape)
    return np.dstack([np.clip(np.rint(noisy), 0, 255).astype(np.uint8), picture[..., 3]])
