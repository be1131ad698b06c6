"""Filling what is left empty in a guide's closed areas: where a part moved away, what lies behind it shows.

Neither key need show what is behind; in flat art it is the colour around it.
"""

from __future__ import annotations

import cv2
import numpy as np

from .colour import OPAQUE_ALPHA, Premultiplied
from .line_sets import LineSet
from .lines import drawn_lines
from .view import nearest_true

#: An area of the guide is part of the drawing when at least this share of it is painted; through others one sees.
LEAST_PAINTED = 0.5
_DRAWN = 128


def fill_areas(picture: Premultiplied, guide: LineSet) -> Premultiplied:
    """Return the picture with the empty places of painted areas filled with the nearest colour of the same area."""
    count = guide.areas.count
    if not count:
        return picture
    height, width = picture.shape[:2]
    cores = cv2.resize(guide.areas.cores.astype(np.int16), (width, height), interpolation=cv2.INTER_NEAREST)
    alpha = picture[..., 3]
    area_pixels = np.bincount(cores.ravel(), minlength=count + 1)
    painted = np.bincount(cores.ravel(), (alpha > _DRAWN).ravel(), minlength=count + 1)
    belongs = painted >= LEAST_PAINTED * np.maximum(area_pixels, 1)
    belongs[0] = False
    empty = belongs[cores] & (alpha <= OPAQUE_ALPHA)
    if not (empty & (alpha <= _DRAWN)).any():
        return picture
    empty = cv2.dilate(empty.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    lines = cv2.dilate(drawn_lines(picture).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    out = picture.copy()
    for area in np.unique(cores[empty & belongs[cores]]):
        inside = cores == area
        nearest = nearest_true(inside & ~empty & ~lines & (alpha > OPAQUE_ALPHA))
        if nearest is not None:
            here = inside & empty
            out[here] = picture[nearest[0][here], nearest[1][here]]
    return out
