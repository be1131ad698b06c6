"""How badly the regions of a key match the other key under each motion, and what else speaks against a motion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, angle, inverse
from .colour import Gray
from .contacts import touching_pixels
from .features import WORST_COST, Features, match_cost
from .sides import Side, resized, warp
from .view import Map, box_around

#: Mismatches are means over windows of so many pixels.
MISMATCH_PIXELS = 5
#: Mean mismatch (share of the worst) of a place whose match falls outside the picture.
_OUTSIDE = 0.6
_CAMERA_OUTSIDE = 0.35
#: A region that matches this well under the camera's motion belongs to the backdrop.
_CAMERA_GOOD = 0.06
#: What landing on something the camera already explains costs.
_EXPLAINED = 0.25
#: What landing on clear ground costs, beyond looking different.
_NOTHING = 0.3
#: What turning costs, per radian: a squashed ball that stretches looks inside as one that turns on its side does.
_TURNING = 0.06
#: What turning by more than so many radians costs further where no joint shows it: a flipped shape fits as well.
_TURNING_FAR = 0.2
_FAR_TURN = 1.9
#: What a change of shape costs, per unit of the logarithm of its proportions.
_RESHAPING = 0.15
#: What leaving everything that it touches in both keys by so many pixels costs.
_TEARING_OFF = 0.1
TORN_OFF_PIXELS = 16.0
#: The same where it is joined to something in both keys.
_LEAVING_JOINT = 0.3
#: Longer borders (small pixels) bind no more, nor those longer than so many times the slenderer region's width.
_LONGEST_BORDER = 40
_HOLDING = 1.3
#: A region that matches nowhere better than this (mean mismatch) has no counterpart, and how much it still says.
_ORPHANED = 0.5
_ORPHAN_SAYS = 0.1
#: Regions touch when they are so many small pixels apart.
_STEP = 3

#: (region, region, length of their border, its middle).
Border = tuple[int, int, float, tuple[float, float]]


def _beyond(side: Side) -> float:
    """Return what a match beyond the border of the picture costs.

    Beyond the border of an opaque picture there may be anything; beside a drawing on clear ground is nothing.
    """
    return _OUTSIDE if side.opaque else 1.0


@dataclass(frozen=True)
class Small:
    """The side at half size, where costs are summed.

    box: rows and columns around the regions. borders: where regions touch.
    """

    own: Features
    other: Features
    other_drawn: Gray
    labels: NDArray[Any]
    box: tuple[slice, slice]
    borders: list[Border]
    motions: list[Affine]
    factor_x: float
    factor_y: float

    @staticmethod
    def of(side: Side) -> Small:
        """Return the side at half size, or as it is when it is small already."""
        height, width = side.regions.labels.shape
        factor = 0.5 if height * width > 60_000 else 1.0
        size = int(width * factor), int(height * factor)
        factor_x, factor_y = size[0] / width, size[1] / height
        rows = np.minimum(((np.arange(size[1]) + 0.5) / factor_y).astype(int), height - 1)
        columns = np.minimum(((np.arange(size[0]) + 0.5) / factor_x).astype(int), width - 1)
        labels = side.regions.labels[rows][:, columns]
        drawn = labels > 0
        return Small(
            cv2.resize(side.own, size, interpolation=cv2.INTER_AREA),
            cv2.resize(side.other, size, interpolation=cv2.INTER_AREA),
            cv2.resize(side.other_alpha, size, interpolation=cv2.INTER_AREA),
            labels,
            box_around(drawn if drawn.any() else ~drawn, MISMATCH_PIXELS // 2),
            _borders(side, labels, factor_x, factor_y),
            [resized(motion, factor_x, factor_y) for motion in side.motions],
            factor_x,
            factor_y,
        )

    def with_motions(self, side: Side) -> Small:
        """Return the same with all motions that the side has by now."""
        known = len(self.motions)
        further = [resized(motion, self.factor_x, self.factor_y) for motion in side.motions[known:]]
        return replace(self, motions=[*self.motions, *further])

    def cost(self, motion: Affine, opaque: bool, outside: float) -> Map:
        """Return the mismatch of every pixel in the box under a motion of this size, WORST_COST being 1."""
        shape = self.labels.shape
        there = warp(self.other, motion, shape, opaque)[self.box]
        cost = match_cost(self.own[self.box], there, MISMATCH_PIXELS) / WORST_COST
        inside = cv2.warpAffine(
            np.ones(self.other.shape[:2], np.uint8),
            motion,
            (shape[1], shape[0]),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        )[self.box]
        cost[inside == 0] = outside
        if not opaque:
            landed = warp(self.other_drawn, motion, shape, False, (0.0,))[self.box]
            cost += np.float32(_NOTHING / 255) * (255 - landed)
        return np.asarray(cost)


@dataclass(frozen=True)
class Mismatch:
    """How badly each region matches under each motion.

    total: (regions, motions), summed over pixels of small size. reluctance: (motions,) what each costs a pixel
    however it matches. area: (regions,) their number. camera: the number of the camera's motion. explained: what
    landing on what the camera explains costs; None on clear ground.
    """

    total: NDArray[Any]
    reluctance: NDArray[Any]
    area: NDArray[Any]
    camera: int
    explained: Map | None

    @staticmethod
    def of(side: Side, small: Small, camera_candidates: list[bool], still_backdrop: bool) -> Mismatch:
        """Measure all motions of a side.

        camera_candidates: for each motion, whether it may be the camera's. still_backdrop: that stands still.
        """
        count = side.regions.count
        area = np.maximum(np.bincount(small.labels.ravel(), minlength=count + 1)[1:], 1).astype(np.float64)
        camera, explained = 0, None
        if side.opaque:
            if not still_backdrop:
                camera = _find_camera(side, small, camera_candidates)
            moved = warp(small.own, inverse(small.motions[camera]), small.labels.shape, True)
            back = match_cost(small.other, moved, MISMATCH_PIXELS)
            explained = (back < 0.1 * WORST_COST).astype(np.float32) * np.float32(_EXPLAINED)
        return Mismatch(np.empty((count, 0)), np.empty(0), area, camera, explained).extended(side, small)

    def extended(self, side: Side, small: Small) -> Mismatch:
        """Return the same with the motions that have come in addition."""
        count, known = self.total.shape
        labels = small.labels[small.box].ravel()
        further = np.empty((count, len(small.motions) - known))
        for index, motion in enumerate(small.motions[known:]):
            cost = small.cost(motion, side.opaque, _beyond(side))
            if self.explained is not None and known + index != self.camera:
                cost = cost + warp(self.explained, motion, small.labels.shape, False, (0.0,))[small.box]
            further[:, index] = np.bincount(labels, cost.ravel(), minlength=count + 1)[1:]
        reluctance = [0.01 + _turning(motion) + _reshaping(motion) for motion in side.motions[known:]]
        return replace(
            self,
            total=np.concatenate([self.total, further], axis=1),
            reluctance=np.append(self.reluctance, reluctance),
        )


def costs_of(side: Side, small: Small, seen: Mismatch) -> NDArray[Any]:
    """Return (regions, motions): what each costs, in small pixels that match as badly as can be."""
    costs, area = seen.total.copy(), seen.area
    if not side.opaque:  # what the other key does not show says nothing of its motion: it goes with its neighbours
        costs[costs.min(axis=1) > _ORPHANED * area] *= _ORPHAN_SAYS
        costs += _tearing_off(side) * area[:, None]
    reluctance = seen.reluctance.copy()
    reluctance[0] -= 0.01
    costs += reluctance * area[:, None]
    costs += _turning_far(side) * area[:, None]
    if side.opaque:
        _bind_backdrop(small.labels, costs, area, seen.camera)
    return costs


def _hinged(side: Side) -> NDArray[Any]:
    """Return (regions,) whether each is joined to something in both keys."""
    hinged = np.zeros(side.regions.count, np.bool_)
    hinged[[at.region for at in side.attachments if at.hinge]] = True
    return hinged


def _tearing_off(side: Side) -> NDArray[Any]:
    """Return (regions, motions): what it costs a pixel that its region leaves what it touches in both keys.

    Where it is joined to something, it may go along what else it touches.
    """
    motions = np.array(side.motions)
    cost = np.zeros((side.regions.count, len(motions)))
    count = np.zeros(side.regions.count)
    hinged = _hinged(side)
    for at in side.attachments:
        if at.hinge or not hinged[at.region]:
            away = np.linalg.norm(motions @ [*at.start, 1.0] - at.end, axis=1) / TORN_OFF_PIXELS
            cost[at.region] += np.minimum(away, 1)
            count[at.region] += 1
    worst = np.where(hinged, _LEAVING_JOINT, _TEARING_OFF)
    return np.asarray((worst / np.maximum(count, 1))[:, None] * cost)


def _turning(motion: Affine) -> float:
    return _TURNING * abs(angle(motion))


def _turning_far(side: Side) -> NDArray[Any]:
    """Return (regions, motions): what turning far costs a pixel; where its joint is shows how far a limb turned."""
    turns = np.array([abs(angle(motion)) for motion in side.motions])
    return np.asarray(_TURNING_FAR * np.maximum(turns - _FAR_TURN, 0) * ~_hinged(side)[:, None])


def _reshaping(motion: Affine) -> float:
    """Return what a change of shape costs a pixel: squeezing any flat area into another looks right inside."""
    scales = np.linalg.svd(motion[:, :2], compute_uv=False)
    return _RESHAPING * float(np.log(scales[0] / scales[1]))


def _find_camera(side: Side, small: Small, candidates: list[bool]) -> int:
    """Return the candidate that explains edges all over the picture best; its border counts double."""
    cells = 16, 10
    edge = ((small.own[..., 3] < 24) & (small.labels > 0)).astype(np.float32)
    if edge.sum() <= 50:
        edge = (small.labels > 0).astype(np.float32)
    density = cv2.resize(edge, cells, interpolation=cv2.INTER_AREA)
    weight = np.ones(density.shape)
    weight[:, :2] = weight[:, -2:] = weight[:2] = weight[-2:] = 2
    weight *= density * (edge.size / density.size) > 4
    weight[0, 0] += 1e-6
    scores: dict[int, float] = {}
    for index in np.flatnonzero(candidates):
        cost = small.cost(small.motions[index], True, _CAMERA_OUTSIDE)
        mean = cv2.resize((cost * edge).astype(np.float32), cells, interpolation=cv2.INTER_AREA)
        capped = np.minimum(mean / np.maximum(density, 1e-4), _CAMERA_OUTSIDE)
        scores[int(index)] = float((weight * capped).sum() / weight.sum())
    best = min(scores, key=lambda index: scores[index])
    return 0 if scores[0] < scores[best] * 1.03 + 0.002 else best


def _bind_backdrop(labels: NDArray[Any], costs: NDArray[Any], area: NDArray[Any], camera: int) -> None:
    """Make every motion but the camera's need a reason, and forbid it to what spans the picture."""
    height, width = labels.shape
    mean = costs[:, camera] / area
    other = np.arange(costs.shape[1]) != camera
    costs[:, other] += (0.05 * area)[:, None]
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touching = np.bincount(border, minlength=len(area) + 1)[1:]
    spanning = (area >= 0.01 * height * width) & (touching >= 0.25 * (height + width))
    bound = spanning | (area > 0.3 * height * width) | (mean < _CAMERA_GOOD)
    costs[np.ix_(bound, other)] += 1e6


def _borders(side: Side, labels: NDArray[Any], factor_x: float, factor_y: float) -> list[Border]:
    """Return (region, region, shared border length in small pixels / step, its middle in full pixels).

    A limb that lies along a body holds on to it no more than across the limb. labels: the regions at small size,
    smaller by the factors.
    """
    touching, points = touching_pixels(labels, _STEP)
    if not len(points):
        return []
    pairs, which = np.unique(touching, axis=0, return_inverse=True)
    which = which.ravel()
    lengths = np.bincount(which)
    counted = np.minimum(lengths, _LONGEST_BORDER)
    if not side.opaque:
        across = side.regions.shapes.width[pairs - 1].min(axis=1) * factor_x
        counted = np.minimum(counted, _HOLDING * _STEP * across)
    x = np.bincount(which, points[:, 0]) / lengths / factor_x
    y = np.bincount(which, points[:, 1]) / lengths / factor_y
    return [
        (int(i), int(j), float(length) / _STEP, (float(px), float(py)))
        for (i, j), length, px, py in zip(pairs, counted, x, y, strict=True)
    ]
