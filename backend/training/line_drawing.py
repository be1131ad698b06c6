"""Sketches from finished pictures: the lines that a person would have drawn first."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

#: Deviations in pixels of the two Gaussians at 320 rows, of which a line of two pixels is the difference.
_FINE, _COARSE = 1.0, 3.0
_ROWS = 320
#: Differences, of 1 between black and white, where a line begins to show and where it is at its darkest.
_FAINT, _FULL = 0.04, 0.16


def sketch_of(pictures: Tensor) -> Tensor:
    """Return the pictures' lines, (…, 3, height, width) in -1..1 -> (…, 1, height, width), 0..1, 1 is a line.

    A difference of Gaussians finds what is darker than its surroundings (Winnemöller et al. 2012, "XDoG"), which
    ink is; the steepest gradient of the three colour channels finds the borders of areas without ink. The stronger
    of both counts. At small sizes the Gaussians shrink along.
    """
    shape = pictures.shape
    flat = (pictures.reshape(-1, 3, *shape[-2:]).float() + 1) / 2
    scale = shape[-2] / _ROWS
    fine, coarse = (_blur(flat, max(deviation * scale, low)) for deviation, low in ((_FINE, 0.3), (_COARSE, 1.2)))
    grey = torch.tensor([0.299, 0.587, 0.114], device=flat.device)[:, None, None]
    ink = ((coarse - fine) * grey).sum(dim=1, keepdim=True)
    edges = _steepness(fine).amax(dim=1, keepdim=True) * 0.5
    lines = torch.maximum(_ramp(ink), _ramp(edges))
    return lines.reshape(*shape[:-3], 1, *shape[-2:])


def _ramp(values: Tensor) -> Tensor:
    return ((values - _FAINT) / (_FULL - _FAINT)).clamp(0, 1)


def _steepness(pictures: Tensor) -> Tensor:
    """Return the length of the gradient where it is longest across its own direction, thinned to a ridge."""
    padded = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    length = torch.hypot(across, down)
    ridge_x = functional.max_pool2d(length, (1, 3), 1, (0, 1)) == length
    ridge_y = functional.max_pool2d(length, (3, 1), 1, (1, 0)) == length
    return length * torch.where(across.abs() > down.abs(), ridge_x, ridge_y)


def _blur(pictures: Tensor, deviation: float) -> Tensor:
    radius = max(1, int(3 * deviation + 0.5))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=pictures.device)
    kernel = torch.exp(-offsets.square() / (2 * deviation**2))
    kernel = kernel / kernel.sum()
    padded = functional.pad(pictures, (radius,) * 4, mode="replicate")
    channels = pictures.shape[1]
    rows = functional.conv2d(padded, kernel.reshape(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
    return functional.conv2d(rows, kernel.reshape(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)
