"""Bending a picture so that its lines lie exactly on a guide's lines.

Oriented line ICP whose displacements are smoothed over narrowing Gaussians (normalised convolution, Knutsson &
Westin 1993).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Premultiplied
from .line_sets import LineSet
from .lines import drawn_lines
from .view import Mask, pixel_grid

#: The widths (pixels) over which displacements are smoothed, for lines meant exactly and for a rough guide's.
ROUGH = (22.0, 14.0)
EXACT = (9.0, 6.0, 4.0)
#: The guide's lines that are still further than this many pixels off after rough bending (median) are not exact.
_WOBBLE_PIXELS = 1.2
#: Where the bending changes areas by more than this, it folds or tears.
_FOLD_RANGE = 0.3, 3.0
#: The largest share of what is moved that may fold.
MOST_FOLDED = 0.1
_FEWEST_POINTS = 20
#: A guide with fewer lines than this share of the picture's leaves some out; those need no partner.
ROUGH_SHARE = 0.85
#: Displacements below this many pixels are noise; what does not move stays as it is.
_STILL_PIXELS = 0.5

#: (height, width, 2) float32: for each pixel of the bent picture, how far away (x, y) in the picture it comes from.
Field = NDArray[Any]


def bend(
    picture: Premultiplied, guide: LineSet, reach: float, told: Mask | None = None, start: Field | None = None,
    exact: tuple[float, ...] = EXACT,
) -> Field:  # fmt: skip
    """Return the displacements that bring a picture of working size onto the guide.

    reach: how far (pixels) a line may be from its partner. told: the part of the picture that the guide draws.
    start: displacements that already bring it near. exact: the last widths over which displacements are smoothed.
    """
    height, width = guide.strokes.shape
    field: Field = np.zeros((height, width, 2), np.float32) if start is None else start
    x, y = pixel_grid(height, width)
    target = guide.points
    both_ways: bool | None = None
    for turn, sigma in enumerate((*ROUGH, *exact)):
        lines = drawn_lines(resample(picture, field))
        if told is not None:
            lines &= resample(told.astype(np.float32), field) > 0.5
        drawn = LineSet(lines)
        if len(drawn.points) < _FEWEST_POINTS:
            return field
        if both_ways is None:
            both_ways = len(target) >= ROUGH_SHARE * len(drawn.points)
        if turn == len(ROUGH) and _wobble(guide, drawn) > _WOBBLE_PIXELS:
            break
        near = reach * (1 - 0.15 * turn)
        total = np.zeros((height, width, 3), np.float32)
        distance, nearest = drawn.nearest(target, near)
        found = np.isfinite(distance)
        _add(total, target[found], drawn.points[nearest[found]] - target[found], distance[found])
        if both_ways:
            distance, nearest = guide.nearest(drawn.points, near)
            found = np.isfinite(distance)
            there = target[nearest[found]]
            _add(total, there, drawn.points[found] - there, distance[found])
        smooth = cv2.GaussianBlur(total, (0, 0), sigma)
        step = smooth[..., :2] / (smooth[..., 2:] + np.float32(1e-4))
        field = step + cv2.remap(
            field, x + step[..., 0], y + step[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    moved = np.linalg.norm(field, axis=-1, keepdims=True)
    return np.asarray(field * np.clip(moved / _STILL_PIXELS - 1, 0, 1).astype(np.float32))


def _wobble(guide: LineSet, drawn: LineSet) -> float:
    """Return how far (pixels, median) the guide's lines are from drawn ones near them."""
    distance, nearest = drawn.nearest(guide.points, guide.reach)
    found = np.isfinite(distance)
    away = np.linalg.norm(guide.points[found, :2] - drawn.points[nearest[found], :2], axis=1)
    return float(np.median(away)) if len(away) else np.inf


def _add(total: NDArray[Any], at: NDArray[Any], move: NDArray[Any], distance: NDArray[Any]) -> None:
    """Add weighted displacements at points; far matches count less."""
    weight = 1 / (1 + (distance / 10) ** 2)
    height, width = total.shape[:2]
    pixel = at[:, 1].astype(int) * width + at[:, 0].astype(int)
    for channel, values in enumerate((move[:, 0] * weight, move[:, 1] * weight, weight)):
        total[..., channel] += np.bincount(pixel, values, minlength=height * width).reshape(height, width)


def resample(pixels: NDArray[Any], field: Field) -> NDArray[Any]:
    """Return an array of the field's size, bent."""
    x, y = pixel_grid(*field.shape[:2])
    return cv2.remap(
        pixels, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def enlarged(field: Field, size: tuple[int, int]) -> Field:
    """Return the field for pictures of that (height, width)."""
    height, width = size
    if field.shape[:2] == size:
        return field
    factor = np.array([width / field.shape[1], height / field.shape[0]], np.float32)
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR) * factor)


def folded(field: Field) -> float:
    """Return the share of moved pixels whose area the field changes beyond measure."""
    moved = np.linalg.norm(field, axis=-1) > 1
    if not moved.any():
        return 0.0
    dx_dy, dx_dx = np.gradient(field[..., 0])
    dy_dy, dy_dx = np.gradient(field[..., 1])
    area = (1 + dx_dx) * (1 + dy_dy) - dx_dy * dy_dx
    return float(((area < _FOLD_RANGE[0]) | (area > _FOLD_RANGE[1]))[moved].mean())
