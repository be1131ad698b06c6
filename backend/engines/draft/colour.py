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
        clean = np.clip(np.nan_to_num(picture[rows], nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
        out[rows, :, 3] = np.rint(clean[..., 3] * 255)
        out[rows, :, :3] = np.rint(clean[..., :3] * (out[rows, :, 3:].astype(np.float32)))
    return out


def straighten(pixels: Premultiplied) -> Picture:
    """Turn premultiplied 8 bit into a straight float picture; clear pixels become clear black."""
    alpha = pixels[..., 3:].astype(np.float32)
    out = np.empty(pixels.shape, np.float32)
    np.divide(pixels[..., :3], np.maximum(alpha, 1), out=out[..., :3])
    np.minimum(out[..., :3], 1.0, out=out[..., :3])
    out[..., 3:] = alpha / 255
    return out


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
