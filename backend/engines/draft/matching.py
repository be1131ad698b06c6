"""Which region of one key is which region of the other."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from .regions import Regions, Shapes

#: Regions considered, largest first; more are detail that follows its surroundings.
MOST_REGIONS = 150
_WORST, _ACCEPTED = 2.6, 2.2


def match_regions(
    a: Regions, b: Regions, shape_a: Shapes, shape_b: Shapes, diagonal: float
) -> list[tuple[int, int]]:
    """Return pairs of regions (from 0), largest first: alike in colour, size, elongation and place.

    The first round measures places in the picture, the next two relative to how the neighbours moved. What has
    no partner then may have left its neighbours, as a figure leaves its backdrop: its place in the picture counts.
    """
    large_a = np.argsort(-shape_a.area, kind="stable")[:MOST_REGIONS]
    large_b = np.argsort(-shape_b.area, kind="stable")[:MOST_REGIONS]
    colour = np.linalg.norm(a.colours[large_a][:, None] - b.colours[large_b][None], axis=-1) / 40
    area = np.abs(np.log(shape_a.area[large_a][:, None] / shape_b.area[large_b][None]))
    slender_a = np.log(shape_a.long[large_a] / shape_a.short[large_a])
    slender_b = np.log(shape_b.long[large_b] / shape_b.short[large_b])
    alike = 1.2 * colour + 0.8 * area + 0.3 * np.abs(slender_a[:, None] - slender_b[None])
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
