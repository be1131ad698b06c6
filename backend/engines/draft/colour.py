"""Colour as the engine works with it: premultiplied 8-bit RGBA, where half-covered rims mix correctly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .. import Picture

# OpenCV's own annotations know no element types, so the comments here say what an array holds.
#: (height, width, 4) uint8: sRGB colour multiplied by alpha, then alpha.
Premultiplied = NDArray[Any]
#: (height, width) uint8.
Gray = NDArray[Any]

#: Alpha (of 255) above which a pixel counts as drawn, and above which a picture counts as opaque.
LIVE_ALPHA = 4
OPAQUE_ALPHA = 250
_ROWS = 128


def premultiply(picture: Picture) -> Premultiplied:
    """Turn a straight float picture into premultiplied 8 bit; values outside 0..1 and NaN are clipped."""
    out = np.empty(picture.shape, np.uint8)
    for top in range(0, len(picture), _ROWS):  # a few rows at a time: no float copy of the whole picture
        rows = np.s_[top : top + _ROWS]
        *colours, alpha = cv2.split(np.fmin(np.fmax(picture[rows], 0.0), 1.0))  # NaN becomes 0
        covered = np.rint(alpha * 255)
        out[rows] = cv2.merge([*(np.rint(colour * covered) for colour in colours), covered])
    return out


def straighten(pixels: Premultiplied) -> Picture:
    """Turn premultiplied 8 bit into a straight float picture; clear pixels become clear black."""
    *colours, alpha = (channel.astype(np.float32) for channel in cv2.split(pixels))
    covered = np.maximum(alpha, 1)
    straight = cv2.merge([*(np.minimum(colour / covered, 1) for colour in colours), alpha / 255])
    return np.asarray(straight, np.float32)


def differ(a: Premultiplied, b: Premultiplied) -> NDArray[np.bool_]:
    """Return (height, width): where two pictures are not the same."""
    return np.asarray(a.view(np.uint32)[..., 0] != b.view(np.uint32)[..., 0])


def overwrite(target: NDArray[Any], pixels: NDArray[Any], where: NDArray[np.bool_]) -> None:
    """Put pixels, in place, over those of a target (a picture or a part of one) of the same kind."""
    cv2.copyTo(pixels, where.view(np.uint8), target)


def either(where: NDArray[np.bool_], pixels: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Return pixels where so wanted, others elsewhere; both are pictures of the same kind."""
    out = others.copy()
    overwrite(out, pixels, where)
    return out


def largest_channel(pixels: Premultiplied) -> Gray:
    """Return (height, width): the largest value of each pixel's four."""
    channels = cv2.split(pixels)
    return cv2.max(cv2.max(channels[0], channels[1]), cv2.max(channels[2], channels[3]))


def is_opaque(pixels: Premultiplied) -> bool:
    """Say whether every pixel is (nearly) fully covered."""
    return bool(pixels[..., 3].min() > OPAQUE_ALPHA)


def over_grey(pixels: Premultiplied) -> NDArray[Any]:
    """Return RGB (height, width, 3) over mid grey, so that black and white lines both show against clear."""
    clear = (255 - pixels[..., 3]) // 2
    return cv2.add(pixels[..., :3], cv2.merge([clear, clear, clear]))


def luminance_over_white(pixels: Premultiplied) -> Gray:
    """Return luminance (height, width) over white paper."""
    return cv2.add(cv2.cvtColor(pixels[..., :3], cv2.COLOR_RGB2GRAY), 255 - pixels[..., 3])
