"""Pairing the areas of two successive line drawings, so that each area has at most one successor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .areas import Areas

#: An area is looked for this far from where it is expected, as a share of the picture's diagonal.
_REACH = 0.09
#: What speaks against a pair: size and shape (natural logarithms), distance (of the reach); and for it: overlap.
_SIZE, _SHAPE, _DISTANCE, _OVERLAP = 1.0, 0.6, 1.2, 1.3
#: A pair that costs more is none.
_MOST = 1.5
_NEVER = 1e6
_ROUNDS = 3


@dataclass(frozen=True)
class _Shape:
    """centre: (count, 2) column and row. elongation: (count,) ratio of the axes. touching: (count, count) bool."""

    centre: NDArray[Any]
    size: NDArray[Any]
    elongation: NDArray[Any]
    touching: NDArray[np.bool_]


def match_areas(before: Areas, after: Areas, carried: NDArray[np.intp]) -> dict[int, int]:
    """Return area of `after` -> area of `before`.

    carried: (height, width) the area of `before` that each pixel of `after` seems to come from. What moves farther
    than its own width is followed wrongly pixel by pixel; size, shape and its neighbours' motion tell better.
    """
    overlap = np.zeros((after.count, before.count), np.float64)
    np.add.at(overlap, (after.labels[after.inside], carried[after.inside]), 1)
    one, two = _measure(after), _measure(before)
    shared = np.minimum(overlap / after.sizes[:, None], np.minimum(1, overlap / before.sizes[None]))
    reach = _REACH * float(np.hypot(*after.labels.shape))
    fixed = _SIZE * np.abs(np.log(one.size[:, None] / two.size[None]))
    fixed += _SHAPE * np.abs(np.log(one.elongation[:, None] / two.elongation[None])) - _OVERLAP * shared
    motion = np.zeros((before.count, 2))
    pairs: dict[int, int] = {}
    for _ in range(_ROUNDS):
        expected = two.centre + motion
        distance = np.linalg.norm(one.centre[:, None] - expected[None], axis=2) / reach
        cost = np.where((distance < 1) | (shared > 0.5), fixed + _DISTANCE * np.minimum(distance, 1), _NEVER)
        rows, columns = linear_sum_assignment(np.minimum(cost, _MOST + 1))
        pairs = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if cost[i, j] < _MOST}
        motion = _motion_around(pairs, one, two)
    return pairs


def _motion_around(pairs: dict[int, int], after: _Shape, before: _Shape) -> NDArray[Any]:
    """Return for each area of `before` how it and what it touches moves, in the middle."""
    moved = np.full((len(before.size), 2), np.nan)
    for i, j in pairs.items():
        moved[j] = after.centre[i] - before.centre[j]
    known = ~np.isnan(moved[:, 0])
    motion = np.zeros_like(moved)
    for area in range(len(moved)):
        around = before.touching[area] & known
        if around.any():
            motion[area] = np.median(moved[around], axis=0)
    return motion


def _measure(areas: Areas) -> _Shape:
    rows, columns = np.nonzero(areas.inside)
    of = areas.labels[areas.inside]

    def mean(values: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(of, values, areas.count) / np.maximum(np.bincount(of, minlength=areas.count), 1)

    x, y = mean(columns), mean(rows)
    xx, yy = mean(columns**2.0) - x**2, mean(rows**2.0) - y**2
    xy = mean(columns * rows.astype(np.float64)) - x * y
    middle, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    # A quarter pixel keeps areas of one row from being infinitely long.
    elongation = np.sqrt((middle + spread + 0.25) / (np.maximum(middle - spread, 0) + 0.25))
    return _Shape(np.column_stack([x, y]), areas.sizes.astype(np.float64), elongation, _touching(areas))


def _touching(areas: Areas) -> NDArray[np.bool_]:
    """Return which areas share a line, each with itself; the largest area, the ground, moves nothing."""
    touching = np.eye(areas.count, dtype=np.bool_)
    labels = areas.labels
    for one, two in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        border = one != two
        touching[one[border], two[border]] = touching[two[border], one[border]] = True
    ground = int(areas.sizes.argmax())
    touching[:, ground] = touching[ground] = False
    touching[ground, ground] = True
    return touching
