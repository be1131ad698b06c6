"""Smooth curves with few points through dense paths: least-squares cubic Bézier pieces, split where they stray.

Schneider 1990, "An Algorithm for Automatically Fitting Digitized Curves"; all pieces of a drawing at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[Any]

#: Pieces of up to so many points are judged at so many places along them.
_PLACES = ((96, 24), (400, 100), (10**9, 300))
#: The path turns a corner where the directions over this many points before and after differ by so much.
_CORNER_REACH, _CORNER = 4, np.radians(48)
_SHORTEST = 3
_ROUNDS, _REFINEMENTS = 10, 2


@dataclass(frozen=True)
class Stretch:
    """A dense path to be fitted: points (n, 2), about one a pixel; tolerance (n,) in pixels."""

    points: Array
    tolerance: Array
    closed: bool


@dataclass(frozen=True)
class Curve:
    """knots: (m, 6): x, y, then the handles that arrive and leave. at: (m,) index into the stretch's points."""

    knots: Array
    at: Array


def fit(stretches: Sequence[Stretch]) -> list[Curve]:
    """Return a curve for each stretch; two points at least each."""
    if not stretches:
        return []
    rolled = [_from_a_good_start(stretch) for stretch in stretches]
    starts = np.cumsum([0, *(len(points) for points, *_ in rolled)])
    points = np.concatenate([points for points, *_ in rolled])
    tolerance = np.concatenate([tolerance for _, tolerance, *_ in rolled])
    before = np.concatenate([before for _, _, before, *_ in rolled])
    after = np.concatenate([after for _, _, _, after, *_ in rolled])
    pieces = np.concatenate([cuts + start for (*_, cuts, _), start in zip(rolled, starts, strict=False)])
    done: list[Array] = []
    for round_ in range(_ROUNDS):
        first, last = pieces[:, 0], pieces[:, 1]
        handles, stray, worst = np.zeros((len(first), 4)), np.zeros(len(first)), np.zeros(len(first), int)
        shortest = 0
        for longest, places in _PLACES:
            some = np.nonzero((last - first > shortest) & (last - first <= longest))[0]
            shortest = longest
            if len(some):
                a, b = first[some], last[some]
                handles[some], stray[some], worst[some] = _fit_pieces(
                    points, tolerance, after[a], before[b], a, b, places
                )
        short = last - first < 2 * _SHORTEST
        good = (stray <= 1) | short | (round_ == _ROUNDS - 1)
        done.append(np.column_stack([first, last, handles])[good])
        if good.all():
            break
        first, last = first[~good], last[~good]
        middle = np.clip(worst[~good], first + _SHORTEST, last - _SHORTEST)
        pieces = np.concatenate([np.column_stack([first, middle]), np.column_stack([middle, last])])
    fitted = np.concatenate(done)
    fitted = fitted[np.argsort(fitted[:, 0], kind="stable")]
    bounds = np.searchsorted(fitted[:, 0], starts)
    return [
        _curve(fitted[low:high], points, int(start), stretch, shift)
        for (low, high), start, stretch, (*_, shift) in zip(
            pairwise(bounds), starts, stretches, rolled, strict=False
        )
    ]


def _from_a_good_start(stretch: Stretch) -> tuple[Array, Array, Array, Array, Array, int]:
    """Return points, tolerance, directions before and after each, pieces (k, 2) and how far a ring was turned.

    A ring is turned to begin at a corner, and its first point is repeated at its end.
    """
    points, tolerance = stretch.points, stretch.tolerance
    before, after = _directions(points, closed=stretch.closed)
    sharp = _corners(points, closed=stretch.closed)
    smooth = before + after
    lengths = np.maximum(np.hypot(*smooth.T), 1e-9)[:, None]
    ends = sharp.copy()
    if not stretch.closed:
        ends[0] = ends[-1] = True
    before, after = (np.where(ends[:, None], way, smooth / lengths) for way in (before, after))
    shift = 0
    if stretch.closed:
        shift = int(np.argmax(sharp)) if sharp.any() else 0
        turn = np.append(np.roll(np.arange(len(points)), -shift), shift)
        points, tolerance, before, after, ends = (a[turn] for a in (points, tolerance, before, after, ends))
    cuts = np.nonzero(ends)[0]
    cuts = np.unique(np.concatenate([[0], cuts, [len(points) - 1]]))
    pieces = []
    for first, last in pairwise(cuts):
        parts = 2 if stretch.closed and len(cuts) == 2 else 1
        inner = np.unique(np.rint(np.linspace(first, last, parts + 1)).astype(int))
        pieces += list(pairwise(inner))
    return points, tolerance, before, after, np.array(pieces).reshape(-1, 2), shift


def _directions(points: Array, *, closed: bool) -> tuple[Array, Array]:
    """Return unit vectors (n, 2) in which the path arrives at and leaves each point, each from its own side."""
    count = len(points)
    index = np.arange(count)

    def to(offset: int) -> Array:
        place = index + offset
        chosen: Array = points[place % count] if closed else points[np.clip(place, 0, count - 1)]
        return chosen - points

    def unit(way: Array, instead: Array) -> Array:
        lengths = np.hypot(*way.T)[:, None]
        short = np.hypot(*instead.T)[:, None]
        result: Array = np.where(lengths > 1e-6, way / np.maximum(lengths, 1e-9), instead / np.maximum(short, 1e-9))
        return result

    # A parabola through three points knows the direction at its end better than a chord.
    leaving = unit(4 * to(2) - to(4), to(1))
    arriving = -unit(4 * to(-2) - to(-4), to(-1))
    if not closed:
        leaving[-1], arriving[0] = arriving[-1], leaving[0]
    return arriving, leaving


def _corners(points: Array, *, closed: bool) -> NDArray[np.bool_]:
    """Tell at which points (n,) the path turns sharply."""
    count, reach = len(points), _CORNER_REACH
    if count < 3 * reach:
        return np.zeros(count, bool)
    index = np.arange(count)
    if closed:
        ahead, behind = points[(index + reach) % count] - points, points - points[(index - reach) % count]
    else:
        ahead = points[np.minimum(index + reach, count - 1)] - points
        behind = points - points[np.maximum(index - reach, 0)]
    turn = np.abs(np.arctan2(behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0], (ahead * behind).sum(1)))
    if not closed:
        turn[:2] = turn[-2:] = 0
    around = ndimage.maximum_filter1d(turn, 2 * reach + 1, mode="wrap" if closed else "nearest")
    peak = turn >= around - 1e-12
    sharp: NDArray[np.bool_] = peak & (turn > _CORNER)
    return sharp


def _fit_pieces(
    points: Array, tolerance: Array, leaving: Array, arriving: Array, first: Array, last: Array, places: int
) -> tuple[Array, Array, Array]:
    """Fit one cubic to each piece between two points, judged at so many places.

    Returns its two handles (k, 4), the largest error as a share of the tolerance (k,), and the index of the point
    where it is worst (k,).
    """
    share = np.linspace(0, 1, places)
    where = first[:, None] + (last - first)[:, None] * share
    floor = np.minimum(where.astype(int), last[:, None] - 1)
    rest = (where - floor)[..., None]
    target = points[floor] * (1 - rest) + points[floor + 1] * rest
    allowed = np.minimum(tolerance[floor], tolerance[floor + 1])
    start, end = target[:, :1], target[:, -1:]
    steps = np.hypot(*np.moveaxis(np.diff(target, axis=1), -1, 0))
    lengths = steps.sum(1)
    t = np.concatenate([np.zeros((len(first), 1)), np.cumsum(steps, 1)], 1) / np.maximum(lengths, 1e-9)[:, None]
    for turn in range(_REFINEMENTS + 1):
        b0, b1, b2, b3 = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        a1, a2 = b1[..., None] * leaving[:, None], -b2[..., None] * arriving[:, None]
        missing = target - start * (b0 + b1)[..., None] - end * (b2 + b3)[..., None]
        c11, c12, c22 = (np.einsum("ijk,ijk->i", x, y) for x, y in ((a1, a1), (a1, a2), (a2, a2)))
        x1, x2 = np.einsum("ijk,ijk->i", a1, missing), np.einsum("ijk,ijk->i", a2, missing)
        determinant = c11 * c22 - c12 * c12
        sound = np.abs(determinant) > 1e-9 * np.maximum(c11 * c22, 1e-12)
        determinant = np.where(sound, determinant, 1.0)
        one, two = (x1 * c22 - x2 * c12) / determinant, (c11 * x2 - c12 * x1) / determinant
        # Handles that vanish, turn back or fly off are not a curve that anybody drew.
        shorter, longer = np.minimum(one, two), np.maximum(one, two)
        wild = ~sound | (shorter < 0.02 * lengths) | (longer > 1.2 * lengths)
        one, two = np.where(wild, lengths / 3, one)[:, None], np.where(wild, lengths / 3, two)[:, None]
        h1, h2 = start[:, 0] + one * leaving, end[:, 0] - two * arriving
        p1, p2 = h1[:, None], h2[:, None]
        curve = start * b0[..., None] + p1 * b1[..., None] + p2 * b2[..., None] + end * b3[..., None]
        away = curve - target
        if turn == _REFINEMENTS:
            break
        s = 1 - t
        ss, st, tt = ((x * y)[..., None] for x, y in ((s, s), (s, t), (t, t)))
        speed = 3 * ((p1 - start) * ss + 2 * (p2 - p1) * st + (end - p2) * tt)
        bend = 6 * ((p2 - 2 * p1 + start) * s[..., None] + (end - 2 * p2 + p1) * t[..., None])
        slope = (speed * speed + away * bend).sum(-1)
        step = (away * speed).sum(-1) / np.where(np.abs(slope) > 1e-9, slope, 1.0)
        t = np.clip(np.where(np.abs(slope) > 1e-9, t - step, t), 0, 1)
        t[:, 0], t[:, -1] = 0, 1
        t = np.maximum.accumulate(t, axis=1)
    stray = np.hypot(away[..., 0], away[..., 1]) / allowed
    worst = stray.argmax(1)
    index = np.rint(np.take_along_axis(where, worst[:, None], 1)[:, 0]).astype(int)
    return np.column_stack([h1, h2]), stray.max(1), index


def _curve(pieces: Array, points: Array, start: int, stretch: Stretch, shift: int) -> Curve:
    first, last = pieces[:, 0].astype(int), pieces[:, 1].astype(int)
    knots = np.empty((len(pieces) + 1, 6))
    at = np.append(first, last[-1])
    knots[:, :2] = points[at]
    knots[:-1, 4:] = pieces[:, 2:4]
    knots[1:, 2:4] = pieces[:, 4:6]
    at = at - start
    if stretch.closed:
        knots[0, 2:4] = knots[-1, 2:4]
        return Curve(knots[:-1], (at[:-1] + shift) % len(stretch.points))
    knots[0, 2:4] = 2 * knots[0, :2] - knots[0, 4:]
    knots[-1, 4:] = 2 * knots[-1, :2] - knots[-1, 2:4]
    return Curve(knots, at)
