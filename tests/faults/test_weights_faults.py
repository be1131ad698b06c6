"""Weights that are not what they seem: of another kind of number, without numbers, exchanged while they are read.

What is refused at import stands in tests/unit/checkpoint: pickles that would run code, cut files, wrong keys.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from backend.engines.tooncrafter import checkpoint
from backend.errors import UserError
from backend.weights import describe_weights, find_weights, import_checkpoint
from tests.end_to_end.tiny_weights import write_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118 - no mapping


def test_weights_of_another_kind_of_number_are_refused(tiny: Path, tmp_path: Path) -> None:
    tensors, about = read(tiny)
    key = next(iter(tensors))
    save_file({**tensors, key: tensors[key].to(torch.int8)}, tmp_path / "a.safetensors", about)
    with pytest.raises(UserError) as refusal:
        checkpoint.open_model(tmp_path / "a.safetensors")
    assert refusal.value.code in ("weights-damaged", "weights-foreign") and refusal.value.hint


@pytest.mark.parametrize("change", ["missing", "surplus", "other shape"])
def test_weights_with_other_keys_than_the_model_are_refused(tiny: Path, tmp_path: Path, change: str) -> None:
    tensors, about = read(tiny)
    key = next(iter(tensors))
    match change:
        case "missing":
            del tensors[key]
        case "surplus":
            tensors["surplus"] = torch.zeros(1)
        case _:
            tensors[key] = torch.zeros(3, dtype=tensors[key].dtype)
    save_file(tensors, tmp_path / "a.safetensors", about)
    with pytest.raises(UserError) as refusal:
        checkpoint.open_model(tmp_path / "a.safetensors")
    assert refusal.value.code in ("weights-damaged", "weights-foreign") and refusal.value.hint


def test_a_file_that_takes_the_place_of_open_weights_does_not_change_what_was_opened(
    tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(tiny.read_bytes())
    model = checkpoint.open_model(path)
    other = tmp_path / "b.safetensors"
    other.write_bytes(b"something else")
    other.replace(path)  # as every program does that writes with care
    before = checkpoint.open_model(tiny)
    for name, part in model.parts().items():
        for key, tensor in part.state_dict().items():
            assert torch.equal(tensor, before.parts()[name].state_dict()[key]), key
    with pytest.raises(UserError):
        checkpoint.open_model(path)


@pytest.mark.parametrize("header", ["deep", "huge numbers", "list", "no text", "endless"])
def test_a_hostile_header_is_a_sentence(tmp_path: Path, header: str) -> None:
    content = {
        "deep": b'{"a":' * 20_000,
        "huge numbers": json.dumps({"a": {"data_offsets": [0, 10**400]}}).encode(),
        "list": b"[1, 2]",
        "no text": b"\xff" * 40,
        "endless": b"",
    }[header]
    length = 2**63 if header == "endless" else len(content)
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", length) + content)
    for look in (describe_weights, lambda path: find_weights(at=path), checkpoint.open_model):
        with pytest.raises(UserError) as refusal:
            look(path)
        assert refusal.value.code in ("weights-foreign", "weights-damaged")
    with pytest.raises(UserError) as refusal:
        import_checkpoint([path], folder=tmp_path / "weights")
    assert refusal.value.code.startswith("checkpoint-") and not (tmp_path / "weights").exists()
