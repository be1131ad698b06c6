"""Features that are drawn anew from key to key: eyes that close, mouths that open, a face that turns.

No motion brings one drawing of such a feature onto the other, but both lie in the same place of the same face. The
one is fitted into the other's frame, so that both shrink, grow and travel alike; each feature then changes over at
a moment of its own, late when the first drawing shows more, early when the second does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .affine import Affine, about, after, inverse, transform
from .features import WORST_COST
from .regions import Regions, hull
from .view import Map, Mask, box_around

#: A place does not match when its mismatch is more than this share of the worst.
_MISMATCH = 0.3
#: Regions smaller than this share of the whole drawing that do not match may be part of a feature.
_SMALL_SHARE = 0.06
#: What lies this close (pixels) to two large regions is their common border, no feature.
_BORDER_REACH = 5
#: Outlines this close to a feature's areas belong to it; smaller finds are no features.
_OUTLINE_REACH = 3
_LEAST_PIXELS = 12
#: At least this share of a feature does not match.
_MOSTLY = 0.5
#: Drawings of one feature lie no further apart than this many times their size.
_MOST_APART = 3.0
#: On a head that turns they may lie this many times the radius of what they are drawn on apart.
_ACROSS = 1.4
#: On a face that turns: the same, the largest share of the drawing that a feature may have, how much of it lies on
#: the face, and how far (pixels) lines that are features keep from the face's rim and from what else is large.
_ACROSS_FACE = 1.9
_SMALL_ON_FACE = 0.03
_ON_FACE = 0.6
_FROM_RIM = 5
#: So much of the face around it goes with a feature, so that the other key's drawing of it does not show beside it.
_HALO = 2
#: Two features that move alike are likelier than one that stays and one that goes twice as far.
_ORDERED = 1.5
#: What lies this close to its place (pixels) at nearly the same size (log2) is no other drawing of it, but the
#: same.
_IN_PLACE_PIXELS = 2.0
_SAME_SIZE = 0.2
#: Features that show as much in both keys change over this much (of the time between the keys) apart.
_STAGGER = 0.12


#: Pixels of a find, the motion of what it is drawn on, and that region's number.
Found = tuple[Mask, int, int]


@dataclass(frozen=True)
class Redrawn:
    """One feature in both keys.

    motion: from its frame in the start key to that in the end key. relative: the same seen from the host, the part
    it is drawn on. centre: of its frame in the start key. host_regions: what it is drawn on in both keys. start,
    end: its pixels. richer: -1..1, how much more the start key shows of it.
    """

    motion: Affine
    relative: Affine
    centre: NDArray[Any]
    host: int
    host_regions: tuple[int, int]
    start: Mask
    end: Mask
    richer: float


def find_redrawn(
    motions: list[Affine], regions: tuple[Regions, Regions], labels: tuple[NDArray[Any], NDArray[Any]],
    mismatch: tuple[Map, Map], backdrop: int | None, *, turning: bool,
) -> list[Redrawn]:  # fmt: skip
    """Return the features of both keys that belong together.

    labels: the motion of each pixel, -1 for none. mismatch: of each pixel under that motion, 0..WORST_COST.
    turning: the drawing is a head that turns, all of whose features slide over its face.
    """
    if turning:
        found = [_features_of_face(of, label) for of, label in zip(regions, labels, strict=True)]
    else:
        seen = zip(regions, labels, mismatch, strict=True)
        found = [_features(of, label, cost, backdrop) for of, label, cost in seen]
    if not (found[0] and found[1]):
        return []
    frames_a = [_frame(np.argwhere(mask)[:, ::-1]) for mask, _, _ in found[0]]
    cost = np.full((len(found[0]), len(found[1])), np.inf)
    frames: dict[tuple[int, int], tuple[NDArray[Any], NDArray[Any]]] = {}
    for i, (_, host, region) in enumerate(found[0]):
        back = inverse(motions[host])
        radius = float(np.sqrt((regions[0].cores == region).sum() / np.pi))
        for j, (mask, other_host, _) in enumerate(found[1]):
            if other_host != host:
                continue
            frames[i, j] = _frame(transform(back, np.argwhere(mask)[:, ::-1].astype(np.float64)))
            apart = float(np.linalg.norm(frames[i, j][0] - frames_a[i][0]))
            growth = np.abs(np.log2(frames[i, j][1] / frames_a[i][1]))
            size = float(max(frames_a[i][1].max(), frames[i, j][1].max()))
            across = _ACROSS_FACE if turning else _ACROSS
            if apart <= max(_MOST_APART * size, across * radius) and float(growth.min()) < 1:
                cost[i, j] = apart**_ORDERED + float(growth.max())
    worst = float(cost[np.isfinite(cost)].max(initial=1.0)) * 10
    pairs = [
        (int(i), int(j))
        for i, j in zip(*linear_sum_assignment(np.where(np.isfinite(cost), cost, worst)), strict=True)
        if np.isfinite(cost[i, j])
    ]
    pairs.sort(key=lambda pair: tuple(frames_a[pair[0]][0]))
    redrawn = []
    for number, (i, j) in enumerate(pairs):
        (centre, half), (there, there_half) = frames_a[i], frames[i, j]
        if (
            np.linalg.norm(there - centre) < _IN_PLACE_PIXELS
            and np.abs(np.log2(there_half / half)).max() < _SAME_SIZE
        ):
            continue
        relative = about(np.diag(there_half / half), centre, there)
        host = found[0][i][1]
        size = float(np.log2((half.prod() + 1) / (there_half.prod() + 1)))
        turn = (number % 3 - 1) * 2 * _STAGGER
        richer = float(np.clip(size + turn, -1, 1))
        (start, _, region_a), (end, _, region_b) = found[0][i], found[1][j]
        redrawn.append(
            Redrawn(
                after(motions[host], relative), relative, centre, host, (region_a, region_b), start, end, richer
            )
        )
    return redrawn


def _frame(points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the centre and the half size of the upright frame around points (n, 2)."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, (high - low + 1) / 2


def _features(regions: Regions, label: NDArray[Any], mismatch: Map, backdrop: int | None) -> list[Found]:
    """Return what may have been drawn anew in a key."""
    areas = np.bincount(regions.cores.ravel(), minlength=regions.count + 1)
    total = np.bincount(regions.cores.ravel(), mismatch.ravel(), minlength=regions.count + 1)
    small = (areas < _SMALL_SHARE * regions.live.sum()) & (total > _MISMATCH * WORST_COST * areas)
    small[0] = False
    in_small = small[regions.cores]
    borders = np.zeros(label.shape, np.uint8)
    around = np.ones((2 * _BORDER_REACH + 1,) * 2, np.uint8)
    for number in np.flatnonzero(~small):
        if number:
            core = regions.cores == number
            box = box_around(core, _BORDER_REACH)
            borders[box] += np.asarray(cv2.dilate(core[box].astype(np.uint8), around), np.uint8)
    outline = regions.live & (regions.cores == 0)
    may = in_small | (outline & (borders < 2)) | (outline & _near(in_small, _OUTLINE_REACH))
    wrong = may & (mismatch > _MISMATCH * WORST_COST)
    inner = regions.live if backdrop is None else label != backdrop
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        cv2.morphologyEx(wrong.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), connectivity=8
    )
    found: list[Found] = []
    for piece in range(1, count):
        if stats[piece, cv2.CC_STAT_AREA] < _LEAST_PIXELS:
            continue
        own = (np.asarray(pieces) == piece) & may
        touched = np.unique(regions.cores[own])
        touched = touched[small[touched]]
        own |= np.isin(regions.cores, touched)
        own |= may & outline & _near(own, _OUTLINE_REACH)
        beside = regions.cores[_near(own, _BORDER_REACH) & ~own & (regions.cores > 0) & ~in_small]
        if not len(beside):
            continue
        if not inner[_near(own, 1)].all() or float(wrong[own].mean()) < _MOSTLY:
            continue
        region = int(np.bincount(beside).argmax())
        host = int(np.bincount(label[regions.cores == region] + 1).argmax()) - 1
        if host not in (backdrop, -1):
            found.append((own, host, region))
    return _joined(found)


def _features_of_face(regions: Regions, label: NDArray[Any]) -> list[Found]:
    """Return all that is drawn on the largest region of a key: small areas with outlines, and single lines."""
    areas = np.bincount(regions.cores.ravel(), minlength=regions.count + 1)
    areas[0] = 0
    face = int(areas.argmax())
    core = regions.cores == face
    around = hull(core)
    inside = np.bincount(regions.cores.ravel(), around.ravel(), minlength=regions.count + 1)
    small = (areas < _SMALL_ON_FACE * regions.live.sum()) & (inside > _ON_FACE * areas)
    small[[0, face]] = False
    in_small = small[regions.cores]
    large = (regions.cores > 0) & ~in_small & ~core
    outline = regions.live & (regions.cores == 0)
    free = ~_near(~around, _FROM_RIM) & ~_near(large, _FROM_RIM)
    own = in_small | (outline & (free | _near(in_small, 2))) & ~_near(~regions.live, 1)
    closed = cv2.morphologyEx(own.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    host = int(np.bincount(label[core] + 1).argmax()) - 1
    found: list[Found] = []
    for piece in range(1, count):
        if stats[piece, cv2.CC_STAT_AREA] >= _LEAST_PIXELS:
            drawn = (np.asarray(pieces) == piece) & own
            found.append((drawn | (_near(drawn, _HALO) & core), host, face))
    return found


def _joined(found: list[Found]) -> list[Found]:
    """Return the finds with those joined that share pixels."""
    joined: list[Found] = []
    for mask, host, region in found:
        apart = []
        for other in joined:
            if (mask & other[0]).any():
                mask = mask | other[0]
            else:
                apart.append(other)
        joined = [*apart, (mask, host, region)]
    return joined


def _near(mask: Mask, pixels: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)) > 0)
