"""Toon rectification: the prior learns cartoons while its sense of motion stays as it is.

Xing et al. 2024, arXiv 2405.17933, section 3.2: the image-context projector and the spatial layers are trained, the
temporal layers frozen. The same stage trains a whole prior where there is none yet.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..engines.tooncrafter.pipeline import (
    Condition,
    Sampling,
    decode_clip,
    encode_keys,
    key_frame_latents,
    velocity_model,
)
from ..engines.tooncrafter.sampler import ddim_steps, sample, spaced_timesteps
from ..engines.tooncrafter.schedule import noise_schedule
from .conditioning import Dropped, Latents, context_of, drop_conditions, key_latents
from .denoising import add_noise, velocity_loss
from .draws import Draws
from .export import export_model
from .parameter_groups import groups_of
from .stage import Loss, Materials, Player, Stage
from .windows import Batch

#: What the paper trains.
RECTIFIED = ("image-context projector", "U-Net, spatial layers")
#: What a prior needs that starts from nothing.
WHOLE_PRIOR = (*RECTIFIED, "U-Net, temporal layers", "U-Net, embeddings of timestep and frame rate")

_SHOWN = Sampling(steps=25, guidance=1.0)


class PriorStage(Stage):
    """The velocity's loss on whole clips. trained: names of the parts that learn (`parameter_groups`)."""

    def __init__(self, materials: Materials, trained: tuple[str, ...]) -> None:
        super().__init__(materials)
        model = materials.model
        self._latents = Latents(model)
        self._schedule = noise_schedule(model.configuration.schedule)
        self.groups = groups_of(model, None, trained)
        self.unet, self.projector = model.unet, model.image_projector
        parameters = tuple(parameter for group in self.groups if group.trained for parameter in group.parameters)
        self.players = [Player("prior", parameters, materials.configuration.optimisation.learning_rate)]

    def forward(self, batch: Batch, draws: Draws, player: str, step: int) -> Loss:
        """Return the velocity's loss on a batch of clips."""
        model = self.materials.model
        clean = self._latents.sample(batch, draws)
        noised = add_noise(clean, self._schedule, draws)
        dropped = drop_conditions(draws, len(batch.keys), self.materials.configuration.condition_dropout)
        context = self.unet.project_context(context_of(model, batch, dropped, draws), clean.shape[2])
        beside = torch.cat([noised.latents, key_latents(clean)], dim=1)
        loss = velocity_loss(self.unet(beside, noised.timesteps, context, batch.fps), noised)
        return Loss(loss, {"velocity": loss})

    @torch.no_grad()
    def show(self, batch: Batch, draws: Draws) -> Tensor:
        """Return two rows a clip: the true frames, and those drawn between its keys."""
        rows = []
        model = self.materials.model
        for index, pictures in enumerate(batch.pictures):
            frames = pictures.shape[0]
            keys = encode_keys(model.autoencoder, pictures[0], pictures[-1], frames, draws.normal)
            nothing = Dropped(torch.zeros(1, dtype=torch.bool), torch.zeros(1, dtype=torch.bool))
            alone = Batch(
                batch.keys[index : index + 1], pictures[None, :1], batch.fps[:1], batch.captions[index : index + 1]
            )
            tokens = context_of(model, alone, nothing, draws)
            condition = Condition(
                key_frame_latents(keys, frames), int(batch.fps[index]), self.unet.project_context(tokens, frames)
            )
            predict = velocity_model(self.unet, condition, _SHOWN.guidance, 0.0)
            timesteps = spaced_timesteps(_SHOWN.steps, len(self._schedule.signal), _SHOWN.spacing)
            noise = draws.normal((1, *condition.key_frames.shape[1:])).to(pictures.device)
            latents = sample(predict, noise, ddim_steps(self._schedule, timesteps, 0.0), draws.normal)
            rows += [pictures, decode_clip(model.autoencoder, latents, keys.references, middle_pass=False)]
        return torch.stack(rows)

    def export(self, folder: Path) -> list[Path]:
        """Write the whole model."""
        return [export_model(folder, self.materials.model, self.materials.model.configuration)]


class RectifyStage(PriorStage):
    """Trains what the paper does."""

    def __init__(self, materials: Materials) -> None:
        super().__init__(materials, RECTIFIED)


class WholePriorStage(PriorStage):
    """Trains the whole prior: motion and looks, from nothing."""

    def __init__(self, materials: Materials) -> None:
        super().__init__(materials, WHOLE_PRIOR)
