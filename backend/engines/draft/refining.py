"""The last half pixel: the motions in use, fitted to what is still off when both keys are laid over each other."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import IDENTITY, Affine, after, fit_similarity, inverse, transform
from .features import WORST_COST, flow_channel, match_cost
from .flow import search_flow
from .sides import Side, starting_at, warp

#: Parts of fewer pixels than this are too small for flow to say more than their outline did.
_LEAST_PIXELS = 150
_MOST_POINTS = 400
#: Flow further off than this many pixels says that it has lost its way.
_FARTHEST = 4.0
_ROOM = 8


def refined(sides: tuple[Side, Side], chosen: tuple[NDArray[Any], NDArray[Any]]) -> dict[int, Affine]:
    """Return better motions (start to end) for those in use that can be bettered.

    chosen: the motion of each region of both keys.
    """
    better: dict[int, Affine] = {}
    for number in np.unique(np.concatenate(chosen)):
        masks = [
            np.concatenate([[False], motion == number])[side.regions.labels]
            for side, motion in zip(sides, chosen, strict=True)
        ]
        largest = int(masks[1].sum() > masks[0].sum())
        motion = sides[largest].motions[number]
        if masks[largest].sum() < _LEAST_PIXELS or np.abs(motion - IDENTITY).max() == 0:
            continue
        found = _refined(sides[largest], motion, masks[largest])
        if found is not None:
            better[int(number)] = found if largest == 0 else inverse(found)
    return better


def _refined(side: Side, motion: Affine, own: NDArray[Any]) -> Affine | None:
    """Return a motion that brings the part nearer to the other key, None when flow finds none."""
    x, y, width, height = cv2.boundingRect(own.astype(np.uint8))
    top, left = max(y - _ROOM, 0), max(x - _ROOM, 0)
    box = np.s_[top : y + height + _ROOM, left : x + width + _ROOM]
    here, inside = side.own[box], own[box]
    if min(inside.shape) < 2 * _ROOM:
        return None
    origin = np.array([left, top])

    def other_at(by: Affine) -> NDArray[Any]:
        return warp(side.other, starting_at(by, box), inside.shape, side.opaque)

    there = other_at(motion)
    flow = search_flow(flow_channel(here), flow_channel(there))
    matched = inside & (np.linalg.norm(flow, axis=-1) < _FARTHEST) & (here[..., 3] < 80)
    rows, columns = np.nonzero(matched)
    if len(rows) < 12:
        return None
    some = np.linspace(0, len(rows) - 1, min(_MOST_POINTS, len(rows))).astype(int)
    start = np.column_stack([columns[some], rows[some]]).astype(np.float64) + origin
    end = start + flow[rows[some], columns[some]]
    fit = fit_similarity(start, end)
    for _ in range(2):
        error = np.linalg.norm(transform(fit, start) - end, axis=1)
        fit = fit_similarity(start, end, 1 / (1 + (error / 0.7) ** 2))
    candidate = after(motion, fit)
    before, now = (float(match_cost(here, seen, 3)[inside].mean()) for seen in (there, other_at(candidate)))
    return candidate if now < before - 1e-3 * WORST_COST else None
