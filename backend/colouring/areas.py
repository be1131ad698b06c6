"""The closed areas of a line drawing: what a painter fills one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..engines import Lines


#: (height, width) int32.
Labels: TypeAlias = NDArray[np.int32]

#: Darker than this counts as line.
_LINE = 0.62
#: Gaps in lines up to about twice this are closed while areas are looked for, in pixels of a drawing 512 wide.
_GAP_PIXELS = 0.8
_DRAWING_WIDTH = 512
#: Smaller specks of paper belong to what surrounds them.
_LEAST_PIXELS = 6


@dataclass(frozen=True)
class Areas:
    """The areas of one drawing.

    labels: area of every pixel, 0 to count - 1, lines included: a line belongs to the areas that it bounds.
    inside: (height, width) bool, what is paper and no line. sizes: pixels of paper of each area.
    """

    labels: Labels
    inside: NDArray[np.bool_]
    sizes: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of areas."""
        return len(self.sizes)


def is_blank(lines: Lines) -> bool:
    """Tell whether nothing is drawn: no pixel of the line drawing counts as line."""
    return bool((lines > _LINE).all())


def find_areas(lines: Lines) -> Areas:
    """Return the areas of a line drawing, (height, width) float32, 0 = line and 1 = paper."""
    paper = lines > _LINE
    reach = max(1, round(_GAP_PIXELS * max(lines.shape) / _DRAWING_WIDTH))
    closed = (
        cv2.erode(paper.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) if reach else paper
    )
    count, seeds = cv2.connectedComponents(np.asarray(closed, np.uint8), connectivity=4)
    # An area too thin to survive the closing is one all the same.
    grown = _nearest(seeds, paper)
    lost = paper & (grown == 0)
    if lost.any():
        more, thin = cv2.connectedComponents(lost.astype(np.uint8), connectivity=4)
        grown[lost] = thin[lost] + count - 1
        count += more - 1
    sizes = np.bincount(grown[paper], minlength=count)
    kept = np.flatnonzero(sizes[1:] >= _LEAST_PIXELS) + 1
    if not len(kept):
        return Areas(np.zeros(lines.shape, np.int32), paper, np.array([lines.size], np.int64))
    renamed = np.zeros(count, np.int32)
    renamed[kept] = np.arange(1, len(kept) + 1)
    labels = _nearest(renamed[grown], np.ones(lines.shape, np.bool_)) - 1
    return Areas(labels.astype(np.int32), paper, sizes[kept].astype(np.int64))


def _nearest(seeds: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[Any]:
    """Let each seed (> 0) grow over `where` by geodesic distance; what no seed reaches stays 0."""
    markers = seeds.astype(np.int32)
    grown = markers.copy()
    kernel = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    while True:
        open_pixels = where & (grown == 0)
        if not open_pixels.any():
            return grown
        larger = cv2.dilate(grown.astype(np.float32), kernel).astype(np.int32)
        front = open_pixels & (larger > 0)
        if not front.any():
            return grown
        grown[front] = larger[front]
