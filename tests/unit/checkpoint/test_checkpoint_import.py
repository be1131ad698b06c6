"""Published files become our weights."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend import weights
from backend.engines.tooncrafter import checkpoint
from backend.engines.tooncrafter.checkpoint_files import open_checkpoint_file
from backend.engines.tooncrafter.checkpoint_keys import PREFIXES, model_keys
from backend.engines.tooncrafter.configuration import Configuration
from backend.engines.tooncrafter.model import empty_model
from tests.unit.checkpoint.samples import (
    Tensors,
    assert_model_has,
    deepspeed,
    early,
    lightning,
    open_clip_layout,
    pruned,
    refusal,
    transformers_layout,
)


@pytest.mark.parametrize("wrap", [dict, lightning, deepspeed, early], ids=lambda wrap: wrap.__name__)
def test_a_published_pickle_becomes_the_same_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], wrap: Callable[[Tensors], object]
) -> None:
    torch.save(wrap(published), tmp_path / "model.ckpt")
    made = imported(tmp_path / "model.ckpt")
    assert made.kind == "model" and made.path == tmp_path / "weights" / "tooncrafter.safetensors"
    assert_model_has(made.path, published)


def test_a_pickle_of_the_old_kind_becomes_the_same_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    torch.save(published, tmp_path / "model.ckpt", _use_new_zipfile_serialization=False)
    assert_model_has(imported(tmp_path / "model.ckpt").path, published)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_weights_are_kept_in_the_chosen_precision(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], precision: weights.Precision
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    made = imported(tmp_path / "model.safetensors", precision=precision)
    assert made.precision == precision
    assert_model_has(made.path, published, checkpoint.DTYPES[precision])


def test_the_source_is_recorded_and_left_as_it_is(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    source = tmp_path / "model.safetensors"
    save_file(published, source)
    content = source.read_bytes()
    made = imported(source)
    assert made.sources == (weights.Source("model.safetensors", hashlib.sha256(content).hexdigest(), len(content)),)
    assert source.read_bytes() == content
    assert weights.find_weights(at=tmp_path / "weights") == made == weights.find_weights(at=made.path)
    assert weights.list_weights(tmp_path / "weights") == [made]


def test_what_inference_never_uses_is_left_out(
    tmp_path: Path, published: Tensors, configuration: Configuration, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    made = imported(tmp_path / "model.safetensors")
    kept = open_checkpoint_file(made.path).shapes()
    assert kept == model_keys(empty_model(configuration))


def test_a_sketch_encoder_becomes_weights_of_its_own(
    tmp_path: Path, sketch: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    torch.save({"state_dict": {"state_dict": sketch}}, tmp_path / "sketch_encoder.ckpt")
    made = imported(tmp_path / "sketch_encoder.ckpt")
    assert made.kind == "sketch-encoder" and made.path.name == "sketch_encoder.safetensors"
    encoder = checkpoint.open_sketch_encoder(made.path, dtype=torch.float32)
    assert all(torch.equal(tensor, sketch[key]) for key, tensor in encoder.state_dict().items())
    assert refusal(lambda: checkpoint.open_model(made.path)).code == "weights-foreign"
    assert refusal(lambda: weights.find_weights("model", made.path)).code == "weights-foreign"


def test_a_pruned_file_asks_for_the_towers_that_it_lacks(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(pruned(published), tmp_path / "pruned.safetensors")
    error = refusal(lambda: imported(tmp_path / "pruned.safetensors"))
    assert error.code == "checkpoint-incomplete" and "text and vision towers" in error.sentence
    assert not (tmp_path / "weights").exists()


def test_a_pruned_file_and_open_clips_file_make_a_whole_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(pruned(published), tmp_path / "pruned.safetensors")
    torch.save(open_clip_layout(published), tmp_path / "open_clip_pytorch_model.bin")
    made = imported(tmp_path / "pruned.safetensors", tmp_path / "open_clip_pytorch_model.bin")
    assert len(made.sources) == 2
    assert_model_has(made.path, published)


def test_a_pruned_file_and_text_and_vision_files_make_a_whole_model(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    text, vision = transformers_layout(published)
    for name, tensors in (("pruned", pruned(published)), ("text", text), ("vision", vision)):
        save_file(tensors, tmp_path / f"{name}.safetensors")
    missing_vision = refusal(lambda: imported(tmp_path / "pruned.safetensors", tmp_path / "text.safetensors"))
    assert "the CLIP vision tower" in missing_vision.sentence
    made = imported(*(tmp_path / f"{name}.safetensors" for name in ("pruned", "text", "vision")))
    assert_model_has(made.path, published)


def test_the_same_file_is_converted_once(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    first = imported(tmp_path / "model.safetensors")
    before = first.path.stat().st_mtime_ns
    assert imported(tmp_path / "model.safetensors") == first
    assert first.path.stat().st_mtime_ns == before


def test_other_weights_are_replaced_only_when_asked(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    first = imported(tmp_path / "model.safetensors")
    content = first.path.read_bytes()
    error = refusal(lambda: imported(tmp_path / "model.safetensors", precision="bf16"))
    assert error.code == "weights-exist" and first.path.read_bytes() == content
    named = imported(tmp_path / "model.safetensors", precision="bf16", name="second")
    assert named.path.name == "second.safetensors" and first.path.read_bytes() == content
    assert imported(tmp_path / "model.safetensors", precision="bf16", replace=True).precision == "bf16"


def test_a_full_disk_leaves_nothing_behind_and_says_so(
    tmp_path: Path,
    published: Tensors,
    imported: Callable[..., weights.Weights],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(checkpoint, "_write_tensors", full)
    save_file(published, tmp_path / "model.safetensors")
    error = refusal(lambda: imported(tmp_path / "model.safetensors"))
    assert error.code == "weights-unwritable" and "the disk is full" in error.sentence and not error.bad_input
    assert list((tmp_path / "weights").iterdir()) == []


def test_progress_runs_from_checking_to_converted(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    told: list[tuple[str, float]] = []
    save_file(published, tmp_path / "model.safetensors")
    imported(tmp_path / "model.safetensors", report=lambda doing, share: told.append((doing, share)))
    assert {doing for doing, _ in told} == {"checking", "converting"}
    assert told[-1] == ("converting", 1.0)
    converting = [share for doing, share in told if doing == "converting"]
    assert converting == sorted(converting)


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    error = refusal(lambda: weights.find_weights(at=tmp_path / "nothing"))
    assert error.code == "weights-missing" and "weights import" in error.hint


def test_weights_are_looked_for_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "shelf"))
    assert weights.weights_folder() == tmp_path / "shelf"
    monkeypatch.delenv(weights.FOLDER_VARIABLE)
    assert weights.weights_folder().is_absolute()
    assert weights.list_weights(tmp_path / "shelf") == []


def test_opened_weights_are_mapped_and_not_copied(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    """In memory the weights lie as far from each other as in the file."""
    save_file(published, tmp_path / "model.safetensors")
    path = imported(tmp_path / "model.safetensors").path
    model = checkpoint.open_model(path)
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    origins = {
        parameter.data_ptr() - header[PREFIXES[name] + key]["data_offsets"][0]
        for name, part in model.parts().items()
        for key, parameter in part.named_parameters()
    }
    assert len(origins) == 1
    parameters = [parameter for part in model.parts().values() for parameter in part.parameters()]
    assert not any(parameter.requires_grad for parameter in parameters)
    assert not any(part.training for part in model.parts().values())


def test_the_record_of_weights_is_plain_safetensors_metadata(
    tmp_path: Path, published: Tensors, configuration: Configuration, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    about = checkpoint.read_about(imported(tmp_path / "model.safetensors").path)
    assert about.configuration == configuration
    assert json.loads(about.metadata()["sources"])[0]["name"] == "model.safetensors"
