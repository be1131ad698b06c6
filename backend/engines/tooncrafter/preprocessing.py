"""From a person's pictures to what the network takes, number for number as the published application does."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

#: Mean and deviation of the pictures that OpenCLIP was trained on, red, green, blue in 0..1.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def model_range(pixels: NDArray[np.uint8]) -> Tensor:
    """(height, width, 3) in 0..255 -> float32 (3, height, width) in -1..1."""
    return (torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - 0.5) * 2


def line_range(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A drawing (height, width, 3), dark lines on light -> (height, width), 255 where there is a line.

    Grey weighs the colours as ITU-R BT.601 does, in integers of 15 bits.
    """
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    grey = (9798 * red + 19235 * green + 3735 * blue + (1 << 14)) >> 15
    return (255 - grey).astype(np.uint8)


def sketch_pixels(lines: NDArray[np.uint8], height: int, width: int) -> Tensor:
    """(any height, any width), 255 where there is a line -> float32 (1, height, width) in 0..1."""
    return fit(torch.from_numpy(lines)[None].float() / 255, height, width)


def fit(picture: Tensor, height: int, width: int, *, antialias: bool = True) -> Tensor:
    """Resize (channels, any height, any width), then cut or pad its centre.

    The short side becomes min(height, width); what the long side still lacks is filled with zeros.
    antialias: False for what the published application did with the libraries of its time.
    """
    size = _covering_size(picture.shape[1], picture.shape[2], min(height, width))
    if size != tuple(picture.shape[1:]):
        picture = functional.interpolate(
            picture[None], size, mode="bilinear", align_corners=False, antialias=antialias
        )[0]
    top, bottom = _padding(picture.shape[1], height)
    left, right = _padding(picture.shape[2], width)
    return functional.pad(picture, (left, right, top, bottom))


def fit_pixels(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """As `fit`, the published command line's way: for (any height, any width, 3) in 0..255, with Pillow's filter.

    What the long side lacks is filled with black.
    """
    new_height, new_width = _covering_size(pixels.shape[0], pixels.shape[1], min(height, width))
    resized = np.asarray(Image.fromarray(pixels).resize((new_width, new_height), Image.Resampling.BILINEAR))
    top, bottom = _padding(new_height, height)
    left, right = _padding(new_width, width)
    padded = np.pad(resized, [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)])
    return padded[max(-top, 0) :, max(-left, 0) :][:height, :width]


def _covering_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Return height and width with the aspect kept and that short side; the long one is rounded down."""
    if height <= width:
        return short_side, int(short_side * width / height)
    return int(short_side * height / width), short_side


def _padding(size: int, wanted: int) -> tuple[int, int]:
    """Return what to add before and after along one side, negative to cut, so that the centre stays."""
    if size < wanted:
        return (wanted - size) // 2, (wanted - size + 1) // 2
    cut = round((size - wanted) / 2)
    return -cut, -(size - wanted - cut)


def clip_pixels(picture: Tensor, size: int) -> Tensor:
    """Prepare a picture for the vision tower: (3, any height, any width) in -1..1 -> (3, size, size), normalised.

    The aspect is not kept. A picture larger than the result is blurred first, then resampled with a bicubic filter
    whose corners are aligned; overshoot is not clamped.
    """
    factors = (picture.shape[1] / size, picture.shape[2] / size)
    batch = picture[None]
    if max(factors) > 1:
        for axis, factor in enumerate(factors):
            batch = _blur(batch, sigma=max((factor - 1) / 2, 0.001), axis=axis)
    resized = functional.interpolate(batch, (size, size), mode="bicubic", align_corners=True)[0]
    mean, deviation = (
        torch.tensor(values, device=picture.device)[:, None, None] for values in (CLIP_MEAN, CLIP_DEVIATION)
    )
    return ((resized + 1) / 2 - mean) / deviation


def _blur(batch: Tensor, *, sigma: float, axis: int) -> Tensor:
    """Blur (1, channels, height, width) along height (axis 0) or width (1); borders are mirrored.

    sigma: the Gaussian's deviation in pixels; the kernel spans four of them, at least three pixels, an odd number.
    """
    length = int(max(4 * sigma, 3)) | 1
    offsets = torch.arange(length, dtype=torch.float32, device=batch.device) - length // 2
    kernel = torch.exp(-offsets.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    margin = length // 2
    channels = batch.shape[1]
    if axis == 0:
        padded = functional.pad(batch, (0, 0, margin, margin), mode="reflect")
        return functional.conv2d(padded, kernel.reshape(1, 1, -1, 1).expand(channels, -1, -1, -1), groups=channels)
    padded = functional.pad(batch, (margin, margin, 0, 0), mode="reflect")
    return functional.conv2d(padded, kernel.reshape(1, 1, 1, -1).expand(channels, -1, -1, -1), groups=channels)
