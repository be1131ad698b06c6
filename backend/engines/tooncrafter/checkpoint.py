"""Our own file of weights: safetensors in half precision, mapped into memory instead of read.

It says of itself which model it is, in which precision, and from which files it was made; so a fine-tuned or tiny
variant needs nothing beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from ...errors import UserError
from ...weights import FORMAT, FORMAT_VERSION, Kind, Precision, Source
from .checkpoint_keys import PREFIXES, compare_keys, model_keys
from .configuration import Configuration, configuration_yaml, parse_configuration
from .model import ToonCrafter, empty_model, empty_sketch_encoder, fill
from .network import SketchEncoder

DTYPES: Mapping[Precision, torch.dtype] = {"fp16": torch.float16, "bf16": torch.bfloat16}
_SAFETENSORS_NAMES: Mapping[Precision, str] = {"fp16": "F16", "bf16": "BF16"}

_IMPORT_AGAIN = "Import the published file again with `tooncrafter weights import FILE`."


@dataclass(frozen=True)
class About:
    """What a file of weights says of itself."""

    kind: Kind
    precision: Precision
    configuration: Configuration
    sources: tuple[Source, ...]

    def metadata(self) -> dict[str, str]:
        """Return it as safetensors metadata, from which `read_about` gives it back."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "precision": self.precision,
            "configuration": configuration_yaml(self.configuration),
            "sources": json.dumps([vars(source) for source in self.sources]),
        }


def read_about(path: Path) -> About:
    """Read what a file of weights says of itself.

    Raises UserError: "weights-missing", "weights-foreign" (not one of ours, or newer), "weights-damaged".
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError as error:
        raise UserError("weights-missing", f"There are no weights at “{path}”.", _IMPORT_AGAIN) from error
    except (SafetensorError, OSError) as error:
        raise UserError(
            "weights-damaged", f"The weights “{path}” are damaged or no weights: {error}.", _IMPORT_AGAIN
        ) from error
    if metadata.get("format") != FORMAT:
        raise UserError("weights-foreign", f"“{path}” was not made by `tooncrafter weights import`.", _IMPORT_AGAIN)
    if metadata.get("format_version") != FORMAT_VERSION:
        raise UserError(
            "weights-foreign",
            f"“{path}” has version {metadata.get('format_version')}, and version {FORMAT_VERSION} is known here.",
            f"Update the add-on. {_IMPORT_AGAIN}",
        )
    kinds: Mapping[str, Kind] = {"model": "model", "sketch-encoder": "sketch-encoder"}
    precisions: Mapping[str, Precision] = {"fp16": "fp16", "bf16": "bf16"}
    try:
        return About(
            kind=kinds[metadata["kind"]],
            precision=precisions[metadata["precision"]],
            configuration=parse_configuration(metadata["configuration"], called=str(path)),
            sources=tuple(Source(**source) for source in json.loads(metadata["sources"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            "weights-damaged", f"The weights “{path}” do not say what they are ({error}).", _IMPORT_AGAIN
        ) from error


def open_model(path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> ToonCrafter:
    """Open a model, without its sketch encoder.

    On the CPU in the file's own precision nothing is copied: the weights stay mapped from the file and are read as
    they are used. Another device or dtype copies one part after the other.
    Raises UserError as `read_about` does, and "weights-damaged" when the weights do not fit their configuration.
    """
    about = _expect(path, "model")
    model = empty_model(about.configuration)
    weights = _load(path, model_keys(model))
    for name, part in model.parts().items():
        prefix = PREFIXES[name]
        fill(part, {key: weights[prefix + key] for key in part.state_dict()})
        _settle(part, device, dtype)
    return model


def open_sketch_encoder(
    path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> SketchEncoder:
    """Open a sketch encoder; arguments and errors as for `open_model`."""
    about = _expect(path, "sketch-encoder")
    encoder = empty_sketch_encoder(about.configuration)
    wanted = {key: tuple(tensor.shape) for key, tensor in encoder.state_dict().items()}
    fill(encoder, _load(path, wanted))
    _settle(encoder, device, dtype)
    return encoder


def _expect(path: Path, kind: Kind) -> About:
    about = read_about(path)
    if about.kind != kind:
        names: Mapping[Kind, str] = {"model": "the model", "sketch-encoder": "the sketch encoder"}
        raise UserError(
            "weights-foreign", f"“{path}” holds {names[about.kind]}, not {names[kind]}.", "Choose the other file."
        )
    return about


def _load(path: Path, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    weights = load_file(path)
    report = compare_keys({key: tuple(tensor.shape) for key, tensor in weights.items()}, wanted, {})
    if report:
        raise UserError("weights-damaged", f"The weights “{path}” are incomplete: {report}.", _IMPORT_AGAIN)
    if strange := next((key for key, tensor in weights.items() if not tensor.is_floating_point()), None):
        raise UserError(
            "weights-damaged",
            f"The weights “{path}” hold numbers of the kind {weights[strange].dtype} at {strange}.",
            _IMPORT_AGAIN,
        )
    return weights


def _settle(part: nn.Module, device: torch.device | str, dtype: torch.dtype | None) -> None:
    part.to(device=device, dtype=dtype)


def write_weights(
    path: Path,
    about: About,
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[str], Tensor],
    on_written: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Write a file of weights, one tensor in memory at a time; the file appears complete or not at all.

    shapes: each key's. read: returns a key's tensor of that shape, in any precision. on_written: told how many
    bytes of how many are done; may raise to stop. OSError passes through, as when the disk is full.
    """
    sizes = {key: 2 * torch.Size(shape).numel() for key, shape in shapes.items()}
    header: dict[str, object] = {"__metadata__": about.metadata()}
    end = 0
    for key, shape in shapes.items():
        start, end = end, end + sizes[key]
        header[key] = {
            "dtype": _SAFETENSORS_NAMES[about.precision],
            "shape": list(shape),
            "data_offsets": [start, end],
        }
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)

    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(len(encoded).to_bytes(8, "little") + encoded)
            _write_tensors(file, shapes, read, DTYPES[about.precision], lambda done: on_written(done, end))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _write_tensors(
    file: IO[bytes],
    shapes: Mapping[str, tuple[int, ...]],
    read: Callable[[str], Tensor],
    dtype: torch.dtype,
    on_written: Callable[[int], None],
) -> None:
    done = 0
    for key, shape in shapes.items():
        tensor = read(key).to(dtype).contiguous()
        assert tuple(tensor.shape) == shape
        if tensor.numel() and not all(bound.isfinite() for bound in torch.aminmax(tensor)):
            raise UserError(
                "checkpoint-damaged",
                f"“{key}” holds numbers that are infinite, or too large for this precision.",
                "Import with the other precision (`--precision bf16`), or download the file again.",
            )
        done += file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)
        on_written(done)
