"""What is no use for learning how cartoons move: still pictures, hardly any motion, screens full of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from .sources import Pixels

#: Width in pixels at which motion is measured.
_MOTION_WIDTH = 160
#: A difference of grey values, of 255, that no compression makes.
_CHANGE = 12
#: Share of the picture that has to change somewhere in a clip for it not to be still.
STILL = 0.002
#: Mean motion, in thousandths of the picture's width from frame to frame, below which there is hardly any.
LITTLE_MOTION = 0.25
#: Share of the picture that lines of text may cover.
MUCH_TEXT = 0.08
_TEXT_HEIGHT = 360
#: Fewest marks in a line of text.
_LETTERS = 6


def why_left_out(frames: Sequence[Pixels]) -> str:
    """Return why a stretch of frames (height, width, 3) is left out, or "" if it is good."""
    if is_still(frames):
        return "still"
    motion = motion_of(frames)
    if motion < LITTLE_MOTION:
        return f"little motion ({motion:.2f} ‰ of the width from frame to frame)"
    middle = frames[len(frames) // 2]
    text = min(text_share(frame) for frame in (frames[0], middle, frames[-1]))
    if text > MUCH_TEXT:
        return f"text over {text:.0%} of the picture"
    return ""


def is_still(frames: Sequence[Pixels]) -> bool:
    """Say whether no frame differs from the first by more than noise."""
    first = _small_grey(frames[0])
    return all(float((cv2.absdiff(_small_grey(frame), first) > _CHANGE).mean()) < STILL for frame in frames[1:])


def motion_of(frames: Sequence[Pixels]) -> float:
    """Return how far pixels move from frame to frame, in thousandths of the width, mean over picture and clip.

    Measured by dense optical flow; frames that are held count as no motion.
    """
    if len(frames) < 2:
        return 0.0
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    greys = [_small_grey(frame) for frame in frames]
    lengths = []
    for before, after in pairwise(greys):
        if not cv2.absdiff(before, after).any():
            lengths.append(0.0)
            continue
        moved = flow.calc(before, after, None)  # type: ignore[call-overload]
        lengths.append(float(np.hypot(moved[..., 0], moved[..., 1]).mean()))
    return float(1000 * np.mean(lengths) / greys[0].shape[1])


def _small_grey(frame: Pixels) -> NDArray[np.uint8]:
    height = max(16, round(frame.shape[0] * _MOTION_WIDTH / frame.shape[1]))
    small = cv2.resize(frame, (_MOTION_WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def text_share(frame: Pixels) -> float:
    """Return which share of a picture, 0..1, lies in lines of text.

    A line of text is a row of at least six small marks of similar height, one beside the other, lighter or darker
    than what is around them, most of which stand on one line.
    """
    width = max(16, round(frame.shape[1] * _TEXT_HEIGHT / frame.shape[0]))
    scaled = cv2.resize(frame, (width, _TEXT_HEIGHT), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(scaled, cv2.COLOR_RGB2GRAY)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (17, 17))
    covered = np.zeros(grey.shape, bool)
    for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        stands_out = (cv2.morphologyEx(grey, operation, kernel) > 60).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(stands_out, connectivity=8)
        for left, top, right, bottom in _rows_of_marks(np.asarray(stats[1:], np.int32)):
            covered[top:bottom, left:right] = True
    return float(covered.mean())


def _rows_of_marks(stats: NDArray[np.int32]) -> list[tuple[int, int, int, int]]:
    """Return the boxes (left, top, right, bottom) of rows of letter-like marks."""
    marks = [
        (int(left), int(top), int(width), int(height))
        for left, top, width, height, area in stats
        if 5 <= height <= 48 and width <= 2.5 * height and area >= 0.12 * width * height and area >= 8
    ]
    rows: list[list[tuple[int, int, int, int]]] = []
    for mark in sorted(marks):
        left, top, _, height = mark
        for row in rows:
            last = row[-1]
            beside = left - (last[0] + last[2]) < 1.6 * max(height, last[3])
            level = abs((top + height / 2) - (last[1] + last[3] / 2)) < 0.6 * max(height, last[3])
            similar = 0.4 < height / last[3] < 2.5
            if beside and level and similar:
                row.append(mark)
                break
        else:
            rows.append([mark])
    return [
        (
            min(mark[0] for mark in row),
            min(mark[1] for mark in row),
            max(mark[0] + mark[2] for mark in row),
            max(mark[1] + mark[3] for mark in row),
        )
        for row in rows
        if len(row) >= _LETTERS and _stands_on_a_line(row)
    ]


def _stands_on_a_line(row: list[tuple[int, int, int, int]]) -> bool:
    feet = np.array([top + height for _, top, _, height in row])
    height = float(np.median([height for _, _, _, height in row]))
    level = np.abs(feet - np.median(feet)) <= max(1.0, 0.12 * height)
    return bool(level.mean() >= 0.6)
