"""Every size and constant of the model, as dataclasses read from YAML.

`tooncrafter_512.yaml` holds the published model. A fine-tuned or tiny variant is another YAML file that names only
what differs. Field names follow the published configuration where it has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from ...errors import UserError, first_line

#: Every group norm of the published model splits its channels into as many groups.
NORM_GROUPS = 32

PUBLISHED = Path(__file__).with_name("tooncrafter_512.yaml")


@dataclass
class UNetConfiguration:
    """The 3D U-Net.

    in_channels: noisy latent plus key-frame latent. attention_resolutions: downsampling factors that have
    attention. text_tokens and image_tokens_per_frame say how the context splits: a context of exactly
    text_tokens + frames * image_tokens_per_frame gives each frame its own image tokens. default_fs: frames per
    second assumed when none is given. dropout: in training only.
    """

    in_channels: int
    out_channels: int
    model_channels: int
    attention_resolutions: list[int]
    num_res_blocks: int
    channel_mult: list[int]
    num_head_channels: int
    transformer_depth: int
    context_dim: int
    default_fs: int
    dropout: float = 0.1
    text_tokens: int = 77
    image_tokens_per_frame: int = 16
    initial_attention_heads: int = 8


@dataclass
class AutoencoderConfiguration:
    """The 2D encoder and the dual-reference 3D decoder.

    ch: channels of the finest level. attn_level: levels (0 = finest) where the decoder attends to the key frames;
    the others add them to the first and last frame. scale_factor: latent = scale_factor * encoder sample.
    norm_groups: into which each norm splits its channels.
    """

    z_channels: int
    in_channels: int
    out_ch: int
    ch: int
    ch_mult: list[int]
    num_res_blocks: int
    embed_dim: int
    attn_level: list[int]
    fusion_heads: int
    fusion_dim_head: int
    scale_factor: float
    norm_groups: int = NORM_GROUPS


@dataclass
class TextTowerConfiguration:
    """The OpenCLIP text tower; `layers` counts the last block too, which is never run."""

    context_length: int
    vocab_size: int
    width: int
    heads: int
    layers: int


@dataclass
class VisionTowerConfiguration:
    """The OpenCLIP vision tower; sizes in pixels."""

    image_size: int
    patch_size: int
    width: int
    head_width: int
    layers: int


@dataclass
class ClipConfiguration:
    """Both towers and the width of the space that they share (only for keys that inference never uses)."""

    embed_dim: int
    text: TextTowerConfiguration
    vision: VisionTowerConfiguration


@dataclass
class ImageProjectorConfiguration:
    """The image-context projector: `num_queries` tokens for each of `video_length` frames."""

    dim: int
    depth: int
    dim_head: int
    heads: int
    num_queries: int
    embedding_dim: int
    output_dim: int
    ff_mult: int
    video_length: int


@dataclass
class ScheduleConfiguration:
    """The noise schedule: betas from linear_start to linear_end (linear in their roots), and dynamic rescale.

    Dynamic rescale: clean latents are scaled by a factor that falls from 1 to base_scale over the first
    turning_step timesteps and stays there.
    """

    timesteps: int
    linear_start: float
    linear_end: float
    base_scale: float
    turning_step: int


@dataclass
class SketchEncoderConfiguration:
    """The sketch encoder: the 2D encoder half of a U-Net that reads a line drawing."""

    in_channels: int
    hint_channels: int
    model_channels: int
    attention_resolutions: list[int]
    num_res_blocks: int
    channel_mult: list[int]
    num_head_channels: int
    transformer_depth: int
    context_dim: int


@dataclass
class Configuration:
    """One variant of the model: `frames` pictures of height x width pixels, and the sizes of its parts."""

    frames: int
    height: int
    width: int
    unet: UNetConfiguration
    autoencoder: AutoencoderConfiguration
    clip: ClipConfiguration
    image_projector: ImageProjectorConfiguration
    schedule: ScheduleConfiguration
    sketch_encoder: SketchEncoderConfiguration


def read_configuration(variant: Path | None = None) -> Configuration:
    """Return the published configuration, changed by what the YAML file `variant` names.

    Raises UserError("configuration-unreadable") when the file is missing, is not YAML, or names something that
    the model does not have.
    """
    if variant is None:
        return parse_configuration("")
    try:
        text = variant.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "configuration-unreadable", f"The model configuration “{variant}” cannot be read: {error}."
        ) from error
    return parse_configuration(text, called=str(variant))


def values_in(text: str) -> Any:
    """Return the names and values that a YAML text holds, as OmegaConf has them.

    Raises ValueError for a text that holds something else, such as a number, and OmegaConf's and YAML's errors.
    """
    from omegaconf import OmegaConf

    try:
        return OmegaConf.create(text)
    except AssertionError as error:  # OmegaConf's whole answer to it
        raise ValueError("it holds no names with values") from error


def parse_configuration(text: str, *, called: str = "the model configuration") -> Configuration:
    """Return the published configuration, changed by what the YAML in `text` names.

    `called` names the text's origin in the UserError("configuration-unreadable") that a faulty one raises.
    """
    import yaml  # type: ignore[import-untyped]
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        merged = OmegaConf.merge(_published(), values_in(text))
        configuration = cast(Configuration, OmegaConf.to_object(merged))
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError) as error:
        reason = first_line(error)
        raise UserError(
            "configuration-unreadable",
            f"“{called}” is not a configuration of this model: {reason}.",
            f"It may name only what {PUBLISHED.name} names.",
        ) from error
    for fault in _faults(configuration):
        raise UserError(
            "configuration-unreadable",
            f"“{called}” describes no model that can be built: {fault}.",
            f"Compare it with {PUBLISHED.name}.",
        )
    return configuration


@cache
def _published() -> Any:
    """Return the published configuration as OmegaConf holds it, with the types that a variant must keep."""
    from omegaconf import OmegaConf

    return OmegaConf.merge(OmegaConf.structured(Configuration), OmegaConf.load(PUBLISHED))


def _faults(configuration: Configuration) -> Iterator[str]:
    """Say which sizes make no sense, alone or together."""
    for name, value in _leaves("", asdict(configuration)):
        may_be_zero = isinstance(value, float) or name.startswith("autoencoder.attn_level")
        if not math.isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
            yield f"{name} is {value}"
    for name in ("unet", "sketch_encoder"):
        sizes: UNetConfiguration | SketchEncoderConfiguration = getattr(configuration, name)
        if sizes.model_channels % NORM_GROUPS or sizes.model_channels % sizes.num_head_channels:
            yield f"{name}.model_channels is no multiple of {NORM_GROUPS} and of num_head_channels"
        if not sizes.channel_mult:
            yield f"{name}.channel_mult is empty"
    if (
        configuration.autoencoder.ch % configuration.autoencoder.norm_groups
        or not configuration.autoencoder.ch_mult
    ):
        yield "autoencoder.ch is no multiple of its norm_groups, or ch_mult is empty"
    if configuration.frames < 2:
        yield "a clip of fewer than two frames has no two keys"


def _leaves(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Return every number below `value` with its dotted name."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(f"{name}.{key}" if name else key, part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(name, part)
    else:
        yield name, value


def configuration_yaml(configuration: Configuration) -> str:
    """Return the whole configuration as YAML, such that `parse_configuration` gives it back."""
    from omegaconf import OmegaConf

    return str(OmegaConf.to_yaml(OmegaConf.structured(configuration)))


def latent_size(configuration: Configuration, height: int, width: int) -> tuple[int, int]:
    """Return the latent's height and width for a picture of that size in pixels."""
    factor: int = 2 ** (len(configuration.autoencoder.ch_mult) - 1)
    return height // factor, width // factor
