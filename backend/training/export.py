"""From a training's weights to files that the engine opens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from ..engines.tooncrafter.checkpoint import About, write_weights
from ..engines.tooncrafter.checkpoint_keys import PREFIXES
from ..engines.tooncrafter.configuration import Configuration
from ..engines.tooncrafter.model import ToonCrafter
from ..engines.tooncrafter.network import SketchEncoder
from ..weights import Kind, Source

MODEL = "model.safetensors"
SKETCH_ENCODER = "sketch_encoder.safetensors"


def export_model(folder: Path, model: ToonCrafter, configuration: Configuration) -> Path:
    """Write the whole model in half precision and return the file."""
    tensors = {
        PREFIXES[name] + key: tensor
        for name, part in model.parts().items()
        for key, tensor in part.state_dict().items()
    }
    return _write(folder / MODEL, "model", tensors, configuration)


def export_sketch_encoder(folder: Path, encoder: SketchEncoder, configuration: Configuration) -> Path:
    """Write the sketch encoder in half precision and return the file."""
    return _write(folder / SKETCH_ENCODER, "sketch-encoder", encoder.state_dict(), configuration)


def _write(path: Path, kind: Kind, tensors: dict[str, Tensor], configuration: Configuration) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = {key: tensor.detach().to("cpu", torch.float16).contiguous() for key, tensor in tensors.items()}
    shapes = {key: tuple(tensor.shape) for key, tensor in half.items()}
    write_weights(path, About(kind, "fp16", configuration, (_trained(half),)), shapes, half.__getitem__)
    return path


def _trained(tensors: dict[str, Tensor]) -> Source:
    """Return what tells these weights from those of any other training: the hash of their numbers."""
    digest = hashlib.sha256()
    size = 0
    for key, tensor in tensors.items():
        digest.update(key.encode())
        numbers = tensor.reshape(-1).view(torch.uint8).numpy()
        digest.update(numbers.data)
        size += numbers.nbytes
    return Source("training", digest.hexdigest(), size)
