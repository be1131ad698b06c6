"""The colours of a drawing: all that it uses, and those that it uses flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

#: More colours than this are a painting; the commonest stand for all.
_MOST_COLOURS = 48
#: Colours closer than this are one (of 255, in each of red, green, blue).
_ALIKE = 10
#: Shares of the keys' area that a colour covers at least, to count as used and as flat. Of the many mixtures in a
#: rim, each covers less.
_LEAST_SHARE = 0.0002
_LEAST_FLAT_SHARE = 0.001
_AROUND = np.ones((3, 3), np.uint8)
#: Pixels at least so opaque show their own colour, and through those at least so opaque it can still be told.
_OPAQUE, _THINNEST = 0.98, 0.15
#: How far (of 255) an even see-through area's colour varies: it was divided by its alpha and rounded.
_THIN_SPAN = 6
#: At most about so many pixels of a key are counted.
_MOST_PIXELS = 400_000


@dataclass(frozen=True)
class Palette:
    """Colours in 0..1, (colours, 3) each: `used` for everything that the keys show, `flat` for their even areas."""

    used: Pixels
    flat: Pixels


def palette_of(keys: Sequence[Pixels]) -> Palette:
    """Return the colours of keys (height, width, 3 or 4) in 0..1.

    Of keys with alpha (straight) opaque pixels count, and even see-through areas; a drawing that has neither, such
    as one of hairlines, is taken by whatever it shows.
    """
    opaque: list[NDArray[np.uint8]] = []
    even: list[NDArray[np.uint8]] = []
    thin: list[NDArray[np.uint8]] = []
    rest: list[NDArray[np.uint8]] = []
    area = 0
    for key in keys:
        colours = np.rint(np.clip(key[..., :3], 0, 1) * 255).astype(np.uint8)
        alpha = key[..., 3] if key.shape[-1] == 4 else np.ones(key.shape[:2], np.float32)
        span = (cv2.dilate(colours, _AROUND) - cv2.erode(colours, _AROUND)).max(axis=-1)
        inside = cv2.erode(alpha, _AROUND)
        every = max(1, alpha.size // _MOST_PIXELS)
        for found, flags in (
            (opaque, alpha > _OPAQUE),
            (even, (span == 0) & (inside > _OPAQUE)),
            (thin, (span <= _THIN_SPAN) & (inside > _THINNEST) & (alpha <= _OPAQUE)),
            (rest, alpha > 0),
        ):
            found.append(colours[flags][::every])
        area += -(-alpha.size // every)
    used = _commonest(np.concatenate([*even, *opaque, *thin]), least=_LEAST_SHARE * area, alike=_ALIKE)
    if not len(used):
        used = _commonest(np.concatenate(rest), least=1, alike=_ALIKE)
    return Palette(used=used, flat=_commonest(np.concatenate(even), least=_LEAST_FLAT_SHARE * area, alike=3))


def alpha_levels(keys: Sequence[Pixels]) -> Pixels:
    """Return the alphas of the keys' even areas, ascending, clear (0) and opaque (1) always among them."""
    even = []
    for key in keys:
        alpha = np.rint(np.clip(key[..., 3], 0, 1) * 255).astype(np.uint8)
        same = cv2.dilate(alpha, _AROUND) - cv2.erode(alpha, _AROUND) <= 1
        even.append(alpha[same])
    counts = np.bincount(np.concatenate(even), minlength=256)
    levels = [0, 255]
    for level in np.argsort(-counts, kind="stable"):
        if counts[level] < _LEAST_FLAT_SHARE * sum(key.shape[0] * key.shape[1] for key in keys):
            break
        if min(abs(int(level) - other) for other in levels) > _ALIKE:
            levels.append(int(level))
    return np.array(sorted(levels), np.float32) / np.float32(255)


def _commonest(colours: NDArray[np.uint8], *, least: float, alike: int) -> Pixels:
    """Return the most frequent colours, commonest first, leaving out what is like a commoner one.

    colours: (pixels, 3) in 0..255. least: how many pixels a colour must have. alike: see `_ALIKE`.
    """
    packed = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, counts = np.unique(packed, return_counts=True)
    order = np.argsort(-counts, kind="stable")[: 64 * _MOST_COLOURS]
    order = order[counts[order] >= least]
    rows = np.stack([found[order] >> 16, found[order] >> 8 & 255, found[order] & 255], axis=-1).astype(np.int16)
    chosen: list[NDArray[np.int16]] = []
    for row in rows:
        if all(np.abs(row - other).max() > alike for other in chosen):
            chosen.append(row)
            if len(chosen) == _MOST_COLOURS:
                break
    return np.array(chosen, np.float32).reshape(-1, 3) / np.float32(255)


def nearest_colours(colours: Pixels, palette: Pixels) -> NDArray[np.intp]:
    """Return (n,): for each of (n, 3) the nearest of (k, 3)."""
    squares = (palette * palette).sum(axis=-1) - 2 * colours @ palette.T
    nearest: NDArray[np.intp] = np.argmin(squares, axis=1)
    return nearest
