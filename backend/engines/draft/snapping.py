"""Bending a predicted picture so that its lines lie on a guide's lines.

Closed areas of the guide, matched to those of the prediction, carry large moves; what is left is closed by oriented
line ICP whose displacements are smoothed over narrowing Gaussians (normalised convolution, Knutsson & Westin 1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .affine import Affine, about, transform
from .colour import Gray, Premultiplied, luminance_over_white
from .lines import closed_areas, oriented_points, share_near, strokes
from .matching import match_regions
from .regions import Regions, measure
from .view import Mask, nearest_true, pixel_grid

#: The gate: the least share of the guide's lines that must be met, the largest share of moved pixels that may fold.
LEAST_MET = 0.7
MOST_FOLDED = 0.10
#: The largest share of a drawing that may lie outside its outlines for its closed areas to mean anything.
MOST_OPEN = 0.15
_FOLD_RANGE = 0.3, 3.0
_SMOOTHING = (22.0, 14.0, 9.0, 6.0)
_REACH = 0.09
#: A guide with fewer lines than this share of the drawing's is a rough one.
_ROUGH_SHARE = 0.85
#: Outlines within this many pixels of a matched area belong to it.
_OUTLINE_PIXELS = 5.0
_FEWEST_POINTS = 20
#: Matched areas can be the wrong ones; they must bring this much more of the guide's lines.
_CLEARLY = 0.05
#: Displacements below this many pixels are noise; what does not move stays as it is.
_STILL_PIXELS = 0.5


@dataclass(frozen=True)
class Snap:
    """A prediction bent onto a guide.

    x, y: for each pixel of the guided picture, where in the prediction it comes from (working pixels).
    paper: where the guide says that nothing is drawn, when its areas had to move to meet it.
    met: share of the guide's lines that the result's lines lie on. folded: share of the moved pixels where the
    bending folds or tears. areas, pairs: the guide's closed areas, and (guide area, predicted area) from 0.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    paper: Mask
    met: float
    folded: float
    areas: Regions
    predicted_areas: Regions
    pairs: list[tuple[int, int]]

    @property
    def accepted(self) -> bool:
        """Whether the guide is close enough for the bent picture to be kept."""
        return self.met >= LEAST_MET and self.folded <= MOST_FOLDED


def snap(predicted: Premultiplied, guide: Gray, strength: float) -> Snap | None:
    """Bend `predicted` onto the lines of `guide` (both of working size); None when either has no lines.

    strength: 0..1, how far to go towards the guide.
    """
    wanted = strokes(guide)
    drawn = strokes(luminance_over_white(predicted))
    if min(int(wanted.sum()), int(drawn.sum())) < _FEWEST_POINTS:
        return None
    diagonal = float(np.hypot(*guide.shape))
    areas, predicted_areas = closed_areas(wanted), closed_areas(drawn)
    pairs = []
    if _is_outlined(predicted, predicted_areas):
        pairs = _match_areas(areas, predicted_areas, diagonal)
    x, y = pixel_grid(*guide.shape)
    carried = _carry_areas(areas, predicted_areas, pairs)
    bent = _bend(predicted, wanted, np.zeros((*guide.shape, 2), np.float32), diagonal)
    met = share_near(wanted, strokes(luminance_over_white(_resample(predicted, bent))))
    field, start = bent, np.zeros_like(bent)
    if carried is not None:
        further = _bend(predicted, wanted, carried, diagonal)
        further_met = share_near(wanted, strokes(luminance_over_white(_resample(predicted, further))))
        if further_met > met + _CLEARLY:
            field, start, met = further, carried, further_met
    folded = _folded(field - start)
    moved = np.linalg.norm(field, axis=-1, keepdims=True)
    field = field * (np.float32(strength) * np.clip(moved / _STILL_PIXELS - 1, 0, 1))
    paper = ~areas.live if start.any() else np.zeros_like(wanted)
    return Snap(x + field[..., 0], y + field[..., 1], paper, met, folded, areas, predicted_areas, pairs)


def _is_outlined(predicted: Premultiplied, areas: Regions) -> bool:
    """Say whether strokes bound the drawing all around; dark shapes without outlines leave it open."""
    drawn = predicted[..., 3] > 128
    return float((drawn & ~areas.live).sum()) < MOST_OPEN * max(float(drawn.sum()), 1)


def _match_areas(areas: Regions, predicted: Regions, diagonal: float) -> list[tuple[int, int]]:
    if not (areas.count and predicted.count):
        return []
    return match_regions(
        areas, predicted, measure(areas.cores, areas.count), measure(predicted.cores, predicted.count), diagonal
    )


def _carry_areas(areas: Regions, predicted: Regions, pairs: list[tuple[int, int]]) -> NDArray[Any] | None:
    """Return the displacement (height, width, 2) that brings matched areas of the prediction into the guide's."""
    if not pairs:
        return None
    shape, other = measure(areas.cores, areas.count), measure(predicted.cores, predicted.count)
    moves: dict[int, Affine] = {}
    for i, j in pairs:
        linear = other.covariance_power(j, 0.5) @ shape.covariance_power(i, -0.5)
        moves[i + 1] = about(linear, shape.centre[i], other.centre[j])
    matched = np.isin(areas.cores, list(moves))
    nearest = nearest_true(matched)
    if nearest is None:
        return None
    reach = cv2.distanceTransform((~matched).astype(np.uint8), cv2.DIST_L2, 3) <= _OUTLINE_PIXELS
    owner = np.where(reach, areas.cores[nearest], 0)
    field = np.zeros((*owner.shape, 2), np.float32)
    for number, move in moves.items():
        rows, columns = np.nonzero(owner == number)
        points = np.column_stack([columns, rows]).astype(np.float64)
        field[rows, columns] = transform(move, points) - points
    return field


def _resample(pixels: Premultiplied, field: NDArray[Any]) -> Premultiplied:
    x, y = pixel_grid(*field.shape[:2])
    return cv2.remap(
        pixels, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _bend(predicted: Premultiplied, wanted: Mask, field: NDArray[Any], diagonal: float) -> NDArray[Any]:
    """Improve a displacement field so that the prediction's strokes lie on the wanted ones."""
    target = oriented_points(wanted)
    target_tree = cKDTree(target)
    # A rough guide leaves out what an artist does not care to draw: lines of the drawing need no partner there, and
    # what lies between those that have one keeps its shape.
    rough = int(wanted.sum()) < _ROUGH_SHARE * int(strokes(luminance_over_white(predicted)).sum())
    for turn, smoothing in enumerate(_SMOOTHING[:2] if rough else _SMOOTHING):
        drawn = strokes(luminance_over_white(_resample(predicted, field)))
        if int(drawn.sum()) < _FEWEST_POINTS:
            return field
        points = oriented_points(drawn)
        reach = _REACH * diagonal * (1 - 0.2 * turn)
        total = np.zeros((*wanted.shape, 3), np.float32)
        distance, nearest = cKDTree(points).query(target, distance_upper_bound=reach)
        found = np.isfinite(distance)
        _add(total, target[found], points[nearest[found]] - target[found], distance[found])
        if not rough:
            distance, nearest = target_tree.query(points, distance_upper_bound=reach)
            found = np.isfinite(distance)
            there = target[nearest[found]]
            _add(total, there, points[found] - there, distance[found])
        smooth = cv2.GaussianBlur(total, (0, 0), smoothing)
        step = smooth[..., :2] / (smooth[..., 2:] + np.float32(1e-4))
        x, y = pixel_grid(*wanted.shape)
        field = step + cv2.remap(
            field, x + step[..., 0], y + step[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return field


def _add(total: NDArray[Any], at: NDArray[Any], move: NDArray[Any], distance: NDArray[Any]) -> None:
    """Add weighted displacements at points; far matches count less."""
    weight = 1 / (1 + (distance / 10) ** 2)
    values = np.column_stack([move[:, :2] * weight[:, None], weight])
    np.add.at(total, (at[:, 1].astype(int), at[:, 0].astype(int)), values.astype(np.float32))


def _folded(field: NDArray[Any]) -> float:
    """Return the share of moved pixels whose area the field changes beyond measure."""
    moved = np.linalg.norm(field, axis=-1) > 1
    if not moved.any():
        return 0.0
    dx_dy, dx_dx = np.gradient(field[..., 0])
    dy_dy, dy_dx = np.gradient(field[..., 1])
    area = (1 + dx_dx) * (1 + dy_dy) - dx_dy * dy_dx
    return float(((area < _FOLD_RANGE[0]) | (area > _FOLD_RANGE[1]))[moved].mean())
