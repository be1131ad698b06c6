"""The last of what separates a frame from its guide: bent away at the guide's time, less and less beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bending import Field, enlarged, resample
from .colour import LIVE_ALPHA, Premultiplied, is_opaque


@dataclass(frozen=True)
class Touch:
    """What bends the frame at one time.

    field: of working size; its displacements are in its own pixels. centre: of what is drawn then, (x, y) in
    pixels; None for an opaque picture, which has none.
    """

    time: float
    field: Field
    centre: NDArray[Any] | None

    def applied(self, frame: Premultiplied, share: float) -> Premultiplied:
        """Return a frame bent by that share (0..1) of the field, which goes along with the drawing."""
        if share <= 0:
            return frame
        field = enlarged(self.field, frame.shape[:2]) * np.float32(share)
        centre = None if self.centre is None else centre_of(frame)
        if centre is not None and self.centre is not None:
            field = _moved(field, np.rint(centre - self.centre).astype(int))
        return resample(frame, field)


def centre_of(frame: Premultiplied) -> NDArray[Any] | None:
    """Return where (x, y) a drawing on clear ground is; None when there is none."""
    if is_opaque(frame):
        return None
    rows, columns = np.nonzero(frame[..., 3] > LIVE_ALPHA)
    return np.array([columns.mean(), rows.mean()]) if len(rows) else None


def _moved(field: Field, by: NDArray[Any]) -> Field:
    """Return the field moved by whole pixels (x, y); nothing bends where it does not reach."""
    x, y = (int(value) for value in by)
    height, width = field.shape[:2]
    moved = np.zeros_like(field)
    moved[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = field[
        max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)
    ]
    return moved
