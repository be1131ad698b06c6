"""Dense optical flow between the keys, and the motion that it gives when no better one is found.

Flow: DIS (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search") on lightness and edge distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import LIVE_ALPHA, Premultiplied
from .features import WORST_COST, Features, flow_channel, match_cost
from .view import NO_OFFSET, Map, Mask, View, nearest_true, pixel_grid

#: (height, width, 2) float32: displacement in pixels, x then y.
Flow = NDArray[Any]


def dense_flow(a: Features, b: Features) -> Flow:
    """Return where every pixel of `a` goes in `b`."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return search.calc(flow_channel(a), flow_channel(b), np.zeros((*a.shape[:2], 2), np.float32))


def follow(pixels: NDArray[Any], flow: Flow) -> NDArray[Any]:
    """Return the other key's pixels brought back along the flow."""
    x, y = pixel_grid(*flow.shape[:2])
    return cv2.remap(pixels, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def inconsistent(forth: Flow, back: Flow) -> Mask:
    """Say where going forth and back again does not end at the start (more than 1.5 px and 5 % off)."""
    x, y = pixel_grid(*forth.shape[:2])
    returned = cv2.remap(
        back, x + forth[..., 0], y + forth[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    error = np.linalg.norm(forth + returned, axis=-1)
    return np.asarray(error > 1.5 + 0.05 * np.linalg.norm(forth, axis=-1), np.bool_)


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
        key: Premultiplied, other: Premultiplied, a: Features, b: Features, flow: Flow, opaque: bool
    ) -> FlowMotion:
        """Return the motion of `key` (features `a`) towards the key `other` (features `b`)."""
        cost = match_cost(a, follow(b, flow), 5)
        confidence = np.clip(1 - cost / WORST_COST, 0, 1).astype(np.float32)
        live = np.ones(confidence.shape, np.bool_) if opaque else key[..., 3] > LIVE_ALPHA
        sources = np.flatnonzero(live)
        order = np.argsort(confidence.ravel()[sources], kind="stable")
        hidden = follow(np.ascontiguousarray(other[..., 3]), flow) > LIVE_ALPHA
        backdrop = np.ones_like(live) if opaque else None
        return FlowMotion(flow, confidence, hidden, backdrop, sources[order], live.shape)

    def view(self, fraction: float, offset: tuple[float, float] = NO_OFFSET) -> View:
        """Return what the key shows at that fraction of the way; see `Motion`."""
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
            height, width = self.size
            empty = np.zeros(self.size, np.bool_)
            return View(*pixel_grid(height, width), empty, empty.astype(np.float32), empty, empty)
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
        return self._sized(displacement, closed, carried)

    def _sized(self, displacement: Flow, seen: NDArray[Any], carried: NDArray[Any]) -> View:
        """Return the view at the wanted size."""
        height, width = self.size
        if self.size != self.confidence.shape:
            size = width, height
            factor = np.array([width, height]) / self.confidence.shape[::-1]
            displacement = cv2.resize(displacement, size, interpolation=cv2.INTER_LINEAR) * factor
            seen = cv2.resize(seen * np.uint8(255), size, interpolation=cv2.INTER_LINEAR) > 127
            carried = cv2.resize(carried, size, interpolation=cv2.INTER_LINEAR)
        x, y = pixel_grid(height, width)
        backdrop = None if self.backdrop is None else np.ones(self.size, np.bool_)
        return View(
            (x - displacement[..., 0]).astype(np.float32), (y - displacement[..., 1]).astype(np.float32),
            seen > 0, carried[..., 0], carried[..., 1] > 0.5, backdrop,
        )  # fmt: skip
