"""Blank drawings in a sequence: nothing is drawn there, so nothing but the ground is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .areas import is_blank

if TYPE_CHECKING:
    from ..engines import Interval, Picture


def without_blank(interval: Interval) -> tuple[Interval, Mapping[float, Picture]]:
    """Return what is left for an engine to colour, and the finished pictures of the blank drawings by time.

    interval: as for `colour_between`. No engine is asked what colour nothing has, and none takes a blank drawing
    for the one that the next is like.
    """
    blank = {time for time, lines in interval.guides.items() if is_blank(lines)}
    left = replace(
        interval,
        times=tuple(time for time in interval.times if time not in blank),
        guides={time: lines for time, lines in interval.guides.items() if time not in blank},
    )
    nearer = {time: interval.start if time < 0.5 else interval.end for time in interval.times if time in blank}
    return left, {time: _ground_of(key) for time, key in nearer.items()}


def _ground_of(key: Picture) -> Picture:
    """Return a picture of the size of a coloured key that is all ground: the commonest colour of its border."""
    border = np.concatenate([key[0], key[-1], key[:, 0], key[:, -1]])
    border = np.where(border[:, 3:] > 0, border, 0)
    colours, counts = np.unique(border, axis=0, return_counts=True)
    return np.broadcast_to(colours[counts.argmax()], key.shape).copy()
