"""What two pictures are compared by: colour, and how far the nearest edge is.

The distance gives flat areas a gradient, so that a match inside them can be wrong by degrees.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Gray, Premultiplied, luminance_over_white, over_grey
from .view import Map

#: (height, width, 4) uint8: CIE Lab over mid grey, then scaled distance to the nearest edge.
Features = NDArray[Any]

EDGE_REACH_PIXELS = 24.0
#: The distance channel spans 0..160, so that it weighs like a strong colour difference.
EDGE_SCALE = 160 / EDGE_REACH_PIXELS
#: A difference larger than this says no more than "does not match".
WORST_COST = 60.0
#: What a place outside the picture looks like: clear, and far from any edge.
NOWHERE = (127.0, 128.0, 128.0, 160.0)

_CHANNEL_WEIGHTS = np.array([[0.8, 1.0, 1.0, 0.45]], np.float32)


def edges(pixels: Premultiplied) -> Gray:
    """Return the edge pixels (255) of luminance and of the silhouette."""
    found = cv2.Canny(luminance_over_white(pixels), 40, 110)
    return cv2.bitwise_or(found, cv2.Canny(np.ascontiguousarray(pixels[..., 3]), 40, 110))


def features(pixels: Premultiplied) -> Features:
    """Return the feature picture of premultiplied pixels."""
    lab = cv2.cvtColor(over_grey(pixels), cv2.COLOR_RGB2LAB)
    distance = cv2.distanceTransform(255 - edges(pixels), cv2.DIST_L2, 3)
    scaled = np.minimum(distance, EDGE_REACH_PIXELS) * EDGE_SCALE
    return np.dstack([lab, scaled.astype(np.uint8)])


def match_cost(a: Features, b: Features, window: int) -> Map:
    """Return the mean mismatch (0..WORST_COST) of two feature pictures in a window of that many pixels."""
    difference = cv2.transform(cv2.absdiff(a, b), _CHANNEL_WEIGHTS)
    capped = np.minimum(difference, np.uint8(WORST_COST))
    return cv2.boxFilter(capped, cv2.CV_32F, (window, window))


def flow_channel(seen: Features) -> Gray:
    """Return the one channel that optical flow runs on: lightness and edge distance together."""
    return cv2.addWeighted(np.ascontiguousarray(seen[..., 0]), 0.6, np.ascontiguousarray(seen[..., 3]), 0.7, 0)
