"""One key as the choice of motions sees it, and the other key brought back to it through a motion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .affine import Affine, affine_map
from .colour import Gray
from .contacts import Attachment, Contact, Joint
from .features import NOWHERE, Features
from .regions import Regions
from .sway import Bend

_ANYTHING = (255.0,)


@dataclass(frozen=True)
class Side:
    """One key as labelling sees it.

    Its own features, the other key's (and alpha), its regions, the way there, and where regions touch, in both keys
    and in this one.
    bends: what is no rigid motion, by the number of the motion that it is added to.
    """

    own: Features
    other: Features
    other_alpha: Gray
    regions: Regions
    motions: list[Affine]
    attachments: list[Attachment]
    opaque: bool
    joints: list[Joint] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    bends: dict[int, Bend] = field(default_factory=dict)

    def add_motion(self, motion: Affine, bend: Bend | None = None) -> None:
        """Add a motion that regions may make."""
        if bend is not None:
            self.bends[len(self.motions)] = bend
        self.motions.append(motion)

    def with_own_motions(self) -> Side:
        """Return the same, to which motions can be added without this side making them, too."""
        return replace(self, motions=[*self.motions], bends={**self.bends})

    def other_at(self, number: int, box: tuple[slice, slice]) -> Features:
        """Return the other key as it would lie over a box of this one if all of that made one of the motions."""
        return brought_back(self.other, self.motions[number], box, opaque=self.opaque, bend=self.bends.get(number))

    def other_alpha_at(self, number: int, box: tuple[slice, slice]) -> Gray:
        """Return the same of the other key's alpha; beyond its border there may be anything."""
        return brought_back(
            self.other_alpha, self.motions[number], box, opaque=False, bend=self.bends.get(number),
            outside=_ANYTHING,
        )  # fmt: skip


def warp(
    pixels: NDArray[Any], motion: Affine, shape: tuple[int, int], opaque: bool,
    outside: tuple[float, ...] = NOWHERE,
) -> NDArray[Any]:  # fmt: skip
    """Bring the other key back through a motion: the result at x is `pixels` at motion(x).

    outside: what lies beyond the border of a clear picture.
    """
    return cv2.warpAffine(
        pixels,
        motion,
        (shape[1], shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if opaque else cv2.BORDER_CONSTANT,
        borderValue=outside,
    )


def brought_back(
    pixels: NDArray[Any], motion: Affine, box: tuple[slice, slice], *, opaque: bool, bend: Bend | None = None,
    outside: tuple[float, ...] = NOWHERE,
) -> NDArray[Any]:  # fmt: skip
    """Bring a box of the other key back through a motion and what bends it; see `warp`."""
    rows, columns = box
    if bend is None:
        shape = rows.stop - rows.start, columns.stop - columns.start
        return warp(pixels, starting_at(motion, box), shape, opaque, outside)
    return cv2.remap(
        pixels,
        *bend.lookup(motion, rows, columns),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if opaque else cv2.BORDER_CONSTANT,
        borderValue=outside,
    )


def starting_at(motion: Affine, box: tuple[slice, slice]) -> Affine:
    """Return the motion of points counted from the corner of a box."""
    corner = np.array([box[1].start, box[0].start], np.float64)
    return affine_map(motion[:, :2], motion[:, :2] @ corner + motion[:, 2])


def resized(motion: Affine, factor_x: float, factor_y: float) -> Affine:
    """Return the motion in the coordinates of a picture resized by the factors (pixel centres at whole numbers)."""
    scale = np.array([factor_x, factor_y])
    linear = motion[:, :2] * scale[:, None] / scale[None]
    half = (1 / scale - 1) / 2
    offset = (motion[:, :2] @ half + motion[:, 2] - half) * scale
    return affine_map(linear, offset)
