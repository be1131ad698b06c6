"""Convolutions that U-Net and decoder share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class AcrossFrames(nn.Conv3d):
    """A convolution over three frames at each place.

    The weight is stored as that of a 3D convolution. It runs as a 2D one over frames and places, which torch has a
    faster kernel for.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channels, frames, height, width) -> the same shape."""
        places = input.flatten(3)
        convolved = functional.conv2d(places, self.weight.squeeze(-1), self.bias, padding=(1, 0))
        return convolved.reshape(input.shape)


class Upsample(nn.Module):
    """Double height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(rows, channels, height, width) -> (rows, channels, 2 * height, 2 * width)."""
        output: Tensor = self.conv(functional.interpolate(features, scale_factor=2, mode="nearest"))
        return output
