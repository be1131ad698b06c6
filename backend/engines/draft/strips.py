"""The shape of a strip of cloth in both keys: heights and slopes over its long axis, and how far a wave has run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, Points, about, inverse, rotation, transform
from .sway import Sway

#: A strip is at least so many times longer than its outline spreads across.
_SLENDER = 1.3
#: Its axis is meant to be level or upright when its direction is at least so much so (cosine).
_NEARLY_UPRIGHT = 0.985
#: Its profile has a value every so many pixels, but this many at least and at most.
_BIN_PIXELS = 2.6
_FEWEST_BINS, _MOST_BINS = 24, 160
_SMOOTHING_BINS = 1.5
#: Where an outline's direction, looked at closely and from further away, differs by more (cosine), it has a corner.
_CORNER = 0.94
#: Parts steeper than this against the axis are ends.
_STEEPEST = 1.7
#: Beyond what is seen of them, profiles go on as their last so many values do; the slopes of so many are those of
#: corners.
_ENDING = 6
_END_BINS = 3
#: A strip that gets longer or shorter by more than this factor does not sway.
_LONGEST_STRETCH = 1.3
#: A wave has travelled, by no more than this share of the length, when slopes so shifted are so much alike.
_FARTHEST = 0.4
_LEAST_TRAVEL = 0.03
_ALIKE = 0.8
#: Of shifts that fit alike the shortest is meant: what one by the whole length costs in likeness.
_NEARER = 0.1


@dataclass(frozen=True)
class _Edges:
    """Outline points of a strip's regions that are no ends.

    points: (n, 2). slope: (n,) against the axis. edge: (n,) a number for each region and side of it.
    """

    points: Points
    slope: NDArray[Any]
    edge: NDArray[Any]


def sway_along(
    outlines: list[list[Points]], kept: list[list[Points]], axis: NDArray[Any], turn: float
) -> tuple[Affine, Sway] | None:
    """Return the motion of an axis that turns by so much (radians) and the sway beside it; None if it is no sway.

    outlines: of the strip's regions in both keys. kept: what of them is not hidden by others.
    """
    axis_b = rotation(turn) @ axis
    whole = [np.concatenate(points) for points in outlines]
    ends = [_ends(points, towards) for points, towards in zip(whole, (axis, axis_b), strict=True)]
    lengths = [high - low for low, high in ends]
    if not 1 / _LONGEST_STRETCH < lengths[1] / lengths[0] < _LONGEST_STRETCH:
        return None
    middles = [
        _middle(points, towards, *end) for points, towards, end in zip(whole, (axis, axis_b), ends, strict=True)
    ]
    across = np.array([-axis[1], axis[0]])
    stretched = np.outer(axis, axis) * lengths[1] / lengths[0] + np.outer(across, across)
    motion = about(rotation(turn) @ stretched, middles[0], middles[1])
    count = int(np.clip(lengths[0] / _BIN_PIXELS, _FEWEST_BINS, _MOST_BINS))
    along = np.append(axis, -ends[0][0]) * count / lengths[0]
    along[2] -= 0.5
    edges = (
        _edges(kept[0], axis, across),
        _edges([transform(inverse(motion), points) for points in kept[1]], axis, across),
    )
    bins = [np.rint(edge.points @ along[:2] + along[2]).astype(int).clip(0, count - 1) for edge in edges]
    rise = _rise(edges, bins, across, count)
    slopes = [_profile(edge.slope, bin_, count) for edge, bin_ in zip(edges, bins, strict=True)]
    if rise is None or slopes[0] is None or slopes[1] is None:
        return None
    travel = _travel(slopes[0], slopes[1]) * lengths[0] / count
    if travel == 0:
        return motion, Sway(along, across, rise)
    return motion, Sway(along, across, rise, (-travel * slopes[0], -travel * slopes[1]))


def long_axis(points: Points) -> NDArray[Any] | None:
    """Return the long axis of points, None when they spread nearly as far across it."""
    spread, axes = np.linalg.eigh(np.cov((points - points.mean(axis=0)).T))
    return np.asarray(axes[:, 1]) if spread[1] > _SLENDER**2 * spread[0] else None


def _ends(points: Points, axis: NDArray[Any]) -> tuple[float, float]:
    place = points @ axis
    return float(place.min()), float(place.max())


def _middle(points: Points, axis: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Return the point half way between the ends, and half way across."""
    across = np.array([-axis[1], axis[0]])
    return np.asarray((low + high) / 2 * axis + float((points @ across).mean()) * across)


def _edges(outlines: list[Points], axis: NDArray[Any], across: NDArray[Any]) -> _Edges:
    kept, slopes, edges = [], [], []
    for number, points in enumerate(outlines):
        along = _tangents(points, 2)
        forward, aside = along @ axis, along @ across
        straight = (along * _tangents(points, 5)).sum(axis=1) > _CORNER
        flat = straight & (np.abs(aside) < _STEEPEST * np.abs(forward))
        kept.append(points[flat])
        slopes.append(aside[flat] / forward[flat])
        edges.append(2 * number + (forward[flat] > 0))
    return _Edges(np.concatenate(kept), np.concatenate(slopes), np.concatenate(edges))


def _tangents(points: Points, step: int) -> Points:
    """Return the direction of a closed outline at each point, going by its neighbours so many steps away."""
    along = np.roll(points, -step, axis=0) - np.roll(points, step, axis=0)
    return np.asarray(along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9))


def _rise(
    edges: tuple[_Edges, _Edges], bins: list[NDArray[Any]], across: NDArray[Any], count: int
) -> NDArray[Any] | None:
    """Return (count,): how far edges of the one key are across from the same edges of the other."""
    moved = []
    for number in np.unique(edges[0].edge):
        heights = [
            _medians((edge.points @ across)[edge.edge == number], bin_[edge.edge == number], count)
            for edge, bin_ in zip(edges, bins, strict=True)
        ]
        moved.append(heights[1] - heights[0])
    everywhere = np.array(moved)
    known = np.isfinite(everywhere).any(axis=0)
    if known.sum() < count / 2:
        return None
    rise = np.full(count, np.nan)
    rise[known] = np.nanmedian(everywhere[:, known], axis=0)
    return smooth_profile(rise)


def _profile(values: NDArray[Any], bins: NDArray[Any], count: int) -> NDArray[Any] | None:
    found = _medians(values, bins, count)
    found[:_END_BINS] = found[-_END_BINS:] = np.nan
    return smooth_profile(found) if np.isfinite(found).sum() >= count / 2 else None


def _medians(values: NDArray[Any], bins: NDArray[Any], count: int) -> NDArray[Any]:
    """Return the median of the values in each bin, NaN where there are none."""
    out = np.full(count, np.nan)
    in_order = values[np.lexsort((values, bins))]
    sizes = np.bincount(bins, minlength=count)
    starts = np.cumsum(sizes) - sizes
    filled = sizes > 0
    low, high = (starts + (sizes - 1) // 2)[filled], (starts + sizes // 2)[filled]
    out[filled] = (in_order[low] + in_order[high]) / 2
    return out


def smooth_profile(profile: NDArray[Any]) -> NDArray[Any]:
    """Return the profile without gaps and noise; straight on beyond its ends."""
    places = np.arange(len(profile))
    known = np.flatnonzero(np.isfinite(profile))
    filled = np.interp(places, known, profile[known])
    for end, beyond in ((known[:_ENDING], places < known[0]), (known[-_ENDING:], places > known[-1])):
        if len(end) > 1 and beyond.any():
            filled[beyond] = np.polyval(np.polyfit(end, profile[end], 1), places[beyond])
    room = int(4 * _SMOOTHING_BINS)
    before, after = 2 * filled[0] - filled[room:0:-1], 2 * filled[-1] - filled[-2 : -room - 2 : -1]
    padded = np.concatenate([before, filled, after])
    return np.asarray(blurred(padded[None])[0, room : room + len(profile)])


def _travel(start: NDArray[Any], end: NDArray[Any]) -> float:
    """Return how many bins the wave has travelled, going by the slopes of both keys; 0 when it has not."""
    count = len(start)
    best, shift = _ALIKE, 0
    for bins in range(-int(_FARTHEST * count), int(_FARTHEST * count) + 1):
        one = start[max(0, -bins) : count - max(0, bins)]
        other = end[max(0, bins) : count + min(0, bins)]
        alike = float(one @ other / np.sqrt(max(float((one @ one) * (other @ other)), 1e-9)))
        if alike - _NEARER * abs(bins) / count > best:
            best, shift = alike - _NEARER * abs(bins) / count, bins
    return float(shift) if abs(shift) > _LEAST_TRAVEL * count else 0.0


def upright(axis: NDArray[Any]) -> NDArray[Any]:
    """Return the axis made level or upright where it nearly is: cloth hangs and blows so."""
    largest = int(np.abs(axis).argmax())
    return np.eye(2)[largest] if np.abs(axis[largest]) > _NEARLY_UPRIGHT else axis


def blurred(profiles: NDArray[Any]) -> NDArray[Any]:
    """Return the rows smoothed along their length."""
    return np.asarray(
        cv2.GaussianBlur(profiles, (0, 0), sigmaX=_SMOOTHING_BINS, sigmaY=1e-3, borderType=cv2.BORDER_REFLECT)
    )
