"""The sketch encoder: line drawings in, residuals for the U-Net out."""

from __future__ import annotations

import itertools

import torch
from einops import rearrange
from torch import Tensor, nn

from ..configuration import SketchEncoderConfiguration
from .unet_blocks import Context, StageBuilder, embedding_layers, project_context, sinusoidal_embedding

#: Channels of the layers that lead from the drawing to the first stage; the resolution halves at each change.
HINT_CHANNELS = (16, 32, 96, 256)


def _hint_layers(hint_channels: int, output_channels: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(hint_channels, HINT_CHANNELS[0], 3, padding=1), nn.SiLU()]
    for channels, next_channels in itertools.pairwise(HINT_CHANNELS):
        layers += [
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, next_channels, 3, stride=2, padding=1),
            nn.SiLU(),
        ]
    return nn.Sequential(*layers, nn.Conv2d(HINT_CHANNELS[-1], output_channels, 3, padding=1))


class SketchEncoder(nn.Module):
    """A control network (Zhang et al. 2023, arXiv 2302.05543) that sees each frame alone."""

    def __init__(self, sizes: SketchEncoderConfiguration) -> None:
        super().__init__()
        self.sizes = sizes
        build = StageBuilder(sizes, dropout=0.0, temporal=False)
        self.time_embed = embedding_layers(sizes.model_channels, build.embedding_width)
        self.input_blocks, channels = build.encoder()
        self.zero_convs = nn.ModuleList(nn.Sequential(nn.Conv2d(width, width, 1)) for width in channels)
        self.input_hint_block = _hint_layers(sizes.hint_channels, sizes.model_channels)
        self.middle_block = build.middle(channels[-1])
        self.middle_block_out = nn.Sequential(nn.Conv2d(channels[-1], channels[-1], 1))

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return next(self.parameters()).dtype

    def encode_hint(self, sketches: Tensor) -> Tensor:
        """Return the drawings' features, the same at every timestep.

        sketches: (batch, hint channels, frames, 8 * height, 8 * width) in 0..1, 1 where there is a line.
        Returns (batch * frames, model channels, height, width).
        """
        rows = rearrange(sketches, "b c t h w -> (b t) c h w")
        hint: Tensor = self.input_hint_block(rows.to(self.dtype))
        return hint

    def project_context(self, tokens: Tensor) -> Context:
        """Return every cross attention's keys and values of (batch, tokens, context width).

        Each frame sees all tokens, text and image alike.
        """
        return project_context(self, tokens.to(self.dtype))

    def forward(self, latents: Tensor, hint: Tensor, timesteps: Tensor, context: Context) -> list[Tensor]:
        """Return the residuals: one for each stage of the U-Net's encoder, then one for its middle.

        latents: (batch, 4, frames, height, width), the noisy latents alone. hint: see `encode_hint`.
        timesteps: (batch,). Each residual is (batch * frames, channels, height, width).
        """
        frames = latents.shape[2]
        embedding = self.time_embed(sinusoidal_embedding(timesteps, self.sizes.model_channels).to(hint.dtype))
        remaining_context = iter(context)
        features = rearrange(latents.to(hint.dtype), "b c t h w -> (b t) c h w")
        residuals = []
        for index, (stage, zero_convolution) in enumerate(zip(self.input_blocks, self.zero_convs, strict=True)):
            features = stage(features, embedding, remaining_context, frames)
            if index == 0:
                features = features + hint
            residuals.append(zero_convolution(features))
        features = self.middle_block(features, embedding, remaining_context, frames)
        residuals.append(self.middle_block_out(features))
        return residuals
