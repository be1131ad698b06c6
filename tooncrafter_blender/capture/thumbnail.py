"""A key on paper, small: what lists show of a job. A drawing without paper would not be seen on a dark panel."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import bpy
import numpy as np

from . import png

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

SIDE_PIXELS = 128
_PAPER = 0.96
#: The picture is looked at in this size, and what is drawn in it, with a margin, fills the thumbnail.
_LOOK_PIXELS, _MARGIN, _LEAST_SHARE = 384, 1.15, 0.2


def write_thumbnail(picture: Path, target: Path) -> None:
    """Write what is drawn in `picture` on a square of paper as a small PNG. One that fails is only missed."""
    image = None
    try:
        image = bpy.data.images.load(str(picture), check_existing=False)
        assert image.colorspace_settings
        image.colorspace_settings.name = "Non-Color"  # type: ignore[assignment]
        image.alpha_mode = "CHANNEL_PACKED"
        full = cast(Sequence[int], image.size)
        width, height = (max(1, round(side * _LOOK_PIXELS / max(full))) for side in full)
        image.scale(width, height)
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        png.write(target, _on_paper(pixels.reshape(height, width, 4)[::-1]))
    except (OSError, RuntimeError) as error:
        _log.warning("no thumbnail of %s: %s", picture, error)
    finally:
        if image:
            bpy.data.images.remove(image)


def _on_paper(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the square around what is drawn in (height, width, 4) RGBA 0..1, on paper: bytes of the same kind."""
    alpha = pixels[..., 3:]
    paper = np.concatenate([pixels[..., :3] * alpha + _PAPER * (1 - alpha), np.ones_like(alpha)], axis=2)
    rows, columns = (np.flatnonzero(alpha[..., 0].max(axis=axis) > 0.5) for axis in (1, 0))
    if not len(rows):
        rows, columns = (np.arange(size) for size in pixels.shape[:2])
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = int(max(longest * _MARGIN, _LEAST_SHARE * max(pixels.shape)))
    places = (np.arange(SIDE_PIXELS) + 0.5) * side / SIDE_PIXELS
    down, across = ((places + (spread[0] + spread[-1] + 1 - side) / 2).astype(int) for spread in (rows, columns))
    square = np.full((SIDE_PIXELS, SIDE_PIXELS, 4), (_PAPER, _PAPER, _PAPER, 1.0), np.float32)
    height, width = pixels.shape[:2]
    inside = np.ix_((down >= 0) & (down < height), (across >= 0) & (across < width))
    seen = paper[np.clip(down, 0, height - 1)][:, np.clip(across, 0, width - 1)]
    square[inside] = seen[inside]
    return np.rint(np.clip(square, 0, 1) * 255).astype(np.uint8)
