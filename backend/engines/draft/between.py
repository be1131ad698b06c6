"""Everything between two pictures: solved once, then drawn at any time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from .arcs import STRAIGHT, Arc, Course
from .bending import Field
from .colour import LIVE_ALPHA, Premultiplied, is_opaque
from .composing import compose
from .crumbs import Specks, count_specks, without_crumbs
from .flow import FlowMotion
from .layers import LayeredMotion
from .paths import Paths
from .self_check import COMES_APART, is_flat
from .solving import solve
from .thin_lines import Ink, ink_of
from .touching_up import Touch, centre_of
from .view import Mask, Source

#: Motion is found on pictures whose long side is at most this.
WORKING_SIDE_PIXELS = 640
#: Pictures with a side or a drawn area smaller than this have no motion that could be found.
SMALLEST_SIDE_PIXELS = 32
SMALLEST_DRAWING_PIXELS = 30

#: Pictures are drawn in bands of about this many pixels, each with so many rows (at working size) beyond its
#: borders.
BAND_PIXELS = 1_500_000
HALO_PIXELS = 16

#: A backdrop stands still when at least this share of the picture's border does not change.
_STILL_BORDER = 0.8

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Between:
    """The way from one picture to another.

    method: "hold" (they are equal), "cross-fade" (nothing to follow), "regions" or "flow".
    box: rows and columns outside which both pictures are the same at all times.
    disagreement: how much the keys, brought to the same moment, differ from each other (0..1); see `self_check`.
    ink: what the lines of flat art are drawn with; None for what is painted. touches: what bends it at some times.
    """

    start: Premultiplied
    end: Premultiplied
    method: str
    box: Box
    motions: tuple[LayeredMotion | FlowMotion, LayeredMotion | FlowMotion] | None
    sources: tuple[Source, ...]
    opaque: bool
    specks: Specks | None
    arc: Arc | Course = STRAIGHT
    disagreement: float = 0.0
    ink: Ink | None = None
    touches: tuple[Touch, ...] = ()

    @property
    def comes_apart(self) -> bool:
        """Whether neither regions nor flow bring a clear drawing from one key to the other in one piece."""
        return not self.opaque and self.method == "flow" and self.disagreement > COMES_APART

    def draw(self, time: float) -> Premultiplied:
        """Return the whole picture at `time` (0..1)."""
        frame = self._unbent(time)
        anchors = [0.0, *(touch.time for touch in self.touches), 1.0]
        for touch, before, after in zip(self.touches, anchors[:-2], anchors[2:], strict=True):
            rising = (time - before) / (touch.time - before)
            frame = touch.applied(frame, min(rising, (after - time) / (after - touch.time)))
        return frame

    def touched_up(self, time: float, field: Field) -> Between:
        """Return the same with the picture at `time` bent by a field of working size, those around it less so."""
        touch = Touch(time, field, centre_of(self._unbent(time)))
        others = [one for one in self.touches if one.time != time]
        return replace(self, touches=tuple(sorted([*others, touch], key=lambda one: one.time)))

    def _unbent(self, time: float) -> Premultiplied:
        if self.method == "hold":
            return self.start.copy()
        if self.motions is None:
            return cv2.addWeighted(self.start, 1 - time, self.end, time, 0)
        offset = self.offset(time)
        frame = self.start.copy()
        drawn = frame[self.box]
        for band, inner in _bands(drawn.shape[0], drawn.shape[1], round(HALO_PIXELS * self._scale())):
            views = (
                self.motions[0].view(self.sources[0], time, offset, band),
                self.motions[1].view(self.sources[1], 1 - time, offset, band),
            )
            made = compose(views, time, opaque=self.opaque, scale=self._scale(), ink=self.ink)
            drawn[inner] = made[inner.start - band.start : inner.stop - band.start]
        if self.specks is not None:
            drawn[:] = without_crumbs(drawn, self.specks)
        return frame

    def along(self, paths: Paths) -> Between:
        """Return the same with its parts on other paths, all of them straight."""
        assert self.motions is not None
        led = [replace(motion, paths=paths) for motion in self.motions if isinstance(motion, LayeredMotion)]
        return self.led_by((led[0], led[1]))

    def led_by(self, motions: tuple[LayeredMotion, LayeredMotion]) -> Between:
        """Return the same with its parts led by other motions, on straight paths."""
        specks = None if self.specks is None else self.specks.without_limbs()
        return replace(self, motions=motions, arc=STRAIGHT, specks=specks)

    def offset(self, time: float) -> tuple[float, float]:
        """Return how far (x, y in working pixels) the arc takes everything drawn off its own path at `time`."""
        bend = self.arc.offset(time) / self._scale()
        return float(bend[0]), float(bend[1])

    def _scale(self) -> float:
        return float(max(WORKING_SIDE_PIXELS, *self.start.shape[:2])) / WORKING_SIDE_PIXELS


def find_between(
    start: Premultiplied, end: Premultiplied, *, prefer_regions: bool = False,
    arc: Arc | Course = STRAIGHT, also: Mask | None = None,
) -> Between:  # fmt: skip
    """Solve the motion between two pictures of one size.

    prefer_regions: it is known already that this drawing's regions can be understood.
    arc: how the path of the whole drawing bends. also: where else something may be drawn on the way.
    """
    height, width = start.shape[:2]
    whole = np.s_[0:height, 0:width]
    opaque = is_opaque(start)
    if np.array_equal(start, end):
        return Between(start, end, "hold", whole, None, (), opaque, None)
    if opaque != is_opaque(end) or not (_can_move(start) and _can_move(end)):
        return Between(start, end, "cross-fade", whole, None, (), opaque, None)
    box = _moving_box(start, end, opaque, arc.reach, also)
    scale = min(1.0, WORKING_SIDE_PIXELS / max(height, width))
    a, b = (_shrunk(np.ascontiguousarray(key[box]), scale) for key in (start, end))
    still = opaque and _stands_still(start, end)
    canvas_shape = max(1, round(height * scale)), max(1, round(width * scale))
    method, motions, disagreement = solve(
        a, b, opaque=opaque, still_backdrop=still, canvas_shape=canvas_shape, prefer_regions=prefer_regions
    )
    if arc.reach:
        motions = _evenly(motions[0]), _evenly(motions[1])
    size = (box[0].stop - box[0].start, box[1].stop - box[1].start)
    sized = replace(motions[0], size=size), replace(motions[1], size=size)
    rigid = method == "regions" and is_flat(a) and is_flat(b)
    specks = None if opaque else count_specks(start, end, rigid=rigid)
    ink = ink_of(start, end) if method == "regions" else None
    sources = tuple(
        motion.source(np.ascontiguousarray(key[box])) for motion, key in zip(sized, (start, end), strict=True)
    )
    return Between(start, end, method, box, sized, sources, opaque, specks, arc, disagreement, ink)


def _evenly(motion: LayeredMotion | FlowMotion) -> LayeredMotion | FlowMotion:
    return replace(motion, paths=motion.paths.evenly()) if isinstance(motion, LayeredMotion) else motion


def _bands(height: int, width: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Yield bands of rows: to draw, with a halo that composing looks at, and to keep.

    A large picture is drawn band by band, so that memory does not grow with it.
    """
    count = max(1, round(height * width / BAND_PIXELS))
    edges = [round(height * i / count) for i in range(count + 1)]
    for start, stop in pairwise(edges):
        yield slice(max(start - halo, 0), min(stop + halo, height)), slice(start, stop)


def _can_move(pixels: Premultiplied) -> bool:
    """Say whether a key has anything whose motion could be found: it is not tiny, blank or one flat colour."""
    if min(pixels.shape[:2]) < SMALLEST_SIDE_PIXELS:
        return False
    drawn = int((pixels[..., 3] > LIVE_ALPHA).sum())
    _, deviation = cv2.meanStdDev(pixels)
    return drawn >= SMALLEST_DRAWING_PIXELS and float(np.max(deviation)) >= 0.5


def _moving_box(start: Premultiplied, end: Premultiplied, opaque: bool, reach: int, also: Mask | None) -> Box:
    """Return the part of the picture in which anything can happen, with room around it for arcs."""
    height, width = start.shape[:2]
    busy = (start != end).any(axis=-1) if opaque else np.maximum(start[..., 3], end[..., 3]) > 0
    if also is not None:
        busy = busy | also
    rows, columns = np.flatnonzero(busy.any(axis=1)), np.flatnonzero(busy.any(axis=0))
    tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    room = 24 + reach + (max(tall, wide) // 5 if not opaque else max(tall, wide) // 12)
    box = np.s_[
        int(max(rows[0] - room, 0)) : int(min(rows[-1] + room + 1, height)),
        int(max(columns[0] - room, 0)) : int(min(columns[-1] + room + 1, width)),
    ]
    share = (box[0].stop - box[0].start) * (box[1].stop - box[1].start) / (height * width)
    return np.s_[0:height, 0:width] if opaque and share > 0.7 else box


def _stands_still(start: Premultiplied, end: Premultiplied) -> bool:
    """Say whether the backdrop of opaque pictures does not move: most of their border stays as it is."""
    same = (start == end).all(axis=-1)
    border = np.concatenate([same[0], same[-1], same[1:-1, 0], same[1:-1, -1]])
    return bool(border.mean() >= _STILL_BORDER)


def _shrunk(pixels: Premultiplied, scale: float) -> Premultiplied:
    if scale == 1.0:
        return pixels
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
