"""The regions of both keys, each led from key to key through a guide's pose: parts that the guide tells apart.

Without the guide a segment may have been understood wrongly: an arm that goes with the body, a leg taken for the
other. What lies in the same place of the guide, though, is the same thing in both keys: its motion from key to key
is the way into the guide's pose and out of it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .affine import Affine, about, after, inverse, rotation, transform, translation
from .between import Between
from .contacts import Contact, find_contacts
from .features import features
from .outlines import label_pixels
from .paths import plan_paths
from .posed_keys import PosedKey, placed_regions, working_corner
from .refining import refined
from .regions import Regions, Shapes
from .sides import Side
from .solving import cut_to_layers
from .thin_lines import ink_of

#: Two regions are one thing when they share this much of both in the guide's pose, and their colours (Lab) differ
#: by no more than so much; what lies even better on each other may have changed its colour.
_SHARED = 0.4
_LIKE_COLOUR = 25.0
_SAME_PLACE = 0.7
#: How much (sum of logarithms) two regions may differ along and across and still be one limb.
_LIKE_FORM = 0.5
#: A pose's motions that differ by less than this are one.
_EQUAL = 1e-6


@dataclass(frozen=True)
class _Parts:
    """motions: of every part, from start to end. places: from the start into the guide's pose. chosen: the part of
    every region of both keys.
    """

    motions: list[Affine]
    places: list[Affine]
    chosen: tuple[NDArray[Any], NDArray[Any]]


def led_in_parts(whole: Between, time: float, posed: list[PosedKey], strength: float) -> Between | None:
    """Return the segment with every region led through both keys' poses at `time`; None when that does not tell.

    strength: 0..1, how far to go from the unguided place to the guide's.
    """
    if whole.motions is None or whole.opaque or not all(side.pose.understood for side in posed):
        return None
    parts = _find_parts(posed, strength)
    if parts is None:
        return None
    shape = whole.motions[0].working_size
    corner = working_corner(whole, posed[0].key.shape[0])
    here, away = translation(np.array(corner, float)), translation(-np.array(corner, float))
    motions = [after(away, after(motion, here)) for motion in parts.motions]
    places = {number: after(away, after(place, here)) for number, place in enumerate(parts.places)}
    keys = _cut(posed[0].key, corner, shape), _cut(posed[1].key, corner, shape)
    seen = features(keys[0]), features(keys[1])
    alphas = [np.ascontiguousarray(key[..., 3]) for key in keys]
    regions = [_cut_regions(side.regions, corner, shape) for side in posed]
    sides = (
        Side(
            seen[0], seen[1], alphas[1], regions[0], motions, [], False, contacts=find_contacts(regions[0].labels)
        ),
        Side(
            seen[1],
            seen[0],
            alphas[0],
            regions[1],
            [inverse(motion) for motion in motions],
            [],
            False,
            contacts=find_contacts(regions[1].labels),
        ),
    )
    for number, better in refined(sides, parts.chosen).items():
        motions[number], sides[1].motions[number] = better, inverse(better)
    labels = [label_pixels(side, chosen, 0) for side, chosen in zip(sides, parts.chosen, strict=True)]
    paths = plan_paths(motions, labels[0].motion, labels[1].motion, None)
    first, second = cut_to_layers(keys, sides, (labels[0], labels[1]), paths, {}, whole.motions[0].size)
    paths = first.paths.through(time, {k: place for k, place in places.items() if k in first.paths.parts})
    led = replace(first, paths=paths), replace(second, paths=paths)
    sources = tuple(
        motion.source(np.ascontiguousarray(key[whole.box]))
        for motion, key in zip(led, (whole.start, whole.end), strict=True)
    )
    ink = ink_of(whole.start, whole.end)
    return replace(whole.led_by(led), method="regions", sources=sources, ink=ink, touches=())


def _find_parts(posed: list[PosedKey], strength: float) -> _Parts | None:
    """Return what moves alike in both keys' poses, and whatever else there is, which goes with its neighbours."""
    pairs = _pairs(posed)
    if not pairs:
        return None
    poses = [side.pose.motions for side in posed]
    softened = [side.softened(strength).pose.motions for side in posed]
    numbers = [_distinct(motions) for motions in poses]
    motions: list[Affine] = []
    places: list[Affine] = []
    chosen = [np.full(len(one), -1) for one in poses]
    known: dict[tuple[int, int], int] = {}
    for i, j in sorted(pairs, key=lambda pair: posed[0].pose.misfit[pair[0]] + posed[1].pose.misfit[pair[1]]):
        key = int(numbers[0][i]), int(numbers[1][j])
        if key not in known:
            known[key] = len(motions)
            motion = after(inverse(poses[1][j]), poses[0][i])
            sure = posed[0].pose.misfit[i] <= posed[1].pose.misfit[j]
            motions.append(motion)
            places.append(softened[0][i] if sure else after(softened[1][j], motion))
        chosen[0][i] = chosen[1][j] = known[key]
    for i, j, motion in pairs_beside(posed, pairs):
        chosen[0][i] = chosen[1][j] = len(motions)
        motions.append(motion)
        places.append(softened[0][i] if posed[0].pose.told[i] else after(softened[1][j], motion))
    for side in (0, 1):
        for region, beside in _carriers(posed[side].regions, chosen[side]):
            carried = motions[chosen[side][beside]] if side == 0 else inverse(motions[chosen[side][beside]])
            # At the guide's time it is where its own pose says; from there on it goes with what it touches.
            onwards = after(after(carried, inverse(poses[side][beside])), poses[side][region])
            motion = onwards if side == 0 else inverse(onwards)
            chosen[side][region] = len(motions)
            motions.append(motion)
            places.append(softened[0][region] if side == 0 else after(softened[1][region], motion))
    return _Parts(motions, places, (chosen[0], chosen[1]))


def _pairs(posed: list[PosedKey]) -> list[tuple[int, int]]:
    """Return which region (from 0) of the start key is which of the end key: those in one place of the pose."""
    masks = [placed_regions(side) for side in posed]
    count = [len(side) for side in masks]
    flat = [np.array([mask.ravel() for mask in side], np.float32) for side in masks]
    area = [one.sum(axis=1) for one in flat]
    shared = (flat[0] @ flat[1].T) / np.maximum(np.maximum(area[0][:, None], area[1][None]), 1)
    colours = [side.regions.colours[:, :3] for side in posed]
    apart = np.linalg.norm(colours[0][:, None] - colours[1][None], axis=-1)
    alike = (shared >= _SHARED) & (apart <= _LIKE_COLOUR) | (shared >= _SAME_PLACE)
    worth = np.where(alike, shared - apart / 1000, 0)
    assert worth.shape == (count[0], count[1])
    return [(int(i), int(j)) for i, j in zip(*linear_sum_assignment(-worth), strict=True) if worth[i, j] > 0]


def pairs_beside(posed: list[PosedKey], pairs: list[tuple[int, int]]) -> list[tuple[int, int, Affine]]:
    """Return what only one key's pose finds in the guide, what it is in the other key, and its motion there.

    It is like it in colour, size and form, and hangs on the same thing: the shin of a leg that the other key's pose
    hides.
    """
    shapes = [side.regions.shapes for side in posed]
    touching = [find_contacts(side.regions.labels) for side in posed]
    colours = [side.regions.colours[:, :3] for side in posed]
    known, found = [{i for i, _ in pairs}, {j for _, j in pairs}], []
    for p, q in pairs:
        around = product(_beside(p, touching[0], known[0]), _beside(q, touching[1], known[1]))
        for (i, first), (j, second) in around:
            unlike = _unlike(shapes, i, j)
            alike = unlike <= _LIKE_FORM and np.linalg.norm(colours[0][i] - colours[1][j]) <= _LIKE_COLOUR
            if alike and posed[0].pose.told[i] != posed[1].pose.told[j]:
                joints = first.middle, second.middle
                found.append((unlike, i, j, _turned(shapes, i, j, joints)))
    out: list[tuple[int, int, Affine]] = []
    for _, i, j, motion in sorted(found, key=lambda one: one[:3]):
        if i not in known[0] and j not in known[1]:
            known[0].add(i)
            known[1].add(j)
            out.append((i, j, motion))
    return out


def _beside(region: int, contacts: list[Contact], known: set[int]) -> list[tuple[int, Contact]]:
    """Return what a region touches that is not known yet, and where."""
    beside = [(c.other(region), c) for c in contacts if region in (c.first, c.second)]
    return [(other, contact) for other, contact in beside if other not in known]


def _unlike(shapes: list[Shapes], i: int, j: int) -> float:
    """Return how much (sum of logarithms) regions of the first and the second key differ along and across."""
    first, second = shapes
    return float(abs(np.log(first.long[i] / second.long[j])) + abs(np.log(first.short[i] / second.short[j])))


def _turned(shapes: list[Shapes], i: int, j: int, joints: tuple[NDArray[Any], NDArray[Any]]) -> Affine:
    """Return the turn and move of one region onto another that brings joint to joint."""
    first, second = shapes
    turn = float(second.tilt[j] - first.tilt[i])
    ways = [about(rotation(turn + half), first.centre[i], second.centre[j]) for half in (0.0, np.pi)]
    return min(ways, key=lambda way: float(np.linalg.norm(transform(way, joints[0][None])[0] - joints[1])))


def _distinct(motions: list[Affine]) -> NDArray[Any]:
    """Return a number for each motion, equal for equal ones."""
    flat = np.rint(np.array(motions).reshape(len(motions), -1) / _EQUAL).astype(np.int64)
    return np.asarray(np.unique(flat, axis=0, return_inverse=True)[1]).ravel()


def _carriers(regions: Regions, chosen: NDArray[Any]) -> list[tuple[int, int]]:
    """Return for each region without a part (-1) a region that has one: the one it touches most, or the nearest."""
    border = np.zeros((regions.count, regions.count))
    for contact in find_contacts(regions.labels):
        border[contact.first, contact.second] = border[contact.second, contact.first] = contact.length
    known = chosen >= 0
    centres = np.array([np.argwhere(regions.cores == k + 1).mean(axis=0) for k in range(regions.count)])
    found = []
    for region in np.flatnonzero(~known):
        touching = border[region] * known
        distance = np.linalg.norm(centres - centres[region], axis=1)
        beside = int(touching.argmax()) if touching.any() else int(np.where(known, distance, np.inf).argmin())
        found.append((int(region), beside))
    return found


def _cut(array: NDArray[Any], corner: tuple[int, int], shape: tuple[int, int]) -> NDArray[Any]:
    """Return that part of a working picture, zeros where it ends before."""
    left, top = corner
    inside = array[top : top + shape[0], left : left + shape[1]]
    out = np.zeros((*shape, *array.shape[2:]), array.dtype)
    out[: inside.shape[0], : inside.shape[1]] = inside
    return out


def _cut_regions(regions: Regions, corner: tuple[int, int], shape: tuple[int, int]) -> Regions:
    return Regions(
        _cut(regions.cores, corner, shape), _cut(regions.labels, corner, shape), regions.colours,
        _cut(regions.live, corner, shape),
    )  # fmt: skip
