"""Which parts of each colour were drawn as lines and which were filled.

A line is long and nowhere wider than a pen; an area holds a disc. A thin gap of fill between two lines is thin as
well, but it is bordered by lines, where a line is bordered by areas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: The widest pen as a share of the longer side of the canvas, and the least that this may come to in pixels.
_WIDEST_PEN, _WIDEST_PEN_PIXELS = 0.0135, 7
#: How much of a pixel a line covers at least to be seen.
_SEEN = 0.35
#: A thin part is as long as this many times its width, else it is a tip or a corner of an area.
_LONG = 2.2
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Separation:
    """lines: colour -> its coverage by lines, (height, width). fills: (colours, height, width), all the rest."""

    lines: dict[int, Array]
    fills: Array


@dataclass(frozen=True)
class _Part:
    """A connected thin part of one colour: its box in the picture, and where it is in the box."""

    colour: int
    rows: slice
    columns: slice
    mask: NDArray[np.bool_]
    area: int


def widest_pen(width: int, height: int) -> int:
    """Return how wide a line may be on a canvas of this size, in pixels; odd."""
    return max(_WIDEST_PEN_PIXELS, round(_WIDEST_PEN * max(width, height))) | 1


def separate(coverage: Array, pen: int) -> Separation:
    """Split the coverage (colours, height, width) into lines and fills. pen: width of the widest line in pixels."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen, pen))
    parts: list[_Part] = []
    for colour, cover in enumerate(coverage):
        left, top, width, height = cv2.boundingRect((cover > _SEEN).astype(np.uint8))
        if not width:
            continue
        # With room around: what touches the border of a crop counts as going on beyond it.
        bottom, right = top + height + pen, left + width + pen
        top, left = max(top - pen, 0), max(left - pen, 0)
        crop = cover[top:bottom, left:right]
        solid = cv2.morphologyEx((crop > 0.5).astype(np.uint8), cv2.MORPH_OPEN, disc)
        thin = (crop > _SEEN) & (cv2.dilate(solid, _SQUARE, iterations=2) == 0)
        parts += _parts(colour, thin.astype(np.uint8), top, left)
    lines = _bordered_by_areas(parts, coverage.shape[1:])
    found: dict[int, Array] = {}
    fills = coverage.copy()
    for colour in {part.colour for part in lines}:
        mask = np.zeros(coverage.shape[1:], np.uint8)
        for part in lines:
            if part.colour == colour:
                mask[part.rows, part.columns] |= part.mask.astype(np.uint8)
        solid = (coverage[colour] > _SEEN) & (mask == 0)
        # Soft edges belong to the nearer of line and area; what both touch belongs to the line.
        edge = cv2.dilate(mask, _SQUARE, iterations=2).astype(bool) & ~solid
        found[colour] = np.where(edge, coverage[colour], 0).astype(np.float32)
        fills[colour] -= found[colour]
    return Separation(found, fills)


def _parts(colour: int, thin: Array, above: int, beside: int) -> list[_Part]:
    """Return the long thin parts of a crop whose corner lies at (above, beside) in the picture."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    parts = []
    for number in range(1, count):
        left, top, width, height, area = (int(value) for value in statistics[number])
        if area < 6:
            continue
        rows, columns = slice(top, top + height), slice(left, left + width)
        mask = labels[rows, columns] == number
        rows, columns = slice(above + top, above + top + height), slice(beside + left, beside + left + width)
        # The area of a long thin part is length times width; the distance to its rim gives the width.
        inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)
        thickness = 2 * float(inside.max()) - 1
        if area / max(thickness, 1.0) >= _LONG * thickness:
            parts.append(_Part(colour, rows, columns, mask, area))
    return parts


def _bordered_by_areas(parts: list[_Part], shape: tuple[int, ...]) -> list[_Part]:
    """Return the parts without the gaps between lines."""
    thin = np.zeros(shape, np.int32)
    for number, part in enumerate(parts, 1):
        thin[part.rows, part.columns][part.mask] = number
    lines = []
    for number, part in sorted(enumerate(parts, 1), key=lambda item: item[1].area):
        rows = slice(max(part.rows.start - 2, 0), part.rows.stop + 2)
        columns = slice(max(part.columns.start - 2, 0), part.columns.stop + 2)
        around = thin[rows, columns]
        mask = (around == number).astype(np.uint8)
        rim = cv2.dilate(mask, _SQUARE, iterations=2) & (mask == 0)
        if np.count_nonzero(around[rim > 0]) > 0.55 * np.count_nonzero(rim):
            around[mask > 0] = 0
        else:
            lines.append(part)
    return lines
