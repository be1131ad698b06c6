"""The loss of the diffusion model: how well it tells the velocity of noised latents."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from ..engines.tooncrafter.schedule import NoiseSchedule, velocity_from_clean
from .draws import Draws


@dataclass(frozen=True)
class Noised:
    """Noisy latents and the velocity to be told, (batch, channels, frames, height, width); timesteps (batch,)."""

    latents: Tensor
    velocity: Tensor
    timesteps: Tensor


def add_noise(clean: Tensor, schedule: NoiseSchedule, draws: Draws) -> Noised:
    """Noise clean latents at a random timestep for each sample, any of the schedule's with equal probability.

    With dynamic rescale x = scale(t) * clean: latents = signal(t) * x + noise(t) * e, velocity =
    signal(t) * e - noise(t) * x (Salimans and Ho 2022, arXiv 2202.00512).
    """
    timesteps = draws.integers(len(schedule.signal), clean.shape[0])
    noise = draws.normal(clean.shape).to(clean.device)
    signal, share, scale = (
        table[timesteps].to(clean.device).reshape(-1, 1, 1, 1, 1)
        for table in (schedule.signal, schedule.noise, schedule.scale)
    )
    scaled = clean * scale
    return Noised(
        latents=signal * scaled + share * noise,
        velocity=velocity_from_clean(scaled, noise, signal, share),
        timesteps=timesteps.to(clean.device),
    )


def velocity_loss(predicted: Tensor, noised: Noised) -> Tensor:
    """Return the mean squared error of the velocity; all timesteps count the same."""
    return functional.mse_loss(predicted.float(), noised.velocity)
