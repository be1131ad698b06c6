"""What a stage starts from: the model's parts, opened or made, each in the precision that its training wants."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from ..engines.tooncrafter.checkpoint import open_model, open_sketch_encoder
from ..engines.tooncrafter.configuration import read_configuration
from .configuration import TrainingConfiguration
from .from_nothing import new_model, new_sketch_encoder
from .stage import Materials

_HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}


def open_materials(configuration: TrainingConfiguration, trained: Collection[str]) -> Materials:
    """Return what a stage trains and what it trains with.

    trained: names of the parts that are trained, "sketch_encoder" among them if there is to be one; these have
    float32 numbers, the others half-precision ones where the run computes in half precision.
    Raises UserError as `open_model` and `read_configuration` do.
    """
    if configuration.model is not None:
        model = open_model(Path(configuration.model), dtype=torch.float32)
    else:
        variant = None if configuration.variant is None else Path(configuration.variant)
        model = new_model(read_configuration(variant), configuration.seed)
    sketch_encoder = None
    if "sketch_encoder" in trained:
        if configuration.sketch_encoder is not None:
            sketch_encoder = open_sketch_encoder(Path(configuration.sketch_encoder), dtype=torch.float32)
        else:
            sketch_encoder = new_sketch_encoder(model.configuration, model.unet, configuration.seed)
    half = _HALF.get(configuration.optimisation.precision)
    for name, part in model.parts().items():
        part.requires_grad_(False)
        if half is not None and name not in trained:
            part.to(half)
    return Materials(configuration, model, sketch_encoder)
