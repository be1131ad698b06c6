"""The parts of both keys led through a guide's pose: their paths bend, nothing is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import IDENTITY, Affine, after, fit_sound, inverse, transform, translation
from .between import Between
from .layers import LayeredMotion
from .line_sets import LineSet
from .lines import drawn_lines, oriented_points
from .paths import Paths
from .posed_keys import PosedKey, layers_of, working_corner

#: Points of a part's largest region that say where the part is, and the fewest that do.
_POINTS = 60
_FEWEST_POINTS = 12
#: A part whose regions the guide poses differently (so much of it by more pixels than this) has no one place there.
_OFF_PIXELS = 6.0
_MOST_OFF = 0.3
#: How far (pixels, and share of the way to its parent's centre) a part may be led from where its parent carries it.
_ASTRAY_PIXELS, _ASTRAY = 10.0, 0.6
#: How badly a feature may fit where the guide has it.
_MOST_MISFIT = 0.3


@dataclass(frozen=True)
class _Place:
    """Where a part is in the guide's pose, from the start key, and how far its outlines are off."""

    affine: Affine
    misfit: float


def led_through(
    whole: Between, time: float, posed: list[PosedKey], guide: LineSet, strength: float
) -> list[Between]:
    """Return the segment with its parts led through either key's pose at `time`, and through the better of both.

    posed: both keys in the guide's pose. strength: 0..1, how far to go from the unguided place to the guide's.
    Features that are drawn anew go to the nearest lines that they fit; once with them alone.
    """
    if whole.motions is None or not isinstance(whole.motions[0], LayeredMotion):
        return []
    paths = whole.motions[0].paths
    found = [_places(whole, side, posed[side], paths) for side in (0, 1)]
    unguided = paths.at(time)
    features = _better(*(_feature_places(whole, side, unguided, posed[side], guide) for side in (0, 1)))
    led, known = [], set()
    for places in (*({**features, **one} for one in (*found, _better(*found))), features):
        places = _held(paths, time, places)
        these = frozenset((number, id(place)) for number, place in places.items())
        if places and these not in known:  # where one pose says nothing, the better of both is the other
            known.add(these)
            there = {
                number: unguided[number] + strength * (place.affine - unguided[number])
                for number, place in places.items()
            }
            led.append(whole.along(paths.through(time, there)))
    return led


def _better(first: dict[int, _Place], second: dict[int, _Place]) -> dict[int, _Place]:
    """Return for each part the place that misfits less."""
    better = dict(first)
    for number, place in second.items():
        if number not in better or place.misfit < better[number].misfit:
            better[number] = place
    return better


def _held(paths: Paths, time: float, places: dict[int, _Place]) -> dict[int, _Place]:
    """Return the places without those that would tear a part off the one it hangs on: it goes with that."""
    held: dict[int, _Place] = {}
    for number in sorted(paths.parts, key=paths.depth):
        part, place = paths.parts[number], places.get(number)
        if place is None:
            continue
        if part.parent is not None and not part.redrawn:
            carried = paths.through(time, {k: one.affine for k, one in held.items()}).at(time)[number]
            reach = float(np.linalg.norm(part.centre - paths.parts[part.parent].centre))
            away = transform(place.affine, part.centre[None]) - transform(carried, part.centre[None])
            if float(np.linalg.norm(away)) > _ASTRAY_PIXELS + _ASTRAY * reach:
                continue
        held[number] = place
    return held


def _feature_places(
    whole: Between, side: int, expected: dict[int, Affine], posed: PosedKey, guide: LineSet
) -> dict[int, _Place]:
    """Return where the guide draws the redrawn features of one key: at lines near where they are expected."""
    assert whole.motions is not None
    motion = whole.motions[side]
    assert isinstance(motion, LayeredMotion)
    corner = np.array(working_corner(whole, posed.key.shape[0]), float)
    here, away = translation(-corner), translation(corner)
    drawn = oriented_points(drawn_lines(posed.key))
    places = {}
    for layer in motion.layers:
        part = motion.paths.parts[layer.number]
        if not part.redrawn:
            continue
        x, y = (drawn[:, :2] - corner - [layer.left, layer.top]).astype(int).T
        height, width = layer.mask.shape[:2]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        inside[inside] = layer.core[y[inside], x[inside]]
        points = drawn[inside]
        if len(points) < _FEWEST_POINTS:
            continue
        back = inverse(part.motion) if side == 1 else IDENTITY
        start = after(away, after(after(expected[layer.number], back), here))
        found = guide.fit(points, start)
        misfit = float(guide.misfits(points, [found])[0])
        if misfit <= _MOST_MISFIT:
            there = after(here, after(found, away))
            places[layer.number] = _Place(after(there, inverse(back)), misfit)
    return places


def _places(whole: Between, side: int, posed: PosedKey, paths: Paths) -> dict[int, _Place]:
    """Return where the parts of one key are that the guide draws; nothing of what was not understood."""
    if not posed.pose.understood:
        return {}
    assert whole.motions is not None
    motion = whole.motions[side]
    assert isinstance(motion, LayeredMotion)
    layer_of = layers_of(whole, motion, posed.regions)
    corner = np.array(working_corner(whole, posed.key.shape[0]))
    places = {}
    for index, layer in enumerate(motion.layers):
        members = np.flatnonzero(layer_of == index)
        told = posed.pose.told[members]
        if not told.any() or layer.number == motion.backdrop or paths.parts[layer.number].redrawn:
            continue
        cores = [posed.regions.cores == region + 1 for region in members]
        largest = max(int(core.sum()) for core in cores)
        points = [_sample(core, _POINTS * int(core.sum()) // largest) for core in cores]
        ends = [transform(posed.pose.motions[region], own) for region, own in zip(members, points, strict=True)]
        starts = [own - corner for own in points]
        ends = [own - corner for own in ends]
        if side == 1:
            back = inverse(paths.parts[layer.number].motion)
            starts = [transform(back, own) for own in starts]
        start, end = (np.concatenate(list(compress(own, told))) for own in (starts, ends))
        if len(start) < _FEWEST_POINTS:
            continue
        affine = fit_sound(start, end)
        off = np.linalg.norm(transform(affine, np.concatenate(starts)) - np.concatenate(ends), axis=1)
        sizes = np.array([float(len(own)) for own in points])[told]
        if (off > _OFF_PIXELS).mean() <= _MOST_OFF:
            misfit = float(sizes @ posed.pose.misfit[members][told] / sizes.sum())
            places[layer.number] = _Place(affine, misfit)
    return places


def _sample(mask: NDArray[Any], count: int) -> NDArray[Any]:
    points = np.argwhere(mask)[:, ::-1].astype(np.float64)
    return np.asarray(points[np.linspace(0, len(points) - 1, min(len(points), max(count, 1))).astype(int)])
