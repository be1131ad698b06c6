"""Even areas made even again: exactly the keys' own flat colours, however the model painted them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .palette import nearest_colours

Pixels = NDArray[np.float32]

#: How far from a flat colour an even area may be (of 1, in each channel), and how much of it must agree.
_FLAT_REACH = 14 / 255
_FLAT_SHARE = 0.8
_FLAT_WINDOW = 5


def flatten(frame: Pixels, flat: Pixels) -> Pixels:
    """Return the frame with its even areas in exactly the keys' flat colours; lines and rims stay as they are.

    frame: (height, width, 3) in 0..1. flat: (colours, 3), see `Palette`. An area counts as one of them where nearly
    all pixels around agree that it is the nearest and their mean is close to it.
    """
    if not len(flat):
        return frame
    height, width = frame.shape[:2]
    nearest = nearest_colours(frame.reshape(-1, 3), flat).reshape(height, width)
    mean = cv2.blur(frame, (_FLAT_WINDOW, _FLAT_WINDOW), borderType=cv2.BORDER_REPLICATE)
    result = frame.copy()
    for label in np.unique(nearest):
        agreed = cv2.blur(
            (nearest == label).astype(np.float32), (_FLAT_WINDOW, _FLAT_WINDOW), borderType=cv2.BORDER_REPLICATE
        )
        close = np.abs(mean - flat[label]).max(axis=-1) < _FLAT_REACH
        near = np.abs(frame - flat[label]).max(axis=-1) < 3 * _FLAT_REACH
        result[(agreed >= _FLAT_SHARE) & close & near] = flat[label]
    return result
