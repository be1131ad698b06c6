"""What each stage trains, what it leaves alone, and what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from backend.engines.tooncrafter.checkpoint import open_model, open_sketch_encoder
from backend.engines.tooncrafter.checkpoint_keys import PREFIXES
from backend.engines.tooncrafter.lora import read_lora, take_in
from backend.errors import UserError
from backend.training.configuration import Lora, TrainingConfiguration
from backend.training.parameter_groups import temporal_parameters
from backend.training.stages import train

from . import small

UNET, PROJECTOR = PREFIXES["unet"], PREFIXES["image_projector"]
DECODER = PREFIXES["autoencoder"] + "decoder."


def run(stage: str, told: TrainingConfiguration) -> tuple[list[Path], str]:
    said: list[str] = []
    return train(stage, told, said.append), "\n".join(said)


def temporal_keys() -> set[str]:
    unet = open_or_new().unet
    across = {id(parameter) for parameter in temporal_parameters(unet)}
    return {UNET + key for key, parameter in unet.named_parameters() if id(parameter) in across}


def open_or_new():  # type: ignore[no-untyped-def]
    from backend.training.from_nothing import new_model

    return new_model(small.configuration(), 0)


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {key for key in before if not torch.equal(before[key], after[key])}


def test_rectification_leaves_the_layers_across_frames_bit_identical(
    model: Path, dataset: Path, tmp_path: Path
) -> None:
    (path,), said = run("rectify", small.told(dataset, model, tmp_path / "run", learning_rate=1e-2))
    different = changed(load_file(model), load_file(path))
    across = temporal_keys()
    assert across and not different & across
    assert all(key.startswith((UNET, PROJECTOR)) for key in different)
    assert any(key.startswith(PROJECTOR) for key in different)
    assert any(key.startswith(UNET + "input_blocks") for key in different)
    assert "frozen   U-Net, temporal layers" in said and "trained  U-Net, spatial layers" in said


def test_the_groups_listed_at_the_start_are_all_parameters_with_true_counts(
    model: Path, dataset: Path, tmp_path: Path
) -> None:
    _, said = run("sketch", small.told(dataset, model, tmp_path / "run", steps=1))
    listed = [line for line in said.splitlines() if line.startswith(("trained  ", "frozen   "))]
    counts = [int(line.split()[-1].replace(",", "")) for line in listed]
    opened = open_model(model)
    parts = [*opened.parts().values(), open_sketch_encoder(tmp_path / "run" / "sketch_encoder.safetensors")]
    assert sum(counts) == sum(parameter.numel() for part in parts for parameter in part.parameters())
    assert [line.split("  ")[1].strip() for line in listed if line.startswith("trained")] == ["sketch encoder"]


def test_the_decoder_stage_changes_the_decoder_alone(model: Path, dataset: Path, tmp_path: Path) -> None:
    (path,), said = run("decoder", small.told(dataset, model, tmp_path / "run"))
    different = changed(load_file(model), load_file(path))
    assert different and all(key.startswith(DECODER) for key in different)
    assert any("time_stack" in key for key in different) and any("attn_refinement" in key for key in different)
    for part in ("difference", "perceptual", "critic", "deceit"):
        assert part in said


def test_layers_that_single_pictures_need_too_can_learn_more_slowly(
    model: Path, dataset: Path, tmp_path: Path
) -> None:
    told = small.told(dataset, model, tmp_path / "run", steps=1, weight_decay=0.0)
    told.decoder.learned_share = 0.0
    (path,), _ = run("decoder", told)
    new = ("time_stack", "mix_factor", "time_mix_conv", "attn_refinement")
    different = changed(load_file(model), load_file(path))
    assert different and all(any(part in key for part in new) for key in different)


def test_the_sketch_stage_writes_an_encoder_that_fits_and_leaves_the_model_alone(
    model: Path, dataset: Path, tmp_path: Path
) -> None:
    before = model.read_bytes()
    (path,), _ = run("sketch", small.told(dataset, model, tmp_path / "run", learning_rate=1e-2))
    encoder = open_sketch_encoder(path)
    assert any(parameter.abs().sum() > 0 for parameter in encoder.middle_block_out.parameters())
    assert model.read_bytes() == before


def test_a_sketch_encoder_from_nothing_says_nothing_and_copies_the_unet(model: Path) -> None:
    from backend.training.from_nothing import new_sketch_encoder

    opened = open_model(model, dtype=torch.float32)
    encoder = new_sketch_encoder(opened.configuration, opened.unet, seed=0)
    key = "input_blocks.1.0.in_layers.2.weight"
    assert torch.equal(encoder.state_dict()[key], opened.unet.state_dict()[key])
    hint = encoder.encode_hint(torch.rand(1, 1, 2, small.HEIGHT, small.WIDTH))
    tokens = torch.randn(1, 12, 16)
    residuals = encoder(torch.randn(1, 4, 2, 2, 4), hint, torch.tensor([500]), encoder.project_context(tokens))
    assert all((residual == 0).all() for residual in residuals)


@pytest.mark.parametrize("stage", ["autoencoder", "prior"])
def test_a_model_can_begin_from_nothing(dataset: Path, tmp_path: Path, stage: str) -> None:
    variant = tmp_path / "variant.yaml"
    variant.write_text(small.VARIANT, encoding="utf-8")
    told = small.told(dataset, Path("unused"), tmp_path / "run")
    told.model, told.variant = None, str(variant)
    (path,), _ = run(stage, told)
    opened = open_model(path)
    assert opened.configuration.height == small.HEIGHT
    if stage == "autoencoder":
        assert opened.configuration.autoencoder.scale_factor != 1.0


def test_a_lora_is_small_and_its_strength_counts(model: Path, dataset: Path, tmp_path: Path) -> None:
    told = small.told(dataset, model, tmp_path / "run", learning_rate=1e-2, precision="bf16")
    told.lora = Lora(rank=2)
    (path,), said = run("rectify", told)
    assert "trained  low-rank changes (rank 2)" in said
    assert path.stat().st_size < model.stat().st_size / 4
    lora = read_lora(path)
    across = temporal_keys()
    assert lora.changes and not lora.changes.keys() & across

    plain, none, half, full = (open_model(model, dtype=torch.float32) for _ in range(4))
    for changed_model, strength in ((none, 0.0), (half, 0.5), (full, 1.0)):
        take_in(changed_model, lora, strength)
    key = next(key for key in lora.changes if key.startswith(UNET)).removeprefix(UNET)
    before, at_none, at_half, at_full = (one.unet.state_dict()[key] for one in (plain, none, half, full))
    assert torch.equal(before, at_none)
    assert not torch.equal(before, at_full)
    torch.testing.assert_close(at_half - before, (at_full - before) / 2, rtol=1e-4, atol=1e-7)
    assert all(
        torch.equal(one, other)
        for (name, one), (_, other) in zip(plain.unet.named_parameters(), full.unet.named_parameters(), strict=True)
        if UNET + name in across
    )


def test_a_lora_in_the_engine_is_what_was_trained(model: Path, dataset: Path, tmp_path: Path) -> None:
    """The adapted network in training and the model that took the file in predict the same."""
    from backend.training.lora_stage import LoraStage
    from backend.training.materials import open_materials

    told = small.told(dataset, model, tmp_path / "run")
    told.lora = Lora(rank=2, alpha=4)
    stage = LoraStage(open_materials(told, ()))
    with torch.no_grad():
        for player in stage.players:
            for parameter in player.parameters:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    (path,) = stage.export(tmp_path)
    opened = open_model(model, dtype=torch.float32)
    take_in(opened, read_lora(path), 1.0)
    latents, tokens = torch.randn(1, 8, 4, 2, 4), torch.randn(1, 12, 16)
    stage.eval()
    with torch.no_grad():
        ours = stage.unet(latents, torch.tensor([400]), stage.unet.project_context(tokens, 4))
        theirs = opened.unet(latents, torch.tensor([400]), opened.unet.project_context(tokens, 4))
    torch.testing.assert_close(ours, theirs, rtol=5e-3, atol=1e-4)


def test_the_engine_takes_a_lora_with_a_strength_and_says_so_in_its_version(
    model: Path, dataset: Path, tmp_path: Path
) -> None:
    from backend.engines.tooncrafter.engine import ToonCrafterEngine
    from backend.engines.tooncrafter.options import Options, options_from

    told = small.told(dataset, model, tmp_path / "run", steps=1)
    told.lora = Lora(rank=1)
    (path,), _ = run("rectify", told)
    read = options_from({"TOONCRAFTER_MODEL": str(model), "TOONCRAFTER_LORA": f"{path}@0.5"})
    assert (read.lora, read.lora_strength) == (path, 0.5)
    assert options_from({"TOONCRAFTER_LORA": str(path)}).lora_strength == 1.0
    versions = {
        ToonCrafterEngine(Options(weights=model, device="cpu", lora=lora, lora_strength=strength)).version
        for lora, strength in ((None, 1.0), (path, 1.0), (path, 0.5))
    }
    assert len(versions) == 3


@pytest.mark.parametrize("content", [b"", b"no lora", None], ids=["empty", "another file", "weights"])
def test_a_file_that_is_no_lora_is_refused_in_a_sentence(
    model: Path, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "lora.safetensors"
    path.write_bytes(model.read_bytes() if content is None else content)
    with pytest.raises(UserError) as caught:
        read_lora(path)
    assert caught.value.code in ("lora-foreign", "lora-damaged") and caught.value.hint
