"""How parts travel between the keys: along arcs about joints, together with the part they hang on.

A part's motion T is split into that of its parent and its own relative to it, Q = inverse(T parent) T. Where Q
turns about a point at which both touch, that point is a joint. Children follow their parents at every moment, so
limbs stay together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import (
    IDENTITY,
    Affine,
    Polar,
    about,
    after,
    angle,
    fixed_point,
    inverse,
    stretch,
    transform,
    translation,
)

#: A turn (radians) of less than this is no evidence of a joint.
SMALLEST_TURN = 0.1
#: Parts whose turn differs by less than this ride along with each other.
SAME_TURN = 0.2
#: Shared border (in pixels) that makes two parts neighbours.
SMALLEST_CONTACT = 6
#: What a figure turns about lies near where it is thickest: a head leads, limbs follow.
THICK = 4.0
_REACH = 3
#: A joint may lie this far off what is seen of a part: so many of its radii, and so many pixels more. Of a leg the
#: hip is hidden.
_JOINT_REACH, _JOINT_ROOM = 0.7, 6.0
#: Nothing hangs by a joint on what is smaller than this share of it.
_CARRIES = 0.2
#: Points of two parts that touch in one key and are at most this far apart later have stayed together.
TOGETHER_PIXELS = 8.0
#: A part that gets flatter along its way by this much, its area kept, has hit something after so many pixels; it
#: falls when at least this share of its way goes down or up.
_SQUASHED = 0.75
_SAME_AREA = 1.25
_LEAST_FALL = 8.0
_FALLS = 0.4
#: How late a squash comes, and how much a body stretches on its way to it (animators' squash and stretch).
_IMPACT_POWER = 6
#: How much faster falling gets: an even pace is 1, a free fall from rest 2. Two keys do not tell which was meant.
_FALL_POWER = 1.3
_STRETCH = 0.2


@dataclass(frozen=True)
class Stop:
    """Where a part is (as seen from its parent, from the start key) at a time (0..1) on its way."""

    time: float
    relative: Affine


@dataclass(frozen=True)
class Part:
    """Everything that moves by one motion.

    motion: from the start key to the end key. relative: the same seen from the parent.
    centre: what the relative motion turns about, in the start key. parent: None for a part of its own.
    impact: 1 when the part arrives squashed, -1 when it leaves squashed, 0 when neither.
    redrawn: a feature that opens and closes at an even pace, down to nothing. falls: whether it gets faster on its
    way down to an impact. stops: between the keys, in order.
    """

    motion: Affine
    relative: Affine
    centre: NDArray[Any]
    is_joint: bool
    parent: int | None
    impact: int = 0
    redrawn: bool = False
    falls: bool = True
    stops: tuple[Stop, ...] = ()

    @cached_property
    def polar(self) -> Polar:
        """The relative motion's turn and stretch."""
        return Polar.of(self.relative)


@dataclass(frozen=True)
class Paths:
    """The parts of a drawing by the number of their motion."""

    parts: dict[int, Part]

    def at(self, time: float) -> dict[int, Affine]:
        """Return for each part the map from the start key to the frame at `time`.

        A limb, and what hangs on it, goes with the body at its joint, but a body that lands stretches alone.
        """
        placed: dict[tuple[int, bool], Affine] = {}

        def place(number: int, stretching: bool) -> Affine:
            if (number, stretching) not in placed:
                part = self.parts[number]
                own = _partial(part, time, stretching=stretching)
                if part.parent is not None:
                    own = after(place(part.parent, stretching), own)
                if stretching and part.is_joint and not part.stops:
                    alone = place(number, False)
                    own = after(translation(transform(own, part.centre) - transform(alone, part.centre)), alone)
                placed[number, stretching] = own
            return placed[number, stretching]

        return {number: place(number, True) for number in self.parts}

    def through(self, time: float, places: dict[int, Affine]) -> Paths:
        """Return the paths on which some parts are at given places (from the start key) at `time`.

        The others go there with what they hang on.
        """
        led = Paths(dict(self.parts))
        for number in sorted(places, key=self.depth):
            part = led.parts[number]
            carried = IDENTITY if part.parent is None else led.at(time)[part.parent]
            stops = [stop for stop in part.stops if stop.time != time]
            stops.append(Stop(time, after(inverse(carried), places[number])))
            led.parts[number] = replace(part, stops=tuple(sorted(stops, key=lambda stop: stop.time)))
        return led

    def evenly(self) -> Paths:
        """Return the paths on which nothing gets faster: for an arc, that says itself when things fall."""
        return Paths({number: replace(part, falls=False) for number, part in self.parts.items()})

    def depth(self, number: int) -> int:
        """Return how many parts this one hangs on, one after another."""
        parent = self.parts[number].parent
        return 0 if parent is None else 1 + self.depth(parent)

    def with_features(self, features: dict[int, Part]) -> Paths:
        """Return the paths with further parts that hang on those there are."""
        return Paths({**self.parts, **features})

    def root(self, number: int) -> int:
        """Return the part that this one hangs on in the end."""
        parent = self.parts[number].parent
        return number if parent is None else self.root(parent)


def _partial(part: Part, time: float, *, stretching: bool) -> Affine:
    if part.stops:
        return _between_stops(part, time)
    if part.redrawn:
        linear = np.eye(2) + time * (part.relative[:, :2] - np.eye(2))
    else:
        linear = part.polar.power(time, _stretch_pace(part.impact if stretching else 0, time))
    if part.is_joint:
        return about(linear, part.centre, part.centre)
    end = transform(part.relative, part.centre)
    pace = np.array([time, _fall_pace(part.impact if part.falls else 0, time)])
    return about(linear, part.centre, part.centre + pace * (end - part.centre))


def _fall_pace(impact: int, time: float) -> float:
    """Return how far down what hits the ground has come, or how far up what leaves it: falling gets faster."""
    if impact < 0:
        return 1 - _fall_pace(-impact, 1 - time)
    return time**_FALL_POWER if impact else time


def _between_stops(part: Part, time: float) -> Affine:
    stops = [Stop(0.0, IDENTITY), *part.stops, Stop(1.0, part.relative)]
    first, second = next((a, b) for a, b in pairwise(stops) if time <= b.time)
    share = (time - first.time) / (second.time - first.time)
    start, end = (transform(stop.relative, part.centre) for stop in (first, second))
    step = Polar.of(after(second.relative, inverse(first.relative))).power(share)
    return after(about(step, start, start + share * (end - start)), first.relative)


def _stretch_pace(impact: int, time: float) -> float:
    """Return how far the change of shape has gone: what hits the ground flattens there, not on its way."""
    if impact < 0:
        return 1 - _stretch_pace(-impact, 1 - time)
    return time**_IMPACT_POWER - _STRETCH * 4 * time * (1 - time) if impact else time


def _impact(motion: Affine, centre: NDArray[Any]) -> int:
    """Say whether a part of its own arrives squashed (1), leaves squashed (-1), or neither (0).

    Things land on the ground; only what travels level can be squashed by a wall.
    """
    way = transform(motion, centre) - centre
    length = float(np.linalg.norm(way))
    shape = stretch(motion)
    area = float(np.linalg.det(shape))
    if length < _LEAST_FALL or not 1 / _SAME_AREA < area < _SAME_AREA or abs(angle(motion)) > SAME_TURN:
        return 0
    along = 1 if abs(way[1]) > _FALLS * length else 0
    ratio = float(shape[along, along] / shape[1 - along, 1 - along])
    return int(ratio < _SQUASHED) - int(ratio > 1 / _SQUASHED)


@dataclass(frozen=True)
class _Body:
    """Where a part lies in the start key: its pixel count, weight, centre, radius and mask."""

    area: float
    weight: float
    centre: NDArray[Any]
    radius: float
    distance: NDArray[Any]

    def is_near(self, point: NDArray[Any], reach: float) -> bool:
        height, width = self.distance.shape
        x, y = round(float(point[0])), round(float(point[1]))
        inside = 0 <= x < width and 0 <= y < height
        return inside and bool(self.distance[y, x] <= reach)


def plan_paths(
    motions: list[Affine], label_a: NDArray[Any], label_b: NDArray[Any],
    backdrop: int | None,
) -> Paths:  # fmt: skip
    """Build the tree of parts.

    label_a, label_b: the motion of each pixel of the keys, -1 for none. backdrop: the motion of the backdrop.
    """
    numbers = sorted(({*np.unique(label_a)} | {*np.unique(label_b)}) - {-1})
    bodies = {int(k): _body(int(k), motions[k], label_a, label_b) for k in numbers}
    contacts = _contacts(label_a)
    for pair, length in _contacts(label_b).items():
        contacts[pair] = max(contacts.get(pair, 0), length)
    return Paths(_about_whole_bodies(_grow(motions, bodies, contacts, backdrop), bodies, backdrop))


def _grow(
    motions: list[Affine], bodies: dict[int, _Body], contacts: dict[tuple[int, int], int], backdrop: int | None
) -> dict[int, Part]:
    """Hang part after part on what already stands, the best fitting link first (Prim's algorithm).

    The largest part left is a root of its own when nothing that stands can carry any of the rest.
    """
    parts: dict[int, Part] = {}
    links: dict[int, tuple[float, Part]] = {}
    waiting = set(bodies)
    while waiting:
        linked = [number for number in links if number in waiting]
        if linked:
            number = min(linked, key=lambda k: (links[k][0], k))
            parts[number] = links[number][1]
        else:
            number = max(waiting, key=lambda k: (k == backdrop, bodies[k].area, -k))
            parts[number] = Part(motions[number], motions[number], bodies[number].centre, False, None)
        waiting.remove(number)
        for other in waiting:
            if contacts.get((min(other, number), max(other, number)), 0) >= SMALLEST_CONTACT:
                link = _link(other, number, motions, bodies, parent_is_backdrop=number == backdrop)
                if link is not None and (other not in links or link[0] < links[other][0]):
                    links[other] = link
    return parts


def _about_whole_bodies(parts: dict[int, Part], bodies: dict[int, _Body], backdrop: int | None) -> dict[int, Part]:
    """Let each part of its own travel by the centre of all that rides along with it."""
    whole = dict(parts)
    for number, part in parts.items():
        if part.parent is not None or number == backdrop:
            continue
        riders = [bodies[other] for other in parts if _carrier(parts, other) == number]
        weights = np.array([body.weight for body in riders])
        centre = weights @ np.array([body.centre for body in riders]) / weights.sum()
        whole[number] = replace(part, centre=centre, impact=_impact(part.motion, centre))
    return whole


def _carrier(parts: dict[int, Part], number: int) -> int:
    """Return the part that this one is carried by without any joint between them."""
    part = parts[number]
    return number if part.parent is None or part.is_joint else _carrier(parts, part.parent)


def _link(
    child: int, parent: int, motions: list[Affine], bodies: dict[int, _Body], *, parent_is_backdrop: bool
) -> tuple[float, Part] | None:
    """Return how far-fetched it is that the child hangs on the parent (pixels), and the part that it would be."""
    body = bodies[child]
    relative = after(inverse(motions[parent]), motions[child])
    away = float(np.linalg.norm(transform(relative, body.centre) - body.centre))
    turn = abs(angle(relative))
    joint = fixed_point(relative) if turn > SMALLEST_TURN else None
    reach = _JOINT_REACH * body.radius + _JOINT_ROOM
    carries = bodies[parent].area >= _CARRIES * body.area
    if joint is not None and carries and body.is_near(joint, reach) and bodies[parent].is_near(joint, reach):
        return 0.1 * away, Part(motions[child], relative, joint, True, parent)
    rides = turn < SAME_TURN and _same_size(relative) and away <= bodies[parent].radius
    if rides and not parent_is_backdrop:
        return away, Part(motions[child], relative, body.centre, False, parent)
    return None


def _same_size(relative: Affine) -> bool:
    scales = np.linalg.eigvalsh(stretch(relative))
    return bool(scales[0] > 0.8 and scales[1] < 1.25)


def _body(number: int, motion: Affine, label_a: NDArray[Any], label_b: NDArray[Any]) -> _Body:
    """Measure a part where more of it is seen.

    Its centre is that of the body the outline stands for: as thick as it is wide, so that a head weighs far
    more than an arm of the same area.
    """
    in_a, in_b = label_a == number, label_b == number
    use_b = in_b.sum() > 1.5 * in_a.sum()
    mask, back = (in_b, inverse(motion)) if use_b else (in_a, IDENTITY)
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    thickness = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = np.nonzero(mask)
    weight = thickness[rows, columns].astype(np.float64) ** THICK
    centre = np.array([weight @ columns, weight @ rows]) / weight.sum()
    radius = float(np.sqrt(((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2).mean()))
    if not in_a.any():
        mask = cv2.warpAffine(
            in_b.astype(np.uint8), motion, (in_b.shape[1], in_b.shape[0]),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        ) > 0  # fmt: skip
    else:
        mask = in_a
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
    return _Body(float(max(in_a.sum(), in_b.sum())), float(weight.sum()), transform(back, centre), radius, distance)


def slipping(paths: Paths, label: NDArray[Any]) -> float:
    """Return the share (0..1) of the borders between parts along which they do not stay together.

    label: the part of each pixel of the start key, -1 for none. Looked at half way and at the end.
    """
    height, width = label.shape
    stay, total = 0, 0
    placed = [paths.at(time) for time in (0.5, 1.0)]
    for down, right in ((0, _REACH), (_REACH, 0)):
        first, second = label[: height - down, : width - right], label[down:, right:]
        rows, columns = np.nonzero((first != second) & (first >= 0) & (second >= 0))
        pairs = np.column_stack([first[rows, columns], second[rows, columns]])
        middles = np.column_stack([columns + right / 2, rows + down / 2])
        total += len(pairs)
        for i, j in np.unique(pairs, axis=0):
            points = middles[(pairs == (i, j)).all(axis=1)]
            apart = [
                np.linalg.norm(transform(at[int(i)], points) - transform(at[int(j)], points), axis=1)
                for at in placed
            ]
            stay += int((np.maximum(apart[0], apart[1]) < TOGETHER_PIXELS).sum())
    return 1 - stay / total if total else 0.0


def _contacts(label: NDArray[Any]) -> dict[tuple[int, int], int]:
    """Return how many pixels of border each two parts share."""
    height, width = label.shape
    total: dict[tuple[int, int], int] = {}
    for down, right in ((0, _REACH), (_REACH, 0)):
        first, second = label[: height - down, : width - right], label[down:, right:]
        touching = (first != second) & (first >= 0) & (second >= 0)
        code = first[touching].astype(np.int64) * 10_000 + second[touching]
        for value, length in zip(*np.unique(code, return_counts=True), strict=True):
            i, j = divmod(int(value), 10_000)
            key = (min(i, j), max(i, j))
            total[key] = total.get(key, 0) + int(length)
    return {pair: length // _REACH for pair, length in total.items()}
