"""The flat colours that a clip is painted with.

A picture holds far more colours than its artist chose: every edge mixes its two sides. Colours of areas are read
where the picture is flat. A line may be too thin to be flat anywhere; its colour is the furthest that its pixels
get from what is around it, and is told from a mix by lying between no two others.

Colours are numbers 0..255 in sRGB with premultiplied alpha, (n, 4), so that nothing at all is a colour as well and
every edge is a straight mix of its two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: No more colours than this are told apart; the rest joins the nearest.
MOST_COLOURS = 32
#: A colour counts when this many pixels of all the pictures show it pure.
_FEWEST_PIXELS = 24
#: Colours closer than this are one, in 1/255 along the straight line between them.
_CLOSE = 12.0
#: Every so many of the flat pixels are enough to compare areas with lines.
_EVERY = 16
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Palette:
    """The colours of a clip.

    colours: (n, 4) premultiplied. is_ink: (n,) whether a colour is mostly drawn in lines. tolerance: how far a
    painted pixel may stray from its colour, in 1/255.
    """

    colours: Array
    is_ink: NDArray[np.bool_]
    tolerance: float


def premultiplied(picture: Array) -> Array:
    """Return an RGBA picture of bytes, straight alpha, as (height, width, 4) float32 0..255, premultiplied."""
    pixels = picture.astype(np.float32)
    if picture[..., 3].min() < 255:
        pixels[..., :3] *= pixels[..., 3:] / 255
    return pixels


def noise_of(pixels: Array) -> float:
    """Return the standard deviation of the noise in 1/255, judged where the picture is flat."""
    shown = pixels[..., 1]
    strayed = np.abs(shown - cv2.blur(shown, (3, 3)))[::2, ::2]
    # Most pixels lie in flat areas; the rest are edges, which the median does not hear.
    return float(np.median(strayed) * 1.4826 * np.sqrt(9 / 8))


def calmed(pixels: Array, noise: float) -> Array:
    """Return the picture with its noise smoothed away inside areas and along edges, not across them."""
    if noise < 1.5:
        return pixels
    reach = 4.0 * noise + 6.0
    colour = cv2.bilateralFilter(np.ascontiguousarray(pixels[..., :3]), 5, reach, 1.5)
    alpha = pixels[..., 3]
    if alpha.min() < 255:
        alpha = cv2.bilateralFilter(np.ascontiguousarray(alpha), 5, reach, 1.5)
    return np.dstack([colour, alpha])


def tolerance_for(noise: float) -> float:
    """Return how far a painted pixel of a calmed picture may stray from its colour."""
    return 6.0 + 2.0 * noise


def is_flat(pixels: Array, tolerance: float) -> NDArray[np.bool_]:
    """Tell for every pixel whether it looks like all its neighbours: (height, width)."""
    reach = cv2.dilate(pixels, _SQUARE) - cv2.erode(pixels, _SQUARE)
    widest: Array = np.maximum(np.maximum(reach[..., 0], reach[..., 1]), np.maximum(reach[..., 2], reach[..., 3]))
    return widest <= tolerance


def is_mixed(pixels: Array, rows: Array, columns: Array, tolerance: float) -> NDArray[np.bool_]:
    """Tell for the pixels at (rows, columns), each (n,), whether they are mixes of two neighbours: (n,).

    A mix lies strictly between two opposite neighbours of different colour.
    """
    padded = cv2.copyMakeBorder(pixels, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    here = pixels[rows, columns]
    mixed = np.zeros(len(rows), bool)
    for down, right in _DIRECTIONS:
        before = padded[rows + 1 - down, columns + 1 - right]
        across = padded[rows + 1 + down, columns + 1 + right] - before
        length = np.maximum(np.einsum("ik,ik->i", across, across), 1.0)
        away = here - before
        share = np.einsum("ik,ik->i", away, across) / length
        astray = away - share[:, None] * across
        near = np.einsum("ik,ik->i", astray, astray) < (tolerance + 0.12 * np.sqrt(length)) ** 2
        mixed |= (length > (2.5 * tolerance) ** 2) & (share > 0.07) & (share < 0.93) & near
    return mixed


def find_palette(keys: Sequence[Array], others: Sequence[Array] = ()) -> Palette:
    """Return the flat colours of RGBA pictures of bytes, those of the keys first.

    Each is (height, width, 4), straight alpha. keys: as the artist drew them, so their colours are exact. others:
    only what the keys do not have is taken from them. Pictures without any flat colour still give at least one.
    """
    areas: list[Array] = []
    lines: list[Array] = []
    noise = 0.0
    votes = [np.zeros((0, 4), np.float32)], [np.zeros((0, 4), np.float32)]
    for group in (keys, others):
        flat, thin, noises = _votes(group)
        noise = max(noise, *noises, 0.0)
        votes[0].append(flat[::_EVERY])
        votes[1].append(thin)
        known = [*areas, *lines]
        plain = [c for c in _crowds(flat) if not _close(c, known, 1.5 * _CLOSE)]
        known += plain
        new = _unmixed([c for c in _crowds(thin) if not _close(c, known, 1.5 * _CLOSE)], known, 1.5 * _CLOSE)
        # Blur makes the rim of a line in an area of nearly its colour look flat as well.
        areas += _unmixed(plain, [*areas, *lines, *new], 0.5 * _CLOSE)
        lines += new
    found = (areas + lines)[:MOST_COLOURS] or [_middle([*keys, *others])]
    colours = np.array(found, np.float32)
    as_area, as_line = (_followers(colours, np.concatenate(group)) for group in votes)
    return Palette(colours, as_line > 0.5 * _EVERY * as_area, tolerance_for(noise))


def _followers(colours: Array, votes: Array) -> Array:
    """Return how many votes (m, 4) each colour (n, 4) is nearest to, of those that are near any: (n,)."""
    distances = (-2 * colours) @ votes.T + (colours**2).sum(1)[:, None] + (votes * votes).sum(1)
    near = distances.min(0) < (2 * _CLOSE) ** 2
    return np.bincount(distances.argmin(0)[near], minlength=len(colours))


def _middle(pictures: Sequence[Array]) -> Array:
    """Return the colour in the middle of all pixels (4,)."""
    middle: Array = np.median(
        np.concatenate([premultiplied(picture).reshape(-1, 4) for picture in pictures]), axis=0
    )
    return middle


def _votes(pictures: Sequence[Array]) -> tuple[Array, Array, list[float]]:
    """Return the flat pixels (n, 4), the pixels of lines (m, 4), and the noise of each picture."""
    flats, thins, noises = [np.zeros((0, 4), np.float32)], [np.zeros((0, 4), np.float32)], []
    for picture in pictures:
        pixels = premultiplied(picture)
        noise = noise_of(pixels)
        tolerance = tolerance_for(noise)
        pixels = calmed(pixels, noise)
        flat = is_flat(pixels, tolerance)
        rows, columns = np.nonzero(~flat)
        flats.append(pixels[flat])
        thins.append(pixels[rows, columns][~is_mixed(pixels, rows, columns, tolerance)])
        noises.append(noise)
    return np.concatenate(flats), np.concatenate(thins), noises


def _crowds(votes: Array) -> list[Array]:
    """Return the colours that votes (n, 4) crowd around, the most crowded first."""
    steps = np.minimum(votes * 0.25 + 0.5, 63).astype(np.int32)
    packed = (steps[:, 0] << 18) | (steps[:, 1] << 12) | (steps[:, 2] << 6) | steps[:, 3]
    _, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
    centres = np.stack([np.bincount(where, votes[:, channel]) / counts for channel in range(4)], axis=1)
    left = counts.astype(float)
    found: list[Array] = []
    while len(found) < MOST_COLOURS and left.max(initial=0) > 0:
        top = int(np.argmax(left))
        near = np.linalg.norm(centres - centres[top], axis=1) < _CLOSE
        crowd = np.where(near, left, 0.0)
        if crowd.sum() >= _FEWEST_PIXELS:
            sharp = crowd**2  # what the rim holds of mixes must not pull the middle
            colour = (centres * sharp[:, None]).sum(0) / sharp.sum()
            if not _close(colour, found, _CLOSE):
                found.append(colour)
        elif left[top] < 4:
            break
        left[near] = 0.0
    return found


def _close(colour: Array, others: Sequence[Array], distance: float) -> bool:
    return any(np.linalg.norm(colour - other) < distance for other in others)


def _unmixed(new: Sequence[Array], known: Sequence[Array], distance: float) -> list[Array]:
    """Return those new colours that lie not within `distance` of the way between two others, one of them known."""

    def is_mix(colour: Array) -> bool:
        for one in known:
            for other in (*known, *new):
                across = other - one
                length = float(across @ across)
                if colour is one or colour is other or length < 1:
                    continue
                share = float((colour - one) @ across) / length
                if 0.05 < share < 0.97 and np.linalg.norm(colour - one - share * across) < distance:
                    return True
        return False

    return [colour for colour in new if not is_mix(colour)]
