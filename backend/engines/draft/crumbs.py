"""Crumbs and pinholes: islands of drawing and holes in it that neither key has, left where parts came apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .colour import Gray, Premultiplied
from .view import fill_from_nearest

#: Islands smaller than this share of the drawing may be crumbs.
_SMALL_ISLAND = 0.1
#: Where guides lead limbs, only islands so many times as small are surely crumbs.
_LIMB = 0.3
#: Holes smaller than this many pixels of a picture with 320 rows may be pinholes.
_SMALL_HOLE = 40.0
#: In a drawing with outlines, holes up to so many times larger are tears when less than this of their rim is ink.
_LARGE_HOLE = 12.0
_INKED_RIM = 0.5
#: A drawing has outlines when so much of its silhouette is darker than this (of 255).
_OUTLINED = 0.7
_INK = 90
_RIM_PIXELS = 5
_DRAWN = 64
_BRIDGE = 3
#: Bridging makes a speck at most this many times larger. Holes are filled from so many pixels around.
_MOST_GROWTH = 9
_AROUND = 8


@dataclass(frozen=True)
class Specks:
    """How many small islands and holes the keys have, at most, and what counts as small, in pixels.

    crumbs: how many of the islands are too small for a limb. bridge: holes less than this many pixels apart, and
    apart from open ground, are one. outlined: whether the keys' silhouettes are ink, so that a hole
    without ink around it is a tear.
    """

    islands: int
    crumbs: int
    holes: int
    island_pixels: int
    hole_pixels: int
    bridge: int
    outlined: bool

    def without_limbs(self) -> Specks:
        """Return what counts as small where a guide leads limbs: these are none, even when they come off."""
        return replace(self, islands=self.crumbs, island_pixels=int(_LIMB * self.island_pixels))


def count_specks(start: Premultiplied, end: Premultiplied, *, rigid: bool) -> Specks:
    """Return what the in-betweens of two keys may have.

    rigid: parts keep their form, so that a narrow gap between them is the artist's and not a tear.
    """
    bridge = _BRIDGE if rigid else 1
    alphas = [np.ascontiguousarray(key[..., 3]) for key in (start, end)]
    drawn = min(int((alpha > _DRAWN).sum()) for alpha in alphas)
    island_pixels = int(_SMALL_ISLAND * drawn)
    hole_pixels = int(_SMALL_HOLE * (start.shape[0] / 320) ** 2) + 1
    islands, crumbs = (
        max(len(_small(alpha > _DRAWN, int(share * island_pixels))[1]) for alpha in alphas) for share in (1, _LIMB)
    )
    holes = max(len(_small(alpha <= _DRAWN, hole_pixels, bridge)[1]) for alpha in alphas)
    outlined = all(_inked(key, alpha > _DRAWN) > _OUTLINED for key, alpha in zip((start, end), alphas, strict=True))
    return Specks(islands, crumbs, holes, island_pixels, hole_pixels, bridge, outlined)


def _inked(pixels: Premultiplied, drawn: NDArray[Any]) -> float:
    """Return the share of ink along the inner side of a border of what is drawn."""
    core = cv2.erode(drawn.astype(np.uint8), np.ones((_RIM_PIXELS, _RIM_PIXELS), np.uint8)) > 0
    rim = drawn & ~core
    return float((pixels[rim, :3].max(axis=-1) < _INK).mean()) if rim.any() else 0.0


def without_crumbs(pixels: Premultiplied, allowed: Specks) -> Premultiplied:
    """Return the frame without the smallest islands and holes beyond the number that the keys have."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(pixels[..., 3]))
    if not width:
        return pixels
    out = pixels.copy()
    # Open ground stays in one piece around the drawing.
    inside = out[max(y - 2, 0) : y + height + 2, max(x - 2, 0) : x + width + 2]
    alpha: Gray = np.ascontiguousarray(inside[..., 3])
    pieces, islands, _ = _small(alpha > _DRAWN, allowed.island_pixels)
    if len(islands) > allowed.islands:
        crumbs = np.isin(pieces, islands[: len(islands) - allowed.islands]).astype(np.uint8)
        around = cv2.dilate(crumbs, np.ones((3, 3), np.uint8)) > 0
        inside[around & ~((pieces > 0) & (crumbs == 0))] = 0
    pieces, holes, boxes = _small(alpha <= _DRAWN, allowed.hole_pixels, allowed.bridge)
    torn = list(holes[: max(0, len(holes) - allowed.holes)])
    if allowed.outlined:
        torn += _tears(inside, pieces, boxes, allowed, set(torn))
    for hole in torn:
        left, top, across, down = boxes[hole][:4]
        box = np.s_[max(top - _AROUND, 0) : top + down + _AROUND, max(left - _AROUND, 0) : left + across + _AROUND]
        filled = cv2.dilate((pieces[box] == hole).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        fill_from_nearest(inside[box], filled, ~filled & (alpha[box] > _DRAWN))
    return out


def _tears(
    inside: Premultiplied, pieces: NDArray[Any], boxes: NDArray[Any], allowed: Specks, known: set[int]
) -> list[int]:
    """Return the larger holes that no ink surrounds; a pocket between two limbs has their outlines around it."""
    found = []
    sizes = boxes[:, cv2.CC_STAT_AREA]
    for hole in np.flatnonzero((sizes > 0) & (sizes <= _LARGE_HOLE * allowed.hole_pixels)):
        left, top, across, down = boxes[hole][:4]
        box = np.s_[max(top - _AROUND, 0) : top + down + _AROUND, max(left - _AROUND, 0) : left + across + _AROUND]
        clear = pieces[box] == hole
        if hole == 0 or int(hole) in known or not clear.any():
            continue
        near = cv2.dilate(clear.astype(np.uint8), np.ones((_RIM_PIXELS, _RIM_PIXELS), np.uint8)) > 0
        rim = near & ~clear & (inside[box][..., 3] > _DRAWN)
        if rim.any() and (inside[box][rim, :3].max(axis=-1) < _INK).mean() < _INKED_RIM:
            found.append(int(hole))
    return found


def _small(mask: NDArray[Any], largest: int, bridge: int = 1) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the pieces of a mask, the numbers of those up to that size, smallest first, and the pieces' boxes.

    bridge: pieces less than this many pixels apart are one; a narrow gap that runs into the open is no hole.
    """
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((bridge, bridge), np.uint8)) if bridge > 1 else mask
    _, found, stats, _ = cv2.connectedComponentsWithStats(joined.astype(np.uint8), connectivity=8)
    pieces = np.asarray(found)
    sizes = stats[:, cv2.CC_STAT_AREA].copy()
    sizes[0] = np.iinfo(np.int32).max
    if bridge > 1:
        pieces = np.where(mask, pieces, 0)
        for piece in np.flatnonzero(sizes <= _MOST_GROWTH * largest):
            x, y, width, height = stats[piece, :4]
            sizes[piece] = (pieces[y : y + height, x : x + width] == piece).sum()
    order = np.argsort(sizes, kind="stable")
    return pieces, order[sizes[order] <= largest], stats
