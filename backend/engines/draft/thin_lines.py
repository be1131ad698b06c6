"""Thin lines keep their ink, although resampling and averaging soften them.

Sharpening makes good what softening took, but must not touch the flat colours beside a line. So no pixel may go
beyond those around it; only a thin line, that may lie across the border between two rows and be in full ink on
neither, may come closer to the ink that the artist drew with.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import OPAQUE_ALPHA, Gray, Premultiplied

#: How wide (sigma in pixels) a resampled line gets softer.
_SOFTENING = 0.8
#: Lines narrower than this (pixels) may gain this share of what they stand out by.
_THIN_PIXELS = 5
_GAIN = 0.2

#: (3,) uint8: the least value of each channel among the covered pixels of a drawing.
Ink = NDArray[Any]


def ink_of(*pictures: Premultiplied) -> Ink:
    """Return the darkest that drawings get, channel by channel; black where nothing is covered."""
    darkest = np.full(3, 255.0)
    for pixels in pictures:
        covered = cv2.inRange(np.ascontiguousarray(pixels[..., 3]), OPAQUE_ALPHA, 255)
        if not covered.any():
            return np.zeros(3, np.uint8)
        found = [cv2.minMaxLoc(channel, covered)[0] for channel in cv2.split(pixels)[:3]]
        darkest = np.minimum(darkest, found)
    return np.asarray(darkest, np.uint8)


def sharpened(pixels: Premultiplied, amount: float) -> Premultiplied:
    """Return the pixels with their edges raised."""
    soft = cv2.GaussianBlur(pixels, (3, 3), _SOFTENING)
    return cv2.addWeighted(pixels, 1 + amount, soft, -amount, 0)


def limits(pixels: Premultiplied, ink: Ink) -> tuple[Premultiplied, Premultiplied]:
    """Return how low and how high sharpening may take each pixel on its own account.

    That is its own value, but for thin lines: those may get darker, down to the ink, and more opaque.
    """
    square = np.ones((_THIN_PIXELS, _THIN_PIXELS), np.uint8)
    *colours, alpha = cv2.split(pixels)
    low: list[Gray] = []
    for channel, floor in zip(colours, cv2.split(_inked(alpha, ink)), strict=False):
        stands_out = cv2.morphologyEx(channel, cv2.MORPH_BLACKHAT, square)
        gained = cv2.addWeighted(channel, 1, stands_out, -_GAIN, 0)
        low.append(cv2.min(channel, cv2.max(gained, floor)))
    stands_out = cv2.morphologyEx(alpha, cv2.MORPH_TOPHAT, square)
    high = [*colours, cv2.addWeighted(alpha, 1, stands_out, _GAIN, 0)]
    return cv2.merge([*low, alpha]), cv2.merge(high)


def no_darker(crisp: Premultiplied, pixels: Premultiplied, ink: Ink) -> Premultiplied:
    """Return the sharpened pixels, none of them darker than ink of their own alpha, unless it was before."""
    return cv2.max(crisp, cv2.min(pixels, _inked(np.ascontiguousarray(crisp[..., 3]), ink)))


def _inked(alpha: Gray, ink: Ink) -> Premultiplied:
    """Return ink of that alpha, premultiplied, with clear alpha."""
    covered = [cv2.convertScaleAbs(alpha, alpha=darkest / 255) for darkest in ink.tolist()]
    return cv2.merge([*covered, np.zeros_like(alpha)])
