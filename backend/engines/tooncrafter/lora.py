"""LoRA files: what a show's own training adds to the model, in a few megabytes, taken in with a strength."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...contract.record import parse_json
from ...errors import UserError
from .checkpoint_keys import PREFIXES
from .model import ToonCrafter

FORMAT, FORMAT_VERSION = "tooncrafter-lora", "1"
_DOWN, _UP = ".lora_down.weight", ".lora_up.weight"


@dataclass(frozen=True)
class LowRankChange:
    """What is added to one weight: scale * up @ down, in the weight's shape.

    down: (rank, inputs), up: (outputs, rank); the inputs of a convolution are its channels times its kernel's
    places. Hu et al. 2021, "LoRA", arXiv 2106.09685.
    """

    down: Tensor
    up: Tensor


@dataclass(frozen=True)
class LoraFile:
    """A LoRA. changes: key of a weight in the published checkpoint -> what is added. scale: alpha / rank."""

    scale: float
    changes: Mapping[str, LowRankChange]


def write_lora(path: Path, lora: LoraFile) -> None:
    """Write a LoRA in float16; the file appears complete or not at all."""
    tensors = {}
    for key, change in lora.changes.items():
        stem = key.removesuffix(".weight")
        tensors[stem + _DOWN] = change.down.detach().to("cpu", torch.float16).contiguous()
        tensors[stem + _UP] = change.up.detach().to("cpu", torch.float16).contiguous()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    metadata = {"format": FORMAT, "format_version": FORMAT_VERSION, "scale": json.dumps(lora.scale)}
    save_file(tensors, temporary, metadata)
    temporary.replace(path)


def read_lora(path: Path) -> LoraFile:
    """Read a LoRA.

    Raises UserError: "lora-missing", "lora-foreign" (not one of ours, or newer), "lora-damaged".
    """
    hint = "Choose a file that `tooncrafter train rectify --lora` wrote."
    _refuse_what_is_no_file(path, hint)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise UserError("lora-missing", f"There is no LoRA at “{path}”.", hint) from error
    except (SafetensorError, OSError) as error:
        raise UserError("lora-damaged", f"The LoRA “{path}” is damaged or no LoRA: {error}.", hint) from error
    if metadata.get("format") != FORMAT or metadata.get("format_version") != FORMAT_VERSION:
        raise UserError("lora-foreign", f"“{path}” is no LoRA of this program's version.", hint)
    try:
        scale = float(cast(Any, parse_json(metadata["scale"])))
        changes = {
            key.removesuffix(_DOWN) + ".weight": LowRankChange(tensors[key], tensors[key.removesuffix(_DOWN) + _UP])
            for key in tensors
            if key.endswith(_DOWN)
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError("lora-damaged", f"The LoRA “{path}” is incomplete ({error}).", hint) from error
    parts = [part for change in changes.values() for part in (change.down, change.up)]
    if not math.isfinite(scale) or not all(_is_matrix_of_numbers(part) for part in parts):
        raise UserError("lora-damaged", f"The LoRA “{path}” holds something else than numbers.", hint)
    return LoraFile(scale, changes)


def _refuse_what_is_no_file(path: Path, hint: str) -> None:
    if not path.is_file():  # a pipe would be read for ever
        raise UserError("lora-missing", f"There is no LoRA at “{path}”.", hint)


def _is_matrix_of_numbers(tensor: Tensor) -> bool:
    return tensor.ndim == 2 and tensor.is_floating_point() and bool(torch.isfinite(tensor.float()).all())


@torch.no_grad()
def take_in(model: ToonCrafter, lora: LoraFile, strength: float) -> None:
    """Add a LoRA to the model's weights, `strength` times; 0 changes nothing, 1 is as trained.

    Changed weights get memory of their own; all others stay mapped from their file.
    Raises UserError("lora-foreign") when it was made for a model of other sizes.
    """
    parameters = {
        PREFIXES[name] + key: parameter
        for name, part in model.parts().items()
        for key, parameter in part.named_parameters()
    }
    for key, change in lora.changes.items():
        parameter = parameters.get(key)
        fits = (
            parameter is not None
            and change.up.shape[0] == parameter.shape[0]
            and change.down.shape[1] == parameter[0].numel()
            and change.up.shape[1] == change.down.shape[0]
        )
        if parameter is None or not fits:
            raise UserError(
                "lora-foreign",
                f"The LoRA was made for another model: “{key}” does not fit.",
                "Choose a LoRA that was trained on these weights.",
            )
        added = (change.up.float() @ change.down.float()).reshape(parameter.shape)
        changed = parameter.float() + strength * lora.scale * added.to(parameter.device)
        parameter.data = changed.to(parameter.dtype)


def lora_identity(path: Path, strength: float) -> str:
    """Return what tells drawings with this LoRA at this strength from all others. Raises as `read_lora` does."""
    hint = "Choose a file that `tooncrafter train rectify --lora` wrote."
    _refuse_what_is_no_file(path, hint)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError("lora-missing", f"There is no LoRA at “{path}”.", hint) from error
    return f"{hashlib.sha256(content).hexdigest()[:10]}@{strength:g}"
