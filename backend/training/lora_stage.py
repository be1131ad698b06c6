"""Toon rectification on one consumer card: the same layers learn, through low-rank changes of frozen weights."""

from __future__ import annotations

from pathlib import Path

from ..engines.tooncrafter.checkpoint_keys import PREFIXES
from ..engines.tooncrafter.lora import LoraFile, write_lora
from .lora import adapt, change_of
from .parameter_groups import ParameterGroup
from .rectify_stage import PriorStage
from .stage import Materials, Player

LORA = "lora.safetensors"


class LoraStage(PriorStage):
    """Trains low-rank changes of the image-context projector and of the U-Net's spatial layers."""

    def __init__(self, materials: Materials) -> None:
        super().__init__(materials, trained=())
        told = materials.configuration.lora
        self._scale = (told.alpha or told.rank) / told.rank
        model = materials.model
        self._changes = {
            PREFIXES[name] + key: change
            for name, part in (("image_projector", model.image_projector), ("unet", model.unet))
            for key, change in adapt(part, told.rank, self._scale, materials.configuration.seed).items()
        }
        parameters = tuple(number for change in self._changes.values() for number in change.parameters())
        self.groups = [*self.groups, ParameterGroup(f"low-rank changes (rank {told.rank})", parameters, True)]
        self.players = [Player("low-rank changes", parameters, materials.configuration.optimisation.learning_rate)]

    def export(self, folder: Path) -> list[Path]:
        """Write the LoRA alone."""
        path = folder / LORA
        changes = {key: change_of(change) for key, change in self._changes.items()}
        write_lora(path, LoraFile(self._scale, changes))
        return [path]
