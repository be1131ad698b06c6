"""Whole sampling runs, from the keys to the pictures, equal the golden ones step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from backend.engines.tooncrafter.configuration import read_configuration
from backend.engines.tooncrafter.pipeline import (
    Condition,
    Keys,
    SketchGuide,
    context_tokens,
    decode_clip,
    encode_keys,
    key_frame_latents,
    no_picture,
    velocity_model,
)
from backend.engines.tooncrafter.preprocessing import model_range
from backend.engines.tooncrafter.sampler import Draw, PredictVelocity, ddim_steps, sample, spaced_timesteps
from backend.engines.tooncrafter.schedule import noise_schedule
from backend.engines.tooncrafter.tokenizer import tokenize

from .cases import Case
from .models import whole_model
from .test_components import sketch_encoder_of, unet_of


def recorded_noise(*noises: Tensor) -> Draw:
    """A source that gives these tensors one after the other."""
    remaining: Iterator[Tensor] = iter(noises)

    def draw(shape: tuple[int, ...]) -> Tensor:
        noise = next(remaining)
        assert tuple(noise.shape) == shape
        return noise

    return draw


def assert_run_equals(case: Case, name: str, run: dict[str, Any], predict: PredictVelocity) -> Tensor:
    """Sample as the case says, compare every step, and return the last latents."""
    schedule = noise_schedule(read_configuration().schedule)
    spacing = run["timestep_spacing"] if "timestep_spacing" in run else run["spacing"]
    steps = ddim_steps(schedule, spaced_timesteps(run["steps"], 1000, spacing), run["eta"])
    assert [step.timestep for step in steps] == case.output(f"{name}.timesteps").tolist()
    followed: list[tuple[Tensor, Tensor]] = []
    latents = sample(
        predict,
        case.input(f"{name}.x_T"),
        steps,
        recorded_noise(*case.input(f"{name}.noise")),
        lambda _done, latents, clean: followed.append((latents, clean)),
    )
    case.assert_equals(torch.stack([latents for latents, _ in followed]), f"{name}.x_prev")
    case.assert_equals(torch.stack([clean for _, clean in followed]), f"{name}.pred_x0")
    assert torch.equal(latents, followed[-1][0])
    return latents


def keys_of(case: Case) -> tuple[Keys, int]:
    """The case's keys, encoded, and the number of frames."""
    start, end = (model_range(case.input(name).numpy()) for name in ("image_a", "image_b"))
    frames = case.input("posterior_noise").shape[0]
    autoencoder = whole_model(case).autoencoder
    return encode_keys(autoencoder, start, end, frames, recorded_noise(case.input("posterior_noise"))), frames


def test_the_keys_become_the_golden_condition(sampling_case: Case) -> None:
    case = sampling_case
    model = whole_model(case)
    keys, frames = keys_of(case)
    start = model_range(case.input("image_a").numpy())
    posterior, _ = model.autoencoder.encode(torch.stack([start, model_range(case.input("image_b").numpy())]))
    case.assert_equals(posterior.mean, "posterior_mean_first_last")

    prompts = tokenize([case.info["prompt"], ""], model.configuration.clip.text.context_length)
    towers = (model.text_tower, model.vision_tower, model.image_projector)
    made = {
        "c_concat": key_frame_latents(keys, frames),
        "c_crossattn": context_tokens(*towers, prompts[:1], start),
        "uc_crossattn": context_tokens(*towers, prompts[1:], no_picture(model.configuration)),
    }
    for name, tensor in made.items():
        golden = case.input(name)
        tolerance = case.info["atol"] + case.info["rtol"] * float(golden.abs().max())
        assert tensor.shape == golden.shape
        assert float((tensor - golden).abs().max()) <= tolerance, name


def test_every_step_of_every_run_is_golden_and_so_are_the_pictures(sampling_case: Case) -> None:
    case = sampling_case
    model = whole_model(case)
    keys, _ = keys_of(case)
    for run in case.info["cases"]:
        name, frames = run["name"], run["n_frames"]
        condition = Condition(
            key_frames=case.input("c_concat"),
            fps=run["fs"],
            conditional=model.unet.project_context(case.input("c_crossattn"), frames),
            unconditional=model.unet.project_context(case.input("uc_crossattn"), frames),
        )
        predict = velocity_model(model.unet, condition, run["cfg_scale"], run["guidance_rescale"])
        latents = assert_run_equals(case, name, run, predict)

        if f"out.{name}.frames" in case.tensors:
            pictures = decode_clip(model.autoencoder, latents, keys.references)
            case.assert_equals(pictures.transpose(0, 1), f"{name}.frames")
        if f"out.{name}.frames_before_middle_swap_mid4" in case.tensors:
            pictures = decode_clip(model.autoencoder, latents, keys.references, middle_pass=False)
            middle = slice(frames // 2 - 2, frames // 2 + 2)
            case.assert_equals(pictures[middle].transpose(0, 1), f"{name}.frames_before_middle_swap_mid4")


def test_every_step_of_a_run_led_by_sketches_is_golden(sketch_case: Case) -> None:
    case = sketch_case
    if "sampling" not in case.info:
        pytest.skip("the case has no sampling run")
    unet, sketch_encoder = unet_of(case), sketch_encoder_of(case)
    frames = case.input("x").shape[2]
    condition = Condition(
        key_frames=case.input("c_concat"),
        fps=int(case.input("fs")),
        conditional=unet.project_context(case.input("c_crossattn"), frames),
        unconditional=unet.project_context(case.input("uc_crossattn"), frames),
    )
    guide = SketchGuide(
        encoder=sketch_encoder,
        hint=sketch_encoder.encode_hint(case.input("control_cond")),
        strength=case.info["config"]["control_scale"],
        conditional=sketch_encoder.project_context(case.input("c_crossattn")),
        unconditional=sketch_encoder.project_context(case.input("uc_crossattn")),
    )
    run = case.info["sampling"]
    predict = velocity_model(unet, condition, run["cfg_scale"], run["guidance_rescale"], guide)
    assert_run_equals(case, "sampling", run, predict)


def test_a_sketch_of_strength_zero_changes_nothing(sketch_case: Case) -> None:
    case = sketch_case
    unet, sketch_encoder = unet_of(case), sketch_encoder_of(case)
    frames = case.input("x").shape[2]
    condition = Condition(
        case.input("c_concat"), int(case.input("fs")), unet.project_context(case.input("c_crossattn"), frames)
    )

    def velocity(strength: float | Tensor | None) -> Tensor:
        guide = None
        if strength is not None:
            hint = sketch_encoder.encode_hint(case.input("control_cond"))
            context = sketch_encoder.project_context(case.input("c_crossattn"))
            guide = SketchGuide(sketch_encoder, hint, strength, context)
        return velocity_model(unet, condition, 1.0, 0.0, guide)(case.input("x"), int(case.input("timesteps")))

    per_frame = torch.zeros(frames, 1, 1, 1)
    assert torch.equal(velocity(None), velocity(0.0))
    assert torch.equal(velocity(None), velocity(per_frame))
    per_frame[0] = 1
    assert not torch.allclose(velocity(None), velocity(per_frame))
