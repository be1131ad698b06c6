"""The line drawings between two coloured keys, coloured one after another, away from the key they fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError
from .painting import paint_next, paint_reference, picture_of
from .reference_lines import fit, lines_of

if TYPE_CHECKING:
    from ..engines import Interval, Lines, Picture

#: A key belongs to the drawing beside it when its lines fit at least this well, compared with the other key's.
_FITS = 0.6


def colour_between(interval: Interval) -> Iterator[tuple[float, Picture]]:
    """Yield (time, picture) for every wanted time, in an order of its own.

    interval: its guides are finished line drawings, one at each wanted time, none of them blank (`without_blank`);
    its keys are coloured references.
    Raises UserError("colouring-without-lines") when a wanted time has no line drawing.
    """
    times = sorted(interval.guides)
    missing = [time for time in interval.times if time not in interval.guides]
    if missing:
        raise UserError(
            "colouring-without-lines",
            f"{len(missing)} of the drawings to be coloured have no line drawing.",
            "Draw the lines of every frame first, or leave those frames out.",
        )
    lines = _lines_of_keys(interval)
    forward, backward = _divide(interval, times, lines)
    wanted = set(interval.times)
    for key, own, way in zip((interval.start, interval.end), lines, (forward, backward), strict=True):
        left = wanted & set(way)
        if not left:
            continue
        painted, palette = paint_reference(own, key)
        for time in way:
            painted = paint_next(painted, interval.guides[time])
            if time in left:
                left.discard(time)
                wanted.discard(time)
                yield time, picture_of(painted, palette)
            if not left:
                break


def _divide(
    interval: Interval, times: Sequence[float], lines: tuple[Lines, Lines]
) -> tuple[list[float], list[float]]:
    """Return the times to be coloured from the start key on, and from the end key backwards.

    Each half belongs to its own key. A key that does not fit the drawing beside it, such as a reference that stands
    for both sides of a shot, is left out. One that shows any of the drawings is first given to the one that it fits
    best, and from there to both sides. lines: of both keys.
    """
    if not times:
        return [], []
    of_start, of_end = lines
    if interval.anywhere:
        fits = [fit(of_start, drawn) + fit(drawn, of_start) for drawn in map(interval.guides.__getitem__, times)]
        best = int(np.argmax(fits))
        return list(times[best:]), list(reversed(times[: best + 1]))
    start = fit(of_start, interval.guides[times[0]])
    end = fit(of_end, interval.guides[times[-1]])
    if end < _FITS * start:
        return list(times), []
    if start < _FITS * end:
        return [], list(reversed(times))
    middle = (len(times) + 1) // 2
    return list(times[:middle]), list(reversed(times[middle:]))


def _lines_of_keys(interval: Interval) -> tuple[Lines, Lines]:
    """Return the lines of both keys: as they were given, else as they can be read out of the coloured pictures."""
    start, end = interval.start_lines, interval.end_lines
    return (
        lines_of(interval.start) if start is None else start,
        lines_of(interval.end) if end is None else end,
    )
