"""A few-step solver of the diffusion's differential equation, beside the published sampler in `sampler`.

Pure functions, as there: the model is a callable, and nothing here knows of modules or devices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .sampler import OnStep, PredictVelocity
from .schedule import NoiseSchedule


@dataclass(frozen=True)
class SolverStep:
    """One step's coefficients, plain numbers.

    timestep: where the step starts. signal, noise: of the clean latent that the model speaks of and of the noise,
    in the latents there. unscale: from that clean latent to the one that all timesteps share. kept, clean: shares
    of the latents and of the clean latent in the result. earlier: how far to go on beyond the clean latent, in
    differences from the one of the step before; 0 for a step of first order.
    """

    timestep: int
    signal: float
    noise: float
    unscale: float
    kept: float
    clean: float
    earlier: float


def bent_timesteps(steps: int, timesteps: int, bend: float = 2.0) -> list[int]:
    """Return `steps` of the schedule's timesteps, ascending, that end at the last one, which is pure noise.

    bend: 1 for even ("trailing") spacing; above it they crowd towards the clean end. There the logarithm of signal
    to noise, along which a solver's error grows, changes fastest: with even spacing the very last step makes nearly
    all of the error.
    """
    chosen: list[int] = []
    for index in range(steps, 0, -1):
        timestep = round(timesteps * (index / steps) ** bend) - 1
        below = chosen[-1] - 1 if chosen else timesteps - 1
        chosen.append(max(min(timestep, below), index - 1))
    return chosen[::-1]


def solver_steps(schedule: NoiseSchedule, timesteps: list[int]) -> list[SolverStep]:
    """Return the steps of DPM-Solver++(2M) from pure noise to timestep 0, noisiest first.

    timesteps: ascending. Lu et al. 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
    Models", arXiv 2211.01095, algorithm 2, with the latents at timestep t being a(t) x + s(t) noise: dynamic
    rescale is part of a, so a² + s² is not 1. From pure noise the logarithm of a / s is minus infinity and the
    first step is of first order, exactly; so is the one after it.
    """
    scale = schedule.scale.double()
    signal = schedule.alphas_cumprod.double().sqrt()
    noise = (1 - schedule.alphas_cumprod.double()).clamp(min=0).sqrt()
    at = timesteps[::-1]
    after = [*at[1:], 0]
    steps = []
    length_before = math.inf
    for start, end in zip(at, after, strict=True):
        amount, amount_after = float(signal[start] * scale[start]), float(signal[end] * scale[end])
        ratio_before = amount / float(noise[start])
        ratio_after = amount_after / float(noise[end])
        length = math.log(ratio_after / ratio_before) if ratio_before > 0 else math.inf
        finite = 0 < length < math.inf and length_before < math.inf
        steps.append(
            SolverStep(
                timestep=start,
                signal=float(signal[start]),
                noise=float(noise[start]),
                unscale=1 / float(scale[start]),
                kept=float(noise[end] / noise[start]),
                clean=amount_after * -math.expm1(-length),
                earlier=length / (2 * length_before) if finite else 0.0,
            )
        )
        length_before = length if length > 0 else math.inf
    return steps


def solve(
    predict: PredictVelocity, noise: Tensor, steps: list[SolverStep], on_step: OnStep | None = None
) -> Tensor:
    """Run the steps from pure noise (batch, channels, frames, height, width) and return the last latents.

    on_step: see `sampler.OnStep`; its clean latents are unscaled, as after the last step.
    """
    latents = noise
    clean_before: Tensor | None = None
    for done, step in enumerate(steps, start=1):
        velocity = predict(latents, step.timestep)
        clean = (step.signal * latents - step.noise * velocity) * step.unscale
        direction = clean
        if clean_before is not None and step.earlier:
            direction = torch.lerp(clean_before, clean, 1 + step.earlier)
        latents = step.kept * latents + step.clean * direction
        clean_before = clean
        if on_step is not None:
            on_step(done, latents, clean)
    return latents
