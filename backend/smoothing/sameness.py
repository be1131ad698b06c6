"""Whether two frames show the same drawing: scans have grain, lines that tremble, and a film that sways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

#: (height, width) float32.
Field: TypeAlias = NDArray[Any]

#: An outline that went farther than this was drawn anew, in pixels; trembling lines stay below. Grain makes even
#: what seems certain less so: so much more for each 8-bit step of it.
_MOVED_PIXELS = 0.6
_MOVED_PER_GRAIN = 0.25
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
_MOST_WEAVE_PIXELS = 0.7


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
    across, down = _slopes((gray_a + gray_b) * 0.5, known)
    difference = _masked(gray_b - gray_a, known)
    # A floor keeps clean frames from calling rounding a drawing.
    noise = max(0.5, min(1.4826 * float(np.median(np.abs(difference))), _grain(a) + _grain(b)))
    x, y = _weave(difference, across, down, noise)
    moved = _moved(difference + across * x + down * y, across, down, noise)
    changes = []
    for first, second in channels:
        slopes = _slopes((first + second) * 0.5, known)
        changes.append(_Change(_masked(second - first, known) + slopes[0] * x + slopes[1] * y, slopes))
    return Difference(moved, *_changed(changes, noise))


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


def _weave(difference: Field, across: Field, down: Field, noise: float) -> tuple[float, float]:
    """Return the small shift of the whole frame, in pixels, by which the film sways in its gate; else none."""
    x = y = 0.0
    bound = np.maximum(4 * noise, np.abs(across) + np.abs(down))
    for _ in range(3):
        left = difference + across * x + down * y
        calm = (np.abs(left) < bound).astype(np.float32)
        gx, gy = (across * calm).ravel(), (down * calm).ravel()
        normal = np.array([[gx @ gx, gx @ gy], [gx @ gy, gy @ gy]], np.float64) + np.eye(2) * 1e-3
        step = np.linalg.solve(normal, -np.array([gx @ left.ravel(), gy @ left.ravel()], np.float64))
        x, y = x + float(step[0]), y + float(step[1])
    return (x, y) if max(abs(x), abs(y)) <= _MOST_WEAVE_PIXELS else (0.0, 0.0)


def _moved(difference: Field, across: Field, down: Field, noise: float) -> float:
    """Return the largest shift of an outline that is certain, by least squares in tiles (Lucas and Kanade 1981)."""

    def tiles(field: Field) -> Field:
        summed = cv2.boxFilter(field, -1, (_TILE_PIXELS, _TILE_PIXELS), normalize=False)
        return np.asarray(summed[::_STEP_PIXELS, ::_STEP_PIXELS])

    xx, xy, yy = tiles(across * across), tiles(across * down), tiles(down * down)
    x, y = tiles(across * difference), tiles(down * difference)
    # Only the motion across the strongest outline of a tile is certain.
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    cosine, sine = np.cos(angle), np.sin(angle)
    strength = np.maximum(xx * cosine**2 + 2 * xy * cosine * sine + yy * sine**2, 1e-3)
    shift = np.abs(x * cosine + y * sine) / strength - _DOUBT * noise / np.sqrt(3 * strength)
    return max(0.0, float(shift.max(initial=0)) - _MOVED_PIXELS - _MOVED_PER_GRAIN * noise)


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
