"""The end-to-end case: from two pictures and a prompt to frames, as the published application does it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from backend.engines.tooncrafter.model import ToonCrafter
from backend.engines.tooncrafter.pipeline import (
    Keys,
    Request,
    Sampling,
    decode_clip,
    generate_latents,
    published_sampling,
    seeded_noise,
)
from backend.engines.tooncrafter.preprocessing import fit, model_range
from backend.engines.tooncrafter.sampler import Draw

from .cases import Case
from .models import whole_model
from .test_sampling import recorded_noise


@dataclass
class Run:
    """What one run of the end-to-end case is given; a test may change any of it before `frames`."""

    model: ToonCrafter
    request: Request
    sampling: Sampling
    draw: Draw
    middle_pass: bool = True

    def sampled(self) -> tuple[Tensor, Keys]:
        """Do everything up to decoding."""
        return generate_latents(self.model, self.request, self.sampling, self.draw)

    def decoded(self, latents: Tensor, keys: Keys) -> Tensor:
        """Return the pictures (3, frames, height, width), not clamped."""
        pictures = decode_clip(self.model.autoencoder, latents, keys.references, middle_pass=self.middle_pass)
        return pictures.transpose(0, 1)

    def frames(self) -> Tensor:
        """Do both."""
        return self.decoded(*self.sampled())


def run_of(case: Case) -> Run:
    """The case's run with its recorded noise."""
    height, width = case.info["resolution_hw"]
    model = whole_model(case)
    antialias = "without antialias" not in case.info["resize_note"].lower()
    start, end = (model_range(case.input(name).numpy()) for name in ("image1", "image2"))
    arguments = case.info["args"]
    spacing, guidance_rescale = published_sampling(case.input("x_T").shape[-1])
    return Run(
        model=replace(model),
        request=Request(
            start=fit(start, height, width, antialias=antialias),
            end=fit(end, height, width, antialias=antialias),
            prompt=case.info["prompt"],
            picture=start,
        ),
        sampling=Sampling(
            steps=arguments["steps"],
            guidance=arguments["cfg_scale"],
            guidance_rescale=guidance_rescale,
            eta=arguments["eta"],
            spacing=spacing,
            fps=arguments["fs"],
        ),
        draw=recorded_noise(case.input("posterior_noise"), case.input("x_T"), *case.input("noise")),
    )


def seeded_run_of(case: Case) -> Run:
    """The same with noise drawn from the case's seed."""
    return replace(run_of(case), draw=seeded_noise(case.info["args"]["seed"]))
