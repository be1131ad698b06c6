"""A whole model small enough for a CPU: the tiny checkpoint of the golden cases, in the engine's own format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from backend.engines.tooncrafter.checkpoint import About, write_weights
from backend.engines.tooncrafter.checkpoint_keys import model_keys
from backend.engines.tooncrafter.configuration import Configuration
from backend.engines.tooncrafter.model import empty_model, empty_sketch_encoder
from backend.weights import Kind
from tests.parity import configurations
from tests.parity.cases import DEFAULT_FOLDER, Case

HEIGHT, WIDTH = 64, 96


def tiny_configuration() -> Configuration:
    """The tiny model's sizes, with frames of 96 × 64 pixels."""
    whole = configurations.whole(Case(DEFAULT_FOLDER / "e2e.json").info["config"])
    sketch = configurations.sketch_encoder(Case(DEFAULT_FOLDER / "sketch_control.json").info["config"]["control"])
    return replace(whole, height=HEIGHT, width=WIDTH, sketch_encoder=sketch)


def write_tiny_model(path: Path) -> Path:
    """Write the tiny model's weights."""
    weights = Case(DEFAULT_FOLDER / "e2e.json").weights()
    return _write(path, "model", model_keys(empty_model(tiny_configuration())), weights)


def write_tiny_sketch_encoder(path: Path) -> Path:
    """Write the sketch encoder of the golden case, which fits the tiny model's U-Net."""
    weights = Case(DEFAULT_FOLDER / "sketch_control.json").weights("control_model.")
    keys = empty_sketch_encoder(tiny_configuration()).state_dict()
    return _write(path, "sketch-encoder", {key: tuple(value.shape) for key, value in keys.items()}, weights)


def _write(path: Path, kind: Kind, keys: dict[str, tuple[int, ...]], weights: dict[str, Tensor]) -> Path:
    write_weights(path, About(kind, "fp16", tiny_configuration(), ()), keys, weights.__getitem__)
    return path
