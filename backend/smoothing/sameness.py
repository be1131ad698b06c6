"""Whether two frames show the same drawing: scans have grain, lines that tremble, and a film that sways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .parts import part_sums

#: (height, width) float32.
Field: TypeAlias = NDArray[Any]

#: An outline that went farther than this was drawn anew, in pixels; trembling lines stay below.
_MOVED_PIXELS = 0.7
#: Tiles in which motion is judged, and how far apart they lie, in pixels.
_TILE_PIXELS = 17
_STEP_PIXELS = 6
#: Grain makes a tile's motion uncertain by its strength divided by that of the tile's outlines, times this: far out
#: on the bell curve, because thousands of tiles are asked, and with neighbouring pixels that are alike.
_DOUBT = 24.0
#: How many standard deviations of the grain are no grain any more.
_SURE = 6.0
#: A change of fewer 8-bit steps, or of fewer pixels, is never a drawing.
_LEAST_CHANGE = 7.0
_LEAST_PIXELS = 14
_TREMBLE_PIXELS = 0.5
#: The frame may sway so far where most of it says so, and so far where only a few outlines are seen at all: those
#: may be of a drawing that moves.
_MOST_WEAVE_PIXELS = 1.5
_MOST_UNSURE_WEAVE_PIXELS = 0.7
#: Parts of the frame are asked how it sways. Nothing is told by one that is less sure than this, and none is surer
#: than that, in pixels.
_UNSURE_PIXELS = 0.5
_PART_PIXELS = 0.1
#: So many neighbouring pixels share their grain, once blurred.
_GRAIN_PIXELS = 18.0
_WEAVE_STEPS = 3
_ROUNDS_OF_VOTING = 10


@dataclass(frozen=True)
class Difference:
    """How two frames differ once the camera's move is taken out.

    moved: by how much an outline went beyond what trembling and grain explain, in pixels; 0 if none.
    changed: pixels of the largest part that shows something else.
    coverage: share (0..1) of the picture that shows something else.
    """

    moved: float
    changed: int
    coverage: float

    @property
    def same_drawing(self) -> bool:
        """Whether it is the same drawing."""
        return self.moved == 0 and self.changed < _LEAST_PIXELS


def compare(a: NDArray[Any], b: NDArray[Any], both: NDArray[Any] | None = None) -> Difference:
    """Compare two frames of one size, (height, width, 3) uint8, aligned to each other.

    both: (height, width) bool, where both are known; None: everywhere.
    """
    channels = [
        (
            cv2.GaussianBlur(first.astype(np.float32), (0, 0), 1.0),
            cv2.GaussianBlur(second.astype(np.float32), (0, 0), 1.0),
        )
        for first, second in zip(cv2.split(a), cv2.split(b), strict=True)
    ]
    known = None if both is None else cv2.erode(both.astype(np.uint8), np.ones((5, 5), np.uint8))
    # Red, green and blue in equal parts: what matters is that no outline is invisible, not how bright it looks.
    gray_a, gray_b = (np.mean([pair[side] for pair in channels], axis=0) for side in (0, 1))
    noise = _noise(_masked(gray_b - gray_a, known), a, b)
    weave, sure = _weave(gray_a, gray_b, known, noise)
    if np.abs(weave).max() > (_MOST_WEAVE_PIXELS if sure else _MOST_UNSURE_WEAVE_PIXELS):
        weave = (0.0, 0.0)
    if weave != (0.0, 0.0):
        gray_a = _shifted(gray_a, weave)
        channels = [(_shifted(first, weave), second) for first, second in channels]
    moved = _moved(_masked(gray_b - gray_a, known), *_slopes((gray_a + gray_b) * 0.5, known), noise)
    changes = [
        _Change(_masked(second - first, known), _slopes((first + second) * 0.5, known))
        for first, second in channels
    ]
    return Difference(moved, *_changed(changes, noise))


def creep(a: NDArray[Any], b: NDArray[Any]) -> tuple[float, float]:
    """Return the small shift in pixels from one frame to the next, whatever is drawn, on which most of it agrees.

    a, b: (height, width, 3) uint8. (0, 0) when most of the frame is too plain to tell.
    """
    gray_a, gray_b = (cv2.GaussianBlur(np.mean(one, axis=2, dtype=np.float32), (0, 0), 1.0) for one in (a, b))
    shift, sure = _weave(gray_a, gray_b, None, _noise(gray_b - gray_a, a, b))
    return shift if sure and np.abs(shift).max() <= _MOST_WEAVE_PIXELS else (0.0, 0.0)


def _noise(difference: Field, a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return how strong the grain of both frames is in their difference, once blurred, in 8-bit steps."""
    # A floor keeps clean frames from calling rounding a drawing.
    return max(0.5, min(1.4826 * float(np.median(np.abs(difference))), _grain(a) + _grain(b)))


@dataclass(frozen=True)
class _Change:
    """What one channel shows: its difference, and its slopes across and down."""

    difference: Field
    slopes: tuple[Field, Field]


def _slopes(field: Field, known: Field | None) -> tuple[Field, Field]:
    return (
        _masked(cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=1 / 8), known),
        _masked(cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=1 / 8), known),
    )


def _masked(field: Field, known: Field | None) -> Field:
    return field if known is None else field * known


def _grain(picture: NDArray[Any]) -> float:
    """Return at most how strong the grain is once blurred, in 8-bit steps, from fine detail in even parts.

    Immerkær 1996, "Fast Noise Variance Estimation", with the median for the mean, because outlines are no grain.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    # Grain of film is coarser than a pixel, which hides most of it from the kernel.
    return 1.4826 * float(np.median(np.abs(cv2.filter2D(gray, -1, kernel)))) / 6 * 2


def _weave(a: Field, b: Field, known: Field | None, noise: float) -> tuple[tuple[float, float], bool]:
    """Return the shift from `a` to `b` that most parts of the frame agree on, in pixels, and if most can tell.

    Every part has a say by how surely it can tell, but none by more than outlines that tremble allow: else a
    drawing with strong outlines that moves a little before a faint backdrop would be taken for the whole frame.
    """
    shift, told = np.zeros(2), 0.0
    for _ in range(_WEAVE_STEPS):
        directions, estimates, certainty = _told_by_parts(_shifted(a, shift), b, known, noise)
        told = float((certainty > 0).mean())
        shift = shift + _agreed(directions, estimates, certainty)
    return (float(shift[0]), float(shift[1])), told > 0.5


def _told_by_parts(a: Field, b: Field, known: Field | None, noise: float) -> tuple[Field, Field, Field]:
    """Return what each part of the frame says of the shift: directions (n, 2), pixels along them, 1 / variance."""
    difference = b - a
    across, down = _slopes((a + b) * 0.5, known)
    calm = (np.abs(difference) < np.maximum(4 * noise, np.abs(across) + np.abs(down))).astype(np.float32)
    if known is not None:
        calm *= known
    across, down, difference = across * calm, down * calm, difference * calm

    # Grain has slopes, too, but they do not move with the frame. It is as steep in the difference as in the sum.
    grain = [float(np.median(part_sums(np.square(slopes * calm)))) / 4 for slopes in _slopes(difference, known)]
    xx, xy, yy = part_sums(across * across), part_sums(across * down), part_sums(down * down)
    normal = np.stack([xx - grain[0], xy, xy, yy - grain[1]], axis=-1)
    strength, directions = np.linalg.eigh(normal.reshape(-1, 2, 2))
    pulled = -np.stack([part_sums(across * difference), part_sums(down * difference)], axis=-1).reshape(-1, 2)
    variance = noise**2 * _GRAIN_PIXELS / np.maximum(strength, 1e-6)
    estimates = np.einsum("pij,pi->pj", directions, pulled) / np.maximum(strength, 1e-6)
    certainty = np.where(variance < _UNSURE_PIXELS**2, 1 / (variance + _PART_PIXELS**2), 0.0)
    return directions.transpose(0, 2, 1).reshape(-1, 2), estimates.ravel(), certainty.ravel()


def _agreed(directions: Field, estimates: Field, certainty: Field) -> Field:
    """Return the shift (2,) that most parts agree on; what moves by itself is left out (Cauchy's weights)."""
    shift = np.zeros(2)
    weights = certainty
    for _ in range(_ROUNDS_OF_VOTING):
        weighted = directions * weights[:, None]
        shift = np.linalg.solve(weighted.T @ directions + np.eye(2) * 1e-6, weighted.T @ estimates)
        weights = certainty / (1 + np.square(directions @ shift - estimates) * certainty / 4)
    return shift


def _shifted(field: Field, shift: Sequence[float] | Field) -> Field:
    """Return a field moved by a shift (x, y) in pixels."""
    move = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    size = field.shape[1], field.shape[0]
    return np.asarray(cv2.warpAffine(field, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _moved(difference: Field, across: Field, down: Field, noise: float) -> float:
    """Return the largest shift of an outline that is certain, by least squares in tiles (Lucas and Kanade 1981)."""

    def tiles(field: Field) -> Field:
        # Nothing is mirrored at the rim: the same grain seen twice would look like certainty.
        tile = (_TILE_PIXELS, _TILE_PIXELS)
        summed = cv2.boxFilter(field, -1, tile, normalize=False, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(summed[::_STEP_PIXELS, ::_STEP_PIXELS])

    xx, xy, yy = tiles(across * across), tiles(across * down), tiles(down * down)
    x, y = tiles(across * difference), tiles(down * difference)
    # Only the motion across the strongest outline of a tile is certain.
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    cosine, sine = np.cos(angle), np.sin(angle)
    strength = np.maximum(xx * cosine**2 + 2 * xy * cosine * sine + yy * sine**2, 1e-3)
    shift = np.abs(x * cosine + y * sine) / strength - _DOUBT * noise / np.sqrt(3 * strength)
    return max(0.0, float(shift.max(initial=0)) - _MOVED_PIXELS)


def _changed(changes: list[_Change], noise: float) -> tuple[int, float]:
    """Return the pixels of the largest change, and the share of the picture that changed."""
    limit = max(_SURE * noise, _LEAST_CHANGE)
    shape = changes[0].difference.shape
    mask, plain = np.zeros(shape, np.uint8), np.zeros(shape, np.bool_)
    for change in changes:
        size = np.abs(change.difference)
        steep = cv2.dilate(np.abs(change.slopes[0]) + np.abs(change.slopes[1]), np.ones((3, 3), np.uint8))
        mask |= (size - _TREMBLE_PIXELS * steep > limit).astype(np.uint8)
        plain |= size > max(3 * noise, _LEAST_CHANGE)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    largest = int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
    return largest, float(plain.mean())
