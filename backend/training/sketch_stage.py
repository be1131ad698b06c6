"""The sketch encoder: a few line drawings lead the frames, while the whole diffusion model stays as it is.

Xing et al. 2024, arXiv 2405.17933, section 3.4: an adapter that sees each frame alone, trained on few sketches.
"""

from __future__ import annotations

from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from ..engines.tooncrafter.network import SketchEncoder
from ..engines.tooncrafter.schedule import noise_schedule
from .conditioning import Latents, context_of, drop_conditions, key_latents
from .denoising import add_noise, velocity_loss
from .draws import Draws
from .export import export_sketch_encoder
from .line_drawing import sketch_of
from .parameter_groups import groups_of
from .sparse_sketches import choose_frames
from .stage import Loss, Materials, Player, Stage
from .windows import Batch


class SketchStage(Stage):
    """The velocity's loss, with sketches on few frames of every clip."""

    def __init__(self, materials: Materials) -> None:
        super().__init__(materials)
        assert materials.sketch_encoder is not None
        self.encoder = materials.sketch_encoder
        self._latents = Latents(materials.model)
        self._schedule = noise_schedule(materials.model.configuration.schedule)
        self.groups = groups_of(materials.model, self.encoder, ["sketch encoder"])
        rate = materials.configuration.optimisation.learning_rate
        self.players = [Player("sketch encoder", tuple(self.encoder.parameters()), rate)]

    def forward(self, batch: Batch, draws: Draws, player: str, step: int) -> Loss:
        """Return the velocity's loss on a batch of clips, each with sketches on some of its frames."""
        model, configuration = self.materials.model, self.materials.configuration
        clean = self._latents.sample(batch, draws)
        noised = add_noise(clean, self._schedule, draws)
        dropped = drop_conditions(draws, len(batch.keys), configuration.condition_dropout)
        frames = clean.shape[2]
        with torch.no_grad():
            tokens = context_of(model, batch, dropped, draws)
            context = model.unet.project_context(tokens, frames)
        chosen = [choose_frames(frames, configuration.sketches, draws) for _ in batch.keys]
        residuals = sketch_residuals(self.encoder, noised.latents, noised.timesteps, tokens, batch.pictures, chosen)
        beside = torch.cat([noised.latents, key_latents(clean)], dim=1)
        velocity = model.unet(beside, noised.timesteps, context, batch.fps, residuals)
        loss = velocity_loss(velocity, noised)
        return Loss(loss, {"velocity": loss})

    def show(self, batch: Batch, draws: Draws) -> Tensor:
        """Return two rows a clip: the true frames and their sketches."""
        rows = []
        for clip in batch.pictures:
            rows += [clip, 1 - 2 * sketch_of(clip).expand(-1, 3, -1, -1)]
        return torch.stack(rows)

    def export(self, folder: Path) -> list[Path]:
        """Write the sketch encoder alone."""
        return [export_sketch_encoder(folder, self.encoder, self.materials.model.configuration)]


def sketch_residuals(
    encoder: SketchEncoder,
    latents: Tensor,
    timesteps: Tensor,
    tokens: Tensor,
    pictures: Tensor,
    chosen: list[Tensor],
) -> list[Tensor]:
    """Return the residuals for the U-Net, zero on frames without a sketch, as the engine makes them.

    latents: (batch, channels, frames, height, width). tokens: (batch, tokens, width). pictures: (batch, frames, 3,
    height, width), of which sketches are made. chosen: the frames with a sketch, for each clip. Every such frame
    goes through the encoder alone.
    """
    batch, _, frames = latents.shape[:3]
    clips = torch.cat([torch.full_like(numbers, clip) for clip, numbers in enumerate(chosen)]).to(latents.device)
    numbers = torch.cat(chosen).to(latents.device)
    with torch.no_grad():
        sketches = sketch_of(pictures[clips, numbers])
    hint = encoder.encode_hint(rearrange(sketches, "n c h w -> n c 1 h w"))
    alone = rearrange(latents[clips, :, numbers], "n c h w -> n c 1 h w")
    parts = encoder(alone, hint, timesteps[clips], encoder.project_context(tokens[clips]))
    rows = clips * frames + numbers
    return [part.new_zeros(batch * frames, *part.shape[1:]).index_copy(0, rows, part) for part in parts]
