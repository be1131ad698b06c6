"""The autoencoder from nothing, on single pictures: what a small model of one's own begins with.

The published model took this part from Stable Diffusion (Rombach et al. 2022, arXiv 2112.10752).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..engines.tooncrafter.network.dual_reference_decoder import ClipResBlock, DualReferenceDecoder
from .draws import Draws
from .export import export_model
from .parameter_groups import groups_of
from .stage import Loss, Materials, Player, Stage
from .windows import Batch


class _NothingAcrossFrames(nn.Module):
    """Stands in for a time stack while every picture is decoded by itself."""

    def forward(self, clip: Tensor, share: Tensor, rows_at_once: int | None = None) -> Tensor:
        return clip


class AutoencoderStage(Stage):
    """Squared difference and Kullback-Leibler divergence; the decoder's layers across frames stay out of it.

    Squared, because small things of strong colour would otherwise be the last to be learned.
    """

    window = 1

    def __init__(self, materials: Materials) -> None:
        super().__init__(materials)
        self.autoencoder = materials.model.autoencoder
        self.groups = groups_of(materials.model, None, ["encoder", "decoder"])
        parameters = single_picture_parameters(self.autoencoder)
        rate = materials.configuration.optimisation.learning_rate
        self.players = [Player("autoencoder", tuple(parameters), rate)]
        #: Mean square of the latents seen, as a running average: what the scale factor is made from.
        self.register_buffer("square", torch.ones(()))
        self.square: Tensor

    def forward(self, batch: Batch, draws: Draws, player: str, step: int) -> Loss:
        """Return the loss on one picture of each window."""
        pictures = batch.pictures[:, 0]
        posterior, _ = self.autoencoder.encode(pictures)
        latents = posterior.sample(draws.normal(posterior.mean.shape).to(posterior.mean.device))
        with torch.no_grad():
            self.square.lerp_(latents.square().mean(), 0.02)
        decoded = single_pictures(self.autoencoder.decoder, latents)
        difference = functional.mse_loss(decoded, pictures)
        variance = posterior.log_variance.exp()
        divergence = 0.5 * (posterior.mean.square() + variance - 1 - posterior.log_variance).mean()
        total = difference + self.materials.configuration.autoencoder.kl * divergence
        parts = {"difference": difference, "divergence": divergence, "psnr": psnr(decoded, pictures)}
        return Loss(total, parts)

    def show(self, batch: Batch, draws: Draws) -> Tensor:
        """Return the pictures above what becomes of them."""
        pictures = batch.pictures[:, 0]
        posterior, _ = self.autoencoder.encode(pictures)
        return torch.stack([pictures, single_pictures(self.autoencoder.decoder, posterior.mean)])

    def export(self, folder: Path) -> list[Path]:
        """Write the model with the scale factor that brings its latents to a deviation of 1."""
        model = self.materials.model
        sizes = replace(model.configuration.autoencoder, scale_factor=float(self.square.rsqrt()))
        configuration = replace(model.configuration, autoencoder=sizes)
        return [export_model(folder, model, configuration)]


def single_picture_parameters(part: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of all layers that see one picture only: neither across frames nor to the keys."""
    others = ("time_stack", "mix_factor", "time_mix_conv", "attn_refinement")
    return [parameter for name, parameter in part.named_parameters() if not any(other in name for other in others)]


def single_pictures(decoder: DualReferenceDecoder, latents: Tensor) -> Tensor:
    """Decode pictures each by itself: without references, and the layers across frames taken out meanwhile.

    latents: (rows, z_channels, height, width), not scaled. Returns (rows, 3, height, width), nominally -1..1.
    """
    stacks = {block: block.time_stack for block in decoder.modules() if isinstance(block, ClipResBlock)}
    last = decoder.conv_out.time_mix_conv
    try:
        for block in stacks:
            block.time_stack = _NothingAcrossFrames()  # type: ignore[assignment]
        decoder.conv_out.time_mix_conv = nn.Identity()  # type: ignore[assignment]
        pictures: Tensor = decoder(latents, None)
    finally:
        for block, stack in stacks.items():
            block.time_stack = stack
        decoder.conv_out.time_mix_conv = last
    return pictures


def psnr(made: Tensor, truth: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio in dB of pictures in -1..1."""
    return -10 * torch.log10(((made.float() - truth.float()) / 2).square().mean().clamp(min=1e-10))
