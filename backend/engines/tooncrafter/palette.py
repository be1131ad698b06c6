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
_FLAT_AROUND = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Palette:
    """Colours in 0..1, (colours, 3) each: `used` for everything that the keys show, `flat` for their even areas."""

    used: Pixels
    flat: Pixels


def palette_of(keys: Sequence[Pixels]) -> Palette:
    """Return the colours of keys (height, width, 3 or 4) in 0..1; of the latter, only opaque pixels count."""
    everywhere, even = [], []
    area = 0
    for key in keys:
        colours = np.rint(np.clip(key[..., :3], 0, 1) * 255).astype(np.uint8)
        opaque = key[..., 3] > 0.98 if key.shape[-1] == 4 else np.ones(key.shape[:2], bool)
        same = (cv2.erode(colours, _FLAT_AROUND) == cv2.dilate(colours, _FLAT_AROUND)).all(axis=-1)
        inside = cv2.erode(opaque.astype(np.uint8), _FLAT_AROUND).astype(bool)
        everywhere.append(colours[opaque])
        even.append(colours[same & inside])
        area += opaque.size
    used = _commonest(np.concatenate([*even, *everywhere]), least=_LEAST_SHARE * area, alike=_ALIKE)
    if not len(used):
        used = _commonest(np.concatenate(everywhere), least=1, alike=_ALIKE)
    return Palette(used=used, flat=_commonest(np.concatenate(even), least=_LEAST_FLAT_SHARE * area, alike=3))


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
