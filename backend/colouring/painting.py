"""Filling the areas of a line drawing: from a coloured reference, or as the drawing before it is filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .areas import Areas, find_areas
from .following import origins
from .matching import match_areas

if TYPE_CHECKING:
    from ..engines import Lines, Picture

#: A reference has at most so many flat colours.
_MOST_COLOURS = 48
#: Colours nearer to each other than this (8-bit steps, largest channel) are one.
_SAME_COLOUR = 10
#: A colour that takes less of its area than this is the rim of a line.
_LEAST_SHARE = 0.04
#: An area is painted as a whole when so much of what it was agrees on one colour.
_AGREED = 0.7


@dataclass(frozen=True)
class Palette:
    """colours: (n, 4) uint8 straight RGBA of the reference's flat colours. ink: (3,) uint8, that of its lines."""

    colours: NDArray[np.uint8]
    ink: NDArray[np.uint8]


@dataclass(frozen=True)
class Painted:
    """A line drawing whose areas are filled. fill: (height, width) index into the palette's colours."""

    lines: Lines
    areas: Areas
    fill: NDArray[np.intp]


def paint_reference(lines: Lines, reference: Picture) -> tuple[Painted, Palette]:
    """Read which colours a coloured drawing fills its own areas with.

    lines: the reference's own line drawing. reference: (height, width, 4) float32.
    """
    areas = find_areas(lines)
    pixels = np.rint(reference * 255).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    palette = _palette(pixels, areas, lines)
    fill = _nearest_colour(pixels, palette.colours)
    fill = _without_rims(fill, areas, len(palette.colours))
    return Painted(lines, areas, fill), palette


def paint_next(before: Painted, lines: Lines) -> Painted:
    """Fill a line drawing as the drawing before it is filled."""
    areas = find_areas(lines)
    come_from = origins(before.lines, lines)
    carried = _carried(before.fill, come_from)
    votes = _votes(areas, carried, int(before.fill.max()) + 1)
    own = _votes(before.areas, before.fill, votes.shape[1])
    for area, was in match_areas(before.areas, areas, _carried(before.areas.labels, come_from)).items():
        votes[area] = own[was]
    return Painted(lines, areas, _filled(areas, votes, carried))


def _carried(field: NDArray[Any], come_from: NDArray[Any]) -> NDArray[np.intp]:
    there = cv2.remap(  # type: ignore[call-overload]
        field.astype(np.float32), come_from, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(there).astype(np.intp)


def _votes(areas: Areas, fill: NDArray[np.intp], colours: int) -> NDArray[np.int64]:
    """Return (areas, colours) pixels of each colour in each area."""
    votes = np.zeros((areas.count, colours), np.int64)
    np.add.at(votes, (areas.labels[areas.inside], fill[areas.inside]), 1)
    return votes


def _filled(areas: Areas, votes: NDArray[np.int64], carried: NDArray[np.intp]) -> NDArray[np.intp]:
    """Paint each area as a whole; in one that has several colours, those pixels whose colour it has keep theirs."""
    best = votes.argmax(axis=1)
    share = votes.max(axis=1) / np.maximum(votes.sum(axis=1), 1)
    several = (share < _AGREED)[areas.labels] & (votes[areas.labels, carried] > 0)
    return np.where(several, carried, best[areas.labels])


def picture_of(painted: Painted, palette: Palette) -> Picture:
    """Return the finished picture: fills, and the lines over them in the reference's ink."""
    fill = palette.colours[painted.fill].astype(np.float32) / np.float32(255)
    line = (1 - painted.lines)[..., None]
    alpha = fill[..., 3:] * (1 - line) + line
    colour = fill[..., :3] * fill[..., 3:] * (1 - line) + palette.ink.astype(np.float32) / 255 * line
    return np.dstack([colour / np.maximum(alpha, 1e-6), alpha]).astype(np.float32)


def _palette(pixels: NDArray[np.uint8], areas: Areas, lines: Lines) -> Palette:
    """Return the commonest colours away from lines, and the colour of the darkest parts of the lines."""
    inner = cv2.erode(areas.inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0
    packed, counts = np.unique(pixels[inner].view(np.uint32).ravel(), return_counts=True)
    chosen: list[NDArray[np.uint8]] = []
    for index in np.argsort(-counts, kind="stable"):
        colour = packed[index : index + 1].view(np.uint8)
        far = all(np.abs(colour.astype(int) - other.astype(int)).max() > _SAME_COLOUR for other in chosen)
        if far and (len(chosen) < 1 or counts[index] >= 5):
            chosen.append(colour)
        if len(chosen) == _MOST_COLOURS:
            break
    if not chosen:
        chosen = [np.zeros(4, np.uint8)]
    drawn = pixels[(lines < 0.25) & (pixels[..., 3] > 200)][:, :3]
    ink = np.median(drawn, axis=0).astype(np.uint8) if len(drawn) else np.zeros(3, np.uint8)
    return Palette(np.array(chosen), ink)


def _nearest_colour(pixels: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the palette index nearest to every pixel, in premultiplied colour."""

    def premultiplied(values: NDArray[np.uint8]) -> NDArray[Any]:
        wide = values.astype(np.float32)
        return np.concatenate([wide[..., :3] * wide[..., 3:] / 255, wide[..., 3:]], axis=-1)

    wanted = premultiplied(colours)
    best = np.zeros(pixels.shape[:2], np.intp)
    least = np.full(pixels.shape[:2], np.inf, np.float32)
    given = premultiplied(pixels)
    for index, colour in enumerate(wanted):
        distance = ((given - colour) ** 2).sum(axis=-1)
        nearer = distance < least
        best[nearer], least[nearer] = index, distance[nearer]
    return best


def _without_rims(fill: NDArray[np.intp], areas: Areas, colours: int) -> NDArray[np.intp]:
    """Give each area its commonest colour where a colour takes too little of it, and under the lines."""
    votes = _votes(areas, fill, colours)
    best = votes.argmax(axis=1)
    rare = votes < np.maximum(votes.sum(axis=1, keepdims=True) * _LEAST_SHARE, 6)
    replace = rare[areas.labels, fill] | ~areas.inside
    return np.where(replace, best[areas.labels], fill)
