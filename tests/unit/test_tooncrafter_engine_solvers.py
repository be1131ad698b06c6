"""The few-step solver on data whose every distribution is known, so that the exact answer is known too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from backend.contract.job import Settings
from backend.engines.tooncrafter.configuration import read_configuration
from backend.engines.tooncrafter.presets import PRESETS, preset_of
from backend.engines.tooncrafter.preview import latent_colours
from backend.engines.tooncrafter.sampler import ddim_steps, sample
from backend.engines.tooncrafter.schedule import noise_schedule, trailing_timesteps, uniform_timesteps
from backend.engines.tooncrafter.solvers import bent_timesteps, solve, solver_steps

SCHEDULE = noise_schedule(read_configuration().schedule)
TIMESTEPS = len(SCHEDULE.alphas_cumprod)
MEAN, DEVIATION = 0.7, 0.4


def best_velocity(latents: Tensor, timestep: int) -> Tensor:
    """What a perfect model says when clean latents are normal with that mean and deviation: Bayes' rule."""
    scale = float(SCHEDULE.scale[timestep])
    signal, noise = float(SCHEDULE.signal[timestep]), float(SCHEDULE.noise[timestep])
    mean, variance = MEAN * scale, (DEVIATION * scale) ** 2
    clean = mean + signal * variance / (signal**2 * variance + noise**2) * (latents - signal * mean)
    return (signal * latents - clean) / noise


def start() -> Tensor:
    return torch.randn(1, 4, 2, 8, 8, generator=torch.Generator().manual_seed(7))


def solved(steps: int) -> Tensor:
    return solve(best_velocity, start(), solver_steps(SCHEDULE, bent_timesteps(steps, TIMESTEPS)))


def published(steps: int) -> Tensor:
    plan = ddim_steps(SCHEDULE, trailing_timesteps(steps, TIMESTEPS), 0.0)
    return sample(best_velocity, start(), plan, lambda shape: torch.zeros(shape))


@pytest.mark.parametrize("steps", range(1, 61))
def test_any_number_of_steps_is_finite_and_starts_from_pure_noise(steps: int) -> None:
    plan = solver_steps(SCHEDULE, bent_timesteps(steps, TIMESTEPS))
    assert len(plan) == steps and plan[0].timestep == TIMESTEPS - 1
    assert torch.isfinite(solved(steps)).all()


@pytest.mark.parametrize("spaced", [uniform_timesteps, trailing_timesteps])
@pytest.mark.parametrize("steps", [5, 10, 25])
def test_other_spacings_are_finite(steps: int, spaced: Callable[[int, int], list[int]]) -> None:
    plan = solver_steps(SCHEDULE, spaced(steps, TIMESTEPS))
    assert torch.isfinite(solve(best_velocity, start(), plan)).all()


@pytest.mark.parametrize("steps", [1, 2, 18, 60, 200, 1000])
def test_timesteps_fall_from_pure_noise_and_crowd_where_it_is_clean(steps: int) -> None:
    chosen = bent_timesteps(steps, TIMESTEPS)
    assert chosen == sorted(set(chosen)) and len(chosen) == steps
    assert chosen[0] >= 0 and chosen[-1] == TIMESTEPS - 1
    assert steps == 1 or chosen[0] < trailing_timesteps(steps, TIMESTEPS)[0] or steps == 1000


def test_it_converges_to_the_exact_distribution() -> None:
    latents = solved(200)
    signal, noise = float(SCHEDULE.signal[0]), float(SCHEDULE.noise[0])
    # The exact flow maps a normal number to the same number of deviations from the mean.
    exact = signal * MEAN + (signal**2 * DEVIATION**2 + noise**2) ** 0.5 * start()
    assert (latents - exact).abs().max() < 0.02


@pytest.mark.parametrize("steps", [8, 12, 18])
def test_few_steps_come_nearer_than_the_published_sampler_does(steps: int) -> None:
    finest = solved(500)
    error, published_error = (
        float((found - finest).square().mean().sqrt()) for found in (solved(steps), published(steps))
    )
    assert error < 0.2 * published_error


def test_a_preset_that_takes_longer_comes_nearer_and_the_best_nearest() -> None:
    finest = solved(500)

    def apart(latents: Tensor) -> float:
        return float((latents - finest).square().mean().sqrt())

    assert {preset.solver for preset in PRESETS.values()} == {"dpm"}
    quick, balanced, best = (apart(solved(PRESETS[name].steps)) for name in ("quick", "balanced", "best"))
    assert best < balanced < quick
    assert balanced < apart(published(50))


def test_a_sampler_and_steps_of_ones_own_go_before_the_presets() -> None:
    chosen = preset_of(Settings(preset="best", sampler="ddim", steps=30))
    assert (chosen.solver, chosen.steps, chosen.eta) == ("ddim", 30, 1.0)
    assert preset_of(Settings(preset="quick")) == PRESETS["quick"]


def test_errors_fall_faster_than_the_number_of_steps_rises() -> None:
    finest = solved(500)
    coarse, fine = (float((solved(steps) - finest).square().mean().sqrt()) for steps in (10, 40))
    assert fine < coarse / 8


def test_a_preview_shows_the_colours_of_the_keys() -> None:
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(4, 3, generator=generator)
    colours = torch.rand(2, 3, 8, 12, generator=generator)
    latents = torch.einsum("cd,bdhw->bchw", torch.linalg.pinv(mixing).T, colours)
    pictures = colours.repeat_interleave(8, 2).repeat_interleave(8, 3) * 2 - 1
    shown = latent_colours(latents, pictures).show(latents.transpose(0, 1)[None])
    assert (shown.permute(0, 3, 1, 2) - colours).abs().max() < 0.05
