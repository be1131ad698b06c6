"""A file that is no checkpoint of this model is refused with a sentence that says what it is."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend import weights
from backend.engines.tooncrafter import checkpoint
from tests.unit.checkpoint.samples import Tensors, refusal


def write_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.txt", "sun")


#: What a person may pick by mistake -> what the refusal must say.
FOREIGN: Mapping[str, Callable[[Path], object]] = {
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "a web page": lambda path: path.write_text("\n<!DOCTYPE html><title>Log in</title>"),
    "a Git LFS pointer": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
    "a zip archive": write_archive,
    "no checkpoint": lambda path: path.write_bytes(b"hello" * 20),
    "empty": lambda path: path.write_bytes(b""),
    "begins with nothing": lambda path: path.write_bytes(bytes(1000)),
    "holds no weights by name": lambda path: torch.save([torch.zeros(2)], path),
    "holds something else": lambda path: torch.save({"a": 3}, path),
    "not a ToonCrafter checkpoint": lambda path: save_file({"layer.weight": torch.zeros(2)}, path),
    "a LoRA": lambda path: save_file({"unet.lora_down.weight": torch.zeros(2)}, path),
    "single pictures": lambda path: save_file({"model.diffusion_model.out.0.weight": torch.zeros(2)}, path),
    "DynamiCrafter": lambda path: save_file(
        {"model.diffusion_model.input_blocks.1.0.temopral_conv.conv1.0.weight": torch.zeros(2)}, path
    ),
}


@pytest.mark.parametrize("says", FOREIGN)
def test_a_foreign_file_is_refused_with_what_it_is(
    tmp_path: Path, imported: Callable[..., weights.Weights], says: str
) -> None:
    path = tmp_path / "model.ckpt"
    FOREIGN[says](path)
    error = refusal(lambda: imported(path))
    assert says in error.sentence and "model.ckpt" in error.sentence
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize("kind", ["safetensors", "zip", "old pickle"])
def test_a_truncated_file_is_refused_wherever_it_ends(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], kind: str
) -> None:
    path = tmp_path / "model.ckpt"
    if kind == "safetensors":
        save_file(published, path)
    else:
        torch.save(published, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    for share in (0.001, 0.01, 0.3, 0.7, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        error = refusal(lambda: imported(path))
        assert error.code in ("checkpoint-truncated", "checkpoint-damaged"), share
        assert "ends" in error.sentence or "bytes of the" in error.sentence
    assert not (tmp_path / "weights").exists()


class Malicious:
    """Unpickles to a call that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f'echo ran > "{self.trace}"',)


@pytest.mark.parametrize("kind", ["zip", "old pickle", "bare pickle"])
def test_a_malicious_pickle_is_refused_and_never_runs(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], kind: str
) -> None:
    path, trace = tmp_path / "model.ckpt", tmp_path / "trace"
    content = {"state_dict": {**published, "extra": Malicious(trace)}}
    if kind == "bare pickle":
        path.write_bytes(pickle.dumps(Malicious(trace)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    error = refusal(lambda: imported(path))
    assert error.code == "checkpoint-unsafe"
    assert "system" in error.sentence or kind == "bare pickle"
    assert not trace.exists()


def test_missing_and_unexpected_keys_are_named(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    changed = dict(published)
    del changed["model.diffusion_model.out.2.bias"]
    changed["model.diffusion_model.surplus"] = torch.zeros(1)
    changed["image_proj_model.norm_out.bias"] = torch.zeros(3)
    save_file(changed, tmp_path / "model.safetensors")
    error = refusal(lambda: imported(tmp_path / "model.safetensors"))
    assert error.code == "checkpoint-foreign"
    assert "1 missing (such as model.diffusion_model.out.2.bias)" in error.sentence
    assert "1 unexpected (such as model.diffusion_model.surplus)" in error.sentence
    assert "image_proj_model.norm_out.bias: [3] instead of [8]" in error.sentence


def test_a_model_of_other_sizes_needs_its_configuration(tmp_path: Path, published: Tensors) -> None:
    save_file(published, tmp_path / "model.safetensors")
    error = refusal(lambda: weights.import_checkpoint([tmp_path / "model.safetensors"], folder=tmp_path))
    assert "of other sizes" in error.sentence and "configuration" in error.hint


@pytest.mark.parametrize("table", ["alphas_cumprod", "scale_arr"])
def test_a_model_of_another_noise_schedule_is_refused(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], table: str
) -> None:
    save_file({**published, table: published[table] * 0.98}, tmp_path / "model.safetensors")
    assert refusal(lambda: imported(tmp_path / "model.safetensors")).code == "checkpoint-other-schedule"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_numbers_that_half_precision_cannot_hold_are_refused(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights], value: float
) -> None:
    key = "model.diffusion_model.out.2.bias"
    save_file({**published, key: torch.full_like(published[key], value)}, tmp_path / "model.safetensors")
    error = refusal(lambda: imported(tmp_path / "model.safetensors"))
    assert key in error.sentence
    assert list((tmp_path / "weights").iterdir()) == [], "nothing half-written stays"


def test_damaged_weights_are_refused_wherever_they_end(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    made = imported(tmp_path / "model.safetensors")
    whole = made.path.read_bytes()
    for share in (0.0, 0.001, 0.3, 0.999):
        made.path.write_bytes(whole[: int(len(whole) * share)])
        assert refusal(lambda: checkpoint.open_model(made.path)).code == "weights-damaged"
        assert refusal(lambda: weights.find_weights(at=made.path)).code in ("weights-damaged", "weights-foreign")


def test_weights_of_a_newer_version_or_of_others_are_refused(
    tmp_path: Path, published: Tensors, imported: Callable[..., weights.Weights]
) -> None:
    save_file(published, tmp_path / "model.safetensors")
    assert refusal(lambda: checkpoint.open_model(tmp_path / "model.safetensors")).code == "weights-foreign"
    assert refusal(lambda: weights.find_weights(at=tmp_path / "model.safetensors")).code == "weights-foreign"
    made = imported(tmp_path / "model.safetensors")
    newer = made.path.read_bytes().replace(b'"format_version": "1"', b'"format_version": "2"')
    made.path.write_bytes(newer)
    assert refusal(lambda: checkpoint.open_model(made.path)).code == "weights-foreign"
    assert refusal(lambda: weights.find_weights(at=made.path)).code == "weights-foreign"
