"""A head that turns: no part of it moves as a whole. Its features slide over the face, and its outlines bend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...machine.lasting_threads import LastingThreads
from .bending import MOST_FOLDED, bend, folded
from .colour import Premultiplied
from .layers import LayeredMotion
from .line_sets import LineSet
from .lines import drawn_lines
from .sides import Side

#: How far (share of the diagonal) a line may be from its partner in the other key.
_REACH = 0.05
#: Alpha from which a pixel is drawn, and the share of two silhouettes together that both must cover to be one.
_DRAWN = 127
_SAME_SILHOUETTE = 0.8
#: Both keys are different views: their outlines are brought together no closer than over these widths (pixels).
_WIDTHS = 9.0, 6.0


def keeps_silhouette(
    motions: tuple[LayeredMotion, LayeredMotion], keys: tuple[Premultiplied, Premultiplied]
) -> bool:
    """Tell whether a drawing is in the end where the motion of most of it takes its silhouette, as a head is.

    Who walks is not: limbs leave the silhouette. keys: at working size.
    """
    if not motions[0].layers:
        return False
    largest = max(motions[0].layers, key=lambda layer: int(layer.core.sum()))
    start, end = (np.ascontiguousarray(key[..., 3]) for key in keys)
    moved = cv2.warpAffine(start, motions[0].paths.parts[largest.number].motion, (end.shape[1], end.shape[0]))
    either, both = (moved > _DRAWN) | (end > _DRAWN), (moved > _DRAWN) & (end > _DRAWN)
    return bool(both.sum() >= _SAME_SILHOUETTE * either.sum())


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
    with LastingThreads() as pool:
        first, second = pool.map(_morphing, motions, keys, keys[::-1])
    return first, second


def _morphing(motion: LayeredMotion, own: Premultiplied, other: Premultiplied) -> LayeredMotion:
    """Return the motion of one key bent onto the other's lines, if that does not fold it."""
    arrived = motion.view(motion.source(own), 1.0)
    field = bend(
        np.where(arrived.seen[..., None], arrived.picture, np.uint8(0)),
        LineSet(drawn_lines(other)),
        _REACH * float(np.hypot(*other.shape[:2])),
        exact=_WIDTHS,
    )
    return replace(motion, morph=field) if folded(field) <= MOST_FOLDED else motion
