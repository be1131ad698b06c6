"""What the U-Net is told in training: key latents, prompt and picture, each sometimes left out, and the speed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from ..engines.tooncrafter.model import ToonCrafter
from ..engines.tooncrafter.preprocessing import clip_pixels
from ..engines.tooncrafter.tokenizer import tokenize
from .draws import Draws
from .windows import Batch


@dataclass(frozen=True)
class Dropped:
    """Which samples lose what, bool (batch,) each."""

    text: Tensor
    picture: Tensor


def drop_conditions(draws: Draws, batch: int, probability: float) -> Dropped:
    """Draw which samples lose text, picture or both.

    One number u decides for each: below p only the text goes, from p to 2p both, from 2p to 3p only the picture, as
    in the published code. Guidance needs a model that knows all three.
    """
    u = draws.uniform(batch)
    return Dropped(text=u < 2 * probability, picture=(u >= probability) & (u < 3 * probability))


class Latents:
    """Clips' latents, scaled, sampled anew from their distribution every time.

    The distributions are kept in memory as half-precision numbers after the first time, up to `most_bytes`: the
    encoder never changes, and is a good part of the time of a small model.
    """

    def __init__(self, model: ToonCrafter, most_bytes: int = 2**29) -> None:
        self._autoencoder = model.autoencoder
        self._bytes_left = most_bytes
        self._known: dict[tuple[str, int, int], tuple[Tensor, Tensor]] = {}

    @torch.no_grad()
    def sample(self, batch: Batch, draws: Draws) -> Tensor:
        """Return (batch, z_channels, frames, height, width), float32, on the device of the batch."""
        clips = []
        for key, pictures in zip(batch.keys, batch.pictures, strict=True):
            mean, deviation = self._known.get(key) or self._encode(key, pictures)
            clips.append(mean.float() + deviation.float() * draws.normal(mean.shape))
        scaled = torch.stack(clips) * self._autoencoder.scale_factor
        return rearrange(scaled, "b t c h w -> b c t h w").to(batch.pictures.device)

    def _encode(self, key: tuple[str, int, int], pictures: Tensor) -> tuple[Tensor, Tensor]:
        posterior, _ = self._autoencoder.encode(pictures)
        deviation = torch.exp(0.5 * posterior.log_variance.clamp(-30, 20))
        known = posterior.mean.to("cpu", torch.float16), deviation.to("cpu", torch.float16)
        size = sum(part.numel() * part.element_size() for part in known)
        if size <= self._bytes_left:
            self._known[key] = known
            self._bytes_left -= size
        return known


def key_latents(latents: Tensor) -> Tensor:
    """Return the latents of the first and last frame at their places, zeros between; same shape."""
    keys = torch.zeros_like(latents)
    keys[:, :, 0], keys[:, :, -1] = latents[:, :, 0], latents[:, :, -1]
    return keys


def context_of(model: ToonCrafter, batch: Batch, dropped: Dropped, draws: Draws) -> Tensor:
    """Return the context tokens (batch, text + image tokens, width); gradients reach the projector only.

    The picture is a random frame of each clip, as in the published code; a dropped one is mid grey, a dropped text
    the empty prompt.
    """
    size, frames = model.vision_tower.image_size, batch.pictures.shape[1]
    prompts = ["" if drop else caption for caption, drop in zip(batch.captions, dropped.text, strict=True)]
    chosen = draws.integers(frames, len(prompts))
    with torch.no_grad():
        device = batch.pictures.device
        text = model.text_tower(tokenize(prompts, model.configuration.clip.text.context_length).to(device))
        pictures = [
            torch.zeros(3, size, size, device=device) if drop else clip[frame]
            for clip, frame, drop in zip(batch.pictures, chosen, dropped.picture, strict=True)
        ]
        seen = model.vision_tower(torch.stack([clip_pixels(picture, size) for picture in pictures]))
    return torch.cat([text, model.image_projector(seen)], dim=1)
