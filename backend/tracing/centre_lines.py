"""The middle and the width of a line, measured across it to a fraction of a pixel.

Across a line, the sum of its coverage is its width, however blurred it is, and the mean place of its coverage is
its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .skeletons import Path

Array = NDArray[Any]

_STEP = 0.25
#: Bends sharper than this, in 1/pixels, are corners or noise; they are led back no further.
_SHARPEST_BEND = 0.3
_SMALLEST_RING = 6
#: Lines are painted on a grid this many times finer to see what they leave out; fewer pixels are no matter.
_FINE, _FEWEST_MISSING = 4, 4
#: Widths that differ by less than this share, or this many pixels, are one pen held steadily.
_STEADY_SHARE, _STEADY_PIXELS = 0.22, 0.4


@dataclass(frozen=True)
class CentreLine:
    """points: (n, 2) pixels, one about every pixel. widths: (n,) pixels."""

    points: Array
    widths: Array
    closed: bool


def smoothed(values: Array, sigma: float, *, closed: bool) -> Array:
    """Return rows of values (n, k) smoothed along the rows; ends stay where they are."""
    if len(values) < 3:
        return values
    result: Array
    if closed:
        result = ndimage.gaussian_filter1d(values, sigma, axis=0, mode="wrap", truncate=3.0)
        return result
    # Reflect through the end points, so that these stay.
    reach = int(np.ceil(3 * sigma))
    inside = np.minimum(np.arange(reach, 0, -1), len(values) - 1)
    before, after = 2 * values[:1] - values[inside], 2 * values[-1:] - values[-1 - inside[::-1]]
    padded = np.concatenate([before, values, after])
    result = ndimage.gaussian_filter1d(padded, sigma, axis=0, truncate=3.0)[reach:-reach]
    return result


def unshrunk(points: Array, *, closed: bool) -> Array:
    """Return a smoothed path (n, 2) led back outwards in its bends, by what smoothing and blur took off there.

    A bend of radius r seen through a blur of variance v moves inwards by v / 2r; here v is about 1 pixel squared.
    """
    if len(points) < 5:
        return points
    if closed:
        bend = np.roll(points, 1, axis=0) - 2 * points + np.roll(points, -1, axis=0)
    else:
        bend = np.zeros_like(points)
        bend[1:-1] = points[:-2] - 2 * points[1:-1] + points[2:]
    strength = np.hypot(*bend.T)[:, None]
    calm = np.minimum(strength, _SHARPEST_BEND) / np.maximum(strength, 1e-9)
    return smoothed(points - 0.5 * bend * calm, 0.5, closed=closed)


def spaced(points: Array, step: float, *, closed: bool) -> Array:
    """Return the path (n, k) with rows evenly spaced by about `step`, measured over the first two columns."""
    if closed:
        points = np.concatenate([points, points[:1]])
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points[:, :2], axis=0).T))])
    count = max(round(float(lengths[-1]) / step), 1)
    at = np.linspace(0, lengths[-1], count + 1)
    if closed:
        at = at[:-1]
    return np.stack([np.interp(at, lengths, column) for column in points.T], axis=1)


def normals_of(points: Array, *, closed: bool) -> Array:
    """Return unit vectors across the path (n, 2)."""
    if closed:
        ways = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    else:
        ways = np.gradient(points, axis=0) if len(points) > 1 else np.array([[1.0, 0.0]])
    lengths = np.maximum(np.hypot(*ways.T), 1e-9)
    across: Array = np.stack([-ways[:, 1], ways[:, 0]], axis=1) / lengths[:, None]
    return across


def sample(field: Array, places: Array) -> Array:
    """Return a field (height, width) at places (..., 2) in pixels, linearly between the middles of pixels."""
    flat = places.reshape(-1, 1, 2).astype(np.float32) - 0.5
    if len(flat) > 32_000:  # OpenCV's limit of rows
        return np.concatenate([sample(field, part) for part in np.array_split(places, 2)])
    columns, rows = flat[..., 0], flat[..., 1]
    values: Array = cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(places.shape[:-1])


def measure(cover: Array, path: Path, pen: int) -> CentreLine | None:
    """Return where the line runs whose coverage (height, width) the path follows; None for a speck.

    pen: width of the widest line in pixels.
    """
    points = spaced(smoothed(path.points, 3.0, closed=path.closed), 1.0, closed=path.closed)
    if len(points) < 3:
        return None
    normals = normals_of(points, closed=path.closed)
    reach = pen / 2 + 2.5
    offsets = np.arange(-reach, reach + _STEP / 2, _STEP)
    profiles = sample(cover, points[:, None] + offsets[None, :, None] * normals[:, None])
    profiles = _alone(profiles, offsets)
    widths = profiles.sum(1) * _STEP
    shifts = (profiles * offsets).sum(1) * _STEP / np.maximum(widths, 1e-6)
    usual = float(np.median(widths))
    if usual < 0.25:
        return None
    # Near a crossing the profile holds part of the other line.
    good = (widths < 1.3 * usual + 0.3) & (widths > 0.3 * usual) & (np.abs(shifts) < 0.5 * usual + 0.6)
    if not path.closed:
        good[0] = good[-1] = False
    if good.sum() < 2:
        good[:] = True
    middles = points + shifts[:, None] * normals
    line = np.column_stack([middles, widths])[good]
    if not path.closed:
        line = _with_ends(cover, line, points, path.tied)
    line = spaced(line, 1.0, closed=path.closed)
    if len(line) < (_SMALLEST_RING if path.closed else 2):
        return None
    line[:, :2] = unshrunk(smoothed(line[:, :2], 1.0, closed=path.closed), closed=path.closed)
    return CentreLine(line[:, :2], _steady(line[:, 2], closed=path.closed), path.closed)


def _alone(profiles: Array, offsets: Array) -> Array:
    """Return profiles (n, k) without other lines: outwards from the middle, whatever comes after a valley."""
    middle = len(offsets) // 2
    kept = profiles.copy()
    for side in (kept[:, middle:], kept[:, middle::-1]):
        lowest = np.minimum.accumulate(side, axis=1)
        rises = side > lowest + 0.12
        # A middle beside the ridge may rise at first; a valley is one only when the line has been left.
        after = np.maximum.accumulate(rises & (lowest < 0.5), axis=1)
        side[after] = 0.0
    return kept


def _with_ends(cover: Array, line: Array, points: Array, tied: tuple[bool, bool]) -> Array:
    """Lead the line to its ends: a tied one to the crossing, a free one to where a round pen stopped."""
    ends = []
    for side, is_tied in zip((0, -1), tied, strict=True):
        anchor = line[0] if side == 0 else line[-1]
        inner = line[min(5, len(line) - 1)] if side == 0 else line[max(-6, -len(line))]
        if is_tied:
            ends.append(np.array([*points[side], anchor[2]]))
            continue
        way = anchor[:2] - inner[:2]
        length = float(np.hypot(*way))
        if length < 1e-6:
            ends.append(anchor)
            continue
        along = np.arange(0, 6.0 + anchor[2], _STEP)
        ahead = sample(cover, anchor[:2] + along[:, None] * way / length)
        fallen = np.nonzero(ahead < 0.1)[0]
        stop = int(fallen[0]) if len(fallen) else len(along)
        tip = float(ahead[:stop].sum()) * _STEP
        ends.append(np.array([*(anchor[:2] + (tip - anchor[2] / 2) * way / length), anchor[2]]))
    start, end = ends
    # An end that lies behind the first points measured replaces them.
    keep = np.ones(len(line), bool)
    for place, anchor, inner in (
        (start, line[0], line[min(5, len(line) - 1)]),
        (end, line[-1], line[max(-6, -len(line))]),
    ):
        way = anchor[:2] - inner[:2]
        keep &= ~(
            ((line[:, :2] - place[:2]) @ way > -0.3 * np.hypot(*way))
            & (np.hypot(*(line[:, :2] - anchor[:2]).T) < 8)
        )
    return np.concatenate([start[None], line[keep], end[None]])


def _steady(widths: Array, *, closed: bool) -> Array:
    """Return the widths smoothed, or one width when they hardly differ."""
    usual = float(np.median(widths))
    low, high = np.percentile(widths, [8, 92])
    if high - low < max(_STEADY_SHARE * usual, _STEADY_PIXELS):
        return np.full(len(widths), usual)
    calm: Array = smoothed(widths[:, None], 3.0, closed=closed)[:, 0]
    return np.maximum(calm, 0.2)


def unexplained(cover: Array, lines: Sequence[CentreLine]) -> Array:
    """Return what of a coverage (height, width) the lines leave out where lines run together, as a coverage.

    Between lines that meet at a small angle there is ink that belongs to no single line.
    """
    rows, columns = np.nonzero(cover > 0.4)
    patch = np.zeros_like(cover)
    if not len(rows):
        return patch
    box = (
        slice(max(int(rows.min()) - 4, 0), int(rows.max()) + 5),
        slice(max(int(columns.min()) - 4, 0), int(columns.max()) + 5),
    )
    here = cover[box]
    corner = np.array([box[1].start, box[0].start])
    drawn = np.zeros((here.shape[0] * _FINE, here.shape[1] * _FINE), np.uint8)
    for line in lines:
        steps = np.rint(((line.points - corner) * _FINE - 0.5) * 16).astype(np.int32)
        if np.ptp(line.widths) == 0:
            thick = max(round(float(line.widths[0]) * _FINE), 1)
            cv2.polylines(drawn, [steps], line.closed, 255, thick, cv2.LINE_8, 4)
            continue
        ends = np.roll(steps, -1, axis=0) if line.closed else steps[1:]
        for start, end, width in zip(steps, ends, line.widths, strict=False):
            cv2.line(drawn, start.tolist(), end.tolist(), 255, max(round(float(width) * _FINE), 1), cv2.LINE_8, 4)
    painted = cv2.resize(drawn, here.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    missing = (here - cv2.blur(painted, (2, 2)) > 0.4) & (here - painted > 0.4)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(missing.astype(np.uint8), connectivity=8)
    large = statistics[:, cv2.CC_STAT_AREA] >= _FEWEST_MISSING
    large[0] = False
    if large.any():
        # The patch reaches into the lines around it, so that nothing shows between.
        near = cv2.dilate(large[parts].astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2)
        patch[box] = np.where(near > 0, here, 0.0)
    return patch
