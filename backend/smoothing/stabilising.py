"""Taking the camera out of two keys, so that only the drawing moves between them, and putting it back."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import STILL, Move, part_of, then, undone
from .exposure_sheet import Shot

#: (height, width, 4) uint8 straight RGBA.
Pixels: TypeAlias = NDArray[np.uint8]


def stands_still(shot: Shot) -> bool:
    """Say whether the camera does not move in this shot."""
    return all(move is STILL or np.array_equal(move, STILL) for move in shot.camera)


def between_cameras(shot: Shot, start: int, end: int) -> tuple[Move, Move]:
    """Return the moves of the frames `start` and `end` of the film to the camera half-way between them."""
    way = _from_to(shot, start, end)
    to_middle = part_of(way, 0.5)
    return to_middle, then(undone(way), to_middle)


def camera_at(shot: Shot, start: int, frame: float) -> Move:
    """Return the camera's move from frame `start` of the film to any time, in frames of the film.

    After the shot's last frame it goes on as it went before: a camera does not stop for the cut.
    """
    last = shot.first + shot.frames - 1
    whole = min(int(frame), last)
    way = _from_to(shot, start, whole)
    if frame > whole and shot.frames > 1:
        step = min(whole, last - 1)
        way = then(way, part_of(_from_to(shot, step, step + 1), frame - whole))
    return way


def _from_to(shot: Shot, start: int, end: int) -> Move:
    return then(undone(shot.camera[start - shot.first]), shot.camera[end - shot.first])


def moved(pixels: Pixels, move: Move, behind: Pixels | None = None, behind_move: Move = STILL) -> Pixels:
    """Return a frame after a camera move. What comes into view is that of `behind`, moved too, else the rim.

    Colours are resampled premultiplied, by cubic interpolation.
    """
    if np.allclose(move, STILL, atol=1e-9):
        return pixels
    size = pixels.shape[1], pixels.shape[0]
    result, known = _warped(pixels, move, size)
    if behind is not None:
        other, other_known = _warped(behind, behind_move, size)
        fill = ~known & other_known
        result[fill] = other[fill]
    return result


def _warped(pixels: Pixels, move: Move, size: tuple[int, int]) -> tuple[Pixels, NDArray[Any]]:
    opaque = bool((pixels[..., 3] == 255).all())

    def resampled(field: NDArray[Any]) -> NDArray[Any]:
        rim = cv2.BORDER_REPLICATE
        return np.asarray(cv2.warpAffine(field, move, size, flags=cv2.INTER_CUBIC, borderMode=rim))

    if opaque:
        warped = resampled(pixels)
    else:
        straight = pixels.astype(np.float32)
        alpha = straight[..., 3:] / 255
        warped = resampled(np.dstack([straight[..., :3] * alpha, straight[..., 3]]))
        cover = np.clip(warped[..., 3:], 0, 255)
        colour = np.where(cover > 0, warped[..., :3] * 255 / np.maximum(cover, 1e-3), 0)
        warped = np.rint(np.clip(np.dstack([colour, cover]), 0, 255)).astype(np.uint8)
    inside = cv2.warpAffine(np.full(pixels.shape[:2], 255, np.uint8), move, size, flags=cv2.INTER_NEAREST)
    return np.asarray(warped, np.uint8), inside > 0
