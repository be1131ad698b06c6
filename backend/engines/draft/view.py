"""What one key shows at a moment between the keys: for each pixel of the frame, where in the key it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import IDENTITY, Affine
from .colour import Premultiplied
from .thin_lines import ink_of, limits, sharpened

#: (height, width) float32.
Map = NDArray[Any]
#: (height, width) bool.
Mask = NDArray[Any]


@dataclass(frozen=True)
class Plane:
    """Pixels to resample.

    crisp: the same pixels with their edges raised by as much as resampling will soften them. low, high: how far
    each and its neighbours to the right and below may go, see `thin_lines`.
    """

    pixels: Premultiplied
    crisp: Premultiplied
    low: Premultiplied
    high: Premultiplied

    @staticmethod
    def of(pixels: Premultiplied) -> Plane:
        """Return pixels ready to be resampled."""
        square = np.ones((2, 2), np.uint8)
        low, high = (
            find(limit, square, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
            for find, limit in zip((cv2.erode, cv2.dilate), limits(pixels, ink_of(pixels)), strict=True)
        )
        return Plane(pixels, sharpened(pixels, _CRISPNESS), low, high)

    def moved(self, back: Affine, rows: slice, columns: slice) -> Premultiplied:
        """Return those rows and columns of the plane moved by an affine map, whose inverse is `back`.

        Sharp (cubic), but never beyond the limits of the four pixels around: flat colours stay flat beside a line.
        What stands still is not resampled.
        """
        if np.abs(back - IDENTITY).max() < _STILL:
            return np.ascontiguousarray(self.pixels[rows, columns])
        size = columns.stop - columns.start, rows.stop - rows.start
        origin = back[:, :2] @ [columns.start, rows.start] + back[:, 2]
        lookup = np.column_stack([back[:, :2], origin])
        sharp = cv2.warpAffine(
            self.crisp, lookup, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        corner = np.column_stack([back[:, :2], origin - 0.5])
        for bound, limit in ((self.low, cv2.max), (self.high, cv2.min)):
            around = cv2.warpAffine(
                bound, corner, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
            )
            limit(sharp, around, dst=sharp)
        return sharp

    def looked_up(self, x: Map, y: Map) -> Premultiplied:
        """Return the plane's pixels at places (x, y) of one shape, as sharp and as flat as when it is moved."""
        sharp = cv2.remap(self.crisp, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for bound, limit in ((self.low, cv2.max), (self.high, cv2.min)):
            around = cv2.remap(bound, x - 0.5, y - 0.5, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            limit(sharp, around, dst=sharp)
        return sharp


@dataclass(frozen=True)
class Source:
    """A key as it is drawn from.

    key: as the artist drew it. plate: without the features that are drawn anew, what lies behind them filled in.
    """

    key: Plane
    plate: Plane


@dataclass(frozen=True)
class View:
    """One key seen at one moment, in a band of the frame; all arrays (height, width).

    picture: premultiplied (height, width, 4). seen: whether anything of the key lies there. confidence: how well it
    matches the other key, LEAST_CONFIDENCE..1; below, it is only a guess what lies there. hidden: what the other
    key has drawn over, or has lost at its border, so that it cannot say it is not there. backdrop: what belongs to
    the backdrop; None for a transparent picture, which has none.
    """

    picture: Premultiplied
    seen: Mask
    confidence: Map
    hidden: Mask
    backdrop: Mask | None


@dataclass(frozen=True)
class Origins:
    """Where a frame's pixels come from, all arrays (height, width).

    x, y: place in the key, in pixels; where nothing is seen, the pixel's own. seen: whether anything of the key
    lies there.
    """

    x: Map
    y: Map
    seen: Mask


#: What a key really shows is believed at least this much.
LEAST_CONFIDENCE = 0.02

#: A map this close to standing still moves no pixel.
_STILL = 1e-9
#: How much of what resampling will soften is made good beforehand: a line of one pixel and a half keeps its ink.
_CRISPNESS = 0.1

#: No bend of the path.
NO_OFFSET = (0.0, 0.0)


class Motion(Protocol):
    """How one key moves towards the other."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the whole frame."""

    @property
    def working_size(self) -> tuple[int, int]:
        """(height, width) at which the motion was found."""

    def source(self, key: Premultiplied) -> Source:
        """Return a key of that size ready to be drawn from."""

    def origins(self, fraction: float, offset: tuple[float, float] = NO_OFFSET) -> Origins:
        """Return where the pixels of the whole frame come from when the key has gone `fraction` of the way."""

    def view(
        self, source: Source, fraction: float, offset: tuple[float, float] = NO_OFFSET, rows: slice | None = None
    ) -> View:
        """Return what the key shows when it has gone `fraction` (0..1) of the way.

        offset: (x, y) in working pixels, by which everything drawn is off its own path. rows: the wanted band, None
        for all.
        """


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> tuple[Map, Map]:
    """Return the x and y coordinate of every pixel, (height, width) float32, read-only."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x.flags.writeable = y.flags.writeable = False
    return x, y


def box_around(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns around what a mask holds, at most `margin` pixels more; it holds something."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    rows, columns = mask.shape
    return (
        slice(max(top - margin, 0), min(top + height + margin, rows)),
        slice(max(left - margin, 0), min(left + width + margin, columns)),
    )


def nearest_true(mask: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return for every pixel the (row, column) of a True pixel closest to it; None when there is no True pixel."""
    if not mask.any():
        return None
    labels = _cells(mask)
    rows, columns = np.nonzero(mask)
    index = np.zeros(int(labels.max()) + 1, np.intp)
    index[labels[rows, columns]] = np.arange(len(rows))
    source = index[labels]
    return rows[source], columns[source]


def fill_from_nearest(pixels: NDArray[Any], where: Mask, known: Mask) -> bool:
    """Give pixels, in place, the value of the nearest known one; say whether any is known."""
    if not known.any():
        return False
    cells = _cells(known)
    places = np.flatnonzero(known)
    of_cell = np.zeros(int(cells.max()) + 1, np.intp)
    of_cell[cells.ravel()[places]] = places
    pixels[where] = pixels.reshape(-1, *pixels.shape[2:])[of_cell[cells[where]]]
    return True


def spread(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers (height, width), the zeros among them replaced by the nearest other number, if any."""
    known = values > 0
    if not known.any():
        return values.copy()
    cells = _cells(known)
    of_cell = np.zeros(int(cells.max()) + 1, values.dtype)
    of_cell[cells[known]] = values[known]
    return np.asarray(of_cell[cells])


def _cells(mask: Mask) -> NDArray[np.int32]:
    """Return for every pixel which True pixel is closest to it, by a number that this pixel has, too."""
    _, cells = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    return np.asarray(cells, np.int32)
