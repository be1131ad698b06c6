"""Which limb is which: what hangs on the same place of the same part in both keys is the same.

Two legs look alike, and where one has swung to is where the other was. But each hangs at its own hip. So regions
are matched from the largest outwards, along what they touch: where they hang on what is matched already, carried by
its motion, says more than where they lie.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .affine import Affine, Points, about, rotation, transform, translation
from .contacts import Contact, is_hinge
from .matching import likeness
from .regions import Regions, Shapes

#: Places of contact this far apart (share of the diagonal) speak against a pair as strongly as the wrong colour.
_APART = 0.05
#: What hangs nowhere that is known may be this far from its place (share of the diagonal), as strongly.
_AWAY = 0.35
_WORST, _ACCEPTED, _ACCEPTED_LOOSE = 2.6, 2.1, 2.2
#: Nearer to its joint (pixels) a region's centre does not tell how far it has turned.
_LEVER = 4.0


class _Touching:
    """What touches what in one key."""

    def __init__(self, contacts: list[Contact], shapes: Shapes) -> None:
        self.shapes = shapes
        self._contacts: dict[int, dict[int, Contact]] = {}
        for contact in contacts:
            self._contacts.setdefault(contact.first, {})[contact.second] = contact
            self._contacts.setdefault(contact.second, {})[contact.first] = contact

    def joints(self, region: int) -> dict[int, Points]:
        """Return what touches a region, and at which place (x, y)."""
        return {other: contact.middle for other, contact in self._contacts.get(region, {}).items()}

    def hinged(self, region: int) -> set[int]:
        """Return what touches a region across the end of one of them."""
        touched = self._contacts.get(region, {}).items()
        return {other for other, contact in touched if is_hinge(contact, self.shapes)}


def hung_pairs(
    regions: tuple[Regions, Regions], contacts: tuple[list[Contact], list[Contact]], pairs: list[tuple[int, int]],
    motion: Affine, diagonal: float,
) -> tuple[list[tuple[int, int]], dict[int, Affine]]:  # fmt: skip
    """Return the pairs (from 0), largest first, with those replaced that hang on another place.

    Also return how those regions of the start key move that hang together with the largest. pairs: as matched by
    likeness and place, largest first. motion: of the first of them.
    """
    alike = likeness(*regions)
    start, end = (_Touching(found, key.shapes) for found, key in zip(contacts, regions, strict=True))
    found, carried = dict(pairs[:1]), {pairs[0][0]: motion}
    _add_along_joints(start, end, pairs[0][0], found, carried, alike, diagonal)
    held = carried.copy()

    def elsewhere(i: int, j: int) -> bool:
        """Say whether both hang on something that is matched, but not on the same."""
        partners = {found[other] for other in start.hinged(i) & found.keys()}
        others = end.hinged(j) & set(found.values())
        return bool(partners and others) and not partners & others

    def left() -> tuple[list[int], list[int]]:
        return [i for i, _ in pairs if i not in found], [j for _, j in pairs if j not in found.values()]

    mine, theirs = left()
    found |= {i: j for i, j in pairs if i in mine and j in theirs and not elsewhere(i, j)}
    while True:  # what has found its twin tells where that belongs which hangs on it
        mine, theirs = left()
        away = start.shapes.centre[mine][:, None] - end.shapes.centre[theirs][None]
        loose = _assigned(mine, theirs, alike, np.linalg.norm(away, axis=-1) / (_AWAY * diagonal), _ACCEPTED_LOOSE)
        loose = [pair for pair in loose if not elsewhere(*pair)]
        if not loose:
            break
        i, j = loose[0]
        found[i] = j
        carried[i] = translation(end.shapes.centre[j] - start.shapes.centre[i])
        _add_along_joints(start, end, i, found, carried, alike, diagonal)
    return sorted(found.items(), key=lambda pair: -start.shapes.area[pair[0]]), held


def _add_along_joints(
    start: _Touching, end: _Touching, first: int, found: dict[int, int], carried: dict[int, Affine],
    alike: NDArray[Any], diagonal: float,
) -> None:  # fmt: skip
    """Find, in place, the partners of what hangs together with a region of the start key, and how these move.

    found: the regions of the end key. carried: how those of the start key move. Both know the first.
    """
    area = start.shapes.area
    queue = [(-area[first], first)]
    while queue:
        _, parent = heapq.heappop(queue)
        joints = {i: joint for i, joint in start.joints(parent).items() if i not in found}
        joints_end = {j: joint for j, joint in end.joints(found[parent]).items() if j not in found.values()}
        away = [
            [np.linalg.norm(transform(carried[parent], joint) - other) for other in joints_end.values()]
            for joint in joints.values()
        ]
        far = np.array(away) / (_APART * diagonal)
        for i, j in _assigned(list(joints), list(joints_end), alike, far, _ACCEPTED):
            found[i] = j
            levers = start.shapes.centre[i] - joints[i], end.shapes.centre[j] - joints_end[j]
            carried[i] = _hung(carried[parent], (joints[i], joints_end[j]), levers)
            heapq.heappush(queue, (-area[i], i))


def _assigned(
    mine: list[int], theirs: list[int], alike: NDArray[Any], away: NDArray[Any], worst: float
) -> list[tuple[int, int]]:
    """Return which of both belong together, the surest first, none that are further from it than `worst`."""
    if not (mine and theirs):
        return []
    cost = alike[mine][:, theirs] + away
    rows, columns = linear_sum_assignment(np.minimum(cost, _WORST))
    order = np.argsort(cost[rows, columns], kind="stable")
    return [(mine[k], theirs[m]) for k, m in zip(rows[order], columns[order], strict=True) if cost[k, m] < worst]


def _hung(carrier: Affine, joints: tuple[Points, Points], levers: tuple[Points, Points]) -> Affine:
    """Return how a region moves that hangs on a carrier: about its joint, until it points the right way.

    levers: from the joint to its centre, in both keys.
    """
    if min(np.linalg.norm(lever) for lever in levers) < _LEVER:
        return carrier
    before, now = (float(np.arctan2(lever[1], lever[0])) for lever in levers)
    return about(rotation(now - before), *joints)
