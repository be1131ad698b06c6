"""One clip from two keys: the pipeline's phases, each with only its own parts of the model in memory.

A phase that runs out of memory is done again in the next thriftier mode; what the phases before it made is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from ...errors import UserError
from .compiling import CompiledUNet
from .computing import Computing, Pace
from .feature_reuse import ReusingUNet
from .guide_placement import leading_timesteps
from .memory import Mode, give_back, is_out_of_memory, parts_of, thrift_of, thriftier
from .model import ToonCrafter
from .pipeline import (
    Keys,
    context_tokens,
    decode_clip,
    encode_keys,
    key_frame_latents,
    no_picture,
    published_sampling,
    seeded_noise,
)
from .placement import Placement
from .prediction import Guidance, Predict, Sketches, Told, guided_velocity
from .presets import Preset, timesteps_of
from .preview import LatentColours, latent_colours
from .sampler import DdimStep, Draw, OnStep, ddim_steps, sample
from .schedule import noise_schedule
from .solvers import solve, solver_steps
from .tokenizer import tokenize

Made = TypeVar("Made")

#: Called after each step: steps done, of how many, and a way to see the frames as they are now (`LatentColours`).
OnDenoised = Callable[[int, int, Callable[[], Tensor]], None]


@dataclass(frozen=True)
class Wish:
    """What a clip is to show.

    start, end: the keys, float32 (3, height, width) in -1..1 at the model's frame size. sketches: model frame ->
    float32 (1, height, width) in 0..1, 1 where there is a line. sketch_strength: 0..1. sketch_from, sketch_until:
    the part of the denoising in which they lead (`leading_timesteps`). fps: smaller for larger motion. guidance: 1
    for none.
    """

    start: Tensor
    end: Tensor
    prompt: str
    negative_prompt: str
    sketches: Mapping[int, Tensor]
    sketch_strength: float
    fps: int
    guidance: float
    seed: int
    sketch_from: float = 0.0
    sketch_until: float = 1.0


class ClipMaker:
    """Makes clips with one model; the model stays where the memory mode leaves it."""

    def __init__(
        self, model: ToonCrafter, computing: Computing, mode: Mode, warn: Callable[[str], None] = lambda text: None
    ) -> None:
        self.model, self.computing, self.warn = model, computing, warn
        self._use(mode)
        self._compiled = CompiledUNet(model.unet, computing.device) if computing.compiled else None
        self._has_drawn = False

    @property
    def is_slow_at_first(self) -> bool:
        """Whether the next clip waits for the U-Net to be compiled."""
        return self._compiled is not None and not self._thrift.streams and not self._has_drawn

    def _use(self, mode: Mode) -> None:
        self.mode, self._thrift = mode, thrift_of(mode, self.computing)
        self._placement = Placement(
            parts_of(self.model),
            self.computing.device,
            self.computing.dtype,
            self._thrift,
            channels_last=self.computing.channels_last,
        )

    def rest(self) -> None:
        """Take all parts off the device."""
        self._placement.put_back()
        give_back(self.computing.device)

    @torch.no_grad()
    def make(self, wish: Wish, preset: Preset, on_denoised: OnDenoised) -> Tensor:
        """Return the clip, float32 (frames, 3, height, width) on the CPU, nominally -1..1 and not clamped.

        Raises what `on_denoised` raises, and UserError("not-enough-memory") when even the thriftiest mode fails.
        """
        noise = seeded_noise(wish.seed)
        frames = self.model.configuration.frames
        posterior_noise = noise((frames, *self._latent_shape()))
        first_noise = noise((1, self._latent_shape()[0], frames, *self._latent_shape()[1:]))
        step_noises = (
            [noise(tuple(first_noise.shape)) for _ in range(preset.steps)] if preset.solver == "ddim" else []
        )

        keys = self._thriftily(lambda: self._encode(wish, lambda shape: posterior_noise))
        tokens = self._thriftily(lambda: self._contexts(wish))
        latents = self._thriftily(
            lambda: self._denoise(wish, preset, keys, tokens, first_noise, step_noises, on_denoised)
        )
        self._has_drawn = True
        return self._thriftily(lambda: self._decode(latents, keys, preset.middle_pass))

    def _thriftily(self, phase: Callable[[], Made]) -> Made:
        """Run a phase, in a thriftier mode if memory runs out."""
        while True:
            try:
                return phase()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the handler, whose traceback holds everything that the phase made.
            self.rest()
            mode = thriftier(self.mode)
            if mode is None:
                raise UserError(
                    "not-enough-memory",
                    "There was not enough memory for the ToonCrafter engine, even in its thriftiest mode.",
                    "Close other programs that use the graphics card, or choose the draft engine.",
                    bad_input=False,
                )
            self.warn(f"Memory ran out in the {self.mode} mode; it goes on, more slowly, in the {mode} mode.")
            self._use(mode)

    def _latent_shape(self) -> tuple[int, int, int]:
        sizes = self.model.configuration
        factor = 2 ** (len(sizes.autoencoder.ch_mult) - 1)
        return sizes.autoencoder.z_channels, sizes.height // factor, sizes.width // factor

    def _encode(self, wish: Wish, draw: Draw) -> Keys:
        device = self.computing.device

        def encode() -> Keys:
            return encode_keys(
                self.model.autoencoder,
                wish.start.to(device),
                wish.end.to(device),
                self.model.configuration.frames,
                draw,
            )

        keys = self._with_autoencoder(encode, lambda keys: keys.latents)
        if self._thrift.parts_leave:
            keys = Keys(keys.latents, [reference.to("cpu") for reference in keys.references])
        return keys

    def _contexts(self, wish: Wish) -> tuple[Tensor, Tensor | None]:
        """Return the context tokens with and without the person's words and picture; no second without guidance."""
        model, device = self.model, self.computing.device
        length = model.configuration.clip.text.context_length
        prompts = tokenize([wish.prompt, wish.negative_prompt], length).to(device)
        towers = (model.text_tower, model.vision_tower, model.image_projector)
        with self._placement.at_work("text_tower", "vision_tower", "image_projector"):
            told = context_tokens(*towers, prompts[:1], wish.start.to(device))
            if wish.guidance == 1:
                return told, None
            return told, context_tokens(*towers, prompts[1:], no_picture(model.configuration).to(device))

    def _denoise(
        self,
        wish: Wish,
        preset: Preset,
        keys: Keys,
        tokens: tuple[Tensor, Tensor | None],
        first_noise: Tensor,
        step_noises: list[Tensor],
        on_denoised: OnDenoised,
    ) -> Tensor:
        model, device = self.model, self.computing.device
        spacing, rescale = published_sampling(first_noise.shape[-1])
        guidance = Guidance(
            wish.guidance,
            rescale,
            above=preset.guided_above,
            together=self._thrift.halves_together,
        )
        schedule = noise_schedule(model.configuration.schedule)
        count = len(schedule.alphas_cumprod)
        timesteps = timesteps_of(preset, count, spacing)
        leads = leading_timesteps(wish.sketch_from, wish.sketch_until, count)
        guided = bool(wish.sketches) and any(timestep in leads for timestep in timesteps)
        if wish.sketches and not guided:
            self.warn("The guides were not used: no step lies in the part of the denoising in which they lead.")
        names = ("unet", "sketch_encoder") if guided else ("unet",)
        colours = _colours_of(keys, wish)

        pace = Pace(device)

        def on_step(done: int, _latents: Tensor, clean: Tensor) -> None:
            pace.step()
            on_denoised(done, len(timesteps), lambda: colours.show(clean))

        noise = first_noise.to(device)
        with self._placement.at_work(*names):
            told = self._told(wish, keys, tokens, leads if guided else None)
            predict = guided_velocity(self._network(preset), told, guidance)
            if preset.solver == "dpm":
                return solve(predict, noise, solver_steps(schedule, timesteps), on_step)
            return _published(
                predict, noise, ddim_steps(schedule, timesteps, preset.eta), step_noises, device, on_step
            )

    def _network(self, preset: Preset) -> Predict:
        if preset.reuse_every > 1:
            return ReusingUNet(self.model.unet, preset.reuse_every)
        if self._compiled is not None and not self._thrift.streams:
            return self._compiled
        return self.model.unet

    def _told(self, wish: Wish, keys: Keys, tokens: tuple[Tensor, Tensor | None], leads: range | None) -> Told:
        """Make everything that stays the same at every step, once; leads: None without guides."""
        model, device = self.model, self.computing.device
        frames = model.configuration.frames
        told, untold = tokens
        sketches = None
        if leads is not None and model.sketch_encoder is not None:
            guided = sorted(wish.sketches)
            drawings = torch.stack([wish.sketches[frame] for frame in guided], dim=1)[None]
            sketches = Sketches(
                encoder=model.sketch_encoder,
                hint=model.sketch_encoder.encode_hint(drawings.to(device)),
                guided=torch.tensor(guided, device=device),
                strength=wish.sketch_strength,
                conditional=model.sketch_encoder.project_context(told),
                unconditional=None if untold is None else model.sketch_encoder.project_context(untold),
                leads=leads,
            )
        return Told(
            key_frames=key_frame_latents(keys, frames),
            fps=wish.fps,
            conditional=model.unet.project_context(told, frames),
            unconditional=None if untold is None else model.unet.project_context(untold, frames),
            sketches=sketches,
        )

    def _decode(self, latents: Tensor, keys: Keys, middle_pass: bool) -> Tensor:
        return self._with_autoencoder(lambda: self._decode_once(latents, keys, middle_pass), lambda clip: clip)

    def _with_autoencoder(self, work: Callable[[], Made], numbers: Callable[[Made], Tensor]) -> Made:
        """Encode or decode; in float32 where half precision overflows."""
        with self._placement.at_work("autoencoder"):
            made = work()
        if self.computing.dtype == torch.float32 or is_finite(numbers(made)):
            return made
        part = {"autoencoder": self.model.autoencoder}
        self._placement.put_back("autoencoder")
        precise = Placement(part, self.computing.device, torch.float32, self._thrift, channels_last=False)
        try:
            with precise.at_work("autoencoder"):
                return work()
        finally:
            precise.put_back()

    def _decode_once(self, latents: Tensor, keys: Keys, middle_pass: bool) -> Tensor:
        dtype = self.model.autoencoder.quant_conv.weight.dtype
        references = [reference.to(self.computing.device, dtype) for reference in keys.references]
        return decode_clip(
            self.model.autoencoder,
            latents,
            references,
            middle_pass=middle_pass,
            frames_at_once=self._thrift.frames_at_once,
        ).to("cpu")


def is_finite(numbers: Tensor) -> bool:
    """Say whether all are numbers; waits for the device."""
    return bool(torch.isfinite(numbers).all())


def _colours_of(keys: Keys, wish: Wish) -> LatentColours:
    return latent_colours(keys.latents, torch.stack([wish.start, wish.end]))


def _published(
    predict: Callable[[Tensor, int], Tensor],
    noise: Tensor,
    steps: list[DdimStep],
    step_noises: list[Tensor],
    device: torch.device,
    on_step: OnStep,
) -> Tensor:
    """Run the published sampler with all its numbers on the device beforehand, so that no step waits for a copy."""
    there = [
        replace(
            step,
            **{
                name: getattr(step, name).to(device)
                for name in ("signal", "noise", "rescale", "clean", "direction", "fresh")
            },
        )
        for step in steps
    ]
    noises = iter([step_noise.to(device) for step_noise in step_noises])
    return sample(predict, noise, there, lambda shape: next(noises), on_step)
