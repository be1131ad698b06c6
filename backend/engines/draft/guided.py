"""Guides cut a segment into stretches: each guide that can be followed becomes a coloured key of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...job import Settings
from .. import Interval, Report
from .arcs import Waypoint, arc_between, waypoint
from .between import WORKING_SIDE_PIXELS, Between, find_between
from .colour import Gray, Premultiplied, is_opaque, premultiply
from .inking import can_ink, ink
from .lines import strokes
from .snapping import snap
from .view import Mask

if TYPE_CHECKING:
    from .. import Lines

#: A guide with a smaller share of line pixels than this is empty.
LEAST_LINES = 0.0008
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
    keys: list[tuple[float, Premultiplied]] = [(0.0, start)]
    if strength > 0:
        for number, time in enumerate(sorted(interval.guides), start=1):
            report.progress(0, len(interval.times) + 1 + number)
            guide = _fitted(interval.guides[time], start.shape[:2])
            if float(strokes(guide).mean()) < LEAST_LINES:
                report.warn("This guide has no lines, so it was not used.", time=time)
                continue
            key = guided_key(whole.draw(time), start, end, guide, strength)
            if key is None:
                report.warn(
                    "This guide is too far from the keys for the draft engine, so the picture is drawn without it.",
                    time=time,
                )
                continue
            keys.append((time, key))
    if len(keys) == 1:
        return [Stretch(0.0, 1.0, whole)]
    keys.append((1.0, end))
    understood = whole.opaque and whole.method == "regions"
    way = [waypoint(time, key) if settings.arcs else None for time, key in keys]
    along = [beyond[0], *way, beyond[1]]
    return [
        Stretch(
            t0, t1, find_between(a, b, prefer_regions=understood, arc=arc_between(*along[index : index + 4]))
        )
        for index, ((t0, a), (t1, b)) in enumerate(pairwise(keys))
    ]  # fmt: skip


def _beyond(interval: Interval, shape: tuple[int, ...]) -> tuple[Waypoint | None, Waypoint | None]:
    """Return where the drawing is at the keys outside the segment."""
    before, after = (
        waypoint(key.time, premultiply(key.picture)) if key is not None and key.picture.shape == shape else None
        for key in (interval.before, interval.after)
    )
    return before, after


def guided_key(
    predicted: Premultiplied, start: Premultiplied, end: Premultiplied, guide: Gray, strength: float
) -> Premultiplied | None:
    """Return the picture that a guide (0 = line, uint8, canvas size) stands for, None when it cannot be told."""
    height, width = guide.shape
    scale = min(1.0, WORKING_SIDE_PIXELS / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small_guide = cv2.resize(guide, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(predicted, size, interpolation=cv2.INTER_AREA)
    opaque = is_opaque(predicted)
    found = snap(small, small_guide, strength)
    if found is None:
        return None
    if found.accepted:
        x = (cv2.resize(found.x, (width, height)) + 0.5) * (width / size[0]) - 0.5
        y = (cv2.resize(found.y, (width, height)) + 0.5) * (height / size[1]) - 0.5
        bent = cv2.remap(predicted, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        paper = cv2.resize(found.paper.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        return _uncovered(bent, start, end, paper, opaque)
    if not opaque and can_ink(found):
        return cv2.resize(ink(small, small_guide, found), (width, height), interpolation=cv2.INTER_CUBIC)
    return None


def _uncovered(
    bent: Premultiplied, start: Premultiplied, end: Premultiplied, paper: Mask, opaque: bool
) -> Premultiplied:
    """Return the bent picture without what the guide's empty places still show of the old pose."""
    if not opaque:
        return np.where(paper[..., None], 0, bent).astype(np.uint8)
    low, high = np.minimum(start, end), np.maximum(start, end)
    median = np.maximum(low, np.minimum(high, bent))
    return np.where(paper[..., None], median, bent)


def _fitted(guide: Lines, shape: tuple[int, int]) -> Gray:
    gray = np.rint(np.clip(np.nan_to_num(guide, nan=1.0), 0, 1) * 255).astype(np.uint8)
    if gray.shape == shape:
        return gray
    return cv2.resize(gray, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
