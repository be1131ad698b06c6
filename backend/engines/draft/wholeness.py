"""What tells a torn picture from a whole one: it has more flat areas than the keys, and lacks colours of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Premultiplied
from .view import Mask

#: Colours that differ by less than this (of 255) across three pixels are flat.
_FLAT = 24
#: The least pixels of an area that counts, in a picture with 320 rows.
_SMALLEST = 16.0
_DRAWN = 128
#: Colours are told apart in so many steps a channel.
_STEPS = 8


@dataclass(frozen=True)
class Wholeness:
    """The flat areas of both keys of a segment, at working size.

    areas: how many there are, at most. colours: pixels of each colour (steps**3) that both keys have.
    """

    areas: int
    colours: NDArray[Any]

    @staticmethod
    def of(keys: tuple[Premultiplied, Premultiplied]) -> Wholeness:
        """Measure both keys."""
        flat = _flat(keys[0]), _flat(keys[1])
        counts = [_count(mask) for mask in flat]
        colours = [_colours(key, mask) for key, mask in zip(keys, flat, strict=True)]
        return Wholeness(max(*counts, 1), np.minimum(*colours))

    def torn(self, picture: Premultiplied) -> float:
        """Return how many areas a picture has beyond those of the keys, as a share of those."""
        return max(0.0, _count(_flat(picture)) / self.areas - 1)

    def lost(self, picture: Premultiplied) -> float:
        """Return how much (0..1) is missing of what both keys have."""
        missing = np.maximum(self.colours - _colours(picture, _flat(picture)), 0)
        return float(missing.sum() / max(self.colours.sum(), 1))


def _flat(picture: Premultiplied) -> Mask:
    change = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.inRange(change, (0,) * 4, (_FLAT - 1,) * 4) > 0) & (picture[..., 3] > _DRAWN)


def _count(flat: Mask) -> int:
    smallest = _SMALLEST * (flat.shape[0] / 320) ** 2
    _, _, stats, _ = cv2.connectedComponentsWithStats(flat.astype(np.uint8), connectivity=4)
    return int((stats[1:, cv2.CC_STAT_AREA] >= smallest).sum())


def _colours(picture: Premultiplied, flat: Mask) -> NDArray[Any]:
    steps = (picture[flat][:, :3].astype(np.int32) * _STEPS) // 256
    return np.bincount(steps @ [_STEPS**2, _STEPS, 1], minlength=_STEPS**3).astype(np.float64)
