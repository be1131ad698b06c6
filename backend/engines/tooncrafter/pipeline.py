"""From two keys to the frames between them: encode, condition, sample, decode.

Each step is a function of the parts it needs, so that a caller may keep only those in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from .configuration import Configuration
from .model import ToonCrafter
from .network import Autoencoder, Context, ImageProjector, SketchEncoder, TextTower, UNet, VisionTower
from .preprocessing import clip_pixels
from .sampler import Draw, OnStep, PredictVelocity, Spacing, ddim_steps, guide, sample, spaced_timesteps
from .schedule import noise_schedule
from .tokenizer import tokenize


@dataclass(frozen=True)
class Sampling:
    """How to sample; the defaults are the published application's for the 512-pixel model.

    steps: at least 1. guidance: 1 for none. guidance_rescale: 0..1. eta: 0..1. fps: 5..30, smaller for larger
    motion.
    """

    steps: int = 50
    guidance: float = 7.5
    guidance_rescale: float = 0.7
    eta: float = 1.0
    spacing: Spacing = "uniform_trailing"
    fps: int = 10


def published_sampling(latent_width: int) -> tuple[Spacing, float]:
    """Return spacing and guidance rescale as the published application chooses them by the latent's width."""
    return ("uniform", 0.0) if latent_width == 32 else ("uniform_trailing", 0.7)


def seeded_noise(seed: int) -> Draw:
    """Return a source of noise that gives the same numbers on every device: they are drawn on the CPU."""
    generator = torch.Generator().manual_seed(seed)

    def draw(shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator)

    return draw


@dataclass(frozen=True)
class Keys:
    """The two keys as the network knows them.

    latents: float32 (2, z_channels, height, width), scaled. references: features for the decoder, each (2, …).
    """

    latents: Tensor
    references: list[Tensor]


def encode_keys(autoencoder: Autoencoder, start: Tensor, end: Tensor, frames: int, draw: Draw) -> Keys:
    """Encode the two keys, (3, height, width) in -1..1 each.

    Noise is drawn for a whole clip of `frames`, as the published application does, so that a seed means the same
    pictures; only the first and last frame's is used.
    """
    posterior, references = autoencoder.encode(torch.stack([start, end]))
    noise = draw((frames, *posterior.mean.shape[1:]))[[0, -1]].to(posterior.mean.device)
    latents = posterior.sample(noise) * autoencoder.scale_factor
    return Keys(latents, references)


def key_frame_latents(keys: Keys, frames: int) -> Tensor:
    """Return (1, z_channels, frames, height, width): the keys at both ends, zeros between."""
    first, last = keys.latents
    clip: Tensor = first.new_zeros(1, first.shape[0], frames, *first.shape[1:])
    clip[0, :, 0] = first
    clip[0, :, -1] = last
    return clip


def context_tokens(
    text_tower: TextTower, vision_tower: VisionTower, projector: ImageProjector, prompt: Tensor, picture: Tensor
) -> Tensor:
    """Return the context (1, text tokens + image tokens, width).

    prompt: token numbers (1, context length). picture: (3, any height, any width) in -1..1.
    """
    text = text_tower(prompt)
    pixels = clip_pixels(picture, vision_tower.image_size)[None]
    return torch.cat([text, projector(vision_tower(pixels))], dim=1)


def no_picture(configuration: Configuration) -> Tensor:
    """Return the picture that stands for none, mid grey, (3, size, size)."""
    size = configuration.clip.vision.image_size
    return torch.zeros(3, size, size)


@dataclass(frozen=True)
class SketchGuide:
    """Line drawings that lead the frames.

    hint: see `SketchEncoder.encode_hint`. strength: a number, or (frames, 1, 1, 1) for a strength for each frame;
    0..1. conditional, unconditional: see `SketchEncoder.project_context`; the second is None without guidance.
    """

    encoder: SketchEncoder
    hint: Tensor
    strength: float | Tensor
    conditional: Context
    unconditional: Context | None = None

    def residuals(self, latents: Tensor, timesteps: Tensor, context: Context) -> list[Tensor]:
        """Return the scaled residuals for the U-Net."""
        return [part * self.strength for part in self.encoder(latents, self.hint, timesteps, context)]


@dataclass(frozen=True)
class Condition:
    """What the U-Net is told: contexts (see `UNet.project_context`), the key frames' latents, and the motion."""

    key_frames: Tensor
    fps: int
    conditional: Context
    unconditional: Context | None = None


def velocity_model(
    unet: UNet,
    condition: Condition,
    guidance: float,
    guidance_rescale: float,
    sketch: SketchGuide | None = None,
) -> PredictVelocity:
    """Return the model as the sampler wants it: latents and timestep in, guided float32 velocity out.

    A guidance of 1 runs the conditional half alone.
    """

    def predict_half(
        latents: Tensor, timesteps: Tensor, context: Context, sketch_context: Context | None
    ) -> Tensor:
        fps = torch.full_like(timesteps, condition.fps)
        residuals: Sequence[Tensor] = ()
        if sketch is not None and sketch_context is not None:
            residuals = sketch.residuals(latents, timesteps, sketch_context)
        beside_keys = torch.cat([latents, condition.key_frames], dim=1)
        velocity: Tensor = unet(beside_keys, timesteps, context, fps, residuals)
        return velocity.float()

    def predict(latents: Tensor, timestep: int) -> Tensor:
        timesteps = torch.full((latents.shape[0],), timestep, device=latents.device)
        conditional = predict_half(
            latents, timesteps, condition.conditional, sketch.conditional if sketch else None
        )
        if guidance == 1 or condition.unconditional is None:
            return conditional
        unconditional = predict_half(
            latents, timesteps, condition.unconditional, sketch.unconditional if sketch else None
        )
        return guide(conditional, unconditional, guidance, guidance_rescale)

    return predict


def decode_clip(
    autoencoder: Autoencoder,
    latents: Tensor,
    references: Sequence[Tensor] | None,
    *,
    middle_pass: bool = True,
    frames_at_once: int | None = None,
) -> Tensor:
    """Decode a clip (1, z_channels, frames, height, width) to float32 pictures (frames, 3, height, width).

    middle_pass: decode once more without the frames next to the keys and take the two middle frames from there, as
    the published application does; nearly doubles the time. frames_at_once: see `DualReferenceDecoder`.
    The pictures are nominally -1..1, not clamped.
    """

    def decode(rows: Tensor) -> Tensor:
        pictures: Tensor = autoencoder.decoder(rows, references, frames_at_once)
        return pictures.float()

    clip = rearrange(latents, "1 c t h w -> t c h w") / autoencoder.scale_factor
    clip = clip.to(autoencoder.quant_conv.weight.dtype)
    pictures = decode(clip)
    frames = clip.shape[0]
    if middle_pass and frames >= 4:
        shorter = decode(torch.cat([clip[:1], clip[2:-2], clip[-1:]]))
        middle = frames // 2
        pictures[middle - 1 : middle + 1] = shorter[middle - 2 : middle]
    return pictures


@dataclass(frozen=True)
class Request:
    """What to draw.

    start, end: the keys, (3, height, width) in -1..1, height and width multiples of 64. picture: what the vision
    tower sees, (3, any height, any width) in -1..1; None for the start key. sketches: (frames, 1, height, width) in
    0..1, 1 where there is a line, with sketch_strength as in `SketchGuide`.
    """

    start: Tensor
    end: Tensor
    prompt: str = ""
    negative_prompt: str = ""
    picture: Tensor | None = None
    sketches: Tensor | None = None
    sketch_strength: float | Tensor = 0.6


def generate(
    model: ToonCrafter,
    request: Request,
    sampling: Sampling,
    draw: Draw,
    *,
    on_step: OnStep | None = None,
    middle_pass: bool = True,
    frames_at_once: int | None = None,
) -> Tensor:
    """Draw a clip with the whole model in memory; returns float32 pictures (frames, 3, height, width), not clamped.

    draw: the source of all noise, in the published application's order: the keys' encoding, the first latents, then
    once for each step. The parts' own functions say what the other arguments mean.
    """
    latents, keys = generate_latents(model, request, sampling, draw, on_step=on_step)
    return decode_clip(
        model.autoencoder, latents, keys.references, middle_pass=middle_pass, frames_at_once=frames_at_once
    )


@torch.inference_mode()
def generate_latents(
    model: ToonCrafter, request: Request, sampling: Sampling, draw: Draw, *, on_step: OnStep | None = None
) -> tuple[Tensor, Keys]:
    """Do everything up to decoding; returns the latents (1, z_channels, frames, height, width) and the keys."""
    frames = model.configuration.frames
    keys = encode_keys(model.autoencoder, request.start, request.end, frames, draw)
    prompts = tokenize([request.prompt, request.negative_prompt], model.configuration.clip.text.context_length)
    towers = (model.text_tower, model.vision_tower, model.image_projector)
    picture = request.start if request.picture is None else request.picture
    tokens = context_tokens(*towers, prompts[:1], picture)
    no_tokens = context_tokens(*towers, prompts[1:], no_picture(model.configuration))

    condition = Condition(
        key_frames=key_frame_latents(keys, frames),
        fps=sampling.fps,
        conditional=model.unet.project_context(tokens, frames),
        unconditional=model.unet.project_context(no_tokens, frames),
    )
    sketch = None
    if request.sketches is not None and model.sketch_encoder is not None:
        sketch = SketchGuide(
            encoder=model.sketch_encoder,
            hint=model.sketch_encoder.encode_hint(rearrange(request.sketches, "t c h w -> 1 c t h w")),
            strength=request.sketch_strength,
            conditional=model.sketch_encoder.project_context(tokens),
            unconditional=model.sketch_encoder.project_context(no_tokens),
        )
    predict = velocity_model(model.unet, condition, sampling.guidance, sampling.guidance_rescale, sketch)
    schedule = noise_schedule(model.configuration.schedule)
    timesteps = spaced_timesteps(sampling.steps, len(schedule.alphas_cumprod), sampling.spacing)
    noise = draw((1, *condition.key_frames.shape[1:])).to(condition.key_frames.device)
    return sample(predict, noise, ddim_steps(schedule, timesteps, sampling.eta), draw, on_step), keys


def to_bytes(pictures: Tensor) -> Tensor:
    """(…) in -1..1 -> uint8 (…) in 0..255, clamped and rounded down."""
    return ((pictures.clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8)
