"""Norms whose statistics are float32 whatever the precision of the weights.

On CUDA torch's own kernels keep them so for numbers in half precision. Elsewhere the numbers are made float32
first, which costs three times the memory traffic.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..configuration import NORM_GROUPS

#: Makes the numbers float32 on CUDA too: a switch of the benchmark.
PRECISE = False


class GroupNorm(nn.GroupNorm):
    """Group norm over groups of channels; any number of axes after (batch, channels)."""

    def __init__(self, channels: int, eps: float = 1e-5, groups: int = NORM_GROUPS) -> None:
        super().__init__(groups, channels, eps=eps)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (batch, channels, …); keeps shape and dtype."""
        if input.is_cuda and not PRECISE:
            return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        return functional.group_norm(
            input.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps
        ).to(input.dtype)


class ClipGroupNorm(nn.GroupNorm):
    """Group norm of a whole clip (frames, channels, height, width): the statistics span all frames.

    It comes as a scale and a shift, so that a caller can apply it to a part of the clip.
    """

    def __init__(self, channels: int, eps: float = 1e-5, groups: int = NORM_GROUPS) -> None:
        super().__init__(groups, channels, eps=eps)

    def scale_and_shift(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Return float32 (channels, 1, 1) each; the normalised clip is `clip * scale + shift`.

        Frames count equally, so the clip's variance is the mean of the frames' variances plus the variance of
        their means; only one frame at a time exists in float32.
        """
        mean_of_frame, variance_of_frame = (
            torch.stack(parts)
            for parts in zip(*(_frame_statistics(frame, self.num_groups) for frame in clip), strict=True)
        )
        mean = mean_of_frame.mean(dim=0)
        variance = (variance_of_frame + (mean_of_frame - mean).square()).mean(dim=0)
        members = self.num_channels // self.num_groups
        spread = torch.rsqrt(variance + self.eps).repeat_interleave(members)
        scale = self.weight.float() * spread
        shift = self.bias.float() - mean.repeat_interleave(members) * scale
        return scale[:, None, None], shift[:, None, None]


def _frame_statistics(frame: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Return the mean and the biased variance of each group of a frame (channels, height, width)."""
    grouped = rearrange(frame, "(g c) h w -> g (c h w)", g=groups).float()
    mean = grouped.mean(dim=1)
    return mean, (grouped - mean[:, None]).square().mean(dim=1)


class LayerNorm(nn.LayerNorm):
    """Layer norm over the last axis."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (…, width); keeps shape and dtype."""
        if input.is_cuda and not PRECISE:
            return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)
        return functional.layer_norm(
            input.float(), self.normalized_shape, self.weight.float(), self.bias.float(), self.eps
        ).to(input.dtype)
