"""`tooncrafter train STAGE CONFIG`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .autoencoder_stage import AutoencoderStage
from .configuration import TrainingConfiguration, read_training
from .decoder_stage import DecoderStage
from .materials import open_materials
from .rectify_stage import WHOLE_PRIOR, RectifyStage
from .sketch_stage import SketchStage
from .stage import Materials, Stage


def _whole_prior(materials: Materials) -> Stage:
    return RectifyStage(materials, WHOLE_PRIOR)


#: Stage -> the parts that it trains, and what makes it.
STAGES: dict[str, tuple[tuple[str, ...], Callable[[Materials], Stage]]] = {
    "autoencoder": (("autoencoder",), AutoencoderStage),
    "prior": (("unet", "image_projector"), _whole_prior),
    "rectify": (("unet", "image_projector"), RectifyStage),
    "decoder": (("autoencoder",), DecoderStage),
    "sketch": (("sketch_encoder",), SketchStage),
}


def train(stage: str, configuration: TrainingConfiguration, say: Callable[[str], None]) -> list[Path]:
    """Run one stage from its newest state to its last step; returns the exported files."""
    from .loop import Training

    trained, make = STAGES[stage]
    materials = open_materials(configuration, trained)
    return Training(make(materials), configuration, materials.model.configuration.frames, say).run()
