"""A head that turns: no part of it moves as a whole. Its features slide over the face, and its outlines bend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bending import MOST_FOLDED, bend, folded
from .colour import Premultiplied
from .labelling import Side
from .layers import LayeredMotion
from .line_sets import LineSet
from .lines import drawn_lines

#: How far (share of the diagonal) a line may be from its partner in the other key.
_REACH = 0.05
#: Both keys are different views: their outlines are brought together no closer than over these widths (pixels).
_WIDTHS = 9.0, 6.0


def moved_as_one(
    sides: tuple[Side, Side], chosen: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the choice in which everything makes the motion of which most is seen.

    chosen: the motion of each region of both keys.
    """
    areas = np.concatenate([np.bincount(s.regions.cores.ravel(), minlength=s.regions.count + 1)[1:] for s in sides])
    most = int(np.bincount(np.concatenate(chosen), areas).argmax())
    return np.full_like(chosen[0], most), np.full_like(chosen[1], most)


def morphing(
    motions: tuple[LayeredMotion, LayeredMotion], keys: tuple[Premultiplied, Premultiplied]
) -> tuple[LayeredMotion, LayeredMotion]:
    """Return the motions with each key bent, on its way, onto the other's lines. keys: at working size."""
    bent = []
    for motion, own, other in zip(motions, keys, keys[::-1], strict=True):
        arrived = motion.view(motion.source(own), 1.0)
        field = bend(
            np.where(arrived.seen[..., None], arrived.picture, np.uint8(0)),
            LineSet(drawn_lines(other)),
            _REACH * float(np.hypot(*other.shape[:2])),
            exact=_WIDTHS,
        )
        bent.append(replace(motion, morph=field) if folded(field) <= MOST_FOLDED else motion)
    return bent[0], bent[1]
