"""The dual-reference decoder: details that the latents have lost come back from both keys.

Xing et al. 2024, arXiv 2405.17933, section 3.3: absolute difference, perceptual distance and a patch critic; the
encoder stays as it is, so the latents keep their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ..engines.tooncrafter.network import Autoencoder
from .autoencoder_stage import psnr, single_picture_parameters
from .configuration import TrainingConfiguration
from .draws import Draws
from .export import export_model
from .parameter_groups import groups_of
from .patch_critic import PatchCritic, critic_loss, deceit_loss
from .place_matching import begins_without_keys, match_places
from .stage import Loss, Materials, Player, Stage
from .windows import Batch, Windows

#: So many pictures tell a decoder from nothing which places look alike.
_MATCHED_PICTURES = 48
#: Keeps the length of a feature of zeros from dividing by zero.
_EPS = 1e-6


class DecoderStage(Stage):
    """Two players: the decoder, and a critic that tells its pictures from true ones."""

    def __init__(self, materials: Materials) -> None:
        super().__init__(materials)
        told = materials.configuration.decoder
        self.groups = groups_of(materials.model, None, ["decoder"])
        autoencoder = materials.model.autoencoder
        shares = dict.fromkeys(single_picture_parameters(autoencoder.decoder), told.learned_share)
        if begins_without_keys(autoencoder):
            shares |= match_places(autoencoder, _first_pictures(materials.configuration))
        rate = materials.configuration.optimisation.learning_rate
        self.players = [Player("decoder", tuple(autoencoder.decoder.parameters()), rate, shares)]
        self._adversarial = told.adversarial > 0
        if self._adversarial:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(materials.configuration.seed)
                self.critic = PatchCritic(told.critic_channels)
            self.players.append(Player("critic", tuple(self.critic.parameters()), told.critic_learning_rate))
        self._decoded: Tensor | None = None

    def forward(self, batch: Batch, draws: Draws, player: str, step: int) -> Loss:
        """Return the decoder's loss on whole clips, or the critic's on what the decoder has just made of them."""
        truth = batch.pictures.flatten(0, 1)
        if player == "critic":
            assert self._decoded is not None, "the decoder plays first"
            loss = critic_loss(self.critic(truth), self.critic(self._decoded))
            return Loss(loss, {"critic": loss})
        told = self.materials.configuration.decoder
        clips, features = zip(*(self._decode(clip, draws) for clip in batch.pictures), strict=True)
        decoded = torch.cat(clips)
        self._decoded = decoded.detach()
        difference = functional.l1_loss(decoded, truth)
        parts = {"difference": difference, "psnr": psnr(decoded, truth)}
        total = told.l1 * difference
        if told.perceptual:
            parts["perceptual"] = sum(
                (
                    perceptual_distance(self.materials.model.autoencoder, clip, true_features)
                    for clip, true_features in zip(clips, features, strict=True)
                ),
                decoded.new_zeros(()),
            ) / len(clips)
            total = total + told.perceptual * parts["perceptual"]
        if self._adversarial and step >= told.adversarial_from:
            parts["deceit"] = deceit_loss(self.critic(decoded))
            total = total + told.adversarial * parts["deceit"]
        return Loss(total, parts)

    def _decode(self, clip: Tensor, draws: Draws) -> tuple[Tensor, Sequence[Tensor]]:
        """Return what becomes of a clip (frames, 3, height, width), and its encoder features."""
        autoencoder = self.materials.model.autoencoder
        with torch.no_grad():
            posterior, features = autoencoder.encode(clip)
            latents = posterior.sample(draws.normal(posterior.mean.shape).to(clip.device))
            references = [feature[[0, -1]] for feature in features]
        decoded: Tensor = autoencoder.decoder(latents, references)
        return decoded, features

    def show(self, batch: Batch, draws: Draws) -> Tensor:
        """Return two rows a clip: the true frames, and what becomes of them."""
        rows = []
        for clip in batch.pictures:
            rows += [clip, self._decode(clip, draws)[0].float()]
        return torch.stack(rows)

    def export(self, folder: Path) -> list[Path]:
        """Write the whole model."""
        return [export_model(folder, self.materials.model, self.materials.model.configuration)]


def _first_pictures(configuration: TrainingConfiguration) -> Tensor:
    """Return a picture each of the first clips, (n, 3, height, width) in -1..1."""
    windows = Windows(Path(configuration.dataset), "train", frames=1, strides=1, seed=configuration.seed)
    return torch.cat([windows[number].pictures for number in range(_MATCHED_PICTURES)])


def perceptual_distance(autoencoder: Autoencoder, made: Tensor, true_features: Sequence[Tensor]) -> Tensor:
    """Return how different pictures look, by the features of the autoencoder's own frozen encoder.

    The form of LPIPS (Zhang et al. 2018, arXiv 1801.03924) without its learned weights: at each level, features are
    scaled to length 1 at each place, and the squared differences averaged. The published recipe takes the features
    of a VGG; the encoder is there anyway, has seen the same pictures, and needs no further download.
    made: (frames, 3, height, width). true_features: the encoder's of the true pictures.
    """
    _, features = autoencoder.encode(made)
    distances = [
        (_unit(ours.float()) - _unit(true.float())).square().sum(dim=1).mean()
        for ours, true in zip(features, true_features, strict=True)
    ]
    return torch.stack(distances).mean()


def _unit(features: Tensor) -> Tensor:
    length: Tensor = features.square().sum(dim=1, keepdim=True).add(_EPS).sqrt()
    return features / length
