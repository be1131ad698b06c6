"""Which stages there are, what each trains, and how one is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .autoencoder_stage import AutoencoderStage
from .configuration import TrainingConfiguration
from .decoder_stage import DecoderStage
from .gradient_checkpointing import checkpoint_blocks
from .loop import Say, Training
from .lora_stage import LoraStage
from .materials import open_materials
from .rectify_stage import RectifyStage, WholePriorStage
from .sketch_stage import SketchStage
from .stage import Materials, Stage


@dataclass(frozen=True)
class Plan:
    """What makes a stage. parts: those that it trains, in float32, by their names in `ToonCrafter.parts`."""

    make: Callable[[Materials], Stage]
    parts: tuple[str, ...]


PLANS: dict[str, Plan] = {
    "autoencoder": Plan(AutoencoderStage, ("autoencoder",)),
    "prior": Plan(WholePriorStage, ("unet", "image_projector")),
    "rectify": Plan(RectifyStage, ("unet", "image_projector")),
    "decoder": Plan(DecoderStage, ("autoencoder",)),
    "sketch": Plan(SketchStage, ("sketch_encoder",)),
}
_LORA = Plan(LoraStage, ())


def train(stage: str, configuration: TrainingConfiguration, say: Say) -> list[Path]:
    """Run a stage, one of PLANS, from its newest state to its last step; returns the exported files.

    Raises UserError as `open_materials`, `Windows` and `Training` do.
    """
    plan = _LORA if stage == "rectify" and configuration.lora.rank else PLANS[stage]
    materials = open_materials(configuration, plan.parts)
    made = plan.make(materials)
    if configuration.optimisation.gradient_checkpointing:
        checkpoint_blocks(made)
    return Training(made, configuration, materials.model.configuration.frames, say).run()
