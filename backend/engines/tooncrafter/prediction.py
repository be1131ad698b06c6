"""One guided prediction of the U-Net: both halves of guidance at once or in turn, with or without a sketch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .network import Context, SketchEncoder
from .network.attention import ContextKeysValues, KeysValues
from .sampler import PredictVelocity, guide


class Predict(Protocol):
    """The U-Net as it is called (`UNet.forward`): itself, compiled, or a `feature_reuse.ReusingUNet`."""

    def __call__(
        self,
        latents: Tensor,
        timesteps: Tensor,
        context: Context,
        fps: Tensor,
        residuals: Sequence[Tensor] = (),
    ) -> Tensor:
        """Return the velocity."""


@dataclass(frozen=True)
class Sketches:
    """The guides of a run, and only the frames that have one.

    The sketch encoder sees each frame alone, so the frames without a guide need not go through it.

    hint: features of the guided frames' drawings (`SketchEncoder.encode_hint`). guided: their numbers, int64
    (guided frames,). strength: 0..1. conditional, unconditional: see `SketchEncoder.project_context`. leads: the
    timesteps at which they lead.
    """

    encoder: SketchEncoder
    hint: Tensor
    guided: Tensor
    strength: float
    conditional: Context
    unconditional: Context | None
    leads: range

    def residuals(self, latents: Tensor, timesteps: Tensor, context: Context) -> list[Tensor]:
        """Return the residuals for all frames: zero where there is no guide."""
        batch, _, frames = latents.shape[:3]
        hint = torch.cat([self.hint] * batch)
        rows = torch.cat([self.guided + frames * index for index in range(batch)])
        spread = []
        for part in self.encoder(latents[:, :, self.guided], hint, timesteps, context):
            of_all = part.new_zeros(batch * frames, *part.shape[1:])
            of_all[rows] = part * self.strength
            spread.append(of_all)
        return spread


@dataclass(frozen=True)
class Guidance:
    """How strongly the condition is exaggerated (`sampler.guide`), and down to which timestep.

    together: run both halves as one batch, which needs more memory and is faster on a graphics card.
    """

    scale: float
    rescale: float
    above: int = 0
    together: bool = False


@dataclass(frozen=True)
class Told:
    """What the U-Net is told at every step.

    key_frames: see `pipeline.key_frame_latents`. fps: frames per second; smaller for larger motion. conditional,
    unconditional: see `UNet.project_context`; the second is None where guidance is 1.
    """

    key_frames: Tensor
    fps: int
    conditional: Context
    unconditional: Context | None
    sketches: Sketches | None = None


def guided_velocity(unet: Predict, told: Told, guidance: Guidance) -> PredictVelocity:
    """Return the model as the samplers want it: latents and timestep in, guided float32 velocity out."""
    sketches = told.sketches
    both: Context | None = None
    both_sketches: Context | None = None
    if told.unconditional is not None and guidance.together:
        both = side_by_side(told.conditional, told.unconditional)
        if sketches and sketches.unconditional is not None:
            both_sketches = side_by_side(sketches.conditional, sketches.unconditional)

    def half(latents: Tensor, timestep: int, context: Context, of_sketches: Context | None) -> Tensor:
        batch = latents.shape[0]
        timesteps = torch.full((batch,), timestep, device=latents.device)
        fps = torch.full((batch,), told.fps, device=latents.device)
        residuals: Sequence[Tensor] = ()
        if sketches and of_sketches is not None and timestep in sketches.leads:
            residuals = sketches.residuals(latents, timesteps, of_sketches)
        key_frames = told.key_frames.expand(batch, -1, -1, -1, -1)
        return unet(torch.cat([latents, key_frames], dim=1), timesteps, context, fps, residuals).float()

    def predict(latents: Tensor, timestep: int) -> Tensor:
        if told.unconditional is None or timestep < guidance.above:
            return half(latents, timestep, told.conditional, sketches.conditional if sketches else None)
        if both is not None:
            conditional, unconditional = half(torch.cat([latents, latents]), timestep, both, both_sketches).chunk(2)
        else:
            conditional = half(latents, timestep, told.conditional, sketches.conditional if sketches else None)
            unconditional = half(
                latents, timestep, told.unconditional, sketches.unconditional if sketches else None
            )
        return guide(conditional, unconditional, guidance.scale, guidance.rescale)

    return predict


def side_by_side(first: Context, second: Context) -> Context:
    """Join two contexts along the batch."""

    def join(one: KeysValues, other: KeysValues) -> KeysValues:
        return KeysValues(torch.cat([one.keys, other.keys]), torch.cat([one.values, other.values]))

    def join_both(one: ContextKeysValues, other: ContextKeysValues) -> ContextKeysValues:
        image = join(one.image, other.image) if one.image and other.image else None
        return ContextKeysValues(join(one.text, other.text), image)

    return tuple(
        tuple(join_both(one, other) for one, other in zip(blocks, other_blocks, strict=True))
        for blocks, other_blocks in zip(first, second, strict=True)
    )
