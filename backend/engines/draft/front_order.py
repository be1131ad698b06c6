"""Which part is in front of which: one order for the whole segment, so that nothing flips over on its way."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import inverse
from .contacts import Contact
from .features import WORST_COST, match_cost
from .paths import Paths
from .redrawn import Redrawn
from .regions import Regions, hull
from .sides import Side, resized, warp
from .view import box_around

#: How much a hint (lower, better matched) weighs against pixels (at half size) seen in a key.
_HINT = 4.0
_FACTOR = 0.5
#: Smaller bites (pixels at half size) are roughness, larger ones are no stronger evidence.
_LEAST_BITE, _MOST_BITE = 0.7, 15.0
#: Between two areas lies an outline of up to so many pixels.
_OUTLINE = 4
#: The far one of two limbs (of sizes no further apart than this) is painted darker: by so much of Lab lightness
#: (0..255) it is meant, and then weighs as much as so many pixels.
_TWINS = 1.5
_DARKER = 4.0
_FAR_LIMB = 2.0
#: More evidence than so many pixels counts no more.
_ENOUGH = 50.0


def front_order(
    sides: tuple[Side, Side], labels: tuple[NDArray[Any], NDArray[Any]], paths: Paths, backdrop: int | None
) -> list[int]:
    """Return the parts back to front.

    Where two parts of one key land on the same place of the other key, the one that looks right there is in front.
    Where they touch, the one that cuts into the other is. Parts of different figures that never overlap in a key go
    by these: the one whose foot is lower stands in front.
    """
    numbers = list(paths.parts)
    votes, match = _landings(sides, labels, numbers, on_clear_ground=backdrop is None)
    for label, side in zip(labels, sides, strict=True):
        votes += _bites(label, side.regions, side.contacts, numbers)
    votes += _far_limbs(labels, (sides[0].regions, sides[1].regions), numbers)
    foot = _feet(labels[0], labels[1], numbers, paths)
    for i, first in enumerate(numbers):
        for j, second in enumerate(numbers):
            if paths.root(first) != paths.root(second):
                votes[i, j] += _HINT * float(np.sign(foot[paths.root(first)] - foot[paths.root(second)]))
            else:
                votes[i, j] += _HINT * (match[i] - match[j])
    return _sorted(numbers, votes, backdrop)


def _landings(
    sides: tuple[Side, Side], labels: tuple[NDArray[Any], NDArray[Any]], numbers: list[int], *,
    on_clear_ground: bool,
) -> tuple[NDArray[Any], NDArray[Any]]:  # fmt: skip
    """Return by how many pixels (at half size) each part (row) looks righter than each other where both land.

    Each key's parts land on the other key. Also return how well (up to 1) each of them matches there.
    """
    index = {number: i for i, number in enumerate(numbers)}
    votes = np.zeros((len(numbers), len(numbers)))
    match = np.zeros(len(numbers))
    for label, side in zip(labels, sides, strict=True):
        here, there = (
            cv2.resize(seen, None, fx=_FACTOR, fy=_FACTOR, interpolation=cv2.INTER_AREA)
            for seen in (side.own, side.other)
        )
        height, width = here.shape[:2]
        masks, costs = {}, {}
        for number in numbers:
            mask = label == number
            if not mask.any():
                continue
            back = resized(inverse(side.motions[number]), width / label.shape[1], height / label.shape[0])
            small = cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA)
            landed = cv2.warpAffine(small, back, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            masks[number] = landed > 127
            brought = warp(here, back, (height, width), not on_clear_ground)
            costs[number] = match_cost(there, brought, 3) / WORST_COST
            if masks[number].any():
                match[index[number]] = max(match[index[number]], 1 - float(costs[number][masks[number]].mean()))
        for i, first in enumerate(masks):
            for second in list(masks)[i + 1 :]:
                both = masks[first] & masks[second]
                if both.any():
                    vote = float((costs[second][both] - costs[first][both]).sum())
                    votes[index[first], index[second]] += vote
                    votes[index[second], index[first]] -= vote
    return votes, match


def _bites(label: NDArray[Any], regions: Regions, contacts: list[Contact], numbers: list[int]) -> NDArray[Any]:
    """Return by how many pixels (at half size) each part (row) seems to cut into each other that it touches.

    Shapes are convex rather than bitten into, so what lies in another's convex hull lies in front of that.
    """
    part = _part_of_regions(label, regions)
    touching = [(c.first + 1, c.second + 1) for c in contacts if -1 < part[c.first + 1] != part[c.second + 1] > -1]
    bitten: dict[tuple[int, int], float] = {}
    around = np.ones((2 * _OUTLINE + 1,) * 2, np.uint8)
    for region in {region for pair in touching for region in pair}:
        box = box_around(regions.cores == region, _OUTLINE)
        own = regions.cores[box] == region
        missing = hull(own) & ~own
        for other in [sum(pair) - region for pair in touching if region in pair]:
            near = cv2.dilate((regions.cores[box] == other).astype(np.uint8), around) > 0
            bitten[other, region] = float((missing & near).sum())
    votes = np.zeros((len(numbers), len(numbers)))
    for first, second in touching:
        more = (bitten[first, second] - bitten[second, first]) * _FACTOR**2
        if abs(more) > _LEAST_BITE:
            i, j = numbers.index(part[first]), numbers.index(part[second])
            votes[i, j] += np.clip(more, -_MOST_BITE, _MOST_BITE)
    return np.asarray(votes - votes.T)


def _part_of_regions(label: NDArray[Any], regions: Regions) -> list[int]:
    """Return the part of most of each region (numbered from 1), -1 for none."""
    part = [-1]
    for region in range(1, regions.count + 1):
        found = label[regions.cores == region]
        found = found[found >= 0]
        part.append(int(np.bincount(found).argmax()) if len(found) else -1)
    return part


def _far_limbs(
    labels: tuple[NDArray[Any], NDArray[Any]], regions: tuple[Regions, Regions], numbers: list[int]
) -> NDArray[Any]:
    """Return how much says that each part (row) is the near one of two limbs, the other one being its far twin."""
    size, light = np.zeros(len(numbers)), np.zeros(len(numbers))
    for label, key in zip(labels, regions, strict=True):
        for i, number in enumerate(numbers):
            inside = key.cores[(label == number) & (key.cores > 0)]
            size[i] += len(inside)
            light[i] += key.colours[inside - 1, 0].sum()
    light /= np.maximum(size, 1)
    lighter = light[:, None] - light[None]
    twins = np.maximum(size[:, None], size[None]) < _TWINS * np.minimum(size[:, None], size[None])
    return np.asarray(_FAR_LIMB * np.sign(lighter) * (twins & (np.abs(lighter) > _DARKER)))


def with_features_in_front(
    order: list[int], redrawn: list[Redrawn], labels: tuple[NDArray[Any], NDArray[Any]], numbers: range
) -> list[int]:
    """Return the order with each redrawn feature right before the foremost part that it was drawn on."""
    full = list(order)
    for number, feature in zip(numbers, redrawn, strict=True):
        under = {feature.host}
        for label, own in zip(labels, (feature.start, feature.end), strict=True):
            under |= set(np.unique(label[own]).tolist())
        full.insert(1 + max(full.index(part) for part in under if part in full), number)
    return full


def _feet(label_a: NDArray[Any], label_b: NDArray[Any], numbers: list[int], paths: Paths) -> dict[int, float]:
    """Return how low each figure (root part) reaches in the keys, in rows."""
    lowest: dict[int, float] = {}
    for number in numbers:
        root = paths.root(number)
        for label in (label_a, label_b):
            rows = np.flatnonzero((label == number).any(axis=1))
            if len(rows):
                lowest[root] = max(lowest.get(root, 0.0), float(rows[-1]))
    return lowest


def _sorted(numbers: list[int], votes: NDArray[Any], backdrop: int | None) -> list[int]:
    """Take away, one by one, the part that least speaks against being behind all the rest."""
    rest = list(range(len(numbers)))
    order: list[int] = []
    if backdrop is not None and backdrop in numbers:
        rest.remove(numbers.index(backdrop))
        order.append(backdrop)

    def against(i: int) -> tuple[float, float]:
        evidence = np.clip(votes[i, rest], -_ENOUGH, _ENOUGH)
        return float(np.maximum(evidence, 0).sum()), float(evidence.sum())

    while rest:
        rearmost = min(rest, key=lambda i: (against(i), i))
        rest.remove(rearmost)
        order.append(numbers[rearmost])
    return order
