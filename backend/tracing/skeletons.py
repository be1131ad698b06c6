"""From a mask of lines to paths one pixel wide, joined through crossings as a pen would have gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Lines are thinned on a grid this many times finer than the picture, so that lines close together stay apart.
FINER = 2
_SQUARE = np.ones((3, 3), np.uint8)
#: A path continues through a crossing when it turns by less than this (cosine).
_STRAIGHT_ON = np.cos(np.radians(50))


@dataclass(frozen=True)
class Path:
    """points: (n, 2) pixels, x right and y down, `1 / FINER` apart. tied: whether each end meets another path."""

    points: Array
    closed: bool
    tied: tuple[bool, bool]


@dataclass
class _Branch:
    """points between two crossings or ends; nodes: number of the crossing at each end, 0 for a free end."""

    points: Array
    nodes: list[int]
    closed: bool = False


def _tables() -> tuple[Array, Array, Array]:
    """Return three tables by neighbourhood code: whether each of two rounds removes it, and how many ways leave it.

    Guo and Hall 1989, "Parallel thinning with two-subiteration algorithms".
    """
    code = np.arange(256)
    p = [(code >> bit) & 1 for bit in range(8)]  # p[0] is the top neighbour, then clockwise
    ways = np.sum([(1 - p[i]) & p[(i + 1) % 8] for i in range(8)], axis=0)
    connected = sum((1 - p[i]) & (p[i + 1] | p[(i + 2) % 8]) for i in (0, 2, 4, 6))
    first = sum(p[i - 1] | p[i] for i in (0, 2, 4, 6))
    second = sum(p[i] | p[i + 1] for i in (0, 2, 4, 6))
    few = np.minimum(first, second)
    removable = (connected == 1) & (few >= 2) & (few <= 3)
    east = ((p[0] | p[1] | (1 - p[3])) & p[2]) == 0
    west = ((p[4] | p[5] | (1 - p[7])) & p[6]) == 0
    return removable & east, removable & west, ways


_FIRST, _SECOND, _WAYS = _tables()


def _codes(mask: Array, places: Array) -> Array:
    """Return the neighbourhood codes of pixels at flat `places` (n,) of a mask whose border is empty."""
    flat, width = mask.ravel(), mask.shape[1]
    around = (-width, 1 - width, 1, width + 1, width, width - 1, -1, -width - 1)
    codes = np.zeros(len(places), np.uint8)
    for bit, offset in enumerate(around):
        codes |= flat[places + offset] << np.uint8(bit)
    return codes


def thinned(mask: Array) -> Array:
    """Return the mask (height, width) of 0 and 1, whose border is empty, thinned to lines one pixel wide."""
    mask = mask.astype(np.uint8).copy()
    flat = mask.ravel()
    places = np.nonzero(flat)[0]
    while True:
        before = len(places)
        for table in (_FIRST, _SECOND):
            gone = table[_codes(mask, places)]
            flat[places[gone]] = 0
            places = places[~gone]
        if len(places) == before:
            return mask


def paths_of(cover: Array, threshold: float) -> list[Path]:
    """Return the paths along the middle of what `cover` (height, width) covers by more than `threshold`."""
    rows, columns = np.nonzero(cover > threshold)
    if not len(rows):
        return []
    top, left = max(int(rows.min()) - 2, 0), max(int(columns.min()) - 2, 0)
    crop = cover[top : int(rows.max()) + 3, left : int(columns.max()) + 3]
    fine = cv2.resize(crop, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR)
    mask = cv2.copyMakeBorder((fine > threshold).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    skeleton = thinned(mask)
    branches, centres = _branches(skeleton)
    branches = _without_spurs(branches, centres, cv2.distanceTransform(mask, cv2.DIST_L2, 3))
    # The middle of a fine pixel, in pixels of the picture; the mask has a border of one fine pixel.
    origin = np.array([left, top]) - 0.5 / FINER
    placed = {number: centre / FINER + origin for number, centre in centres.items()}
    for branch in branches:
        branch.points = branch.points / FINER + origin
    return _joined(branches, placed)


def _branches(skeleton: Array) -> tuple[list[_Branch], dict[int, Array]]:
    """Return the branches of a skeleton and the middles of its crossings by number, in pixels of the skeleton."""
    places = np.nonzero(skeleton.ravel())[0]
    crossing = np.zeros_like(skeleton)
    crossing.ravel()[places[_WAYS[_codes(skeleton, places)] >= 3]] = 1
    blobs = cv2.dilate(crossing, _SQUARE)
    count, nodes, _, middles = cv2.connectedComponentsWithStats(blobs, connectivity=8)
    centres = {number: middles[number] for number in range(1, count)}
    touching = cv2.dilate(nodes.astype(np.uint16), _SQUARE)
    rest = skeleton & (blobs == 0)
    outlines, _ = cv2.findContours(rest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    branches = []
    for outline in outlines:
        points, closed = _along(outline[:, 0, :])
        if closed and len(points) >= 8:
            branches.append(_Branch(points.astype(float), [0, 0], closed=True))
            continue
        (x0, y0), (x1, y1) = points[0], points[-1]
        branches.append(_Branch(points.astype(float), [int(touching[y0, x0]), int(touching[y1, x1])]))
    return branches, centres


def _without_spurs(branches: list[_Branch], centres: dict[int, Array], inside: Array) -> list[_Branch]:
    """Leave out branches that end before they have left the line they come from; `inside`: distance to its rim."""

    def is_spur(branch: _Branch) -> bool:
        node = max(branch.nodes)
        if branch.closed or not node or min(branch.nodes):
            return False
        column, row = np.rint(centres[node]).astype(int)
        return len(branch.points) <= 1.4 * float(inside[row, column]) + 2

    return [branch for branch in branches if not is_spur(branch)]


def _along(outline: Array) -> tuple[Array, bool]:
    """Return the pixels of a path in order, from its outline, which goes there and back or around; is it a ring?"""
    count = len(outline)
    if count <= 2:
        return outline, False
    before, after = np.roll(outline, 1, axis=0), np.roll(outline, -1, axis=0)
    turns = np.nonzero((before == after).all(axis=1))[0]
    if not len(turns):
        return outline, True
    turned = np.roll(outline, -int(turns[0]), axis=0)
    return turned[: count // 2 + 1], False


def _joined(branches: list[_Branch], centres: dict[int, Array]) -> list[Path]:
    """Join branches that go straight on through a crossing; what ends there is led to its middle."""
    ends = [(index, side) for index, branch in enumerate(branches) for side in (0, 1) if branch.nodes[side]]
    mates: dict[tuple[int, int], tuple[int, int]] = {}
    for node in centres:
        here = [end for end in ends if branches[end[0]].nodes[end[1]] == node]
        if len(here) == 2:
            choices = [(1.0, here[0], here[1])]
        else:
            ways = {end: _direction(branches[end[0]].points, end[1]) for end in here}
            choices = sorted(
                (
                    (-float(ways[one] @ ways[other]), one, other)
                    for number, one in enumerate(here)
                    for other in here[number + 1 :]
                ),
                reverse=True,
            )
        for straightness, one, other in choices:
            if straightness > _STRAIGHT_ON and one not in mates and other not in mates:
                mates[one], mates[other] = other, one
    paths, used = [], set()
    for closed_only in (False, True):
        for index, branch in enumerate(branches):
            if index in used:
                continue
            if branch.closed:
                used.add(index)
                paths.append(Path(branch.points, True, (False, False)))
                continue
            start = next((side for side in (0, 1) if (index, side) not in mates), None)
            if start is None and not closed_only:
                continue
            paths.append(_chain(branches, centres, mates, index, start or 0, used))
    return paths


def _chain(
    branches: list[_Branch],
    centres: dict[int, Array],
    mates: dict[tuple[int, int], tuple[int, int]],
    index: int,
    side: int,
    used: set[int],
) -> Path:
    """Return the path that begins at one end of a branch and goes on as long as branches are mates."""
    pieces: list[Array] = []
    first_node = branches[index].nodes[side]
    begins = (index, side) in mates
    if first_node and not begins:
        pieces.append(centres[first_node][None])
    last_node, closed = 0, False
    while True:
        used.add(index)
        branch = branches[index]
        pieces.append(branch.points if side == 0 else branch.points[::-1])
        out = (index, 1 - side)
        last_node = branch.nodes[1 - side]
        if out not in mates:
            break
        index, side = mates[out]
        if index in used:
            closed = True
            break
    if last_node and not closed:
        pieces.append(centres[last_node][None])
    return Path(np.concatenate(pieces), closed, (bool(first_node), bool(last_node)))


def _direction(points: Array, side: int) -> Array:
    """Return the unit vector in which a branch leaves its crossing."""
    reach = min(len(points) - 1, 6 * FINER)
    way = points[reach] - points[0] if side == 0 else points[-1 - reach] - points[-1]
    length = float(np.hypot(*way))
    unit: Array = way / length if length > 0 else np.zeros(2)
    return unit
