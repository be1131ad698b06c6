"""A key as a stack of parts, each drawn where its path has taken it, the front ones over the back ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, after, inverse, transform
from .bending import Field, enlarged, resample
from .colour import Premultiplied, overwrite
from .paths import Paths
from .sides import resized
from .sway import Bend, Sway
from .view import NO_OFFSET, Map, Mask, Origins, Plane, Source, View, box_around, fill_from_nearest, pixel_grid

#: Rows and columns.
Box = tuple[slice, slice]

#: Mask levels: sure of it, the soft rim of a silhouette, and a margin that only closes gaps.
_CORE, _RIM, _MARGIN = 255, 150, 60
_IS_CORE, _IS_RIM, _IS_MARGIN = 200, 100, 30
_MARGIN_PIXELS = 2


@dataclass(frozen=True)
class Layer:
    """One part of a key, cut out at (left, top), in working pixels.

    mask: uint8 (height, width, 4): how surely a pixel belongs to the part, its confidence, whether it is hidden (0
    or 255), nothing. from_plate: drawn from the plate, not from the key itself.
    """

    number: int
    left: int
    top: int
    mask: NDArray[Any]
    from_plate: bool

    @property
    def core(self) -> Mask:
        """What surely belongs to the part."""
        return np.asarray(self.mask[..., 0] > _IS_CORE)


def cut_layer(
    number: int, own: Mask, soft: Mask, confidence: Map, hidden: Mask, *, from_plate: bool
) -> Layer | None:
    """Cut one part out of a key; None when it has no pixel there.

    own: its pixels. soft: pixels that may not cover what lies behind them.
    """
    if not own.any():
        return None
    box = box_around(own, _MARGIN_PIXELS + 1)
    inside = own[box]
    kernel = np.ones((2 * _MARGIN_PIXELS + 1,) * 2, np.uint8)
    level = cv2.dilate(inside.astype(np.uint8), kernel) * np.uint8(_MARGIN)
    level[inside] = np.where(soft[box][inside], _RIM, _CORE)
    certain, gone = (confidence[box] * 255).astype(np.uint8), hidden[box] * np.uint8(255)
    mask = cv2.merge([level, certain, gone, np.zeros_like(level)])  # four are resampled faster than three
    return Layer(number, box[1].start, box[0].start, mask, from_plate)


@dataclass(frozen=True)
class _Placed:
    """A layer where its path has taken it.

    back: from the frame to the key. bent: the x and y in the key that the pixels of the box come from, None where
    `back` alone says it. box: its rows and columns in the frame. here: the same in the band. mask: as in `Layer`,
    but over the box.
    """

    layer: Layer
    back: Affine
    bent: tuple[Map, Map] | None
    box: Box
    here: Box
    mask: NDArray[Any]

    def drawn_from(self, source: Source) -> Premultiplied:
        """Return the box of the frame, drawn from the key."""
        plane = source.plate if self.layer.from_plate else source.key
        if self.bent is None:
            return plane.moved(self.back, *self.box)
        return plane.looked_up(*self.bent)

    def origins(self) -> tuple[Map, Map]:
        """Return the x and y in the key that the pixels of the box come from."""
        if self.bent is not None:
            return self.bent
        rows, columns = self.box
        x = np.arange(columns.start, columns.stop, dtype=np.float64)
        y = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
        back = self.back
        return (
            (back[0, 0] * x + back[0, 1] * y + back[0, 2]).astype(np.float32),
            (back[1, 0] * x + back[1, 1] * y + back[1, 2]).astype(np.float32),
        )


@dataclass(frozen=True)
class LayeredMotion:
    """One key's parts on their paths.

    layers: back to front. sways: by the numbers of parts that are not rigid. from_start: whether the key is the
    start key (time runs with the fraction).
    redrawn, behind: at working size, the features that are drawn anew, and what they may be filled with.
    backdrop: the number of the camera's motion. size: (height, width) of the frames; may be larger than working
    size. morph: bends what has arrived at the other key; on the way as much as of it has been gone.
    """

    layers: list[Layer]
    paths: Paths
    sways: dict[int, Sway]
    from_start: bool
    redrawn: Mask
    behind: Mask
    backdrop: int | None
    size: tuple[int, int]
    morph: Field | None = None

    @property
    def working_size(self) -> tuple[int, int]:
        """(height, width) at which the motion was found."""
        height, width = self.redrawn.shape
        return height, width

    def source(self, key: Premultiplied) -> Source:
        """Return the key, and the key without its redrawn features; see `Motion`."""
        if not self.redrawn.any():
            return Source(plane := Plane.of(key), plane)
        height, width = self.size
        around = cv2.dilate(self.redrawn.astype(np.uint8), np.ones((3, 3), np.uint8))
        gone = cv2.resize(around * np.uint8(255), (width, height), interpolation=cv2.INTER_LINEAR) > 0
        left = cv2.resize(self.behind.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        plate = key.copy()
        if not fill_from_nearest(plate, gone, left & ~gone):
            return Source(plane := Plane.of(key), plane)
        return Source(Plane.of(key), Plane.of(plate))

    def view(
        self, source: Source, fraction: float, offset: tuple[float, float] = NO_OFFSET, rows: slice | None = None
    ) -> View:
        """Return what the key shows at that fraction of the way; see `Motion`."""
        band = slice(0, self.size[0]) if rows is None else rows
        shape = band.stop - band.start, self.size[1]
        picture = np.zeros((*shape, 4), np.uint8) if self.backdrop is None else source.key.pixels[band].copy()
        core = np.zeros(shape, np.bool_)
        rim, margin, backdrop = core.copy(), core.copy(), core.copy()
        carried = np.zeros((*shape, 4), np.uint8)
        for placed in self._placed(fraction, offset, band):
            here, level = placed.here, placed.mask[..., 0]
            is_core = level > _IS_CORE
            written = is_core | ((level > _IS_MARGIN) & ~core[here])
            moved = placed.drawn_from(source)
            overwrite(picture[here], moved, written)
            overwrite(carried[here], placed.mask, written)
            core[here] |= is_core
            rim[here] |= level > _IS_RIM
            margin[here] |= written
            if self.backdrop is not None:
                np.copyto(backdrop[here], placed.layer.number == self.backdrop, where=written)
        view = View(
            picture, _closed(core | rim, margin), carried[..., 1] * np.float32(1 / 255), carried[..., 2] > 127,
            None if self.backdrop is None else backdrop,
        )  # fmt: skip
        if self.morph is None:
            return view
        return _morphed(view, enlarged(self.morph, self.size)[band] * np.float32(fraction))

    def origins(self, fraction: float, offset: tuple[float, float] = NO_OFFSET) -> Origins:
        """Return where the pixels of the whole frame come from; see `Motion`."""
        grid = pixel_grid(*self.size)
        x, y = grid[0].copy(), grid[1].copy()
        core = np.zeros(self.size, np.bool_)
        rim, margin = core.copy(), core.copy()
        for placed in self._placed(fraction, offset, slice(0, self.size[0])):
            here, level = placed.here, placed.mask[..., 0]
            is_core = level > _IS_CORE
            written = is_core | ((level > _IS_MARGIN) & ~core[here])
            for target, from_here in zip((x, y), placed.origins(), strict=True):
                np.copyto(target[here], from_here, where=written)
            core[here] |= is_core
            rim[here] |= level > _IS_RIM
            margin[here] |= written
        return Origins(x, y, _closed(core | rim, margin))

    def _placed(self, fraction: float, offset: tuple[float, float], band: slice) -> Iterator[_Placed]:
        """Yield the layers that fall into the band, back to front."""
        factor_x, factor_y = self.size[1] / self.working_size[1], self.size[0] / self.working_size[0]
        at = self.paths.at(fraction if self.from_start else 1 - fraction)
        for layer in self.layers:
            forward = at[layer.number]
            motion = self.paths.parts[layer.number].motion
            bend = None
            if layer.number in self.sways:
                time = fraction if self.from_start else 1 - fraction
                bend = self.sways[layer.number].at(time, forward, motion, from_start=self.from_start)
            if not self.from_start:
                forward = after(forward, inverse(motion))
            if layer.number != self.backdrop:
                forward = forward + np.array([[0, 0, offset[0]], [0, 0, offset[1]]])
            box = self._landing(layer, forward, bend, factor_x, factor_y, band)
            if box is not None:
                back = inverse(resized(forward, factor_x, factor_y))
                bent = None if bend is None else bend.resized(factor_x, factor_y).lookup(back, *box)
                here = np.s_[box[0].start - band.start : box[0].stop - band.start, box[1]]
                mask = self._mask(layer, back, bent, *box, factor_x, factor_y)
                yield _Placed(layer, back, bent, box, here, mask)

    def _landing(
        self, layer: Layer, forward: Affine, bend: Bend | None, factor_x: float, factor_y: float, band: slice
    ) -> tuple[slice, slice] | None:
        """Return the rows and columns of the frame, inside the band, that the layer falls on."""
        height, width = layer.mask.shape[:2]
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) + np.array([layer.left, layer.top])
        landed = (transform(forward, corners - 0.5) + 0.5) * [factor_x, factor_y]
        room = 0.0 if bend is None else bend.reach * max(factor_x, factor_y, 1.0)
        low = np.floor(landed.min(axis=0) - room).astype(int).clip([0, band.start])
        high = np.ceil(landed.max(axis=0) + room).astype(int).clip(None, [self.size[1], band.stop])
        if (high <= low).any():
            return None
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    @staticmethod
    def _mask(
        layer: Layer, back: Affine, bent: tuple[Map, Map] | None, rows: slice, columns: slice, factor_x: float,
        factor_y: float,
    ) -> NDArray[Any]:  # fmt: skip
        """Return the layer's mask over those rows and columns of the frame."""
        scale = np.array([1 / factor_x, 1 / factor_y])
        if bent is not None:
            at = [
                ((place + 0.5) * size - 0.5 - corner).astype(np.float32)
                for place, size, corner in zip(bent, scale, (layer.left, layer.top), strict=True)
            ]
            return cv2.remap(layer.mask, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        origin = np.array([columns.start, rows.start])
        offset = (back[:, :2] @ origin + back[:, 2] + 0.5) * scale - 0.5 - [layer.left, layer.top]
        lookup = np.column_stack([back[:, :2] * scale[:, None], offset])
        return cv2.warpAffine(
            layer.mask, lookup, (columns.stop - columns.start, rows.stop - rows.start),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )  # fmt: skip


def _morphed(view: View, field: Field) -> View:
    """Return a view on clear ground bent by a field of its own size."""
    masks = [mask.astype(np.uint8) * np.uint8(255) for mask in (view.seen, view.hidden)]
    seen, hidden = (resample(mask, field) > 127 for mask in masks)
    return View(resample(view.picture, field), seen, resample(view.confidence, field), hidden, None)


def _closed(seen: Mask, margin: Mask) -> Mask:
    """Return what is seen, with gaps of a pixel or two closed where a layer's margin reaches into them."""
    closed = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    return np.asarray(seen | (closed & margin))
