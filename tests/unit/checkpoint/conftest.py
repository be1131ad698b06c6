"""A tiny checkpoint with the published key names, and how a test imports it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from backend import weights
from backend.engines.tooncrafter.checkpoint_keys import schedule_tables, unused_keys, wanted_keys
from backend.engines.tooncrafter.configuration import Configuration, configuration_yaml, read_configuration
from backend.engines.tooncrafter.model import empty_sketch_encoder
from tests.unit.checkpoint.samples import Tensors


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    """The smallest model that has every kind of layer."""
    published = read_configuration()
    sizes: dict[str, Any] = {"model_channels": 32, "channel_mult": [1], "num_head_channels": 16, "context_dim": 8}
    sizes |= {"num_res_blocks": 1, "attention_resolutions": [1]}
    text = replace(published.clip.text, vocab_size=64, width=8, heads=2, layers=2)
    vision = replace(published.clip.vision, image_size=28, width=16, head_width=8, layers=1)
    return replace(
        published,
        unet=replace(published.unet, **sizes),
        sketch_encoder=replace(published.sketch_encoder, **sizes),
        autoencoder=replace(published.autoencoder, ch=32, ch_mult=[1, 1, 1, 1], num_res_blocks=1),
        clip=replace(published.clip, embed_dim=8, text=text, vision=vision),
        image_projector=replace(
            published.image_projector, dim=16, depth=1, dim_head=8, heads=2, embedding_dim=16, output_dim=8
        ),
    )


@pytest.fixture(scope="module")
def published(configuration: Configuration) -> Tensors:
    """A whole checkpoint with published key names, random and exact in half precision."""
    generator = torch.Generator().manual_seed(1)
    shapes = {**wanted_keys(configuration), **unused_keys(configuration)}
    tensors = {key: torch.randn(shape, generator=generator).half().float() for key, shape in shapes.items()}
    return {**tensors, **schedule_tables(configuration)}


@pytest.fixture(scope="module")
def sketch(configuration: Configuration) -> Tensors:
    generator = torch.Generator().manual_seed(2)
    keys = empty_sketch_encoder(configuration).state_dict()
    return {key: torch.randn(tensor.shape, generator=generator).half().float() for key, tensor in keys.items()}


@pytest.fixture
def variant(tmp_path: Path, configuration: Configuration) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(configuration_yaml(configuration), encoding="utf-8")
    return path


@pytest.fixture
def imported(tmp_path: Path, variant: Path) -> Callable[..., weights.Weights]:
    """Import files of this test, into a folder of this test."""

    def run(*files: Path, **options: object) -> weights.Weights:
        return weights.import_checkpoint(files, variant=variant, folder=tmp_path / "weights", **options)  # type: ignore[arg-type]

    return run
