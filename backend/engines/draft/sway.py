"""How a strip of cloth, hair or grass moves across its long axis, and what it looks up in a key meanwhile.

Between the keys every point of a strip only moves across the axis, from its height in the one to its height in the
other. When a wave runs along the strip, how fast each point rises or sinks at the keys makes the points swing past
each other, where straight paths would flatten the strip half way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .affine import Affine, inverse


@dataclass(frozen=True)
class Sway:
    """How a strip moves across its long axis, seen in the start key (working pixels), beside its own rigid motion.

    along: (3,) takes (x, y, 1) to a place in the profiles. across: (2,) the direction that points move in. rise:
    (n,) pixels from the start key to the end key. speeds: (n,) each, pixels per unit of time at both keys where a
    wave runs along; None where it rises evenly.
    """

    along: NDArray[Any]
    across: NDArray[Any]
    rise: NDArray[Any]
    speeds: tuple[NDArray[Any], NDArray[Any]] | None = None

    def risen(self, time: float) -> NDArray[Any]:
        """Return how far each place has moved at `time` (0..1): a cubic Hermite curve."""
        if self.speeds is None:
            return time * self.rise
        leaving, arriving = self.speeds
        return np.asarray(
            time * self.rise
            + time * (1 - time) ** 2 * (leaving - self.rise)
            - time**2 * (1 - time) * (arriving - self.rise)
        )

    def at(self, time: float, base: Affine, motion: Affine, *, from_start: bool) -> Bend:
        """Return what bends the way back from the frame to a key.

        base: from the start key to the frame, motion: from the start key to the end key, both without the sway.
        """
        along = _through(self.along, inverse(base))
        if from_start:
            return Bend(along, -self.risen(time), self.across)
        return Bend(along, self.rise - self.risen(time), motion[:, :2] @ self.across)

    def between_keys(self, motion: Affine, *, from_start: bool) -> Bend:
        """Return what bends the way from the start key to the end key (or back), `motion` without the sway."""
        if from_start:
            return Bend(self.along, self.rise, motion[:, :2] @ self.across)
        back = inverse(motion)
        return Bend(_through(self.along, back), -self.rise, self.across)

    def place(self, point: NDArray[Any], time: float) -> NDArray[Any]:
        """Return how far (x, y) a point of the start key has moved at `time`."""
        profile = self.risen(time)
        where = self.along[:2] @ point + self.along[2]
        return np.asarray(self.across * np.interp(where, np.arange(len(profile)), profile))


@dataclass(frozen=True)
class Bend:
    """What is added to an affine way: `direction` times the profile at the place where `along` takes (x, y, 1)."""

    along: NDArray[Any]
    profile: NDArray[Any]
    direction: NDArray[Any]

    @property
    def reach(self) -> float:
        """The largest displacement, in pixels."""
        return float(np.abs(self.profile).max() * np.linalg.norm(self.direction))

    def resized(self, factor_x: float, factor_y: float) -> Bend:
        """Return the bend for pictures resized by the factors (pixel centres at whole numbers)."""
        scale = np.array([factor_x, factor_y])
        along = np.append(self.along[:2] / scale, self.along[2] + self.along[:2] @ ((1 / scale - 1) / 2))
        return Bend(along, self.profile, self.direction * scale)

    def lookup(self, way: Affine, rows: slice, columns: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the x and y that those rows and columns are taken to, float32."""
        x = np.arange(columns.start, columns.stop, dtype=np.float64)
        y = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
        where = self.along[0] * x + self.along[1] * y + self.along[2]
        offset = np.interp(where, np.arange(len(self.profile)), self.profile).astype(np.float32)
        return (
            (way[0, 0] * x + way[0, 1] * y + way[0, 2]).astype(np.float32) + offset * np.float32(self.direction[0]),
            (way[1, 0] * x + way[1, 1] * y + way[1, 2]).astype(np.float32) + offset * np.float32(self.direction[1]),
        )


def _through(along: NDArray[Any], motion: Affine) -> NDArray[Any]:
    """Return the functional that takes a point where `along` takes motion(point)."""
    return np.append(along[:2] @ motion[:, :2], along[:2] @ motion[:, 2] + along[2])
