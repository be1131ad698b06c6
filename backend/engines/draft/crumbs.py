"""Crumbs and pinholes: islands of drawing and holes in it that neither key has, left where parts came apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Gray, Premultiplied
from .view import nearest_true

#: Islands smaller than this share of the drawing may be crumbs.
_SMALL_ISLAND = 0.1
#: Holes smaller than this many pixels of a picture with 320 rows may be pinholes.
_SMALL_HOLE = 40.0
_DRAWN = 64
_BRIDGE = 3


@dataclass(frozen=True)
class Specks:
    """How many small islands and holes the keys have, at most, and what counts as small, in pixels.

    bridge: holes less than this many pixels apart, and apart from open ground, are one.
    """

    islands: int
    holes: int
    island_pixels: int
    hole_pixels: int
    bridge: int


def count_specks(start: Premultiplied, end: Premultiplied, *, rigid: bool) -> Specks:
    """Return what the in-betweens of two keys may have.

    rigid: parts keep their form, so that a narrow gap between them is the artist's and not a tear.
    """
    bridge = _BRIDGE if rigid else 1
    alphas = [np.ascontiguousarray(key[..., 3]) for key in (start, end)]
    drawn = min(int((alpha > _DRAWN).sum()) for alpha in alphas)
    island_pixels = int(_SMALL_ISLAND * drawn)
    hole_pixels = int(_SMALL_HOLE * (start.shape[0] / 320) ** 2) + 1
    islands = max(len(_small(alpha > _DRAWN, island_pixels)[1]) for alpha in alphas)
    holes = max(len(_small(alpha <= _DRAWN, hole_pixels, bridge)[1]) for alpha in alphas)
    return Specks(islands, holes, island_pixels, hole_pixels, bridge)


def without_crumbs(pixels: Premultiplied, allowed: Specks) -> Premultiplied:
    """Return the frame without the smallest islands and holes beyond the number that the keys have."""
    alpha: Gray = np.ascontiguousarray(pixels[..., 3])
    pieces, islands = _small(alpha > _DRAWN, allowed.island_pixels)
    out = pixels
    if len(islands) > allowed.islands:
        crumbs = np.isin(pieces, islands[: len(islands) - allowed.islands]).astype(np.uint8)
        around = cv2.dilate(crumbs, np.ones((3, 3), np.uint8)) > 0
        others = (pieces > 0) & (crumbs == 0)
        out = out.copy()
        out[around & ~others] = 0
    pieces, holes = _small(alpha <= _DRAWN, allowed.hole_pixels, allowed.bridge)
    if len(holes) > allowed.holes:
        filled = np.isin(pieces, holes[: len(holes) - allowed.holes])
        nearest = nearest_true(cv2.dilate(filled.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
        if nearest is not None:
            out = np.where(
                cv2.dilate(filled.astype(np.uint8), np.ones((3, 3), np.uint8))[..., None] > 0, out[nearest], out
            )
    return out


def _small(mask: NDArray[Any], largest: int, bridge: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pieces of a mask and the numbers of those up to that size, smallest first.

    bridge: pieces less than this many pixels apart are one; a narrow gap that runs into the open is no hole.
    """
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((bridge, bridge), np.uint8))
    count, found = cv2.connectedComponents(joined, connectivity=8)
    pieces = np.where(mask, np.asarray(found), 0)
    sizes = np.bincount(pieces.ravel(), minlength=count)
    sizes[0] = np.iinfo(np.int32).max
    order = np.argsort(sizes, kind="stable")
    return pieces, order[sizes[order] <= largest]
