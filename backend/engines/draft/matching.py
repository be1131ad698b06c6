"""Which region of one key is which region of the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .regions import Regions

#: Regions considered, largest first; more are detail that follows its surroundings.
MOST_REGIONS = 150
_WORST, _ACCEPTED = 2.6, 2.2


def likeness(a: Regions, b: Regions) -> NDArray[Any]:
    """Return (regions of a, regions of b) how unlike two are, wherever they lie: 0 for equal colour and shape."""
    colour = np.linalg.norm(a.colours[:, None] - b.colours[None], axis=-1) / 40
    area = np.abs(np.log(a.shapes.area[:, None] / b.shapes.area[None]))
    slender_a, slender_b = (np.log(key.shapes.long / key.shapes.short) for key in (a, b))
    return np.asarray(1.2 * colour + 0.8 * area + 0.3 * np.abs(slender_a[:, None] - slender_b[None]))


def match_regions(a: Regions, b: Regions, diagonal: float) -> list[tuple[int, int]]:
    """Return pairs of regions (from 0), largest first: alike in colour, size, elongation and place.

    The first round measures places in the picture, the next two relative to how the neighbours moved. What has
    no partner then may have left its neighbours, as a figure leaves its backdrop: its place in the picture counts.
    """
    shape_a, shape_b = a.shapes, b.shapes
    large_a = np.argsort(-shape_a.area, kind="stable")[:MOST_REGIONS]
    large_b = np.argsort(-shape_b.area, kind="stable")[:MOST_REGIONS]
    alike = likeness(a, b)[large_a][:, large_b]
    centre_a, centre_b = shape_a.centre[large_a], shape_b.centre[large_b]
    moves = centre_b[None] - centre_a[:, None]
    expected = np.zeros((len(large_a), 2))
    in_picture = alike + np.linalg.norm(moves, axis=-1) / (0.35 * diagonal)
    cost = in_picture
    pairs: list[tuple[int, int]] = []
    for _ in range(3):
        rows, columns = linear_sum_assignment(np.minimum(cost, _WORST))
        kept = cost[rows, columns] < _ACCEPTED
        rows, columns = rows[kept], columns[kept]
        if not len(rows):
            return []
        pairs = [(int(large_a[i]), int(large_b[j])) for i, j in zip(rows, columns, strict=True)]
        squared = ((centre_a[:, None] - centre_a[None, rows]) ** 2).sum(axis=-1)
        nearness = np.exp(-squared / (2 * (0.12 * diagonal) ** 2))
        influence = nearness * np.sqrt(shape_a.area[large_a][rows]) * np.exp(-cost[rows, columns]) + 1e-9
        expected = (influence[..., None] * moves[rows, columns]).sum(axis=1) / influence.sum(axis=1)[:, None]
        cost = alike + 1.6 * np.linalg.norm(moves - expected[:, None], axis=-1) / (0.2 * diagonal)
    in_picture[rows], in_picture[:, columns] = _WORST, _WORST
    left = zip(*linear_sum_assignment(np.minimum(in_picture, _WORST)), strict=True)
    pairs += [(int(large_a[i]), int(large_b[j])) for i, j in left if in_picture[i, j] < _ACCEPTED]
    return sorted(pairs, key=lambda pair: -shape_a.area[pair[0]])
