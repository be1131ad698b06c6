"""The noise schedule: how much of a latent is picture and how much is noise at each timestep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .configuration import ScheduleConfiguration


@dataclass(frozen=True)
class NoiseSchedule:
    """Tables over the timesteps, float32 (timesteps,) each; timestep 0 is nearly clean, the last is pure noise.

    alphas_cumprod: share of the picture in the variance. signal, noise: its root and the root of the rest, the
    factors of picture and noise in a noisy latent. scale: dynamic rescale, the factor of the clean latent.
    """

    alphas_cumprod: Tensor
    signal: Tensor
    noise: Tensor
    scale: Tensor


def scaled_linear_betas(timesteps: int, start: float, end: float) -> Tensor:
    """Return betas (timesteps,), float64, whose roots rise evenly (Rombach et al. 2022, arXiv 2112.10752)."""
    return torch.linspace(start**0.5, end**0.5, timesteps, dtype=torch.float64).square()


def rescale_zero_terminal_snr(betas: Tensor) -> Tensor:
    """Shift a noise schedule so that its last step is pure noise.

    betas: (timesteps,) in (0, 1). Returns the rescaled betas, same shape; the last is 1.
    Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1.
    """
    signal = torch.cumprod(1 - betas, dim=0).sqrt()
    first, last = signal[0].clone(), signal[-1].clone()
    signal = (signal - last) * first / (first - last)
    alphas_cumprod = signal.square()
    alphas = torch.cat([alphas_cumprod[:1], alphas_cumprod[1:] / alphas_cumprod[:-1]])
    return 1 - alphas


def dynamic_rescale(base_scale: float, turning_step: int, timesteps: int) -> Tensor:
    """Return the published table of clean latents' factors: float32 (turning_step + timesteps,).

    It falls evenly from 1 to base_scale over turning_step entries and stays there; only the first `timesteps`
    entries are ever used. DynamiCrafter, arXiv 2310.12190.
    """
    falling = torch.linspace(1, base_scale, turning_step, dtype=torch.float64)
    return torch.cat([falling, torch.full((timesteps,), base_scale, dtype=torch.float64)]).float()


def noise_schedule(sizes: ScheduleConfiguration) -> NoiseSchedule:
    """Return the model's schedule."""
    betas = rescale_zero_terminal_snr(scaled_linear_betas(sizes.timesteps, sizes.linear_start, sizes.linear_end))
    alphas_cumprod = torch.cumprod(1 - betas, dim=0)
    return NoiseSchedule(
        alphas_cumprod=alphas_cumprod.float(),
        signal=alphas_cumprod.sqrt().float(),
        noise=(1 - alphas_cumprod).sqrt().float(),
        scale=dynamic_rescale(sizes.base_scale, sizes.turning_step, sizes.timesteps)[: sizes.timesteps],
    )


def clean_from_velocity(latents: Tensor, velocity: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """Return the clean latents that a velocity implies (Salimans and Ho 2022, arXiv 2202.00512, appendix D).

    signal, noise: the schedule's factors at the latents' timestep, of a shape that broadcasts.
    """
    return signal * latents - noise * velocity


def noise_from_velocity(latents: Tensor, velocity: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """Return the noise that a velocity implies; arguments as for `clean_from_velocity`."""
    return signal * velocity + noise * latents


def velocity_from_clean(clean: Tensor, added_noise: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """Return the velocity that a clean latent and the noise added to it define."""
    return signal * added_noise - noise * clean


def uniform_timesteps(steps: int, timesteps: int) -> list[int]:
    """Return every (timesteps // steps)-th timestep from 1, ascending: not always `steps` of them.

    Where the last would lie past the schedule's end it is the schedule's last.
    """
    return [min(timestep + 1, timesteps - 1) for timestep in range(0, timesteps, timesteps // steps)]


def trailing_timesteps(steps: int, timesteps: int) -> list[int]:
    """Return `steps` evenly spaced timesteps, ascending, that end at the last one, which is pure noise.

    Lin et al. 2024 (see `rescale_zero_terminal_snr`), table 2. Timesteps halfway between two round as the published
    sampler's do, hence the same floating-point series.
    """
    descending = np.round(np.arange(timesteps, 0, -timesteps / steps))[:steps] - 1
    return [max(int(timestep), 0) for timestep in descending[::-1]]
