"""Dense optical flow between the keys, and the motion that it gives when no better one is found.

Flow: DIS (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search") on lightness and edge distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import LIVE_ALPHA, Gray, Premultiplied
from .features import WORST_COST, Features, flow_channel, match_cost
from .view import (
    LEAST_CONFIDENCE,
    NO_OFFSET,
    Map,
    Mask,
    Motion,
    Origins,
    Plane,
    Source,
    View,
    nearest_true,
    pixel_grid,
)

#: OpenCV's search reads beyond pictures that are wide and lower than this (pixels).
_LEAST_SIDE = 32

#: A pixel returns when the flow back misses it by no more than this; one missed by so many pixels more is lost, and
#: counts so much.
_RETURNS_PIXELS, _LOST_PIXELS, _LOST_COUNTS = 1.0, 8.0, 0.2

#: (height, width, 2) float32: displacement in pixels, x then y.
Flow = NDArray[Any]


def dense_flow(a: Features, b: Features, guess: Flow | None = None) -> Flow:
    """Return where every pixel of `a` goes in `b`. guess: about where; the search begins there."""
    return search_flow(flow_channel(a), flow_channel(b), guess)


def search_flow(a: Gray, b: Gray, guess: Flow | None = None) -> Flow:
    """Return where every pixel of one channel goes in the other. guess: about where; the search begins there."""
    height, width = a.shape
    begin = np.zeros((height, width, 2), np.float32) if guess is None else guess
    below, right = max(0, _LEAST_SIDE - height), max(0, _LEAST_SIDE - width)
    here, there, begin = (
        cv2.copyMakeBorder(channel, 0, below, 0, right, cv2.BORDER_REPLICATE) for channel in (a, b, begin)
    )
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    found = search.calc(here, there, begin)
    return np.ascontiguousarray(found[:height, :width])


def flow_of(motions: tuple[Motion, Motion]) -> tuple[Flow, Flow]:
    """Return where the pixels of both keys go, by the motions of both, at working size.

    It is read from the other key's motion, which knows where each of these pixels comes from.
    """
    found = []
    for motion in motions[::-1]:
        came = motion.origins(1.0)
        x, y = pixel_grid(*came.x.shape)
        way = np.dstack([came.x - x, came.y - y]).astype(np.float32)
        nearest = nearest_true(came.seen)
        found.append(way if nearest is None else np.ascontiguousarray(way[nearest]))
    return found[0], found[1]


def follow(pixels: NDArray[Any], flow: Flow) -> NDArray[Any]:
    """Return the other key's pixels brought back along the flow."""
    x, y = pixel_grid(*flow.shape[:2])
    return cv2.remap(pixels, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@dataclass(frozen=True)
class FlowMotion:
    """Every pixel goes straight along its own flow vector; better matched pixels cover worse ones.

    sources: flat indices of the live pixels, worst matched first. size: (height, width) of the views to make.
    """

    flow: Flow
    confidence: Map
    hidden: Mask
    backdrop: Mask | None
    sources: NDArray[np.intp]
    size: tuple[int, int]

    @staticmethod
    def of(
        key: Premultiplied, other: Premultiplied, a: Features, b: Features, flows: tuple[Flow, Flow], opaque: bool
    ) -> FlowMotion:
        """Return the motion of `key` (features `a`) towards the key `other` (features `b`).

        flows: there and back again. A pixel that does not come back is covered in the other key, and matches what
        covers it by chance at best.
        """
        flow, back = flows
        cost = match_cost(a, follow(b, flow), 5)
        missed = cv2.magnitude(*cv2.split(flow + follow(back, flow)))
        returns = np.clip(1 - (missed - _RETURNS_PIXELS) / _LOST_PIXELS, _LOST_COUNTS, 1)
        confidence = np.clip((1 - cost / WORST_COST) * returns, LEAST_CONFIDENCE, 1).astype(np.float32)
        live = np.ones(confidence.shape, np.bool_) if opaque else key[..., 3] > LIVE_ALPHA
        sources = np.flatnonzero(live)
        order = np.argsort(confidence.ravel()[sources], kind="stable")
        hidden = follow(np.ascontiguousarray(other[..., 3]), flow) > LIVE_ALPHA
        backdrop = np.ones_like(live) if opaque else None
        return FlowMotion(flow, confidence, hidden, backdrop, sources[order], live.shape)

    @property
    def working_size(self) -> tuple[int, int]:
        """(height, width) at which the motion was found."""
        height, width = self.confidence.shape
        return height, width

    def source(self, key: Premultiplied) -> Source:
        """Return the key as it is; see `Motion`."""
        plane = Plane(key, key, key, key)
        return Source(plane, plane)

    def view(
        self, source: Source, fraction: float, offset: tuple[float, float] = NO_OFFSET, rows: slice | None = None
    ) -> View:
        """Return what the key shows at that fraction of the way; see `Motion`."""
        band = slice(0, self.size[0]) if rows is None else rows
        found = self._found(fraction, offset)
        if found is None:
            empty = np.zeros((band.stop - band.start, self.size[1]), np.bool_)
            return View(source.key.pixels[band].copy(), empty, empty.astype(np.float32), empty, empty)
        x, y, seen, confidence, hidden = self._sized(found, band)
        picture = cv2.remap(source.key.pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        backdrop = None if self.backdrop is None else np.ones(x.shape, np.bool_)
        return View(picture, seen > 0.5, confidence, hidden > 0.5, backdrop)

    def origins(self, fraction: float, offset: tuple[float, float] = NO_OFFSET) -> Origins:
        """Return where the pixels of the whole frame come from; see `Motion`."""
        found = self._found(fraction, offset)
        if found is None:
            return Origins(*pixel_grid(*self.size), np.zeros(self.size, np.bool_))
        x, y, seen, _, _ = self._sized(found, slice(0, self.size[0]))
        return Origins(x, y, seen > 0.5)

    def _found(self, fraction: float, offset: tuple[float, float]) -> NDArray[Any] | None:
        """Return displacement x and y, seen, confidence and hidden, (height, width, 5); None if none is."""
        height, width = self.confidence.shape
        x, y = pixel_grid(height, width)
        paths = (self.flow * np.float32(fraction) + np.array(offset, np.float32)).reshape(-1, 2)
        moved = paths[self.sources]
        column = np.rint(x.ravel()[self.sources] + moved[:, 0]).astype(np.intp)
        row = np.rint(y.ravel()[self.sources] + moved[:, 1]).astype(np.intp)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        source = np.full(height * width, -1, np.intp)
        source[(row * width + column)[inside]] = self.sources[inside]
        hit = (source >= 0).reshape(height, width)
        nearest = nearest_true(hit)
        if nearest is None:
            return None
        displacement = paths[source.reshape(hit.shape)[nearest]]
        for _ in range(2):  # the scatter is exact to half a pixel; following the flow back makes it exact
            displacement = cv2.remap(
                self.flow, x - displacement[..., 0], y - displacement[..., 1], cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ) * np.float32(fraction) + np.array(offset, np.float32)  # fmt: skip
        closed = cv2.morphologyEx(hit.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        carried = cv2.remap(
            np.dstack([self.confidence, self.hidden]).astype(np.float32),
            x - displacement[..., 0], y - displacement[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return np.dstack([displacement, closed.astype(np.float32), carried])

    def _sized(self, found: NDArray[Any], band: slice) -> list[Map]:
        """Return x and y in the key, seen, confidence and hidden (0..1) for a band of the frame."""
        height, width = self.size
        x, y = pixel_grid(band.stop - band.start, width)
        y = y + np.float32(band.start)
        if self.size == self.working_size:
            maps = [np.ascontiguousarray(found[band, :, part]) for part in range(5)]
        else:
            factor_x, factor_y = width / self.working_size[1], height / self.working_size[0]
            at = (x + 0.5) / factor_x - 0.5, (y + 0.5) / factor_y - 0.5
            maps = [
                cv2.remap(
                    np.ascontiguousarray(found[..., part]), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
                )
                for part in range(5)
            ]
            maps[0], maps[1] = maps[0] * np.float32(factor_x), maps[1] * np.float32(factor_y)
        return [x - maps[0], y - maps[1], *maps[2:]]
