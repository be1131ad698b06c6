"""The engine's face: what is refused, what is solved, and how frames come out one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...colouring import colour_between
from ...contract.job import Settings
from ...errors import UserError
from ...machine.lasting_threads import LastingThreads
from .. import Frame, Interval, Report
from .between import Between
from .colour import Premultiplied, differ, overwrite, premultiply, straighten
from .guided import follow_guides

if TYPE_CHECKING:
    from .. import Picture

#: The largest canvas: beyond it a frame no longer fits into the memory of an ordinary computer.
LARGEST_PIXELS = 5120 * 2880
#: Frames of more pixels than this are drawn one at a time, smaller ones two at a time.
_LARGE_PIXELS = 2048 * 1152
#: Rows turned back into floats at a time.
_ROWS = 128


class DraftEngine:
    """In-betweens from motion alone; needs no weights and keeps nothing between calls."""

    name = "draft"
    version = "1"

    def inbetween(self, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
        """Yield one frame for each wanted time, in ascending order.

        Raises UserError("picture-too-large") for a canvas of more than 5120 × 2880 pixels.
        """
        start, end = interval.start, _fitted(interval.end, interval.start.shape)
        _check_size(start)
        if settings.colouring:
            yield from _coloured(replace(interval, end=end), report)
            return
        pixels = premultiply(start), premultiply(end)
        report.stage("finding motion")
        report.progress(0, len(interval.times) + 1)
        stretches = follow_guides(*pixels, interval, settings, report)
        report.note("method", _method([stretch.between for stretch in stretches]))
        report.stage("drawing")
        report.progress(1, len(interval.times) + 1)

        def draw(time: float) -> Picture:
            stretch = next(s for s in stretches if s.holds(time))
            return _finished(stretch.draw(time), pixels[0], start)

        ahead = 1 if start.shape[0] * start.shape[1] > _LARGE_PIXELS else 2
        with LastingThreads() as pool:
            waiting: deque[Future[Picture]] = deque()
            try:
                for time in interval.times[:ahead]:
                    waiting.append(pool.submit(draw, time))
                for done, time in enumerate(interval.times):
                    picture = waiting.popleft().result()
                    if done + ahead < len(interval.times):
                        waiting.append(pool.submit(draw, interval.times[done + ahead]))
                    yield Frame(time, picture)
                    report.progress(done + 2, len(interval.times) + 1)
            finally:
                for future in waiting:
                    future.cancel()

    def unload(self) -> None:
        """Nothing is kept."""


def _coloured(interval: Interval, report: Report) -> Iterator[Frame]:
    report.stage("colouring")
    report.note("method", "colouring")
    for done, (time, picture) in enumerate(colour_between(interval)):
        yield Frame(time, picture)
        report.progress(done + 1, len(interval.times))


def _method(betweens: list[Between]) -> str:
    """Return the self-check's choice; several stretches that chose differently are named in order."""
    names = [between.method for between in betweens]
    return names[0] if len(set(names)) == 1 else ", ".join(names)


def _check_size(picture: Picture) -> None:
    height, width = picture.shape[:2]
    if height * width > LARGEST_PIXELS:
        raise UserError(
            "picture-too-large",
            f"The pictures are {width} × {height} pixels; the draft engine draws at most 5120 × 2880.",
            "Lower the resolution percentage and generate again.",
        )


def _fitted(picture: Picture, shape: tuple[int, ...]) -> Picture:
    if picture.shape == shape:
        return picture
    return cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)


def _finished(drawn: Premultiplied, start: Premultiplied, original: Picture) -> Picture:
    """Return a straight picture in which what looks like the start key is the artist's own, to the last bit."""
    picture = original.copy()
    changed = differ(drawn, start)
    for top in range(0, len(picture), _ROWS):
        rows = np.s_[top : top + _ROWS]
        columns = np.flatnonzero(changed[rows].any(axis=0))
        if len(columns):
            box = np.s_[rows, columns[0] : columns[-1] + 1]
            overwrite(picture[box], straighten(drawn[box]), changed[box])
    return picture
