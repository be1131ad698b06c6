"""The 3D U-Net: noisy latents of a clip in, the velocity that removes the noise out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from ..configuration import UNetConfiguration
from .convolution import Upsample
from .normalisation import GroupNorm
from .transformers import PointwiseConvolution, TemporalTransformer
from .unet_blocks import (
    Context,
    Stage,
    StageBuilder,
    embedding_layers,
    project_context,
    sinusoidal_embedding,
)


class UNet(nn.Module):
    """The 3D U-Net of ToonCrafter (Xing et al. 2024, arXiv 2405.17933; DynamiCrafter, arXiv 2310.12190)."""

    def __init__(self, sizes: UNetConfiguration) -> None:
        super().__init__()
        self.sizes = sizes
        build = StageBuilder(sizes, sizes.dropout, temporal=True)
        channels = sizes.model_channels
        self.time_embed = embedding_layers(channels, build.embedding_width)
        self.fps_embedding = embedding_layers(channels, build.embedding_width)
        self.input_blocks, skip_channels = build.encoder()
        self.init_attn = Stage(
            [
                TemporalTransformer(
                    channels,
                    sizes.initial_attention_heads,
                    sizes.num_head_channels,
                    sizes.transformer_depth,
                    projection=PointwiseConvolution,
                )
            ]
        )
        channels = skip_channels[-1]
        self.middle_block = build.middle(channels)

        stages = []
        for level in reversed(range(len(sizes.channel_mult))):
            output_channels = sizes.channel_mult[level] * sizes.model_channels
            for index in range(sizes.num_res_blocks + 1):
                layers: list[nn.Module] = [
                    build.residual(channels + skip_channels.pop(), output_channels),
                    *build.at_factor(output_channels, 2**level),
                ]
                channels = output_channels
                if level and index == sizes.num_res_blocks:
                    layers.append(Upsample(channels))
                stages.append(Stage(layers))
        self.output_blocks = nn.ModuleList(stages)
        self.out = nn.Sequential(
            GroupNorm(channels), nn.SiLU(), nn.Conv2d(channels, sizes.out_channels, 3, padding=1)
        )

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return next(self.parameters()).dtype

    def project_context(self, tokens: Tensor, frames: int) -> Context:
        """Return every cross attention's keys and values of the context; they are the same at every timestep.

        tokens: (batch, text tokens + image tokens, context width). Exactly `image_tokens_per_frame` image tokens
        for each frame means that each frame sees only its own, in order; any other number, that every frame sees
        all of them.
        """
        tokens = tokens.to(self.dtype)
        text, image = tokens[:, : self.sizes.text_tokens], tokens[:, self.sizes.text_tokens :]
        if image.shape[1] == frames * self.sizes.image_tokens_per_frame:
            image = rearrange(image, "b (t n) c -> (b t) n c", t=frames)
        return project_context(self, text, image)

    def forward(
        self,
        latents: Tensor,
        timesteps: Tensor,
        context: Context,
        fps: Tensor | None = None,
        residuals: Sequence[Tensor] = (),
    ) -> Tensor:
        """Predict the velocity v (Salimans and Ho 2022, arXiv 2202.00512).

        latents: (batch, in_channels, frames, height, width), the noisy latents beside the key frames' latents.
        timesteps: (batch,). context: see `project_context`. fps: (batch,) frames per second, smaller for larger
        motion; None for the default. residuals: the sketch encoder's outputs, already scaled, one for each stage of
        the encoder and one for the middle; none without a sketch.
        Returns (batch, out_channels, frames, height, width) in the precision of the weights.
        """
        frames = latents.shape[2]
        dtype = self.dtype
        width = self.sizes.model_channels
        if fps is None:
            fps = torch.full_like(timesteps, self.sizes.default_fs)
        embedding = self.time_embed(sinusoidal_embedding(timesteps, width).to(dtype)) + self.fps_embedding(
            sinusoidal_embedding(fps, width).to(dtype)
        )
        remaining_context = iter(context)
        features = rearrange(latents.to(dtype), "b c t h w -> (b t) c h w")
        skips: list[Tensor] = []
        for stage in self.input_blocks:
            features = stage(features, embedding, remaining_context, frames)
            if not skips:
                features = self.init_attn(features, embedding, remaining_context, frames)
            skips.append(features)
        features = self.middle_block(features, embedding, remaining_context, frames)
        if residuals:
            *skip_residuals, middle_residual = residuals
            features = features + middle_residual
            skips = [skip + residual for skip, residual in zip(skips, skip_residuals, strict=True)]
        for stage in self.output_blocks:
            features = stage(torch.cat([features, skips.pop()], dim=1), embedding, remaining_context, frames)
        velocity: Tensor = rearrange(self.out(features), "(b t) c h w -> b c t h w", t=frames)
        return velocity
