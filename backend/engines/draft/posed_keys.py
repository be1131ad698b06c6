"""Both keys posed after a guide, and made into one picture like any in-between."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import IDENTITY, Affine, fit_sound
from .bending import MOST_FOLDED, Field, bend, enlarged, folded
from .between import Between
from .colour import Premultiplied
from .composing import compose
from .layers import LayeredMotion, cut_layer
from .line_sets import LineSet
from .lines import drawn_lines
from .paths import Part, Paths
from .posing import Pose, pose
from .regions import Regions, find_regions, joint_palette
from .view import Mask, Origins, View, pixel_grid

#: Outlines within this many pixels of a region in front are that region's own.
_OUTLINE_PIXELS = 4
#: Pixels of a region that must be seen half way for its expected motion to be measured.
_FEWEST_SEEN = 12
#: Over so many pixels the expected motion of a key that is bent as a whole is smoothed.
_SMOOTH_PIXELS = 14.0
#: A region whose outlines lie this well (misfit) on the guide's lines is surely where the guide draws it.
_SURE = 0.12


@dataclass(frozen=True)
class PosedKey:
    """A key at working size in the guide's pose.

    regions: with outlines given to what is in front. expected: where each would be without the guide.
    order: the regions (from 0), back to front.
    backdrop: which regions belong to the backdrop; None for a picture on clear ground. field: bends what is posed.
    """

    key: Premultiplied
    regions: Regions
    pose: Pose
    expected: list[Affine]
    order: list[int]
    backdrop: Mask | None
    field: Field | None = None

    def view(self, key: Premultiplied) -> View:
        """Return what the key, which may be larger than the working size, shows in its pose."""
        motions = dict(enumerate(self.pose.motions))
        label, order = self.regions.labels - 1, self.order
        behind = None
        if self.backdrop is not None:
            behind = int(np.flatnonzero(self.backdrop)[0])
            label = np.where(np.append(self.backdrop, False)[label], behind, label)
            order = [behind, *(k for k in order if not self.backdrop[k])]
        parts = {k: Part(motion, motion, np.zeros(2), False, None) for k, motion in motions.items()}
        soft = np.zeros(label.shape, np.bool_) if behind is not None else self.key[..., 3] < 128
        told = np.append(False, self.pose.told)[self.regions.labels]
        sure = told & np.append(False, self.pose.misfit < _SURE)[self.regions.labels]
        trust = told.astype(np.float32)
        cut = [cut_layer(k, np.asarray(label == k), soft, trust, sure, from_plate=True) for k in order]
        layers = [layer for layer in cut if layer is not None]
        nothing = np.zeros(label.shape, np.bool_)
        motion = LayeredMotion(layers, Paths(parts), {}, True, nothing, nothing, behind, key.shape[:2])
        view = motion.view(motion.source(key), 1.0)
        return (
            view if self.field is None else _bent(view, motion.origins(1.0), key, enlarged(self.field, motion.size))
        )

    def softened(self, strength: float) -> PosedKey:
        """Return the key only that share (0..1) of the way from where it was expected to the guide's pose."""
        if strength == 1:
            return self
        motions = [
            expected + strength * (motion - expected)
            for motion, expected in zip(self.pose.motions, self.expected, strict=True)
        ]
        field = None if self.field is None else self.field * np.float32(strength)
        return replace(self, pose=replace(self.pose, motions=motions), field=field)


def _bent(view: View, origins: Origins, key: Premultiplied, field: Field) -> View:
    """Return a view of a key bent by a field of its own size."""
    x, y = pixel_grid(*field.shape[:2])
    at = x + field[..., 0], y + field[..., 1]

    def bent(values: NDArray[Any]) -> NDArray[Any]:
        return cv2.remap(values, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def bent_mask(mask: Mask) -> Mask:
        return np.asarray(bent(mask.astype(np.float32)) > 0.5)

    backdrop = None if view.backdrop is None else bent_mask(view.backdrop)
    # Between two parts the sources jump; there the nearest one is right, and a mixture would be nowhere.
    nearest = [
        cv2.remap(values, *at, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        for values in (origins.x, origins.y)
    ]
    smooth = [bent(origins.x), bent(origins.y)]
    jump = np.maximum(abs(smooth[0] - nearest[0]), abs(smooth[1] - nearest[1])) > 1.5
    across, down = (np.where(jump, near, fine) for near, fine in zip(nearest, smooth, strict=True))
    picture = cv2.remap(key, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return View(picture, bent_mask(view.seen), bent(view.confidence), bent_mask(view.hidden), backdrop)


def placed_regions(posed: PosedKey) -> list[Mask]:
    """Return the flat area of each region where the pose has taken it."""
    height, width = posed.regions.cores.shape
    cores = [(posed.regions.cores == k + 1).astype(np.uint8) for k in range(posed.regions.count)]
    return [
        cv2.warpAffine(core, motion, (width, height), flags=cv2.INTER_NEAREST) > 0
        for core, motion in zip(cores, posed.pose.motions, strict=True)
    ]


def pose_keys(
    whole: Between, keys: tuple[Premultiplied, Premultiplied], time: float, guide: LineSet, pool: Executor
) -> list[PosedKey]:
    """Pose both keys (at working size) after the guide at `time`."""
    palette = joint_palette(*keys)

    def posed(side: int) -> PosedKey:
        key = keys[side]
        drawn = drawn_lines(key)
        regions = find_regions(key, palette, whole.opaque, key.shape[:2], walls=drawn)
        depth, backdrop = _depth(whole, side, regions)
        regions = _outlines_to_the_front(regions, depth)
        expected = _expected(whole, side, time, regions)
        found = pose(regions, drawn, expected, guide, backdrop)
        order = [int(k) for k in np.argsort(depth, kind="stable")]
        return PosedKey(key, regions, found, expected, order, backdrop if backdrop.any() else None)

    return list(pool.map(posed, (0, 1)))


def compose_posed(
    posed: list[PosedKey], keys: tuple[Premultiplied, Premultiplied], side: int, *, opaque: bool, graft: bool
) -> Premultiplied:
    """Return the picture, as large as the keys, that the posed key `side` (0, 1) makes.

    graft: the other key adds what it is sure of where this one shows nothing: a limb that this one hides.
    """
    size = keys[0].shape[:2]
    views = [one.view(key) for one, key in zip(posed, keys, strict=True)]
    if not graft:
        views[1 - side] = replace(views[1 - side], hidden=np.zeros(size, np.bool_))
    scale = max(size) / max(posed[0].key.shape[:2])
    return compose((views[0], views[1]), float(side), opaque=opaque, scale=scale)


def bend_posed(
    posed: list[PosedKey], keys: tuple[Premultiplied, Premultiplied], side: int, guide: LineSet, *, opaque: bool
) -> PosedKey:
    """Return a posed key bent onto the guide, by the lines of what the guide draws; as it is if that folds it."""
    shown = compose_posed(posed, keys, side, opaque=opaque, graft=False)
    told = posed[side].view(keys[side]).confidence > 0.5
    field = bend(shown, guide, guide.reach, told)
    return replace(posed[side], field=field) if folded(field) <= MOST_FOLDED else posed[side]


def _working_views(
    whole: Between, side: int, time: float, shape: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return for each pixel of the expected picture at `time` where in the key it is from (height, width, 2), and
    whether anything is seen there; at working size.
    """
    height, width = shape[:2]
    sources, seen = np.zeros((height, width, 2), np.float32), np.zeros((height, width), np.bool_)
    if whole.motions is None:
        sources[:] = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1)
        seen[:] = True
        return sources, seen
    motion = whole.motions[side]
    rows, columns = motion.working_size
    origins = replace(motion, size=motion.working_size).origins(time if side == 0 else 1 - time, whole.offset(time))
    left, top = working_corner(whole, height)
    rows, columns = min(rows, height - top), min(columns, width - left)
    here = np.s_[top : top + rows, left : left + columns]
    sources[here][..., 0] = origins.x[:rows, :columns] + left
    sources[here][..., 1] = origins.y[:rows, :columns] + top
    seen[here] = origins.seen[:rows, :columns]
    return sources, seen


def expected_field(whole: Between, side: int, time: float, shape: tuple[int, ...]) -> Field:
    """Return the displacements that bring a whole key to where it is expected at `time`, smoothed."""
    sources, seen = _working_views(whole, side, time, shape)
    x, y = pixel_grid(*shape[:2])
    away = (sources - np.dstack([x, y])) * seen[..., None]
    spread = cv2.GaussianBlur(np.dstack([away, seen.astype(np.float32)]), (0, 0), _SMOOTH_PIXELS)
    return np.asarray(spread[..., :2] / (spread[..., 2:] + np.float32(1e-4)))


def _expected(whole: Between, side: int, time: float, regions: Regions) -> list[Affine]:
    """Return for each region of a key where it is at `time` if there is no guide."""
    sources, seen = _working_views(whole, side, time, regions.labels.shape)
    height, width = regions.labels.shape
    x, y = np.rint(sources[..., 0]).astype(int), np.rint(sources[..., 1]).astype(int)
    inside = seen & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    rows, columns = np.nonzero(inside)
    from_x, from_y = x[rows, columns], y[rows, columns]
    region = regions.cores[from_y, from_x]
    exact = sources[rows, columns].astype(np.float64)
    there = np.column_stack([columns, rows]).astype(np.float64)
    found: list[Affine | None] = []
    for number in range(1, regions.count + 1):
        own = np.flatnonzero(region == number)
        if len(own) < _FEWEST_SEEN:
            found.append(None)
            continue
        own = own[np.linspace(0, len(own) - 1, min(len(own), 300)).astype(int)]
        found.append(fit_sound(exact[own], there[own]))
    return _completed(found, regions)


def _completed(found: list[Affine | None], regions: Regions) -> list[Affine]:
    """Give regions that nobody expects anywhere the motion of the nearest one that is."""
    known = [k for k, motion in enumerate(found) if motion is not None]
    if not known:
        return [IDENTITY] * len(found)
    centres = []
    for number in range(1, regions.count + 1):
        rows, columns = np.nonzero(regions.cores == number)
        centres.append((columns.mean(), rows.mean()))
    places = np.array(centres)
    out: list[Affine] = []
    for k, motion in enumerate(found):
        if motion is None:
            nearest = known[int(np.linalg.norm(places[known] - places[k], axis=1).argmin())]
            motion = found[nearest]
        assert motion is not None
        out.append(motion)
    return out


def _depth(whole: Between, side: int, regions: Regions) -> tuple[NDArray[Any], Mask]:
    """Return for each region how far in front it is, and whether it belongs to the backdrop.

    What is in a layer further in front is in front; of one layer, what is smaller.
    """
    height, width = regions.labels.shape
    area = np.bincount(regions.cores.ravel(), minlength=regions.count + 1)[1:].astype(np.float64)
    depth = 1 - area / (height * width)
    backdrop = np.zeros(regions.count, np.bool_)
    motion = whole.motions[side] if whole.motions is not None else None
    if isinstance(motion, LayeredMotion):
        layer_of = layers_of(whole, motion, regions)
        depth += layer_of
        if motion.backdrop is not None:
            backdrop = np.array([layer.number == motion.backdrop for layer in motion.layers])[layer_of]
    return np.asarray(depth), backdrop


def layers_of(whole: Between, motion: LayeredMotion, regions: Regions) -> NDArray[Any]:
    """Return for each region of a key in which of its layers (0: rearmost) most of it is."""
    height, width = regions.labels.shape
    left, top = working_corner(whole, height)
    votes = np.zeros((regions.count + 1, len(motion.layers)))
    for index, layer in enumerate(motion.layers):
        rows, columns = np.nonzero(layer.mask[..., 0] > 100)
        rows, columns = rows + layer.top + top, columns + layer.left + left
        inside = (rows < height) & (columns < width)
        votes[:, index] = np.bincount(regions.cores[rows[inside], columns[inside]], minlength=regions.count + 1)
    return np.asarray(votes[1:].argmax(axis=1))


def working_corner(whole: Between, height: int) -> tuple[int, int]:
    """Return where (x, y) what moves begins in the picture drawn `height` rows high."""
    scale = height / whole.start.shape[0]
    return round(whole.box[1].start * scale), round(whole.box[0].start * scale)


def _outlines_to_the_front(regions: Regions, depth: NDArray[Any]) -> Regions:
    """Give each outline pixel to the foremost region that it can belong to."""
    outlines = (regions.cores == 0) & (regions.labels > 0)
    labels = regions.labels.copy()
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _OUTLINE_PIXELS + 1,) * 2)
    for region in np.argsort(depth, kind="stable"):
        own = regions.cores == region + 1
        rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
        pad = _OUTLINE_PIXELS + 1
        box = np.s_[max(rows[0] - pad, 0) : rows[-1] + pad + 1, max(columns[0] - pad, 0) : columns[-1] + pad + 1]
        near = cv2.dilate(own[box].astype(np.uint8), kernel) > 0
        labels[box][near & outlines[box]] = region + 1
    return replace(regions, labels=labels)
