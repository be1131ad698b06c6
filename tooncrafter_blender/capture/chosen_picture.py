"""A picture that somebody chose in Blender, whatever it was made of, as a key of a job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bpy
import numpy as np

from ...backend.errors import UserError
from . import png

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where an image's pixels are one picture that stays as it is.
_SINGLE = ("FILE", "GENERATED")


def refuse_what_is_no_picture(image: bpy.types.Image) -> None:
    """Raise UserError for an image without pixels, such as a file that is gone, and for sequences and movies."""
    if image.source not in _SINGLE:
        raise UserError(
            "picture-kind",
            f"“{image.name}” is no single picture.",
            "Choose a picture file, or an image that was painted in Blender.",
        )
    # Asking for the size has a file be read.
    if not all(cast(Sequence[int], image.size)):
        raise UserError(
            "picture-unreadable",
            f"The picture “{image.name}” is not there or cannot be read.",
            "Choose another, or bring its file back and reload it.",
        )


def write_chosen_picture(image: bpy.types.Image, size: tuple[int, int], path: Path) -> None:
    """Write an image as 8-bit PNG of `size` = (width, height), fitted whole into it with transparent margins.

    What was painted on it and not saved yet counts. Raises UserError, and OSError when the disk refuses.
    """
    refuse_what_is_no_picture(image)
    pixels = _premultiplied(image)
    height, width = pixels.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    if fitted != (width, height):
        pixels = _scaled(pixels, fitted)
    sheet = np.zeros((size[1], size[0], 4), np.float32)
    left, top = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
    sheet[top : top + fitted[1], left : left + fitted[0]] = pixels
    sheet[..., :3] /= np.maximum(sheet[..., 3:], 1e-6)
    png.write(path, np.rint(np.clip(sheet, 0, 1) * 255).astype(np.uint8))


def margins_of(image: bpy.types.Image, size: tuple[int, int]) -> str:
    """Say that the image gets margins in pictures of `size` = (width, height); "" if it does not."""
    width, height = cast(Sequence[int], image.size)
    scale = min(size[0] / width, size[1] / height)
    if abs(width * scale - size[0]) < 1 and abs(height * scale - size[1]) < 1:
        return ""
    return (
        f"“{image.name}” is {width} × {height} pixels; it was fitted into {size[0]} × {size[1]}, which the camera "
        "sees, with margins."
    )


def _premultiplied(image: bpy.types.Image) -> NDArray[np.float32]:
    """Return (height, width, 4) in 0..1, the top row first: sRGB-encoded, premultiplied."""
    width, height = cast(Sequence[int], image.size)
    raw = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(cast(Any, raw))
    channels = raw.reshape(height, width, -1)[::-1]
    colour, alpha = channels[..., :3], channels[..., 3:]
    if channels.shape[2] < 3:
        colour = np.repeat(channels[..., :1], 3, axis=2)
    if not alpha.size:
        alpha = np.ones_like(colour[..., :1])
    if image.is_float:  # linear and premultiplied; bytes are as in the file
        straight = np.clip(colour / np.maximum(alpha, 1e-6), 0, 1)
        colour = np.where(straight <= 0.0031308, straight * 12.92, 1.055 * straight ** (1 / 2.4) - 0.055)
    return np.concatenate([colour * alpha, alpha], axis=2).astype(np.float32)


def _scaled(pixels: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return pixels (height, width, 4) scaled to `size` = (width, height) by Blender."""
    height, width = pixels.shape[:2]
    sheet = bpy.data.images.new("in-between", width, height, alpha=True, float_buffer=True)
    try:
        sheet.pixels.foreach_set(cast(Any, np.ascontiguousarray(pixels).ravel()))
        sheet.scale(*size)
        scaled = np.empty(size[0] * size[1] * 4, np.float32)
        sheet.pixels.foreach_get(cast(Any, scaled))
    finally:
        bpy.data.images.remove(sheet)
    return scaled.reshape(size[1], size[0], 4)
