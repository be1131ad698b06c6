"""How the camera moved between two frames: what all of the picture does together, apart from what is drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .parts import PARTS, part_sums

#: (2, 3) float64: x' = M[:, :2] @ x + M[:, 2], in pixels.
Move: TypeAlias = NDArray[Any]
#: (height, width) uint8.
Gray: TypeAlias = NDArray[np.uint8]

STILL: Move = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

_POINTS_PER_PART = 8
#: The least contrast of a corner, as the smaller eigenvalue of its gradients (8-bit steps squared).
_LEAST_CONTRAST = 1e-5
_INLIER_PIXELS = 0.7
#: A camera move is seen in so much of the frame, not only where a drawing is.
_LEAST_EXPLAINED = 0.25
#: And on so many of the frame's four sides: a drawing may be large, but the camera moves what is around it, too.
_LEAST_SIDES = 3
_LEAST_POINTS = 12
#: What counts as certain in spite of grain, in standard deviations, with neighbouring pixels that are alike.
_DOUBT = 6.0


def camera_move(before: Gray, after: Gray) -> Move:
    """Return the move that takes points of `before` to `after`: turn, scale and shift; STILL when there is none.

    A drawing that moves in front of a plain backdrop is no camera move: what moves must be spread over the frame.
    """
    candidates = [move for move in (_followed_move(before, after), _phase_shift(before, after)) if move is not None]
    shares = [_explained(before, after, move) for move in candidates]
    if not shares or max(shares) < _LEAST_EXPLAINED:
        return STILL
    return candidates[shares.index(max(shares))]


def _followed_move(before: Gray, after: Gray) -> Move | None:
    """Return the turn, scale and shift that most corners agree on."""
    points = _corners(before)
    if len(points) < _LEAST_POINTS:
        return None
    found, status = _followed(before, after, points)
    back, status_back = _followed(after, before, found)
    sure = status & status_back & (np.abs(back - points).max(axis=1) < 0.7)
    if sure.sum() < _LEAST_POINTS:
        return None
    cv2.setRNGSeed(1)  # the same film gives the same moves
    move, _ = cv2.estimateAffinePartial2D(points[sure], found[sure], ransacReprojThreshold=_INLIER_PIXELS)
    return None if move is None else np.asarray(move, np.float64)


def _phase_shift(before: Gray, after: Gray) -> Move:
    """Return the shift that all pixels together agree on best (Kuglin and Hines 1975); sees through grain."""
    window = cv2.createHanningWindow((before.shape[1], before.shape[0]), cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(before.astype(np.float32), after.astype(np.float32), window)
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def _explained(before: Gray, after: Gray, move: Move) -> float:
    """Return the share of the frame (0..1) that the move surely brings nearer to `after`; 0 if in its middle only.

    In each part the change that the move makes is compared with `after`: grain of both frames is independent, so
    their product is zero on average where nothing but grain is there.
    """
    height, width = before.shape
    moved = cv2.warpAffine(before, move, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    change = moved - before
    after_float = after.astype(np.float32)
    detail = after_float - cv2.blur(after_float, (31, 31))
    grain = 1.4826 * float(np.median(np.abs(after_float - moved)))

    gain = part_sums(detail * change)
    doubt = _DOUBT * max(grain, 0.5) * np.sqrt(part_sums(change * change))
    sure = gain > doubt
    sides = (sure[0], sure[-1], sure[:, 0], sure[:, -1])
    return float(sure.mean()) if sum(side.any() for side in sides) >= _LEAST_SIDES else 0.0


def _corners(gray: Gray) -> NDArray[np.float32]:
    """Return the best corners of each part of the frame, (n, 2): a busy drawing must not outvote its backdrop."""
    strength = cv2.cornerMinEigenVal(gray, 5)
    strength[strength < cv2.dilate(strength, np.ones((7, 7), np.uint8))] = 0
    chosen = []
    tops, lefts = (np.arange(parts + 1) * size // parts for size, parts in zip(gray.shape, PARTS, strict=True))
    for top, bottom in pairwise(tops):
        for left, right in pairwise(lefts):
            part = strength[top:bottom, left:right]
            y, x = np.nonzero(part > _LEAST_CONTRAST)
            best = np.argsort(part[y, x])[-_POINTS_PER_PART:]
            chosen.append(np.column_stack([x[best] + left, y[best] + top]))
    return np.concatenate(chosen).astype(np.float32)


def _followed(
    before: Gray, after: Gray, points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where the points went (pyramid of Lucas and Kanade), and which could be followed."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points[:, None], points[:, None].copy(), winSize=(27, 27), maxLevel=4
    )
    return np.asarray(found[:, 0], np.float32), np.asarray(status[:, 0] > 0)


def shift_of(move: Move, shape: tuple[int, int]) -> float:
    """Return how far the move takes the corner that it takes farthest, in pixels. shape: (height, width)."""
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    return float(np.linalg.norm(corners @ move[:, :2].T + move[:, 2] - corners, axis=1).max())


def then(first: Move, second: Move) -> Move:
    """Return the move that does `first`, then `second`."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def undone(move: Move) -> Move:
    """Return the move back."""
    return np.asarray(cv2.invertAffineTransform(move))


def part_of(move: Move, fraction: float) -> Move:
    """Return that part of a move: turn and scale at a constant rate, the shift in a straight line."""
    turn = np.arctan2(move[1, 0], move[0, 0]) * fraction
    scale = float(np.hypot(move[0, 0], move[1, 0])) ** fraction
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[cosine, -sine, move[0, 2] * fraction], [sine, cosine, move[1, 2] * fraction]])


def scaled(move: Move, factor: float) -> Move:
    """Return the same move in pictures that are `factor` times as large."""
    return np.column_stack([move[:, :2], move[:, 2] * factor])
