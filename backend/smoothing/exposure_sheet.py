"""The exposure sheet of a film, as its animators wrote it: shots, their drawings, how long each is held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import STILL, Move, camera_move, scaled, shift_of, then, undone
from .cuts import CutFinder
from .sameness import Difference, compare, creep

#: Frames are read at most this wide or high.
_WORKING_SIDE_PIXELS = 640
#: Over a whole shot, less than this is no camera move.
_LEAST_CAMERA_PIXELS = 2.5


@dataclass(frozen=True)
class Drawing:
    """One drawing: the frame at which it is first seen, and for how many frames it is held."""

    first: int
    exposure: int


@dataclass(frozen=True)
class Shot:
    """A shot without a cut. first: its first frame. frames: its length.

    camera: for each frame, how the camera's view has moved since the shot's first frame, in pixels of the film.
    """

    first: int
    frames: int
    drawings: tuple[Drawing, ...]
    camera: tuple[Move, ...]


def read_sheet(frames: Iterable[NDArray[np.uint8]]) -> Iterator[Shot]:
    """Yield the shots of a film, each when it is over. frames: (height, width, 3) uint8 RGB, one after another."""
    finder = CutFinder()
    reading: _Reading | None = None
    number = -1
    for number, frame in enumerate(frames):
        small, factor = _shrunk(frame)
        if reading is None:
            finder.look(number, small)
            reading = _Reading(number, small, factor)
            continue
        step = reading.step_to(small)
        if finder.look(number, small, step.coverage):
            yield reading.over()
            reading = _Reading(number, small, factor)
        else:
            reading.take(number, step)
    if reading is not None:
        yield reading.over()


@dataclass(frozen=True)
class _Step:
    """The next frame, as seen from the shot so far."""

    small: NDArray[np.uint8]
    gray: NDArray[np.uint8]
    camera: Move
    same_drawing: bool
    coverage: float


class _Reading:
    """One shot while it is being read."""

    def __init__(self, first: int, small: NDArray[np.uint8], factor: float) -> None:
        self._first = self._drawn_at = first
        self._factor = factor
        self._small, self._gray = small, _gray(small)
        self._drawing, self._drawing_gray, self._drawing_camera = small, self._gray, STILL
        self._camera = [STILL]
        self._starts = [first]

    def step_to(self, small: NDArray[np.uint8]) -> _Step:
        """Compare a frame with the drawing that is held."""
        gray = _gray(small)
        move = camera_move(self._gray, gray)
        if move is STILL:
            x, y = creep(self._small, small)
            move = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
        camera = then(self._camera[-1], move)
        found = self._against_drawing(small, camera)
        if not found.same_drawing:
            # A camera may creep too slowly to be seen from one frame to the next.
            crept = then(self._drawing_camera, camera_move(self._drawing_gray, gray))
            other = self._against_drawing(small, crept)
            if other.same_drawing:
                camera, found = crept, other
        return _Step(small, gray, camera, found.same_drawing, found.coverage)

    def _against_drawing(self, small: NDArray[np.uint8], camera: Move) -> Difference:
        held, both = _moved(self._drawing, then(undone(self._drawing_camera), camera))
        return compare(held, small, both)

    def take(self, number: int, step: _Step) -> None:
        """Add the frame to the shot."""
        self._small, self._gray = step.small, step.gray
        self._camera.append(step.camera)
        if not step.same_drawing:
            self._starts.append(number)
            self._drawing, self._drawing_gray, self._drawing_camera = step.small, step.gray, step.camera

    def over(self) -> Shot:
        """Return the shot."""
        end = self._first + len(self._camera)
        ends = [*self._starts[1:], end]
        drawings = tuple(Drawing(start, stop - start) for start, stop in zip(self._starts, ends, strict=True))
        shape = self._gray.shape[0], self._gray.shape[1]
        if max(shift_of(move, shape) for move in self._camera) < _LEAST_CAMERA_PIXELS:
            self._camera = [STILL] * len(self._camera)
        return Shot(
            self._first, len(self._camera), drawings, tuple(scaled(move, 1 / self._factor) for move in self._camera)
        )


def _shrunk(frame: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    factor = min(1.0, _WORKING_SIDE_PIXELS / max(frame.shape[:2]))
    if factor == 1.0:
        return frame, factor
    size = max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8), factor


def _gray(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1.5), np.uint8)


def _moved(picture: NDArray[np.uint8], move: Move) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the picture after a camera move, and where it is known."""
    if move is STILL or np.allclose(move, STILL):
        return picture, None
    size = picture.shape[1], picture.shape[0]
    moved = cv2.warpAffine(picture, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), move, size, flags=cv2.INTER_NEAREST)
    return np.asarray(moved), known > 0
