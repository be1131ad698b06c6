"""Guides cut a segment into stretches: each guide that can be followed becomes a coloured key of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...contract.job import Settings
from .. import Interval, Report
from .affine import transform
from .arcs import Arc, Course, Waypoint, arc_between, waypoint
from .between import Between, find_between
from .colour import Gray, Premultiplied, premultiply
from .guided_key import TooFarError, follow_guide
from .layers import LayeredMotion
from .lines import strokes
from .self_check import COMES_APART

if TYPE_CHECKING:
    from .. import Lines

#: A guide with a smaller share of line pixels than this is empty.
LEAST_LINES = 0.0008
_TOO_FAR = "This guide is too far from the keys for the draft engine, so the picture is drawn without it."
_COMES_APART = "With this guide the drawing would come apart on its way, so the picture is drawn without it."
#: From this strength on, guides are followed all the way.
FULL_STRENGTH = 0.5


@dataclass(frozen=True)
class Stretch:
    """A part of the segment's time, from one (real or guided) key to the next."""

    start: float
    end: float
    between: Between

    def holds(self, time: float) -> bool:
        """Say whether the time falls into this stretch; its last moment belongs to it."""
        return self.start < time <= self.end

    def draw(self, time: float) -> Premultiplied:
        """Return the picture at a time of the segment."""
        return self.between.draw((time - self.start) / (self.end - self.start))


def follow_guides(
    start: Premultiplied, end: Premultiplied, interval: Interval, settings: Settings, report: Report
) -> list[Stretch]:
    """Return the stretches of a segment in order of time; guides that cannot be followed are reported."""
    beyond = _beyond(interval, start.shape) if settings.arcs else (None, None)
    ends = [waypoint(0.0, start), waypoint(1.0, end)] if settings.arcs else [None, None]
    whole = find_between(start, end, arc=arc_between(beyond[0], ends[0], ends[1], beyond[1]))
    strength = min(1.0, settings.guide_strength / FULL_STRENGTH)
    keys: dict[float, Premultiplied] = {}
    guides = {
        time: _fitted(interval.guides[time], start.shape[:2]) for time in sorted(interval.guides) if strength > 0
    }
    led = _with_room(whole, list(guides.values()))
    led_times: list[float] = []
    for number, (time, guide) in enumerate(guides.items(), start=1):
        report.progress(0, len(interval.times) + 1 + number)
        if float(strokes(guide).mean()) < LEAST_LINES:
            report.warn("This guide has no lines, so it was not used.", time=time)
            continue
        followed = _followed(led, led_times, time, guides, strength)
        if followed is None:
            report.warn(_TOO_FAR, time=time)
            continue
        if not isinstance(followed, Between):
            keys[time] = followed
        elif followed is not led:
            led = followed
            led_times.append(time)

    if not keys:
        if not led_times:
            return [Stretch(0.0, 1.0, whole)]
        if not settings.arcs:
            return [Stretch(0.0, 1.0, led)]
        times = [0.0, *led_times, 1.0]
        way = [waypoint(time, led.draw(time)) for time in times]
        arcs = _arcs(beyond[0], *_with_the_body(way, [_gone(led, time) for time in times], beyond[1]))
        return [Stretch(0.0, 1.0, replace(led, arc=Course(tuple(times), tuple(arcs))))]
    keys |= {time: led.draw(time) for time in led_times}
    apart = not whole.opaque and whole.disagreement > COMES_APART
    # Where even the whole segment falls apart, parts that go astray are more than what flow has dissolved.
    by_regions = whole.method == "regions" and (whole.opaque or apart)

    def solved() -> list[Stretch]:
        if not keys:
            return [Stretch(0.0, 1.0, whole)]
        times = [0.0, *sorted(keys), 1.0]
        pictures = [start, *(keys[time] for time in times[1:-1]), end]
        way = [waypoint(time, key) if settings.arcs else None for time, key in zip(times, pictures, strict=True)]
        betweens = [
            find_between(a, b, prefer_regions=by_regions, arc=arc)
            for (a, b), arc in zip(pairwise(pictures), _arcs(beyond[0], way, beyond[1]), strict=True)
        ]
        gone = [np.zeros(2)]
        for between, first, second in zip(betweens, way[:-1], way[1:], strict=True):
            step = _gone(between, 1.0)
            if step is None and first is not None and second is not None:
                step = second.centre - first.centre
            gone.append(gone[-1] + (0 if step is None else step))
        arcs = _arcs(beyond[0], *_with_the_body(way, gone, beyond[1]))
        return [
            Stretch(t0, t1, replace(between, arc=arc))
            for (t0, t1), between, arc in zip(pairwise(times), betweens, arcs, strict=True)
        ]

    stretches = solved()
    while keys and not apart and (torn := _torn(stretches)) is not None:
        dropped = next(time for time in (torn.start, torn.end) if 0 < time < 1)
        report.warn(_COMES_APART, time=dropped)
        del keys[dropped]
        stretches = solved()
    return stretches


def _followed(
    led: Between, led_times: list[float], time: float, guides: dict[float, Gray], strength: float
) -> Between | Premultiplied | None:
    """Return the segment led through one more guide, or the key that this stands for; None when it is too far.

    led_times: of the guides that it is led through already. If parts have to be found anew for this one, they go
    through the others once more.
    """
    try:
        followed = follow_guide(led, time, guides[time], strength, anew=not led_times)
    except TooFarError:
        followed = None
    if isinstance(followed, Between) or not led_times:
        return followed
    try:
        again = led
        for one in (time, *led_times):
            key_or_led = follow_guide(again, one, guides[one], strength, anew=one == time)
            if not isinstance(key_or_led, Between):
                return followed
            again = key_or_led
        return again
    except TooFarError:
        return followed


def _arcs(before: Waypoint | None, way: list[Waypoint | None], after: Waypoint | None) -> list[Arc]:
    """Return the arcs from each waypoint to the next, given the nearest ones beyond."""
    along = [before, *way, after]
    return [arc_between(*along[index : index + 4]) for index in range(len(way) - 1)]


def _with_the_body(
    way: list[Waypoint | None], gone: Sequence[NDArray[Any] | None], beyond: Waypoint | None
) -> tuple[list[Waypoint | None], Waypoint | None]:
    """Return waypoints that go with the body: an arm that is raised does not bend the path of all the rest.

    way: where the middle of the drawing is, from the start key to the end key. gone: how far (x, y in pixels) the
    body is then from where it began. beyond: the waypoint after the end key.
    """
    first, last, end = way[0], way[-1], gone[-1]
    if first is None or last is None or end is None:
        return way, beyond
    moved = [
        one if one is None or away is None else replace(one, centre=first.centre + away)
        for one, away in zip(way, gone, strict=True)
    ]
    if beyond is not None:
        beyond = replace(beyond, centre=beyond.centre + first.centre + end - last.centre)
    return moved, beyond


def _gone(between: Between, time: float) -> NDArray[Any] | None:
    """Return how far (x, y in pixels) the body has gone at a time, arcs aside; None when none can be told."""
    motion = between.motions[0] if between.motions is not None else None
    if not isinstance(motion, LayeredMotion) or not motion.layers:
        return None
    middle, number = _body(motion)
    place = motion.paths.at(time)[number]
    return np.asarray(motion.size[0] / motion.working_size[0] * (transform(place, middle[None])[0] - middle))


def _body(motion: LayeredMotion) -> tuple[NDArray[Any], int]:
    """Return the middle (x, y) and the number of the largest part of a key, all that hangs on it included."""
    sizes: dict[int, float] = {}
    for layer in motion.layers:
        root = motion.paths.root(layer.number)
        sizes[root] = sizes.get(root, 0.0) + float(layer.core.sum())
    body = max(sizes, key=lambda number: sizes[number])
    own = next((layer for layer in motion.layers if layer.number == body), motion.layers[-1])
    rows, columns = np.nonzero(own.core)
    return np.array([columns.mean() + own.left, rows.mean() + own.top]), body


def _with_room(whole: Between, guides: list[Gray]) -> Between:
    """Return the segment with room for the guides' strokes beyond what moves without them."""
    outside = np.zeros(whole.start.shape[:2], np.bool_)
    for guide in guides:
        outside |= strokes(guide)
    outside[whole.box] = False
    if not outside.any() or whole.motions is None:
        return whole
    return find_between(whole.start, whole.end, arc=whole.arc, also=outside)


def _torn(stretches: list[Stretch]) -> Stretch | None:
    """Return the stretch in which the drawing comes apart worst; None when it does in none."""
    torn = [stretch for stretch in stretches if stretch.between.comes_apart]
    return max(torn, key=lambda stretch: stretch.between.disagreement, default=None)


def _beyond(interval: Interval, shape: tuple[int, ...]) -> tuple[Waypoint | None, Waypoint | None]:
    """Return where the drawing is at the keys outside the segment."""
    before, after = (
        waypoint(key.time, premultiply(key.picture)) if key is not None and key.picture.shape == shape else None
        for key in (interval.before, interval.after)
    )
    return before, after


def _fitted(guide: Lines, shape: tuple[int, int]) -> Gray:
    gray = np.rint(np.clip(np.nan_to_num(guide, nan=1.0), 0, 1) * 255).astype(np.uint8)
    if gray.shape == shape:
        return gray
    return cv2.resize(gray, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
