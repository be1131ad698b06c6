"""What the U-Net and the sketch encoder are built of, and the encoder half that both share."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from ..configuration import SketchEncoderConfiguration, UNetConfiguration
from .attention import ContextKeysValues
from .convolution import AcrossFrames
from .normalisation import GroupNorm
from .transformers import SpatialTransformer, TemporalTransformer

#: The keys and values of one `SpatialTransformer` after the other, in the order in which they run.
Context = tuple[tuple[ContextKeysValues, ...], ...]


def sinusoidal_embedding(numbers: Tensor, width: int) -> Tensor:
    """Embed numbers (batch,) as float32 (batch, width): cosines, then sines, of falling frequency.

    Ho et al. 2020, "Denoising Diffusion Probabilistic Models", after Vaswani et al. 2017; longest period 10,000.
    """
    half = width // 2
    indices = torch.arange(half, dtype=torch.float32, device=numbers.device)
    angles = numbers.float()[:, None] * torch.exp(-math.log(10_000) * indices / half)
    return functional.pad(torch.cat([angles.cos(), angles.sin()], dim=1), (0, width % 2))


def embedding_layers(width: int, output_width: int) -> nn.Sequential:
    """The two layers that follow a sinusoidal embedding."""
    return nn.Sequential(nn.Linear(width, output_width), nn.SiLU(), nn.Linear(output_width, output_width))


class TemporalConvolution(nn.Module):
    """Four convolutions over the frames, added to their input."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()

        def convolution(*before: nn.Module) -> nn.Sequential:
            return nn.Sequential(GroupNorm(channels), nn.SiLU(), *before, AcrossFrames(channels))

        self.conv1 = convolution()
        self.conv2 = convolution(nn.Dropout(dropout))
        self.conv3 = convolution(nn.Dropout(dropout))
        self.conv4 = convolution(nn.Dropout(dropout))

    def forward(self, clip: Tensor) -> Tensor:
        """(batch, channels, frames, height, width) -> the same shape."""
        hidden = clip
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            hidden = convolution(hidden)
        return clip + hidden


class ResBlock(nn.Module):
    """Two convolutions in each frame with the timestep's embedding between, then convolutions over the frames."""

    def __init__(
        self, channels: int, output_channels: int, embedding_width: int, dropout: float, *, temporal: bool
    ) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            GroupNorm(channels), nn.SiLU(), nn.Conv2d(channels, output_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding_width, output_channels))
        self.out_layers = nn.Sequential(
            GroupNorm(output_channels),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Conv2d(output_channels, output_channels, 3, padding=1),
        )
        self.skip_connection = (
            nn.Identity() if channels == output_channels else nn.Conv2d(channels, output_channels, 1)
        )
        # The published checkpoints spell it so.
        self.temopral_conv = TemporalConvolution(output_channels, dropout) if temporal else None

    def forward(self, features: Tensor, embedding: Tensor, frames: int) -> Tensor:
        """(batch * frames, channels, height, width) and (batch, embedding width) -> (…, output channels, …)."""
        shift = self.emb_layers(embedding).repeat_interleave(frames, dim=0)
        hidden = self.out_layers(self.in_layers(features) + shift[:, :, None, None])
        output: Tensor = self.skip_connection(features) + hidden
        if self.temopral_conv is None:
            return output
        clip: Tensor = self.temopral_conv(rearrange(output, "(b t) c h w -> b c t h w", t=frames))
        return rearrange(clip, "b c t h w -> (b t) c h w")


class Downsample(nn.Module):
    """Halve height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(rows, channels, height, width) -> (rows, channels, height / 2, width / 2), rounded up."""
        output: Tensor = self.op(features)
        return output


class Stage(nn.ModuleList):
    """Layers that run one after the other, each given what its kind needs."""

    def forward(
        self, features: Tensor, embedding: Tensor, context: Iterator[tuple[ContextKeysValues, ...]], frames: int
    ) -> Tensor:
        """(batch * frames, channels, height, width) in and out; takes as much of `context` as it needs."""
        for layer in self:
            match layer:
                case ResBlock():
                    features = layer(features, embedding, frames)
                case SpatialTransformer():
                    features = layer(features, next(context))
                case TemporalTransformer():
                    features = layer(features, frames)
                case _:
                    features = layer(features)
        return features


class StageBuilder:
    """Makes the stages of a network of the given sizes; `temporal` networks also look across frames."""

    def __init__(
        self, sizes: UNetConfiguration | SketchEncoderConfiguration, dropout: float, *, temporal: bool
    ) -> None:
        self.sizes = sizes
        self.dropout = dropout
        self.temporal = temporal
        self.embedding_width = 4 * sizes.model_channels

    def residual(self, channels: int, output_channels: int) -> ResBlock:
        """A `ResBlock` of this network."""
        return ResBlock(channels, output_channels, self.embedding_width, self.dropout, temporal=self.temporal)

    def transformers(self, channels: int) -> list[nn.Module]:
        """The transformers that follow a `ResBlock` where there is attention."""
        sizes = self.sizes
        spatial = SpatialTransformer(
            channels,
            sizes.context_dim,
            sizes.num_head_channels,
            sizes.transformer_depth,
            image_attention=self.temporal,
        )
        if not self.temporal:
            return [spatial]
        heads = channels // sizes.num_head_channels
        return [
            spatial,
            TemporalTransformer(channels, heads, sizes.num_head_channels, sizes.transformer_depth),
        ]

    def at_factor(self, channels: int, factor: int) -> list[nn.Module]:
        """The transformers at that downsampling factor: none where the network has no attention."""
        return self.transformers(channels) if factor in self.sizes.attention_resolutions else []

    def encoder(self) -> tuple[nn.ModuleList, list[int]]:
        """Return the encoder half and the channels of each of its stages."""
        sizes = self.sizes
        channels = sizes.model_channels
        stages = [Stage([nn.Conv2d(sizes.in_channels, channels, 3, padding=1)])]
        widths = [channels]
        for level, multiplier in enumerate(sizes.channel_mult):
            if level:
                stages.append(Stage([Downsample(channels)]))
                widths.append(channels)
            for _ in range(sizes.num_res_blocks):
                output_channels = multiplier * sizes.model_channels
                stages.append(
                    Stage([self.residual(channels, output_channels), *self.at_factor(output_channels, 2**level)])
                )
                channels = output_channels
                widths.append(channels)
        return nn.ModuleList(stages), widths

    def middle(self, channels: int) -> Stage:
        """The stage between encoder and decoder, which always has attention."""
        return Stage(
            [self.residual(channels, channels), *self.transformers(channels), self.residual(channels, channels)]
        )


def project_context(network: nn.Module, text: Tensor, image: Tensor | None = None) -> Context:
    """Return the keys and values of every `SpatialTransformer` of the network, in the order in which they run."""
    return tuple(
        module.project_context(text, image)
        for module in network.modules()
        if isinstance(module, SpatialTransformer)
    )
