"""A model and a dataset so small that a training step takes a fraction of a second."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf
from PIL import Image

from backend.engines.tooncrafter.configuration import Configuration, parse_configuration
from backend.training.configuration import (
    DecoderLoss,
    Optimisation,
    Reporting,
    TrainingConfiguration,
)
from backend.training.dataset import ClipEntry, Index, Split, write_index
from backend.training.export import export_model
from backend.training.from_nothing import new_model

WIDTH, HEIGHT, FRAMES = 32, 16, 4

VARIANT = """
frames: 4
height: 16
width: 32
unet: {in_channels: 8, out_channels: 4, model_channels: 32, attention_resolutions: [1], num_res_blocks: 1,
  channel_mult: [1], num_head_channels: 16, context_dim: 16, text_tokens: 8, image_tokens_per_frame: 1,
  initial_attention_heads: 1}
autoencoder: {ch: 8, norm_groups: 4, ch_mult: [1, 1, 1, 1], num_res_blocks: 1, attn_level: [2, 3], fusion_heads: 1,
  fusion_dim_head: 8, scale_factor: 1.0}
clip:
  embed_dim: 16
  text: {context_length: 8, width: 16, heads: 1, layers: 2}
  vision: {image_size: 16, patch_size: 8, width: 16, head_width: 16, layers: 1}
image_projector: {dim: 16, depth: 1, dim_head: 8, heads: 1, num_queries: 1, embedding_dim: 16, output_dim: 16,
  ff_mult: 2, video_length: 4}
sketch_encoder: {in_channels: 4, model_channels: 32, attention_resolutions: [1], num_res_blocks: 1,
  channel_mult: [1], num_head_channels: 16, context_dim: 16}
"""


def configuration() -> Configuration:
    return parse_configuration(VARIANT)


def write_model(folder: Path, seed: int = 3) -> Path:
    """A model in the engine's own format whose every layer does something."""
    sizes = configuration()
    model = new_model(sizes, seed)
    generator = torch.Generator().manual_seed(seed)
    for part in (model.unet, model.autoencoder):
        for parameter in part.parameters():
            parameter.data.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return export_model(folder, model, sizes)


def write_dataset(folder: Path, clips: int = 6, frames: int = 8) -> Path:
    """Clips of a square that moves to the right, one more of them held out."""
    entries = []
    for number in range(clips + 1):
        name = f"{number + 1:06d}"
        place = folder / "clips" / name
        place.mkdir(parents=True)
        for frame in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), 230, np.uint8)
            left = 2 + 2 * frame + number % 3
            picture[4:11, left : left + 7] = (20, 20, 30)
            picture[5:10, left + 1 : left + 6] = (200, 40 + 20 * number, 60)
            Image.fromarray(picture).save(place / f"{frame + 1:04d}.png")
        split: Split = "held-out" if number == clips else "train"
        entries.append(ClipEntry(name, name, 0, frames, 12.0, 1.0, f"square {number}", split))
    write_index(folder, Index(WIDTH, HEIGHT, tuple(entries)))
    return folder


def told(dataset: Path, model: Path, out: Path, *, steps: int = 3, **optimisation: object) -> TrainingConfiguration:
    """What a run of a few steps is told; `optimisation` changes its way."""
    usual = Optimisation(
        steps=steps,
        batch=2,
        accumulation=1,
        learning_rate=1e-3,
        warmup_steps=2,
        average=0.5,
        precision="no",
        gradient_checkpointing=False,
    )
    return TrainingConfiguration(
        dataset=str(dataset),
        model=str(model),
        out=str(out),
        seed=5,
        strides=2,
        workers=0,
        optimisation=replace(usual, **optimisation),  # type: ignore[arg-type]
        reporting=Reporting(log_every=1, save_every=2, sample_every=100, held_out_clips=1),
        decoder=DecoderLoss(adversarial_from=1, critic_channels=8),
    )


def write_told(path: Path, configuration: TrainingConfiguration) -> Path:
    """The same as a person's file."""
    path.write_text(OmegaConf.to_yaml(OmegaConf.create(asdict(configuration))), encoding="utf-8")
    return path
