"""The engine's face: what is short-cut, what is solved, and how frames come out one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...job import Settings
from .. import Frame, Interval, Report
from .colour import LIVE_ALPHA, Premultiplied, is_opaque, premultiply, straighten
from .composing import compose, sample
from .solving import solve

if TYPE_CHECKING:
    from .. import Picture

#: Pictures with a side or a drawn area smaller than this have no motion that could be found.
SMALLEST_SIDE_PIXELS = 32
SMALLEST_DRAWING_PIXELS = 30


class DraftEngine:
    """In-betweens from motion alone; needs no weights and keeps nothing between calls."""

    name = "draft"
    version = "1"

    def inbetween(self, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
        """Yield one frame for each wanted time, in ascending order."""
        for guide_time in interval.guides:
            report.warn("The draft engine does not use guides yet.", time=guide_time)
        start, end = interval.start, _fitted(interval.end, interval.start.shape)
        if np.array_equal(start, end):
            report.note("method", "hold")
            for time in interval.times:
                yield Frame(time, start.copy())
            return
        a, b = premultiply(start), premultiply(end)
        if not (_can_move(a) and _can_move(b)) or is_opaque(a) != is_opaque(b):
            report.note("method", "cross-fade")
            for time in interval.times:
                yield Frame(time, _cross_fade(start, end, time))
            return
        report.stage("finding motion")
        opaque = is_opaque(a)
        shape = a.shape[:2]
        method, (motion_a, motion_b) = solve(a, b, opaque=opaque, still_backdrop=False, canvas_shape=shape)
        report.note("method", method)
        report.stage("drawing")
        same = (start == end).all(axis=-1)
        for done, time in enumerate(interval.times, start=1):
            views = motion_a.view(time), motion_b.view(1 - time)
            pixels = compose(sample(a, views[0]), sample(b, views[1]), views, time, opaque=opaque)
            picture = straighten(pixels)
            untouched = same & (pixels == a).all(axis=-1)
            picture[untouched] = start[untouched]
            yield Frame(time, picture)
            report.progress(done, len(interval.times))

    def unload(self) -> None:
        """Nothing is kept."""


def _fitted(picture: Picture, shape: tuple[int, ...]) -> Picture:
    if picture.shape == shape:
        return picture
    return cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)


def _can_move(pixels: Premultiplied) -> bool:
    """Say whether a key has anything whose motion could be found: it is not tiny, blank or one flat colour."""
    if min(pixels.shape[:2]) < SMALLEST_SIDE_PIXELS:
        return False
    drawn = int((pixels[..., 3] > LIVE_ALPHA).sum())
    return drawn >= SMALLEST_DRAWING_PIXELS and float(pixels.reshape(-1, 4).std(axis=0).max()) >= 0.5


def _cross_fade(start: Picture, end: Picture, time: float) -> Picture:
    """Mix two pictures in premultiplied colour."""
    alpha = start[..., 3:] * np.float32(1 - time) + end[..., 3:] * np.float32(time)
    colour = start[..., :3] * start[..., 3:] * np.float32(1 - time) + end[..., :3] * end[..., 3:] * np.float32(time)
    mixed = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 0)
    return np.concatenate([mixed, alpha], axis=-1)
