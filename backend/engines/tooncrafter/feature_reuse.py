"""Fewer turns of the U-Net's inner half: between them its last result is used again.

Ma et al. 2024, "DeepCache: Accelerating Diffusion Models for Free", arXiv 2312.00858: from one denoising step to
the next the deep features hardly change, while the outermost stages follow the latents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from einops import rearrange
from torch import Tensor

from .network import Context, UNet
from .network.transformers import SpatialTransformer
from .network.unet_blocks import Stage, sinusoidal_embedding


@dataclass
class _Kept:
    """The features that enter the outermost stages, and how many steps ago they were made."""

    features: Tensor
    age: int = 0


@dataclass
class ReusingUNet:
    """A U-Net that runs whole at every `every`-th call only, and else just its `outermost` stages.

    Called as the U-Net itself. Calls with different contexts, as the two halves of guidance, are kept apart.
    outermost: stages of the decoder that always run, with those of the encoder that feed them.
    """

    unet: UNet
    every: int
    outermost: int = 1
    _kept: dict[int, _Kept] = field(default_factory=dict)

    def __call__(
        self,
        latents: Tensor,
        timesteps: Tensor,
        context: Context,
        fps: Tensor,
        residuals: Sequence[Tensor] = (),
    ) -> Tensor:
        """See `UNet.forward`."""
        unet, frames = self.unet, latents.shape[2]
        embedding = _embedding(unet, timesteps, fps)
        contexts = _contexts_by_stage(unet, context)
        features = rearrange(latents.to(unet.dtype), "b c t h w -> (b t) c h w")
        kept = self._kept.get(id(context))
        if kept is None or kept.age + 1 >= self.every or kept.features.shape[0] != features.shape[0]:
            kept = None
        else:
            kept.age += 1

        def run(stage: Stage, features: Tensor) -> Tensor:
            output: Tensor = stage(features, embedding, iter(contexts[id(stage)]), frames)
            return output

        encoder = list(cast(Iterable[Stage], unet.input_blocks))
        decoder = list(cast(Iterable[Stage], unet.output_blocks))
        skips: list[Tensor] = []
        for stage in encoder[: self.outermost] if kept else encoder:
            features = run(stage, features)
            if not skips:
                features = run(unet.init_attn, features)
            skips.append(features)
        if residuals:
            skips = [skip + residual for skip, residual in zip(skips, residuals, strict=False)]
        if kept:
            features = kept.features
        else:
            features = run(unet.middle_block, features)
            if residuals:
                features = features + residuals[-1]
            for stage in decoder[: -self.outermost]:
                features = run(stage, torch.cat([features, skips.pop()], dim=1))
            self._kept[id(context)] = _Kept(features)
        for stage in decoder[-self.outermost :]:
            features = run(stage, torch.cat([features, skips.pop()], dim=1))
        velocity: Tensor = rearrange(unet.out(features), "(b t) c h w -> b c t h w", t=frames)
        return velocity


def _embedding(unet: UNet, timesteps: Tensor, fps: Tensor) -> Tensor:
    width = unet.sizes.model_channels
    of_time: Tensor = unet.time_embed(sinusoidal_embedding(timesteps, width).to(unet.dtype))
    of_motion: Tensor = unet.fps_embedding(sinusoidal_embedding(fps, width).to(unet.dtype))
    return of_time + of_motion


def _contexts_by_stage(unet: UNet, context: Context) -> dict[int, Context]:
    """Return, for each stage by identity, the part of the context that it takes, as `project_context` orders it."""
    remaining = iter(context)
    parts: dict[int, Context] = {}
    for stage in unet.modules():
        if isinstance(stage, Stage):
            count = sum(isinstance(module, SpatialTransformer) for module in stage)
            parts[id(stage)] = tuple(next(remaining) for _ in range(count))
    return parts
