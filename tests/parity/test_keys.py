"""Every key of the published checkpoints has its place, with its shape."""

from __future__ import annotations

import math

import pytest

from backend.engines.tooncrafter.checkpoint_keys import PREFIXES, compare_keys, unused_keys, wanted_keys
from backend.engines.tooncrafter.configuration import read_configuration
from backend.engines.tooncrafter.model import empty_model, empty_sketch_encoder

from . import configurations
from .cases import Case, folder, table


def shapes(keys: dict[str, dict[str, list[int]]]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(about["shape"]) for key, about in keys.items()}


def test_the_published_checkpoint_has_exactly_our_keys() -> None:
    known = table("keys_tooncrafter_512.json")
    if known is None:
        pytest.skip("the folder of cases has no keys of the published checkpoint")
    wanted, unused = wanted_keys(read_configuration()), unused_keys(read_configuration())
    published = shapes(known["keys"])

    assert not wanted.keys() & unused.keys()
    assert {**wanted, **unused} == published
    assert len(published) == known["count"] == 2668


def test_every_part_has_as_many_parameters_as_published() -> None:
    known = table("keys_tooncrafter_512.json")
    if known is None:
        pytest.skip("the folder of cases has no keys of the published checkpoint")
    model = empty_model(read_configuration())
    unused = unused_keys(read_configuration())
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.parts().items()}
    published = {name: about["params"] for name, about in known["parts"].items()}

    def with_unused(name: str, prefix: str) -> int:
        return counts[name] + sum(math.prod(shape) for key, shape in unused.items() if key.startswith(prefix))

    assert counts["unet"] == published["unet (model.diffusion_model.)"]
    assert with_unused("autoencoder", "first_stage_model.") == published["vae total (first_stage_model.)"]
    assert counts["image_projector"] == published["image projector / Resampler (image_proj_model.)"]
    assert with_unused("text_tower", "cond_stage_model.") == published["clip text tower (cond_stage_model.)"]
    assert with_unused("vision_tower", "embedder.") == published["clip image embedder (embedder.)"]
    buffers = sum(math.prod(shape) for key, shape in unused.items() if "." not in key)
    assert buffers == published["buffers in state_dict"]


def test_the_sketch_checkpoint_has_exactly_our_keys() -> None:
    known = table("keys_sketch_encoder.json")
    if known is None:
        pytest.skip("the folder of cases has no keys of the sketch encoder")
    encoder = empty_sketch_encoder(read_configuration())
    assert {key: tuple(tensor.shape) for key, tensor in encoder.state_dict().items()} == shapes(known["keys"])
    assert len(known["keys"]) == known["count"] == 340


def test_the_pruned_checkpoint_lacks_the_towers_and_nothing_else() -> None:
    known = table("keys_kijai_pruned.json")
    if known is None:
        pytest.skip("the folder of cases has no notes on the pruned checkpoint")
    configuration = read_configuration()
    everything = {**wanted_keys(configuration), **unused_keys(configuration)}
    towers = (PREFIXES["text_tower"], "embedder.")
    pruned = {key: shape for key, shape in everything.items() if not key.startswith(towers)}
    assert len(pruned) == known["layout"]["required_count"]
    report = compare_keys(pruned, wanted_keys(configuration), unused_keys(configuration))
    assert report.missing and not report.unexpected and not report.misshapen
    assert all(key.startswith(towers) for key in report.missing)


def test_a_tiny_variant_has_the_published_keys_in_its_own_sizes(end_to_end_case: Case) -> None:
    if not (folder() / "tiny_ckpt_keys.json").exists():
        pytest.skip("the folder of cases has no keys of its tiny checkpoint")
    configuration = configurations.whole(end_to_end_case.info["config"])
    known = {key: tuple(shape) for key, shape in table("tiny_ckpt_keys.json").items()}  # type: ignore[union-attr]
    assert {**wanted_keys(configuration), **unused_keys(configuration)} == known
