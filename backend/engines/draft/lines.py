"""Drawn lines: where they are, which way they run, and which closed areas they bound."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Gray, Premultiplied, luminance_over_white
from .regions import Regions
from .view import Mask

#: A stroke is darker than its surroundings by this much (of 255).
_STROKE_CONTRAST = 40
#: A light stroke is so many times as long as it is wide.
_LONG = 5.0
#: What is this much of it near dark strokes is a gap between them.
_FRAMED = 0.7
#: How much a difference in direction weighs against distance: opposite directions are 10 px apart.
_DIRECTION_PIXELS = 5.0
#: The middle of a stroke belongs to the pixel in which it lies, give or take a little.
_OWN_PIXEL = 0.6


def strokes(gray: Gray) -> Mask:
    """Return the thin dark strokes of a picture over white: what closing with a disc would remove."""
    across = max(5, round(9 * gray.shape[0] / 320) | 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    return np.asarray(cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, disc) > _STROKE_CONTRAST)


def oriented_points(drawn: Mask) -> NDArray[Any]:
    """Return stroke pixels as (n, 4): x, y and the doubled angle of the direction as a vector."""
    rows, columns = np.nonzero(drawn)
    soft = cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 1.5)
    xx = cv2.Sobel(soft, cv2.CV_32F, 2, 0, ksize=5)[rows, columns]
    yy = cv2.Sobel(soft, cv2.CV_32F, 0, 2, ksize=5)[rows, columns]
    xy = cv2.Sobel(soft, cv2.CV_32F, 1, 1, ksize=5)[rows, columns]
    doubled = np.arctan2(2 * xy, xx - yy)
    return np.column_stack(
        [columns, rows, _DIRECTION_PIXELS * np.cos(doubled), _DIRECTION_PIXELS * np.sin(doubled)]
    )


def centre_points(drawn: Mask) -> NDArray[Any]:
    """Return the middles of strokes as (n, 4), like `oriented_points`, to a fraction of a pixel.

    A point of a ridge is where the blurred strokes are darkest across it (Steger 1998).
    """
    if not drawn.any():
        return np.empty((0, 4))
    depth = cv2.distanceTransform(drawn.astype(np.uint8), cv2.DIST_L2, 3)
    width = max(1.0, 4 * float(np.median(depth[drawn])) - 2)
    soft = cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), max(1.2, 0.45 * width))
    rows, columns = np.nonzero(drawn)
    x, y, xx, yy, xy = (
        cv2.Sobel(soft, cv2.CV_32F, *order, ksize=3, scale=scale)[rows, columns]
        for order, scale in (((1, 0), 1 / 8), ((0, 1), 1 / 8), ((2, 0), 1 / 4), ((0, 2), 1 / 4), ((1, 1), 1 / 4))
    )
    doubled = np.arctan2(2 * xy, xx - yy)
    across = -np.sin(doubled / 2), np.cos(doubled / 2)
    bend = across[0] ** 2 * xx + 2 * across[0] * across[1] * xy + across[1] ** 2 * yy
    off = -(across[0] * x + across[1] * y) / np.where(bend < 0, bend, -1e-6)
    near = (bend < 0) & (np.maximum(np.abs(off * across[0]), np.abs(off * across[1])) <= _OWN_PIXEL)
    found = np.column_stack(
        [
            columns + off * across[0], rows + off * across[1],
            _DIRECTION_PIXELS * np.cos(doubled), _DIRECTION_PIXELS * np.sin(doubled),
        ]
    )  # fmt: skip
    return np.asarray(found[near])


def share_near(lines: Mask, others: Mask, pixels: float = 3.0) -> float:
    """Return the share of `lines` that lies within that distance of `others`."""
    if not lines.any() or not others.any():
        return 0.0
    distance = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 3)
    return float((distance[lines] < pixels).mean())


def closed_areas(drawn: Mask) -> Regions:
    """Return the areas that strokes and the border enclose, without colour; the largest at the border is paper."""
    height, width = drawn.shape
    smallest = max(8, int(height * width * 1.2e-4))
    walls = cv2.morphologyEx(drawn.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(1 - walls, connectivity=4)
    sizes = stats[:, cv2.CC_STAT_AREA]
    border = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    border = border[border > 0]
    paper = int(border[sizes[border].argmax()]) if len(border) else -1
    numbers = np.zeros(count, np.int32)
    found = 0
    for piece in range(1, count):
        if sizes[piece] >= smallest and piece != paper:
            found += 1
            numbers[piece] = found
    cores = numbers[pieces]
    cores[walls > 0] = 0
    return Regions(cores, cores, np.zeros((found, 4), np.float32), pieces != paper)


def _light_strokes(gray: Gray, inside: Gray, dark: Mask, disc: NDArray[Any]) -> Mask:
    """Return the long thin strokes lighter than both sides, within what is drawn.

    Highlights are none, nor is what is narrow between two dark strokes.
    """
    light = (cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, disc) > _STROKE_CONTRAST) & (cv2.erode(inside, disc) > 0)
    if not light.any():
        return np.asarray(light)
    count, found, stats, _ = cv2.connectedComponentsWithStats(light.astype(np.uint8), connectivity=8)
    pieces: NDArray[Any] = np.asarray(found)
    depth = cv2.distanceTransform(light.astype(np.uint8), cv2.DIST_L2, 3)
    radius = np.zeros(count)
    np.maximum.at(radius, pieces[light], depth[light])
    long = stats[:, cv2.CC_STAT_AREA] > _LONG * (2 * radius) ** 2
    long[0] = False
    beside = cv2.dilate(dark.astype(np.uint8), disc) > 0
    framed = np.bincount(pieces[light], beside[light], minlength=count)
    long &= framed < _FRAMED * stats[:, cv2.CC_STAT_AREA]
    return np.asarray(long[pieces])


def _fills(found: Mask, brightest: Gray, disc: NDArray[Any]) -> Mask:
    """Return what is found but lighter than a line beside it, and wider than its rim: shapes dark in one colour."""
    lighter = found & (cv2.subtract(brightest, cv2.erode(brightest, disc)) > _STROKE_CONTRAST)
    return np.asarray(cv2.morphologyEx(lighter.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)


def drawn_lines(pixels: Premultiplied) -> Mask:
    """Return the lines that an artist would draw of a picture: its strokes, and silhouettes without a stroke.

    A stroke is darker than both sides in at least one colour; a dark blue shape has black outlines too.
    """
    across = max(5, round(9 * pixels.shape[0] / 320) | 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    clear = 255 - np.ascontiguousarray(pixels[..., 3])
    found = np.zeros(clear.shape, np.bool_)
    red, green, blue, _ = cv2.split(pixels)
    for channel in (red, green, blue):
        found |= cv2.morphologyEx(cv2.add(channel, clear), cv2.MORPH_BLACKHAT, disc) > _STROKE_CONTRAST
    found &= ~_fills(found, cv2.add(cv2.max(cv2.max(red, green), blue), clear), disc)
    inside = (clear < 128).astype(np.uint8)
    found |= _light_strokes(luminance_over_white(pixels), inside, found, disc)
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    rim = (inside > 0) & (cv2.erode(padded, np.ones((3, 3), np.uint8))[1:-1, 1:-1] == 0)
    near = cv2.dilate(found.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    return np.asarray(found | (rim & ~near))
