"""Which motion each pixel makes: that of its region, and for outlines the best of those near them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .features import match_cost
from .mismatch import MISMATCH_PIXELS
from .sides import Side
from .view import Map, box_around

#: Outline pixels may take the motion of any region within this many pixels.
OUTLINE_REACH = 4
#: In front of an opaque backdrop, outline pixels that match worse than this under the backdrop's motion belong to a
#: line that sticks out of a figure; it is followed where it matches that well, in so many steps of that reach.
_LOOSE_COST = 12.0
_FOLLOWED_COST = 24.0
_LINE_STEPS = 8
#: What differs less than this (Lab) from the other key's backdrop all around is backdrop, an edge near it or not.
_LEAST_CHANGE = 4.0


@dataclass(frozen=True)
class Labels:
    """motion: (height, width) int16, each pixel's motion, -1 where nothing is drawn. camera: the backdrop's."""

    motion: NDArray[Any]
    camera: int


def label_pixels(side: Side, chosen: NDArray[Any], camera: int) -> Labels:
    """Give every pixel the motion of its region, and every outline pixel the best motion near it."""
    motion = np.concatenate([[-1], chosen])[side.regions.labels].astype(np.int16)
    return Labels(_settle_outlines(side, motion, np.unique(chosen), camera), camera)


def _settle_outlines(side: Side, motion: NDArray[Any], used: NDArray[Any], camera: int) -> NDArray[Any]:
    """Give each outline pixel the best of the motions near it, so that silhouettes go with their figure.

    In front of an opaque backdrop the pixel beside an outline is a mixture of both and counts as outline, too.
    """
    outline = (side.regions.cores == 0) & (side.regions.labels > 0)
    if side.opaque:
        beside = cv2.dilate(outline.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        outline |= beside & (motion == camera)
    if len(used) < 2 or not outline.any():
        return motion
    best = np.full(motion.shape, np.inf, np.float32)
    settled = motion.copy()
    _take_better(side, outline, used, settled, best, motion)
    if side.opaque:
        movers = used[used != camera]
        height, width = motion.shape
        behind = side.other_at(camera, np.s_[0:height, 0:width])
        changes = cv2.absdiff(side.own, behind)[..., :3].max(axis=-1) > _LEAST_CHANGE
        changed = cv2.dilate(changes.astype(np.uint8), np.ones((2 * OUTLINE_REACH + 1,) * 2, np.uint8)) > 0
        for _ in range(_LINE_STEPS):  # a line that sticks out into the backdrop is followed to its end
            loose = outline & changed & (settled == camera) & (best > _LOOSE_COST)
            if not _take_better(side, loose, movers, settled, best, settled.copy(), _FOLLOWED_COST):
                break
    return settled


def _take_better(
    side: Side, pixels: NDArray[Any], candidates: NDArray[Any], settled: NDArray[Any], best: Map,
    motion: NDArray[Any], worst: float = np.inf,
) -> bool:  # fmt: skip
    """Give pixels, in place, the best of those motions that are found near them; say whether any changed.

    settled: the motion of each pixel so far. best: its mismatch, lowered where a better one is found. motion: where
    the candidates are. worst: what matches worse is not taken.
    """
    kernel = np.ones((2 * OUTLINE_REACH + 1,) * 2, np.uint8)
    changed = False
    for index in candidates:
        own = motion == index
        near = (cv2.dilate(own.astype(np.uint8), kernel) > 0) & pixels
        if not near.any():
            continue
        box = box_around(near, 3)
        here = near[box]
        cost = match_cost(side.own[box], side.other_at(int(index), box), MISMATCH_PIXELS)
        cost = np.where(here, cost - 2.0 * own[box], np.inf)
        better = cost < np.minimum(best[box], worst)
        best[box][better] = cost[better]
        settled[box][better] = index
        changed |= bool(better.any())
    return changed
