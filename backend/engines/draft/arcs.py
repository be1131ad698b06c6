"""Arcs: the path of the whole drawing runs smoothly through every key and guide, without a kink at any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .colour import LIVE_ALPHA, Premultiplied, is_opaque

#: A neighbour whose drawing is more than this many times larger or smaller shows something else.
_MOST_GROWTH = 2.0

#: (x, y) in pixels.
Point = NDArray[Any]


@dataclass(frozen=True)
class Waypoint:
    """Where the drawing is at a time: the centre and area (pixels) of what is drawn."""

    time: float
    centre: Point
    area: float


def waypoint(time: float, key: Premultiplied) -> Waypoint | None:
    """Return where a key's drawing is; None when it is opaque or blank, and so has no place of its own."""
    if is_opaque(key):
        return None
    rows, columns = np.nonzero(key[..., 3] > LIVE_ALPHA)
    if not len(rows):
        return None
    return Waypoint(time, np.array([columns.mean(), rows.mean()]), float(len(rows)))


@dataclass(frozen=True)
class Arc:
    """How far the path between two waypoints bends away from the straight line.

    leaving, arriving: velocity (pixels per unit of the stretch, 0..1) at its ends, less that of the straight line.
    """

    leaving: Point
    arriving: Point

    def offset(self, time: float) -> Point:
        """Return the offset (x, y) at `time` (0..1): a cubic Hermite curve less its chord; zero at both ends."""
        return (time * (1 - time) ** 2) * self.leaving - (time**2 * (1 - time)) * self.arriving

    @property
    def reach(self) -> int:
        """The largest offset, in whole pixels."""
        return int(np.ceil(max(np.linalg.norm(self.offset(t)) for t in np.linspace(0, 1, 21))))


STRAIGHT = Arc(np.zeros(2), np.zeros(2))


def arc_between(
    before: Waypoint | None, start: Waypoint | None, end: Waypoint | None, after: Waypoint | None
) -> Arc:
    """Return the arc from `start` to `end`, given the nearest waypoints beyond.

    The velocity at a waypoint is that of the parabola through it and its two neighbours, so both stretches that
    meet there agree on it (Catmull & Rom 1974, for uneven times).
    """
    if start is None or end is None:
        return STRAIGHT
    span = end.time - start.time
    chord = (end.centre - start.centre) / span
    leaving = arriving = chord
    if before is not None and _same_drawing(before, start):
        leaving = _velocity(before, start, end)
    if after is not None and _same_drawing(after, end):
        arriving = _velocity(start, end, after)
    if leaving is chord and arriving is not chord:
        leaving = 2 * chord - arriving
    elif arriving is chord and leaving is not chord:
        arriving = 2 * chord - leaving
    return Arc((leaving - chord) * span, (arriving - chord) * span)


def _same_drawing(a: Waypoint, b: Waypoint) -> bool:
    return 1 / _MOST_GROWTH < a.area / b.area < _MOST_GROWTH


def _velocity(before: Waypoint, at: Waypoint, after: Waypoint) -> Point:
    """Return the velocity at the middle of three waypoints."""
    span_before, span_after = at.time - before.time, after.time - at.time
    first = (at.centre - before.centre) / span_before
    second = (after.centre - at.centre) / span_after
    return np.asarray((first * span_after + second * span_before) / (span_before + span_after))
