"""What one key shows at a moment between the keys: for each pixel of the frame, where in the key it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

#: (height, width) float32.
Map = NDArray[Any]
#: (height, width) bool.
Mask = NDArray[Any]


@dataclass(frozen=True)
class View:
    """One key seen at one moment, all arrays (height, width).

    x, y: where in the key each pixel of the frame comes from, in pixels; defined everywhere.
    seen: whether anything of the key lies there. confidence: how well it matches the other key, 0..1.
    hidden: what the other key has drawn over, or has lost at its border, so that it cannot say it is not there.
    backdrop: what belongs to the backdrop; None for a transparent picture, which has none.
    """

    x: Map
    y: Map
    seen: Mask
    confidence: Map
    hidden: Mask
    backdrop: Mask | None


#: No bend of the path.
NO_OFFSET = (0.0, 0.0)


class Motion(Protocol):
    """How one key moves towards the other."""

    def view(self, fraction: float, offset: tuple[float, float] = NO_OFFSET) -> View:
        """Return what the key shows when it has gone `fraction` (0..1) of the way.

        offset: (x, y) in working pixels, by which everything drawn is off its own path.
        """


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> tuple[Map, Map]:
    """Return the x and y coordinate of every pixel, (height, width) float32, read-only."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x.flags.writeable = y.flags.writeable = False
    return x, y


def nearest_true(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return for every pixel the (row, column) of a True pixel closest to it; None when there is no True pixel."""
    if not mask.any():
        return None
    _, labels = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(mask)
    index = np.zeros(int(labels.max()) + 1, np.intp)
    index[labels[rows, columns]] = np.arange(len(rows))
    source = index[labels]
    return rows[source], columns[source]
