"""From the published names in a case's json to our configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from backend.engines.tooncrafter.configuration import (
    AutoencoderConfiguration,
    ClipConfiguration,
    Configuration,
    ImageProjectorConfiguration,
    SketchEncoderConfiguration,
    TextTowerConfiguration,
    UNetConfiguration,
    VisionTowerConfiguration,
    read_configuration,
)

Section = TypeVar("Section")

#: What the published configuration spells out and our network always is.
FIXED: Mapping[str, Any] = {
    "use_linear": True,
    "use_linear_in_transformer": True,
    "use_spatial_transformer": True,
    "temporal_conv": True,
    "temporal_attention": True,
    "temporal_selfatt_only": True,
    "use_relative_position": False,
    "use_causal_attention": False,
    "addition_attention": True,
    "image_cross_attention": True,
    "fs_condition": True,
    "legacy": False,
    "double_z": True,
    "attn_resolutions": [],
    "time_mode": "conv-only",
    "video_kernel_size": [3, 1, 1],
    "merge_strategy": "learned (sigmoid(mix_factor))",
}

#: What changes no number of an inference: memory, sizes for training, and what the shapes already say.
WITHOUT_EFFECT = {"use_checkpoint", "temporal_length", "image_size", "resolution", "dropout"}


def section(base: Section, published: Mapping[str, Any]) -> Section:
    """The base with what the published section names; fails on a name or value that our network does not know."""
    known = {field.name for field in fields(base)}  # type: ignore[arg-type]
    for name, value in published.items():
        if name not in known and name not in WITHOUT_EFFECT:
            assert name in FIXED and FIXED[name] == value, f"our network has no {name}: {value}"
    changes = {name: value for name, value in published.items() if name in known}
    return replace(base, **changes)  # type: ignore[type-var]


def unet(published: Mapping[str, Any]) -> UNetConfiguration:
    return section(read_configuration().unet, published)


def sketch_encoder(published: Mapping[str, Any]) -> SketchEncoderConfiguration:
    return section(read_configuration().sketch_encoder, published)


def image_projector(published: Mapping[str, Any]) -> ImageProjectorConfiguration:
    return section(read_configuration().image_projector, published)


def autoencoder(config: Mapping[str, Any]) -> AutoencoderConfiguration:
    base = section(read_configuration().autoencoder, config["ddconfig"])
    base = section(base, {key: config[key] for key in ("embed_dim",) if key in config})
    return section(base, config.get("decoder_fixed", {}))


def clip(published: Mapping[str, Any]) -> ClipConfiguration:
    base = read_configuration().clip
    text = published["text_cfg"]
    vision = published["vision_cfg"]
    assert set(text) <= set(asdict(base.text)) and set(vision) <= set(asdict(base.vision))
    return ClipConfiguration(
        embed_dim=published["embed_dim"],
        text=TextTowerConfiguration(**{**asdict(base.text), **text}),
        vision=VisionTowerConfiguration(**{**asdict(base.vision), **vision}),
    )


def whole(config: Mapping[str, Any]) -> Configuration:
    """The configuration of a case that has the whole model."""
    return replace(
        read_configuration(),
        frames=config["temporal_length"],
        unet=unet(config["unet"]),
        autoencoder=autoencoder(config),
        clip=clip(config["clip"]),
        image_projector=image_projector(config["resampler"]),
    )
