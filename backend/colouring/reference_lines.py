"""The line drawing inside a coloured picture: its dark, thin strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ..engines import Lines, Picture

#: Dark strokes wider than this are areas, in pixels of a drawing up to 512 wide.
_WIDEST_PIXELS = 7.0
_DRAWING_WIDTH = 512
#: The darkest share of what is thin and dark tells how dark the ink is.
_INK_SHARE = 0.2
_LEAST_CONTRAST = 0.08
#: What counts as drawn (0..1), and how near a line of another drawing is the same one.
_INK = 0.5
_NEAR_PIXELS = 5
#: A picture shows a line drawing when it has so much of its lines.
_SHOWN = 0.8


def lines_of(picture: Picture) -> Lines:
    """Return a picture's line drawing, (height, width) float32, 0 = line and 1 = paper.

    A stroke is what a closing of its width fills (black-hat transform); transparency counts as white paper.
    """
    alpha = picture[..., 3]
    luma = picture[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32) * alpha + (1 - alpha)
    width = max(_WIDEST_PIXELS, _WIDEST_PIXELS * max(luma.shape) / _DRAWING_WIDTH)
    width = 2 * round(width / 2) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    without = cv2.morphologyEx(luma.astype(np.float32), cv2.MORPH_CLOSE, kernel)
    stroke = without - luma
    sure = stroke > _LEAST_CONTRAST
    if not sure.any():
        return np.ones(luma.shape, np.float32)
    ink = float(np.quantile(luma[sure], _INK_SHARE))
    depth = np.clip(stroke / np.maximum(without - ink, _LEAST_CONTRAST), 0, 1)
    return np.where(sure, 1 - depth, 1).astype(np.float32)


def fit(lines: Lines, others: Lines) -> float:
    """Return the share of the drawn pixels of `lines` that have a drawn pixel of the others near them."""
    drawn = lines < _INK
    if not drawn.any():
        return 0.0
    near = cv2.dilate((others < _INK).astype(np.uint8), np.ones((_NEAR_PIXELS, _NEAR_PIXELS), np.uint8)) > 0
    return float(near[drawn].mean())


def shows(picture: Picture, lines: Lines) -> bool:
    """Tell whether a coloured picture is that very line drawing: whether its lines are found in it."""
    return fit(lines, lines_of(picture)) >= _SHOWN
