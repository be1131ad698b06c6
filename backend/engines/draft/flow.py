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
from .view import Map, Mask, View, nearest_true, pixel_grid

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
    """Every pixel goes straight along its own flow vector; better matched pixels cover worse ones."""

    flow: Flow
    confidence: Map
    hidden: Mask
    backdrop: Mask | None
    _sources: NDArray[np.intp]

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
        return FlowMotion(flow, confidence, hidden, np.ones_like(live) if opaque else None, sources[order])

    def view(self, fraction: float) -> View:
        """Return what the key shows at that fraction of the way; see `Motion`."""
        height, width = self.confidence.shape
        x, y = pixel_grid(height, width)
        moved = (self.flow * np.float32(fraction)).reshape(-1, 2)[self._sources]
        column = np.rint(x.ravel()[self._sources] + moved[:, 0]).astype(np.intp)
        row = np.rint(y.ravel()[self._sources] + moved[:, 1]).astype(np.intp)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        source = np.full(height * width, -1, np.intp)
        source[(row * width + column)[inside]] = self._sources[inside]
        hit = (source >= 0).reshape(height, width)
        nearest = nearest_true(hit)
        if nearest is None:
            return View(x, y, hit, np.zeros_like(self.confidence), hit, self.backdrop)
        displacement = (self.flow * np.float32(fraction)).reshape(-1, 2)[source.reshape(hit.shape)[nearest]]
        for _ in range(2):  # the scatter is exact to half a pixel; following the flow back makes it exact
            displacement = cv2.remap(
                self.flow, x - displacement[..., 0], y - displacement[..., 1], cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            ) * np.float32(fraction)  # fmt: skip
        from_x, from_y = x - displacement[..., 0], y - displacement[..., 1]
        closed = cv2.morphologyEx(hit.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        carried = cv2.remap(
            np.dstack([self.confidence, self.hidden]).astype(np.float32),
            from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return View(from_x, from_y, closed > 0, carried[..., 0], carried[..., 1] > 0.5, self.backdrop)
