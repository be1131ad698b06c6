"""How much time to spend: the presets that an animator chooses from, and what each stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ...contract.job import Settings
from .sampler import Spacing, spaced_timesteps
from .solvers import bent_timesteps

Solver = Literal["ddim", "dpm"]


@dataclass(frozen=True)
class Preset:
    """One way from noise to a clip; docs/tooncrafter-engine.md shows by which measurements these were chosen.

    solver: "ddim" for the published sampler (`sampler.sample`) with `eta` of fresh noise, "dpm" for
    `solvers.solve`. steps: denoising steps. middle_pass: see `pipeline.decode_clip`. guided_above: timestep below
    which guidance is left out, since the picture is settled (Kynkäänniemi et al. 2024, arXiv 2404.07724); 0 to
    guide always. reuse_every: the U-Net's inner half runs at every so many-th step only (`feature_reuse`); 1 for
    every step. The last two are in no preset: for the passes that they save, fewer steps cost less.
    """

    solver: Solver
    steps: int
    eta: float = 0.0
    middle_pass: bool = True
    guided_above: int = 0
    reuse_every: int = 1


PRESETS: dict[str, Preset] = {
    "quick": Preset("dpm", steps=8, middle_pass=False),
    "balanced": Preset("dpm", steps=18),
    "best": Preset("dpm", steps=50),
}


def preset_of(settings: Settings) -> Preset:
    """Return the preset that the settings name, with their own sampler and number of steps if they say so."""
    preset = PRESETS[settings.preset]
    if settings.sampler == "ddim":
        preset = replace(preset, solver="ddim", eta=1.0)
    elif settings.sampler == "dpm":
        preset = replace(preset, solver="dpm", eta=0.0)
    return replace(preset, steps=settings.steps) if settings.steps else preset


def timesteps_of(preset: Preset, timesteps: int, spacing: Spacing) -> list[int]:
    """Return the timesteps that a preset visits, ascending; spacing: of the published sampler."""
    if preset.solver == "dpm":
        return bent_timesteps(preset.steps, timesteps)
    return spaced_timesteps(preset.steps, timesteps, spacing)
