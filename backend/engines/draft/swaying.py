"""Strips of cloth, hair, grass: what no rigid motion explains because a wave runs along it.

A strip's shape is a height over its long axis. Where the shape of the end key is that of the start key, further
along, a wave has travelled: how fast each point rises or sinks at both keys then follows from how steep the strip
is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, about, angle, inverse, rotation, transform
from .contacts import Contact
from .features import WORST_COST, match_cost
from .labelling import Choice
from .paths import Paths
from .regions import Regions, outline
from .sides import Side, brought_back
from .strips import blurred, long_axis, smooth_profile, sway_along, upright
from .sway import Sway
from .view import Mask

#: A region that some rigid motion explains better than this (mean mismatch) does not sway.
_UNEXPLAINED = 0.3
#: One that matches worse than this may be part of a strip whose other regions do.
_BENT = 0.15
#: Swaying explains a strip this well in both keys, and is off by no more than this share of what the best rigid
#: motion is.
_EXPLAINED = 0.25
_BETTER = 0.6
#: Regions smaller than this share of the drawing are no strips.
_LEAST_SHARE = 0.02
#: What lies within so many pixels of anything else may be hidden by it, or be its outline.
_OTHERS_REACH = 7
_OUTLINE_POINTS = 600
#: How far off (pixels) the first measure of how far a strip has moved may be.
_SETTLE_PIXELS = 6
#: Drawings of one strip whose axes turn by less than this (radians) lie on one axis; more than that is no sway.
_SAME_AXIS = 0.25
_MOST_TURN = 1.2
#: What is drawn on a strip has this much of its border on it; where it matches moved with it, it rides along.
_RIDER_BORDER = 0.6
_RIDER_MATCH = 0.2
#: Its outline is as wide as this (pixels).
_RIM_PIXELS = 3
_STOPS = 8

#: Which region (from 0) of the start key is which of the end key.
Pair = tuple[int, int]


@dataclass(frozen=True)
class Rider:
    """A region that is drawn on a strip, its centre (x, y) in the start key, and its motion to the end key."""

    pair: Pair
    centre: NDArray[Any]
    motion: Affine

    def place(self, sway: Sway, base: Affine, motion: Affine, time: float) -> Affine:
        """Return where the rider is at `time`, from the start key.

        base, motion: those of the strip's axis, to that time and to the end key.
        """
        end = transform(motion, self.centre + sway.place(self.centre, 1.0))
        off = transform(self.motion, self.centre) - end
        here = transform(base, self.centre + sway.place(self.centre, time)) + time * off
        return about(rotation(angle(base)), self.centre, here)


@dataclass(frozen=True)
class Swaying:
    """One strip: the motion of its axis between the keys, its sway, its regions, and its riders."""

    motion: Affine
    sway: Sway
    strip: list[Pair]
    riders: list[Rider]

    def add_to(self, sides: tuple[Side, Side], chosen: tuple[NDArray[Any], NDArray[Any]]) -> list[int]:
        """Add the motions to both keys and give them, in place, to their regions; return their numbers.

        chosen: the motion of each region of both keys. The numbers are the strip's and the riders'.
        """
        numbers = []
        bends = (
            self.sway.between_keys(self.motion, from_start=True),
            self.sway.between_keys(self.motion, from_start=False),
        )
        for motion, pairs, bent in (
            (self.motion, self.strip, bends),
            *((rider.motion, [rider.pair], (None, None)) for rider in self.riders),
        ):
            numbers.append(len(sides[0].motions))
            for index, side in enumerate(sides):
                side.add_motion(motion if index == 0 else inverse(motion), bent[index])
                chosen[index][[pair[index] for pair in pairs]] = numbers[-1]
        return numbers

    def give_rims(self, label: NDArray[Any], regions: Regions, side: int, numbers: list[int]) -> None:
        """Give, in place, the outlines of what is drawn on the strip to that and not to the strip.

        label: the motion of each pixel of a key. side: which of both. numbers: as `add_to` returned them.
        """
        for number, rider in zip(numbers[1:], self.riders, strict=True):
            apart = cv2.distanceTransform((regions.cores != rider.pair[side] + 1).astype(np.uint8), cv2.DIST_L2, 3)
            label[(apart > _RIM_PIXELS) & (label == number)] = numbers[0]
            label[(apart <= _RIM_PIXELS) & (label == numbers[0])] = number

    def lead_riders(self, paths: Paths, numbers: list[int]) -> Paths:
        """Return the paths on which the riders go up and down with the strip.

        numbers: as `add_to` returned them.
        """
        for time in np.linspace(0, 1, _STOPS + 1)[1:-1]:
            base = paths.at(float(time))[numbers[0]]
            places = {
                number: rider.place(self.sway, base, self.motion, float(time))
                for number, rider in zip(numbers[1:], self.riders, strict=True)
            }
            paths = paths.through(float(time), places)
        return paths


def find_swaying(
    regions: tuple[Regions, Regions], sides: tuple[Side, Side], choices: tuple[Choice, Choice], pairs: list[Pair],
    contacts: list[Contact],
) -> list[Swaying]:  # fmt: skip
    """Return the strips that sway between the keys.

    choices: how well rigid motions explain the regions. contacts: where those of the start key touch.
    """
    found = []
    shapes = [r.shapes for r in regions]
    for strip in _unexplained(regions, choices, pairs, contacts):
        measured = _measured(regions, sides, strip)
        if measured is None:
            continue
        motion, sway, misfit = measured
        rigid = min(min(choices[0].misfit[i], choices[1].misfit[j]) for i, j in strip)
        if misfit > min(_EXPLAINED, _BETTER * rigid):
            continue
        own, riders = {i for i, _ in strip}, []
        for pair in _on_strip(own, pairs, contacts):
            start, end = shapes[0].centre[pair[0]], shapes[1].centre[pair[1]]
            if not 0 <= sway.along[:2] @ start + sway.along[2] < len(sway.rise):
                continue
            rigid = max(choices[0].misfit[pair[0]], choices[1].misfit[pair[1]])
            if _misfit(sides, motion, sway, pair) < min(_EXPLAINED, _BETTER * rigid):
                strip.append(pair)
                continue
            moved = about(rotation(angle(motion)), start, end)
            if _misfit(sides, moved, None, pair) < _RIDER_MATCH:
                riders.append(Rider(pair, start, moved))
        found.append(Swaying(motion, sway, strip, riders))
    return found


def _on_strip(own: set[int], pairs: list[Pair], contacts: list[Contact]) -> Iterator[Pair]:
    """Yield what borders mostly on the regions of a strip."""
    for i, j in pairs:
        borders = [
            (contact.length, bool({contact.first, contact.second} & own))
            for contact in contacts
            if i in (contact.first, contact.second)
        ]
        total = sum(length for length, _ in borders)
        if i not in own and total and sum(length for length, on in borders if on) >= _RIDER_BORDER * total:
            yield i, j


def _unexplained(
    regions: tuple[Regions, Regions], choices: tuple[Choice, Choice], pairs: list[Pair], contacts: list[Contact]
) -> Iterator[list[Pair]]:
    """Yield groups of regions that no rigid motion explains, and that touch or have something bent between them."""
    areas = [np.bincount(r.cores.ravel(), minlength=r.count + 1)[1:] for r in regions]
    least = _LEAST_SHARE * min(int((r.labels > 0).sum()) for r in regions)
    misfits = {
        i: min(choices[0].misfit[i], choices[1].misfit[j])
        for i, j in pairs
        if min(areas[0][i], areas[1][j]) > least
    }
    bent = {i for i, misfit in misfits.items() if misfit > _BENT}
    waiting = {i: (i, j) for i, j in pairs if misfits.get(i, 0.0) > _UNEXPLAINED}
    while waiting:
        group: list[Pair] = []
        grown, seen = [next(iter(waiting))], set[int]()
        while grown:
            region = grown.pop()
            if region in seen or region not in bent:
                continue
            seen.add(region)
            if region in waiting:
                group.append(waiting.pop(region))
            grown += [c.other(region) for c in contacts if region in (c.first, c.second)]
        yield group


def _measured(
    regions: tuple[Regions, Regions], sides: tuple[Side, Side], strip: list[Pair]
) -> tuple[Affine, Sway, float] | None:
    """Return the motion of the strip's axis, the sway beside it and its misfit; None when it is no strip."""
    outlines = [
        [outline(r.cores, pair[side] + 1, _OUTLINE_POINTS) for pair in strip] for side, r in enumerate(regions)
    ]
    axes = [long_axis(np.concatenate(points)) for points in outlines]
    common = long_axis(np.concatenate([*outlines[0], *outlines[1]]))
    if axes[0] is None or axes[1] is None or common is None:
        return None
    turn = float(np.arctan2(axes[1][1], axes[1][0]) - np.arctan2(axes[0][1], axes[0][0]))
    turn = (turn + np.pi / 2) % np.pi - np.pi / 2  # an axis has no direction
    if abs(turn) > _MOST_TURN:
        return None
    tried = [(axes[0], turn)] if abs(turn) > _SAME_AXIS else [(common, 0.0), (upright(common), 0.0)]
    clear = [_clear_of_others(r, [pair[side] for pair in strip]) for side, r in enumerate(regions)]
    kept = [
        [points[clear[side][tuple(points.astype(int).T[::-1])]] for points in outlines[side]] for side in (0, 1)
    ]
    found: list[tuple[Affine, Sway, float]] = []
    for axis, turned in tried:
        measured = sway_along(outlines, kept, axis, turned)
        if measured is not None:
            motion, sway = measured
            sway = _settled(sides[0], motion, sway, clear[0])
            found.append((motion, sway, max(_misfit(sides, motion, sway, pair) for pair in strip)))
    return min(found, key=lambda one: one[2], default=None)


def _clear_of_others(regions: Regions, strip: list[int]) -> Mask:
    """Return the pixels of a strip that nothing else is drawn near."""
    own = np.isin(regions.labels, np.array(strip) + 1)
    others = (regions.cores > 0) & ~own
    square = np.ones((2 * _OTHERS_REACH + 1,) * 2, np.uint8)
    return np.asarray(own & (cv2.dilate(others.astype(np.uint8), square) == 0))


def _settled(side: Side, motion: Affine, sway: Sway, own: Mask) -> Sway:
    """Return the sway whose rise brings the strip's lines to lie on each other, place by place.

    own: what is seen of the strip in the start key.
    """
    x, y, width, height = cv2.boundingRect(own.astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    rows, columns = np.nonzero(own[box])
    place = sway.along[0] * (columns + x) + sway.along[1] * (rows + y) + sway.along[2]
    count = len(sway.rise)
    bins = np.rint(place).astype(int).clip(0, count - 1)
    offsets = np.arange(-_SETTLE_PIXELS, _SETTLE_PIXELS + 1, dtype=np.float64)
    cost = np.empty((len(offsets), count))
    for index, offset in enumerate(offsets):
        bend = replace(sway, rise=sway.rise + offset).between_keys(motion, from_start=True)
        there = brought_back(side.other, motion, box, opaque=side.opaque, bend=bend)
        cost[index] = np.bincount(bins, match_cost(side.own[box], there, 3)[rows, columns], minlength=count)
    cost = blurred(cost)
    best = cost.argmin(axis=0).clip(1, len(offsets) - 2)
    low, here, high = (cost[best + step, np.arange(count)] for step in (-1, 0, 1))
    curve = low - 2 * here + high
    vertex = np.where(curve > 0, 0.5 * (low - high) / np.maximum(curve, 1e-9), 0.0).clip(-0.5, 0.5)
    rise = sway.rise + smooth_profile(offsets[best] + vertex)
    return replace(sway, rise=rise)


def _misfit(sides: tuple[Side, Side], motion: Affine, sway: Sway | None, pair: Pair) -> float:
    """Return the mean mismatch (0..1) of a region under a motion and a sway, in the key where it fits less."""
    misfits = []
    for index, side in enumerate(sides):
        own = side.regions.cores == pair[index] + 1
        x, y, width, height = cv2.boundingRect(own.astype(np.uint8))
        box = np.s_[y : y + height, x : x + width]
        way = motion if index == 0 else inverse(motion)
        bend = None if sway is None else sway.between_keys(motion, from_start=index == 0)
        there = brought_back(side.other, way, box, opaque=side.opaque, bend=bend)
        misfits.append(float(match_cost(side.own[box], there, 5)[own[box]].mean()) / WORST_COST)
    return max(misfits)
