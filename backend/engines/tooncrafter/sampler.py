"""Sampling: from pure noise to clean latents, as pure functions.

The model is a callable, random numbers come from a callable, and nothing here knows of modules or devices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .schedule import (
    NoiseSchedule,
    clean_from_velocity,
    noise_from_velocity,
    trailing_timesteps,
    uniform_timesteps,
)

Spacing = Literal["uniform", "uniform_trailing"]

#: Returns standard normal float32 noise of a shape.
Draw = Callable[[tuple[int, ...]], Tensor]

#: (noisy latents, timestep) -> velocity, float32, guidance included.
PredictVelocity = Callable[[Tensor, int], Tensor]

#: Called after each step with the number of steps done, the latents, and the clean latents predicted; may raise.
OnStep = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class DdimStep:
    """One step's coefficients, each a float32 scalar tensor.

    timestep: where the step starts. signal, noise: the schedule's factors there. rescale: factor of the predicted
    clean latent. clean, direction, fresh: shares of the clean latent, of the predicted noise and of fresh noise in
    the result.
    """

    timestep: int
    signal: Tensor
    noise: Tensor
    rescale: Tensor
    clean: Tensor
    direction: Tensor
    fresh: Tensor


def ddim_steps(schedule: NoiseSchedule, timesteps: list[int], eta: float) -> list[DdimStep]:
    """Return the steps of a DDIM run in the order of their execution, noisiest first.

    timesteps: ascending. eta: 0 for a deterministic run, 1 for as much fresh noise as the diffusion itself adds
    (Song et al. 2021, arXiv 2010.02502, equation 16).

    The last step ends at timestep 0, not at a clean latent, and like the others adds fresh noise unless eta is 0.
    The coefficients round as the published sampler's do: near pure noise the share of the predicted noise is a
    difference of nearly equal float32 numbers. Where that difference comes out negative, which gives NaN there, it
    is 0 here.
    """
    at = torch.tensor(timesteps)
    after = torch.tensor([0, *timesteps[:-1]])
    alphas = schedule.alphas_cumprod[at]
    alphas_after = schedule.alphas_cumprod[after]
    sigmas = _fresh_noise(alphas, alphas_after, eta).float()
    directions = (1 - alphas_after - sigmas.square()).clamp(min=0).sqrt()
    scales = schedule.scale[at]
    rescales = torch.cat([scales[:1], scales[:-1]]) / scales
    return [
        DdimStep(
            timestep=timesteps[index],
            signal=schedule.signal[timesteps[index]],
            noise=schedule.noise[timesteps[index]],
            rescale=rescales[index],
            clean=alphas_after[index].sqrt(),
            direction=directions[index],
            fresh=sigmas[index],
        )
        for index in reversed(range(len(timesteps)))
    ]


def _fresh_noise(alphas: Tensor, alphas_after: Tensor, eta: float) -> Tensor:
    """Return each step's share of fresh noise, float64."""
    remaining_noise = (1 - alphas).double()
    alphas, alphas_after = alphas.double(), alphas_after.double()
    return eta * ((1 - alphas_after) / remaining_noise * (1 - alphas / alphas_after)).clamp(min=0).sqrt()


def spaced_timesteps(steps: int, timesteps: int, spacing: Spacing) -> list[int]:
    """Return about `steps` of the schedule's timesteps, ascending, spaced as `spacing` says."""
    if spacing == "uniform_trailing":
        return trailing_timesteps(steps, timesteps)
    return uniform_timesteps(steps, timesteps)


def ddim_step(latents: Tensor, velocity: Tensor, step: DdimStep, fresh_noise: Tensor) -> tuple[Tensor, Tensor]:
    """Take one step; all tensors of one shape. Returns the next latents and the clean latents predicted now."""
    on_device = latents.device
    signal, noise = step.signal.to(on_device), step.noise.to(on_device)
    clean = clean_from_velocity(latents, velocity, signal, noise) * step.rescale.to(on_device)
    predicted_noise = noise_from_velocity(latents, velocity, signal, noise)
    following = (
        step.clean.to(on_device) * clean
        + step.direction.to(on_device) * predicted_noise
        + step.fresh.to(on_device) * fresh_noise
    )
    return following, clean


def guide(conditional: Tensor, unconditional: Tensor, scale: float, rescale: float) -> Tensor:
    """Exaggerate what the condition changes (Ho and Salimans 2022, arXiv 2207.12598).

    conditional, unconditional: velocities of one shape. scale: 1 for the conditional one itself. rescale: 0..1, how
    much of the contrast that guidance adds to take away again (see `rescale_guided`).
    """
    guided = unconditional + scale * (conditional - unconditional)
    return rescale_guided(guided, conditional, rescale) if rescale > 0 else guided


def rescale_guided(guided: Tensor, conditional: Tensor, rescale: float) -> Tensor:
    """Bring each sample's deviation back towards that of the conditional velocity.

    guided, conditional: (batch, …). Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are
    Flawed", equations 15 and 16.
    """
    axes = tuple(range(1, guided.ndim))
    contrast = conditional.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
    return rescale * (guided * contrast) + (1 - rescale) * guided


def sample(
    predict: PredictVelocity,
    noise: Tensor,
    steps: list[DdimStep],
    draw: Draw,
    on_step: OnStep | None = None,
) -> Tensor:
    """Run the steps from pure noise (batch, channels, frames, height, width) and return the last latents.

    draw: fresh noise, drawn at every step, also where its share is zero. on_step may raise to stop the run.
    """
    latents = noise
    for done, step in enumerate(steps, start=1):
        velocity = predict(latents, step.timestep)
        fresh_noise = draw(tuple(latents.shape)).to(latents.device)
        latents, clean = ddim_step(latents, velocity, step, fresh_noise)
        if on_step is not None:
            on_step(done, latents, clean)
    return latents
