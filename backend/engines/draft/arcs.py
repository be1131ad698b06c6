"""Arcs: the path of the whole drawing runs smoothly through every key and guide, without a kink at any of them.

The one exception is an impact: a drawing that is squashed where its path is lowest has hit the ground there. It
falls faster and faster until then, and leaves at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .colour import LIVE_ALPHA, Premultiplied, is_opaque

#: A neighbour whose drawing is more than this many times larger or smaller shows something else.
_MOST_GROWTH = 2.0
#: At an impact a drawing is flatter (height by width) than before and after by this factor at least, and lower by
#: this share of its height.
_SQUASHED = 0.88
_LOWER = 0.25

#: (x, y) in pixels.
Point = NDArray[Any]


@dataclass(frozen=True)
class Waypoint:
    """Where the drawing is at a time: centre, spread (standard deviation) and area of what is drawn, in pixels."""

    time: float
    centre: Point
    spread: Point
    area: float

    @property
    def flatness(self) -> float:
        """Height by width."""
        return float(self.spread[1] / max(self.spread[0], 1e-6))


def waypoint(time: float, key: Premultiplied) -> Waypoint | None:
    """Return where a key's drawing is; None when it is opaque or blank, and so has no place of its own."""
    if is_opaque(key):
        return None
    rows, columns = np.nonzero(key[..., 3] > LIVE_ALPHA)
    if not len(rows):
        return None
    centre, spread = np.array([columns.mean(), rows.mean()]), np.array([columns.std(), rows.std()])
    return Waypoint(time, centre, spread, float(len(rows)))


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


@dataclass(frozen=True)
class Course:
    """Arcs one after the other: the path through several waypoints. times: of all of them, from 0 to 1."""

    times: tuple[float, ...]
    arcs: tuple[Arc, ...]

    def offset(self, time: float) -> Point:
        """Return the offset (x, y) at `time` (0..1); zero at every waypoint."""
        index = next(i for i, end in enumerate(self.times[1:]) if time <= end)
        start, end = self.times[index : index + 2]
        return self.arcs[index].offset((time - start) / (end - start))

    @property
    def reach(self) -> int:
        """The largest offset, in whole pixels."""
        return max(arc.reach for arc in self.arcs)


def arc_between(
    before: Waypoint | None, start: Waypoint | None, end: Waypoint | None, after: Waypoint | None
) -> Arc:
    """Return the arc from `start` to `end`, given the nearest waypoints beyond.

    Except at impacts, the velocity at a waypoint is that of the parabola through it and its two neighbours, so both
    stretches that meet there agree on it (Catmull & Rom 1974, for uneven times).
    """
    if start is None or end is None:
        return STRAIGHT
    span = end.time - start.time
    chord = (end.centre - start.centre) / span
    leaving = arriving = chord
    if before is not None and _same_drawing(before, start):
        leaving = _velocities(before, start, end)[1]
    if after is not None and _same_drawing(after, end):
        arriving = _velocities(start, end, after)[0]
    if leaving is chord and arriving is not chord:
        leaving = 2 * chord - arriving
    elif arriving is chord and leaving is not chord:
        arriving = 2 * chord - leaving
    return Arc((leaving - chord) * span, (arriving - chord) * span)


def _same_drawing(a: Waypoint, b: Waypoint) -> bool:
    return 1 / _MOST_GROWTH < a.area / b.area < _MOST_GROWTH


def _velocities(before: Waypoint, at: Waypoint, after: Waypoint) -> tuple[Point, Point]:
    """Return the velocities at which the middle of three waypoints is reached and left."""
    span_before, span_after = at.time - before.time, after.time - at.time
    first = (at.centre - before.centre) / span_before
    second = (after.centre - at.centre) / span_after
    smooth = np.asarray((first * span_after + second * span_before) / (span_before + span_after))
    if not _is_impact(before, at, after):
        return smooth, smooth
    # Falling from rest, y = g t^2 / 2, ends at twice the mean velocity.
    return np.array([smooth[0], 2 * first[1]]), np.array([smooth[0], 2 * second[1]])


def _is_impact(before: Waypoint, at: Waypoint, after: Waypoint) -> bool:
    """Say whether the drawing hits the ground at the middle waypoint: lowest there, and squashed."""
    lowest = at.centre[1] - max(before.centre[1], after.centre[1]) > _LOWER * 4 * at.spread[1]
    return bool(lowest and at.flatness < _SQUASHED * min(before.flatness, after.flatness))
