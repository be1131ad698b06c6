"""The filled areas of a drawing as outlines in painter's order.

The largest area is painted first and reaches under those that come after it, and every area reaches under the lines
on its rim to their middle. So no two areas only touch, and no crack can open between them. What shines through can
cover nothing up: nothing reaches under it, and it is left out of the areas around it as a hole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import contourpy
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .centre_lines import sample, smoothed, spaced, unshrunk

Array = NDArray[Any]

#: How far an area reaches under one that is painted later, in pixels.
_UNDERLAP = 4
#: A pixel that fills cover by more than this shows which fill it is.
_CLEAR = 0.5
#: An area of fewer pixels is taken for a speck.
_SPECK = 7
#: How far an outline may be off where it is seen, under a line, and under an area or off the canvas, in pixels.
_SEEN, _UNDER_LINE, _HIDDEN = 0.16, 0.6, 1.2
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Outline:
    """points: (n, 2) pixels around the area, evenly spaced. tolerance: (n,) how far off it may be there."""

    points: Array
    tolerance: Array


@dataclass(frozen=True)
class Region:
    """A filled area. colour: index into the palette. holes: outlines of what is left out."""

    colour: int
    outline: Outline
    holes: tuple[Outline, ...]


def find_regions(fills: Array, lines: Array, opacity: Array, margin: int) -> list[Region]:
    """Return the filled areas, the one to be painted first at the front.

    fills: (colours, height, width) coverage by fills. lines: (height, width) coverage by all lines. opacity:
    (colours,) 0..1; areas of colours that are not there at all (0) are left out. margin: pixels around the canvas.
    """
    shares, label = _without_lines(fills)
    parts, number_of = _parts(label, opacity)
    rank = np.array([part.rank for part in parts], np.int32)[number_of]
    lowest = cv2.erode(rank.astype(np.float32), _SQUARE).astype(np.int32)
    regions = []
    for part in sorted(parts, key=lambda part: part.rank):
        if opacity[part.colour] < 1 / 255:
            continue
        regions += _outlined(part, shares[part.colour], rank, lowest, lines, margin)
    return regions


@dataclass
class _Part:
    """A connected area of one colour. rank: its place in painter's order; -1: covers nothing up."""

    colour: int
    box: tuple[int, int, int, int]
    size: int
    rank: int = 0


def _without_lines(fills: Array) -> tuple[Array, Array]:
    """Return the coverage as if there were no lines, and the colour of every pixel (height, width)."""
    label = fills.argmax(0).astype(np.int32)
    total = fills.sum(0)
    clear = (total > _CLEAR) & ~_specks(np.where(total > _CLEAR, label, -1))
    if not clear.any():
        clear = total >= total.max()
    _, index = cv2.distanceTransformWithLabels(
        (~clear).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_index = np.zeros(int(index.max()) + 1, np.int32)
    of_index[index[clear]] = label[clear]
    nearest = of_index[index]
    # A mix of two fills keeps its shares; under lines and specks the nearest fill takes all.
    shares = fills / np.maximum(total, _CLEAR)
    rows, columns = np.nonzero(~clear)
    shares[:, rows, columns] = 0
    shares[nearest[rows, columns], rows, columns] = 1
    return shares, np.where(clear, label, nearest).astype(np.int32)


def _specks(label: Array) -> NDArray[np.bool_]:
    """Tell which pixels belong to areas too small to be meant."""
    small = np.zeros(label.shape, bool)
    for _, box, parts, statistics in _connected(label):
        tiny = statistics[:, cv2.CC_STAT_AREA] < _SPECK
        tiny[0] = False
        small[box] |= tiny[parts]
    return small


def _connected(label: Array) -> Iterator[tuple[int, tuple[slice, slice], Array, Array]]:
    """Yield for each colour the box that holds it, the numbers of its areas in the box, and their statistics."""
    colours = int(label.max(initial=-1)) + 1
    for colour, found in enumerate(ndimage.find_objects(label + 1, max_label=colours)):
        if found is not None:
            mask = (label[found] == colour).astype(np.uint8)
            _, parts, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
            yield colour, found, parts, statistics


def _parts(label: Array, opacity: Array) -> tuple[list[_Part], Array]:
    """Return the connected areas with their ranks, and the number of the area of each pixel."""
    number_of = np.zeros(label.shape, np.int32)
    parts: list[_Part] = []
    for colour, box, found, statistics in _connected(label):
        for number in range(1, len(statistics)):
            left, top, width, height, _ = (int(value) for value in statistics[number])
            inside = found[top : top + height, left : left + width] == number
            left, top = left + box[1].start, top + box[0].start
            number_of[top : top + height, left : left + width][inside] = len(parts)
            outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            size = max(int(cv2.contourArea(outline)) for outline in outlines)
            parts.append(_Part(colour, (left, top, width, height), size))
    order = sorted(range(len(parts)), key=lambda index: -parts[index].size)
    for rank, index in enumerate(order):
        parts[index].rank = rank if opacity[parts[index].colour] > 254 / 255 else -1
    return parts, number_of


def _outlined(part: _Part, share: Array, rank: Array, lowest: Array, lines: Array, margin: int) -> list[Region]:
    left, top, width, height = part.box
    rows = slice(max(top - _UNDERLAP - 2, 0), top + height + _UNDERLAP + 2)
    columns = slice(max(left - _UNDERLAP - 2, 0), left + width + _UNDERLAP + 2)
    share, rank, lowest = share[rows, columns], rank[rows, columns], lowest[rows, columns]
    own = (rank == part.rank) & (share > 0.02)
    near = cv2.dilate(own.astype(np.uint8), _SQUARE).astype(bool)
    if part.rank < 0:
        field = np.where(near, share, 0.0)
    else:
        under = cv2.dilate(own.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))).astype(bool)
        covered = (rank >= part.rank) & (lowest >= part.rank) & under
        field = np.where(covered, 1.0, np.where(near, share, 0.0))
    field = np.pad(field, 1)
    origin = np.array([columns.start, rows.start]) - 0.5
    regions = []
    for ringed in _rings(field):
        rings = [ring + origin for ring in ringed]
        if _area(rings[0]) < _SPECK:
            continue
        holes = [ring for ring in rings[1:] if _area(ring) >= _SPECK and _shows_through(ring, origin, rank)]
        corner = np.array([columns.start, rows.start])
        outline, *inner = (_outline(ring, part.rank, rank, lines, corner, margin) for ring in [rings[0], *holes])
        regions.append(Region(part.colour, outline, tuple(inner)))
    return regions


def _rings(field: Array) -> Iterator[list[Array]]:
    """Yield the outline (n, 2) of each area where a field (height, width) exceeds a half, and then of its holes.

    Places are indices into the field; the last point of each ring is its first.
    """
    generator = contourpy.contour_generator(z=field, fill_type=contourpy.FillType.OuterOffset, corner_mask=False)
    for polygon, offsets in zip(*cast(Any, generator.filled(0.5, 2.0)), strict=True):
        yield [polygon[start:end] for start, end in pairwise(offsets)]


def outline_patches(patches: Array, colour: int) -> list[Region]:
    """Return as areas of one colour what `patches` (height, width) covers."""
    rows, columns = np.nonzero(patches)
    if not len(rows):
        return []
    top, left = int(rows.min()), int(columns.min())
    crop = patches[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    regions = []
    for ring, *_ in _rings(np.pad(crop, 1)):
        ring = ring + np.array([left, top]) - 0.5
        if _area(ring) >= _SPECK:
            points = spaced(ring[:-1], 1.0, closed=True)
            points = unshrunk(smoothed(points, 0.8, closed=True), closed=True)
            regions.append(Region(colour, Outline(points, np.full(len(points), 2 * _SEEN)), ()))
    return regions


def _area(ring: Array) -> float:
    return abs(float(cv2.contourArea(ring.astype(np.float32))))


def _shows_through(ring: Array, origin: Array, rank: Array) -> bool:
    """Tell whether anything within the hole shines through and must not be covered."""
    inside = np.zeros(rank.shape, np.uint8)
    cv2.fillPoly(inside, [np.rint(ring - origin - 1).astype(np.int32)], 1)
    return bool((rank[inside > 0] < 0).any())


def _outline(ring: Array, own: int, rank: Array, lines: Array, corner: Array, margin: int) -> Outline:
    points = spaced(ring[:-1], 1.0, closed=True)
    points = unshrunk(smoothed(points, 0.8, closed=True), closed=True) if len(points) > 8 else points
    tolerance = np.full(len(points), _SEEN)
    tolerance[sample(lines, points) > 0.5] = _UNDER_LINE
    at = np.clip((points - corner).astype(int), 0, np.array(rank.shape[::-1]) - 1)
    tolerance[rank[at[:, 1], at[:, 0]] > own] = _HIDDEN
    size = np.array(lines.shape[::-1])
    off = ((points < margin - 0.5) | (points > size - margin + 0.5)).any(1)
    tolerance[off] = _HIDDEN
    if len(points) > 8 * _UNDERLAP:
        # Where it is hidden it may run as it likes, best smoothly.
        calm = smoothed(points, 3.0, closed=True)
        hidden = cv2.erode(((tolerance == _HIDDEN) & ~off).astype(np.uint8), np.ones((5, 1), np.uint8))[:, 0] > 0
        points = np.where(hidden[:, None], calm, points)
    return Outline(points, tolerance)
