"""A key as a stack of parts, each drawn where its path has taken it, the front ones over the back ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, after, inverse, transform
from .labelling import resized
from .paths import Paths
from .view import NO_OFFSET, Map, Mask, View, pixel_grid

#: Mask levels: sure of it, the soft rim of a silhouette, and a margin that only closes gaps.
_CORE, _RIM, _MARGIN = 255, 150, 60
_IS_CORE, _IS_RIM, _IS_MARGIN = 200, 100, 30
_MARGIN_PIXELS = 2


@dataclass(frozen=True)
class Layer:
    """One part of a key: its mask (uint8 levels) cut out at (left, top), in working pixels."""

    number: int
    left: int
    top: int
    mask: NDArray[Any]


def cut_layers(label: NDArray[Any], order: list[int], soft: NDArray[Any]) -> list[Layer]:
    """Cut a key into its parts, back to front. soft: pixels that may not cover what lies behind them."""
    height, width = label.shape
    pad = _MARGIN_PIXELS + 1
    kernel = np.ones((2 * _MARGIN_PIXELS + 1,) * 2, np.uint8)
    layers = []
    for number in order:
        own = label == number
        if not own.any():
            continue
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        top, left = max(rows[0] - pad, 0), max(columns[0] - pad, 0)
        box = np.s_[top : min(rows[-1] + pad + 1, height), left : min(columns[-1] + pad + 1, width)]
        inside = own[box]
        mask = (cv2.dilate(inside.astype(np.uint8), kernel) > 0) * np.uint8(_MARGIN)
        mask[inside] = np.where(soft[box][inside], _RIM, _CORE)
        layers.append(Layer(int(number), int(left), int(top), mask))
    return layers


@dataclass(frozen=True)
class LayeredMotion:
    """One key's parts on their paths.

    layers: back to front. from_start: whether the key is the start key (time runs with the fraction).
    confidence, hidden: as in `View`, but where the key has them, at working size.
    backdrop: the number of the camera's motion.
    size: (height, width) of the views to make; they may be larger than the working size.
    """

    layers: list[Layer]
    paths: Paths
    from_start: bool
    confidence: Map
    hidden: Mask
    backdrop: int | None
    size: tuple[int, int]

    def view(self, fraction: float, offset: tuple[float, float] = NO_OFFSET) -> View:
        """Return what the key shows at that fraction of the way; see `Motion`."""
        height, width = self.size
        work_height, work_width = self.confidence.shape
        factor_x, factor_y = width / work_width, height / work_height
        time = fraction if self.from_start else 1 - fraction
        placed = self.paths.at(time)
        grid_x, grid_y = pixel_grid(height, width)
        x, y = grid_x.copy(), grid_y.copy()
        core = np.zeros(self.size, np.bool_)
        rim, margin = core.copy(), core.copy()
        backdrop = core.copy()
        for layer in self.layers:
            forward = placed[layer.number]
            if not self.from_start:
                forward = after(forward, inverse(self.paths.parts[layer.number].motion))
            if layer.number != self.backdrop:
                forward = forward + np.array([[0, 0, offset[0]], [0, 0, offset[1]]])
            box = self._landing(layer, forward, factor_x, factor_y)
            if box is None:
                continue
            rows, columns = box
            back = inverse(resized(forward, factor_x, factor_y))
            level = self._mask(layer, back, rows, columns, factor_x, factor_y)
            here = np.s_[rows, columns]
            is_core = level > _IS_CORE
            fills = (level > _IS_MARGIN) & ~core[here]
            written = is_core | fills
            column, row = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)
            for target, line in ((x, 0), (y, 1)):
                across = (back[line, 0] * column + back[line, 2]).astype(np.float32)
                down = (back[line, 1] * row).astype(np.float32)
                np.copyto(target[here], across[None] + down[:, None], where=written)
            core[here] |= is_core
            rim[here] |= level > _IS_RIM
            margin[here] |= written
            if self.backdrop is not None:
                np.copyto(backdrop[here], layer.number == self.backdrop, where=written)
        seen = core | rim
        closed = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
        seen |= closed & margin
        carried = cv2.remap(
            np.dstack([self.confidence, self.hidden]).astype(np.float32),
            (x + 0.5) / factor_x - 0.5, (y + 0.5) / factor_y - 0.5, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        shown_backdrop = None if self.backdrop is None else backdrop
        return View(x, y, seen, carried[..., 0], carried[..., 1] > 0.5, shown_backdrop)

    def _landing(
        self, layer: Layer, forward: Affine, factor_x: float, factor_y: float
    ) -> tuple[slice, slice] | None:
        """Return the rows and columns of the view that the layer falls on."""
        height, width = layer.mask.shape
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) + np.array([layer.left, layer.top])
        landed = (transform(forward, corners - 0.5) + 0.5) * [factor_x, factor_y]
        low = np.floor(landed.min(axis=0)).astype(int).clip(0)
        high = np.ceil(landed.max(axis=0)).astype(int).clip(None, [self.size[1], self.size[0]])
        if (high <= low).any():
            return None
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    @staticmethod
    def _mask(
        layer: Layer, back: Affine, rows: slice, columns: slice, factor_x: float, factor_y: float
    ) -> NDArray[Any]:
        """Return the layer's mask levels over those rows and columns of the view."""
        scale = np.array([1 / factor_x, 1 / factor_y])
        origin = np.array([columns.start, rows.start])
        offset = (back[:, :2] @ origin + back[:, 2] + 0.5) * scale - 0.5 - [layer.left, layer.top]
        lookup = np.column_stack([back[:, :2] * scale[:, None], offset])
        return cv2.warpAffine(
            layer.mask, lookup, (columns.stop - columns.start, rows.stop - rows.start),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )  # fmt: skip
