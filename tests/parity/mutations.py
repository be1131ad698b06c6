"""The deliberate mistakes of mutation_check.json, made in our own code.

Each takes the run and pytest's monkeypatch, and changes one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from pytest import MonkeyPatch
from torch import Tensor
from torch.nn import functional

from backend.engines.tooncrafter import pipeline, preprocessing
from backend.engines.tooncrafter.network import TextTower
from backend.engines.tooncrafter.network.autoencoder import Posterior
from backend.engines.tooncrafter.sampler import DdimStep, ddim_steps
from backend.engines.tooncrafter.schedule import noise_schedule

from .cases import Case
from .end_to_end import Run
from .models import part

Mutation = Callable[[Run, MonkeyPatch, Case], None]


def no_middle_pass(run: Run, patch: MonkeyPatch, case: Case) -> None:
    run.middle_pass = False


def no_dynamic_rescale(run: Run, patch: MonkeyPatch, case: Case) -> None:
    schedule = noise_schedule(run.model.configuration.schedule)
    flat = replace(schedule, scale=torch.ones_like(schedule.scale))
    patch.setattr(pipeline, "noise_schedule", lambda sizes: flat)


def sampling(**changes: Any) -> Mutation:
    def change(run: Run, patch: MonkeyPatch, case: Case) -> None:
        changed = replace(run.sampling, **changes)
        if changed == run.sampling:
            pytest.skip("the case is sampled so anyway")
        run.sampling = changed

    return change


def post_quant_convolution(run: Run, patch: MonkeyPatch, case: Case) -> None:
    weights = case.weights("first_stage_model.post_quant_conv.")
    decoder = run.model.autoencoder.decoder
    original = decoder.forward

    def forward(latents: Tensor, *others: Any) -> Tensor:
        return original(functional.conv2d(latents, weights["weight"], weights["bias"]), *others)

    patch.setattr(decoder, "forward", forward)


def unconditional_without_keys(run: Run, patch: MonkeyPatch, case: Case) -> None:
    original = run.model.unet.forward
    calls: list[int] = []

    def forward(latents: Tensor, *others: Any) -> Tensor:
        calls.append(len(calls))
        if calls[-1] % 2:
            latents = torch.cat([latents[:, :4], torch.zeros_like(latents[:, 4:])], dim=1)
        return original(latents, *others)

    patch.setattr(run.model.unet, "forward", forward)


def last_step(change: Callable[[DdimStep], DdimStep]) -> Mutation:
    """Change the coefficients of the step that runs last."""

    def mutate(run: Run, patch: MonkeyPatch, case: Case) -> None:
        def changed(*arguments: Any) -> list[DdimStep]:
            *steps, last = ddim_steps(*arguments)
            return [*steps, change(last)]

        patch.setattr(pipeline, "ddim_steps", changed)

    return mutate


def end_clean(step: DdimStep) -> DdimStep:
    return replace(step, clean=torch.tensor(1.0), direction=torch.tensor(0.0), fresh=torch.tensor(0.0))


def end_without_fresh_noise(step: DdimStep) -> DdimStep:
    return replace(step, direction=(1 - step.clean.square()).sqrt(), fresh=torch.tensor(0.0))


def references(change: Callable[[list[Tensor]], list[Tensor]]) -> Mutation:
    """Change the encoder's features on their way to the decoder."""

    def mutate(run: Run, patch: MonkeyPatch, case: Case) -> None:
        decoder = run.model.autoencoder.decoder
        original = decoder.forward

        def forward(latents: Tensor, features: list[Tensor], *others: Any) -> Tensor:
            return original(latents, change(features), *others)

        patch.setattr(decoder, "forward", forward)

    return mutate


def clip_sees_the_fitted_picture(run: Run, patch: MonkeyPatch, case: Case) -> None:
    run.request = replace(run.request, picture=run.request.start)


def shared_image_tokens(run: Run, patch: MonkeyPatch, case: Case) -> None:
    patch.setattr(run.model.unet.sizes, "image_tokens_per_frame", 0)


def timestep_off_by_one(run: Run, patch: MonkeyPatch, case: Case) -> None:
    original = run.model.unet.forward

    def forward(latents: Tensor, timesteps: Tensor, *others: Any) -> Tensor:
        return original(latents, timesteps - 1, *others)

    patch.setattr(run.model.unet, "forward", forward)


def last_text_layer(run: Run, patch: MonkeyPatch, case: Case) -> None:
    sizes = run.model.configuration.clip.text
    deeper = replace(sizes, layers=sizes.layers + 1)
    weights = case.weights("cond_stage_model.model.")
    unused = ("text_projection", "logit_scale")
    run.model.text_tower = part(
        lambda: TextTower(deeper), {key: tensor for key, tensor in weights.items() if key not in unused}
    )


def posterior_mode(run: Run, patch: MonkeyPatch, case: Case) -> None:
    patch.setattr(Posterior, "sample", lambda posterior, noise: posterior.mean)


def corners_not_aligned(run: Run, patch: MonkeyPatch, case: Case) -> None:
    original = functional.interpolate

    def interpolate(*arguments: Any, **options: Any) -> Tensor:
        if options.get("mode") == "bicubic":
            options["align_corners"] = False
        return original(*arguments, **options)

    patch.setattr(functional, "interpolate", interpolate)


def no_blur(run: Run, patch: MonkeyPatch, case: Case) -> None:
    patch.setattr(preprocessing, "_blur", lambda batch, **_options: batch)


#: What mutation_check.json calls it -> how to make that mistake.
MUTATIONS: Mapping[str, Mutation] = {
    "no second decode / middle swap": no_middle_pass,
    "no dynamic rescale": no_dynamic_rescale,
    "guidance_rescale 0": sampling(guidance_rescale=0.0),
    "post_quant_conv applied": post_quant_convolution,
    "uncond c_concat zeros": unconditional_without_keys,
    "fs 24 instead of 10": sampling(fps=24),
    "alphas_prev[0]=1 (and so sigma 0 at the end)": last_step(end_clean),
    "no noise at last step": last_step(end_without_fresh_noise),
    "first/last reference swapped": references(lambda features: [feature.flip(0) for feature in features]),
    "hidden state 0 and 4 exchanged": references(
        lambda features: [features[4], *features[1:4], features[0]],
    ),
    "CLIP sees resized+cropped image": clip_sees_the_fitted_picture,
    "image tokens shared by all frames (rule not hit)": shared_image_tokens,
    "timestep off by one in the embedding": timestep_off_by_one,
    "fs 0": sampling(fps=0),
    "last instead of penultimate text layer": last_text_layer,
    "posterior mode instead of sample": posterior_mode,
    "CLIP resize align_corners False": corners_not_aligned,
    "CLIP resize without blur (image is upscaled here: no effect expected)": no_blur,
}
