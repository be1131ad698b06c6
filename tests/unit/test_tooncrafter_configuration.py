"""A variant of the model is a YAML file that names what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.engines.tooncrafter.configuration import (
    configuration_yaml,
    latent_size,
    parse_configuration,
    read_configuration,
)
from backend.errors import UserError


def test_a_variant_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text("frames: 8\nunet:\n  channel_mult: [1, 2]\n", encoding="utf-8")
    variant, published = read_configuration(path), read_configuration()
    assert variant.frames == 8 and variant.unet.channel_mult == [1, 2]
    variant.frames, variant.unet.channel_mult = published.frames, published.unet.channel_mult
    assert variant == published


def test_a_configuration_survives_being_written_and_read() -> None:
    configuration = parse_configuration("autoencoder: {ch: 64}\nschedule: {base_scale: 0.5}")
    assert parse_configuration(configuration_yaml(configuration)) == configuration


@pytest.mark.parametrize(
    "text",
    [
        "unet: {colour: 3}",
        "unet: {model_channels: [1]}",
        "unet: {model_channels: many}",
        "unet: 3",
        "[1, 2]",
        ": : :\n - x",
        "hello",
        "unet: {model_channels: 48}",
        "unet: {model_channels: -320}",
        "unet: {channel_mult: []}",
        "frames: 0",
        "schedule: {base_scale: .nan}",
    ],
)
def test_a_faulty_variant_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faulty.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_configuration(path)
    assert caught.value.code == "configuration-unreadable" and "faulty.yaml" in caught.value.sentence


def test_a_missing_variant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml"):
        read_configuration(tmp_path / "none.yaml")


def test_a_latent_is_an_eighth_of_the_picture() -> None:
    assert latent_size(read_configuration(), 320, 512) == (40, 64)
