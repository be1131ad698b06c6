"""The noise schedule, the samplers' timesteps and the formulas around them equal the golden tables."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from backend.engines.tooncrafter.checkpoint_keys import schedule_tables
from backend.engines.tooncrafter.configuration import read_configuration
from backend.engines.tooncrafter.network.unet_blocks import sinusoidal_embedding
from backend.engines.tooncrafter.sampler import Spacing, ddim_step, ddim_steps, rescale_guided, spaced_timesteps
from backend.engines.tooncrafter.schedule import (
    NoiseSchedule,
    clean_from_velocity,
    noise_from_velocity,
    noise_schedule,
    velocity_from_clean,
)

from .cases import Case, over_tolerance, table

#: The case's note: its tolerance is for the schedules, the formulas on tensors are held to ten times as much.
FORMULA_TOLERANCE = 10


@pytest.fixture(scope="module")
def schedule() -> NoiseSchedule:
    return noise_schedule(read_configuration().schedule)


def test_the_tables_are_those_of_the_published_checkpoint(schedule_case: Case) -> None:
    case = schedule_case
    tables = schedule_tables(read_configuration())
    golden = {match[1] for match, _ in case.outputs(r"ckpt\.(.+)")}
    assert golden == tables.keys()
    for name in golden:
        case.assert_equals(tables[name], f"ckpt.{name}")


def test_sampling_uses_the_same_tables(schedule_case: Case, schedule: NoiseSchedule) -> None:
    case = schedule_case
    case.assert_equals(schedule.alphas_cumprod, "ckpt.alphas_cumprod")
    case.assert_equals(schedule.signal, "ckpt.sqrt_alphas_cumprod")
    case.assert_equals(schedule.noise, "ckpt.sqrt_one_minus_alphas_cumprod")
    assert torch.equal(schedule.scale, case.output("ckpt.scale_arr")[: len(schedule.scale)])


def runs(case: Case) -> list[tuple[int, Spacing, list[int]]]:
    """(steps, spacing, golden timesteps) of every run that the case tabulates."""
    found: list[tuple[int, Spacing, list[int]]] = []
    for match, golden in case.outputs(r"s(\d+)\.(uniform|uniform_trailing)\.timesteps"):
        spacing: Spacing = "uniform" if match[2] == "uniform" else "uniform_trailing"
        found.append((int(match[1]), spacing, golden.tolist()))
    assert found
    return found


def test_runs_have_the_golden_timesteps(schedule_case: Case) -> None:
    for steps, spacing, golden in runs(schedule_case):
        assert spaced_timesteps(steps, 1000, spacing) == golden


def test_runs_have_the_golden_coefficients(schedule_case: Case, schedule: NoiseSchedule) -> None:
    case = schedule_case
    for steps, spacing, timesteps in runs(case):
        run = f"s{steps}.{spacing}."
        etas = {
            match[1]: float(match[1]) for match, _ in case.outputs(rf"s{steps}\.{spacing}\.eta([\d.]+)\.sigmas")
        }
        for written, eta in {"0": 0.0, **etas}.items():
            ascending = ddim_steps(schedule, timesteps, eta)[::-1]
            assert [step.timestep for step in ascending] == timesteps
            case.assert_equals(stack(step.signal.square() for step in ascending), run + "alphas")
            case.assert_equals(stack(step.clean.square() for step in ascending), run + "alphas_prev")
            rescales = case.output(run + "scale_arr_prev") / case.output(run + "scale_arr")
            assert torch.equal(stack(step.rescale for step in ascending), rescales)
            if written in etas:
                case.assert_equals(stack(step.fresh for step in ascending), f"{run}eta{written}.sigmas")
            else:
                assert not any(step.fresh for step in ascending)


def stack(scalars: object) -> Tensor:
    return torch.stack(list(scalars))  # type: ignore[call-overload]


def assert_formula_equals(case: Case, actual: Tensor, name: str) -> None:
    excess = over_tolerance(
        actual, case.output(name), FORMULA_TOLERANCE * case.info["rtol"], FORMULA_TOLERANCE * case.info["atol"]
    )
    assert excess <= 1, f"{name} is {excess:.3g} times the tolerance off"


def test_velocity_noise_and_clean_latents_convert_into_each_other(
    schedule_case: Case, schedule: NoiseSchedule
) -> None:
    case = schedule_case
    latents, velocity = case.input("x"), case.input("v")
    signal, noise = (
        values[case.input("ts")].reshape(-1, *[1] * (latents.ndim - 1))
        for values in (schedule.signal, schedule.noise)
    )
    assert_formula_equals(case, clean_from_velocity(latents, velocity, signal, noise), "x0_from_v")
    assert_formula_equals(case, noise_from_velocity(latents, velocity, signal, noise), "eps_from_v")
    assert_formula_equals(case, velocity_from_clean(latents, velocity, signal, noise), "get_v")


def test_guidance_is_rescaled_sample_by_sample(schedule_case: Case) -> None:
    case = schedule_case
    rescaled = rescale_guided(case.input("cfg_v"), case.input("cond_v"), 0.7)
    assert_formula_equals(case, rescaled, "rescale_noise_cfg")


def test_numbers_are_embedded_as_cosines_then_sines(schedule_case: Case) -> None:
    """The case does not say which numbers it embeds; the first frequency is 1, so the first angle tells.

    Processors differ in the last bit of a float32 exponential, the frequency, and the number multiplies that bit.
    """
    case = schedule_case
    names = [(match[1], int(match[2])) for match, _ in case.outputs(r"(timestep_embedding_(\d+))")]
    assert names
    numbers = torch.arange(1000)
    for name, width in names:
        golden = case.output(name)
        embedded = sinusoidal_embedding(numbers, width)
        first_angle = (embedded[:, [0, width // 2]][None] - golden[:, [0, width // 2]][:, None]).abs().amax(dim=-1)
        embedded_numbers = first_angle.argmin(dim=1)
        last_bit = float(torch.finfo(torch.float32).eps * embedded_numbers.max())
        atol = FORMULA_TOLERANCE * case.info["atol"] + last_bit
        assert over_tolerance(embedded[embedded_numbers], golden, FORMULA_TOLERANCE * case.info["rtol"], atol) <= 1


@pytest.mark.parametrize("spacing", ["uniform", "uniform_trailing"])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_no_step_count_from_1_to_60_gives_nan(spacing: Spacing, eta: float, schedule: NoiseSchedule) -> None:
    generator = torch.Generator().manual_seed(5)
    for steps in range(1, 61):
        latents = torch.randn(1, 4, 2, 4, 4, generator=generator)
        for step in ddim_steps(schedule, spaced_timesteps(steps, 1000, spacing), eta):
            velocity, fresh = torch.randn(2, *latents.shape, generator=generator)
            latents, clean = ddim_step(latents, velocity, step, fresh)
            assert torch.isfinite(latents).all() and torch.isfinite(clean).all(), f"{steps} steps"


def test_runs_have_as_many_steps_as_the_published_sampler_wherever_that_works() -> None:
    known = table("schedule_info.json")
    if known is None:
        pytest.skip("the folder of cases has no table of step counts")
    for run, facts in known["robustness_all_S"].items():
        spacing: Spacing = "uniform_trailing" if run.startswith("uniform_trailing") else "uniform"
        different = facts["S_where_number_of_steps_differs_or_fails"]
        for steps in range(1, 61):
            expected = different.get(str(steps), steps)
            timesteps = spaced_timesteps(steps, 1000, spacing)
            assert timesteps == sorted(set(timesteps)) and timesteps[0] >= 0 and timesteps[-1] < 1000
            if isinstance(expected, int):
                assert len(timesteps) == expected


def test_the_coefficients_are_finite_and_real_for_every_step_count(schedule: NoiseSchedule) -> None:
    for steps in (*range(1, 101), 200, 333, 500, 999, 1000):
        for step in ddim_steps(schedule, spaced_timesteps(steps, 1000, "uniform_trailing"), 1.0):
            values = (step.rescale, step.clean, step.direction, step.fresh)
            assert all(math.isfinite(float(value)) for value in values)
