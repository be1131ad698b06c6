"""Inking and painting a guide: each closed area takes the colour of the area it stands for.

For flat art this works however far the guide is from both keys.
"""

from __future__ import annotations

import cv2
import numpy as np

from .colour import Gray, Premultiplied
from .regions import measure
from .snapping import Snap
from .view import nearest_true

#: The least share of the guide's closed area, and of the drawing's, that must have found its counterpart.
LEAST_MATCHED = 0.7
_FEWEST_AREAS = 1


def can_ink(found: Snap) -> bool:
    """Say whether the guide's areas stand for nearly all of the drawing, and are nearly all accounted for."""
    if len(found.pairs) < _FEWEST_AREAS:
        return False
    guide = measure(found.areas.cores, found.areas.count).area
    drawing = measure(found.predicted_areas.cores, found.predicted_areas.count).area
    matched_guide = sum(float(guide[i]) for i, _ in found.pairs) / float(guide.sum())
    matched_drawing = sum(float(drawing[j]) for _, j in found.pairs) / float(drawing.sum())
    return min(matched_guide, matched_drawing) >= LEAST_MATCHED


def ink(predicted: Premultiplied, guide: Gray, found: Snap) -> Premultiplied:
    """Return the guide painted with the prediction's colours, at working size, on clear ground."""
    painted = np.zeros_like(predicted)
    matched = np.zeros(found.areas.cores.shape, np.bool_)
    for i, j in found.pairs:
        colours = predicted[found.predicted_areas.cores == j + 1]
        area = found.areas.cores == i + 1
        painted[area] = _commonest(colours)
        matched |= area
    nearest = nearest_true(matched)
    darkness = cv2.subtract(np.full_like(guide, 255), guide)
    if nearest is not None:  # paint reaches under the line, so that no gap shows beside it
        under = cv2.distanceTransform((~matched).astype(np.uint8), cv2.DIST_L2, 3) <= 2.0
        painted = np.where(under[..., None], painted[nearest], painted)
    line = darkness.astype(np.float32)[..., None] / 255
    ink_colour = np.append(_ink_colour(predicted), 255).astype(np.float32)
    return np.rint(painted * (1 - line) + ink_colour * line).astype(np.uint8)


def _commonest(colours: Premultiplied) -> Premultiplied:
    """Return the most frequent of (n, 4) colours."""
    distinct, counts = np.unique(colours, axis=0, return_counts=True)
    return np.asarray(distinct[counts.argmax()])


def _ink_colour(pixels: Premultiplied) -> Premultiplied:
    """Return the usual RGB of the darkest fully drawn pixels."""
    drawn = pixels[pixels[..., 3] > 250][:, :3]
    if not len(drawn):
        return np.zeros(3, np.uint8)
    brightness = drawn.astype(int).sum(axis=1)
    return np.asarray(np.median(drawn[brightness <= np.percentile(brightness, 5)], axis=0).astype(np.uint8))
