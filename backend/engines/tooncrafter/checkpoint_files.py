"""Files of weights as others made them: opened safely, or refused with a sentence that says what the file is.

Nothing in such a file is ever run: pickles are read with torch's restricted reader, which knows tensors and plain
containers only.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ...contract.record import parse_json
from ...errors import UserError

#: What a file that is no checkpoint begins with -> what it is.
FOREIGN_BEGINNINGS: Mapping[bytes, str] = {
    b"version https://git-lfs": "a Git LFS pointer, a few lines that stand for the real file",
    b"<": "a web page or another text with markup, as a download that needs a login gives",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"RIFF": "a picture, sound or film",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BLENDER": "a Blender file",
    b"GGUF": "a GGUF file, whose quantised weights this model cannot use",
    b"{": "a text in JSON",
}

_DOWNLOAD_AGAIN = "Download it again, and compare its size with the size that its page states."
_NOT_WEIGHTS = "Choose the downloaded checkpoint, a .ckpt or .safetensors file."

#: Deepspeed puts this before every key.
_DEEPSPEED_PREFIX = "_forward_module."


@dataclass(frozen=True)
class CheckpointFile:
    """An opened file of weights; the tensors are mapped from it and read when they are used."""

    path: Path
    tensors: Mapping[str, Tensor]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return each key's shape."""
        return {key: tuple(tensor.shape) for key, tensor in self.tensors.items()}


def open_checkpoint_file(path: Path) -> CheckpointFile:
    """Open a .safetensors file, or a .ckpt, .pt or .bin file that torch wrote.

    Raises UserError: "checkpoint-missing", "checkpoint-unreadable" (the system refuses), "checkpoint-truncated",
    "checkpoint-damaged", "checkpoint-foreign" (not weights at all), "checkpoint-unsafe" (a pickle that asks for
    more than tensors).
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UserError("checkpoint-foreign", f"“{path.name}” is no file.", _NOT_WEIGHTS)
    try:
        with path.open("rb") as file:
            beginning = file.read(64)
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise UserError("checkpoint-missing", f"There is no file “{path}”.", "Check its name.") from error
    except OSError as error:
        raise UserError(
            "checkpoint-unreadable", f"“{path}” cannot be read: {error.strerror}.", _NOT_WEIGHTS
        ) from error
    if not beginning.strip(b"\0"):
        raise UserError("checkpoint-truncated", f"“{path.name}” is empty or begins with nothing.", _DOWNLOAD_AGAIN)
    if beginning.startswith(b"PK"):
        tensors = _open_torch_archive(path)
    elif beginning.startswith(b"\x80"):
        tensors = _open_pickle(path, mapped=False)
    elif beginning[8:9] == b"{" and 2 <= int.from_bytes(beginning[:8], "little") < 2**27:
        tensors = _open_safetensors(path, size)
    else:
        kind = next(
            (kind for start, kind in FOREIGN_BEGINNINGS.items() if beginning.lstrip().startswith(start)),
            "no checkpoint of a kind that is known here",
        )
        raise UserError("checkpoint-foreign", f"“{path.name}” is {kind}.", _NOT_WEIGHTS)
    return CheckpointFile(path, {_current_name(key): tensor for key, tensor in tensors.items()})


def _current_name(key: str) -> str:
    """Return today's name of a key that early checkpoints call otherwise."""
    return key.replace("framestride_embed", "fps_embedding")


def _open_torch_archive(path: Path) -> dict[str, Tensor]:
    if not zipfile.is_zipfile(path):
        raise UserError(
            "checkpoint-truncated",
            f"“{path.name}” ends too early: its table of contents is missing.",
            _DOWNLOAD_AGAIN,
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as error:  # a damaged table of contents can make its reader fail in any way
        raise _damaged(path, error) from error
    if not any(name.endswith("data.pkl") for name in names):
        raise UserError(
            "checkpoint-foreign", f"“{path.name}” is a zip archive without weights of torch.", _NOT_WEIGHTS
        )
    return _open_pickle(path, mapped=True)


def _open_pickle(path: Path, *, mapped: bool) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL (\S+)", str(error))
        if wanted is None and "nsupported" not in str(error):
            raise _damaged(path, error) from error
        raise UserError(
            "checkpoint-unsafe",
            f"“{path.name}” holds more than weights ({wanted[1] if wanted else 'code'}) and was not opened.",
            "Use a file from its authors, best in the .safetensors format.",
        ) from error
    except Exception as error:  # a damaged pickle can make its reader fail in any way
        raise _damaged(path, error) from error
    return _unwrap(path, content)


def _damaged(path: Path, error: Exception) -> UserError:
    reason = str(error).partition("\n")[0].partition(". This")[0] or type(error).__name__
    return UserError(
        "checkpoint-damaged", f"“{path.name}” is damaged or ends too early: {reason}.", _DOWNLOAD_AGAIN
    )


def _unwrap(path: Path, content: Any) -> dict[str, Tensor]:
    """Return the tensors from what training tools wrap around them."""
    while isinstance(content, dict):
        if isinstance(content.get("state_dict"), dict):
            content = content["state_dict"]
        elif isinstance(content.get("module"), dict):
            content = {key.removeprefix(_DEEPSPEED_PREFIX): value for key, value in content["module"].items()}
        else:
            break
    if not isinstance(content, dict) or not content:
        raise UserError("checkpoint-foreign", f"“{path.name}” holds no weights by name.", _NOT_WEIGHTS)
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise UserError(
                "checkpoint-foreign", f"“{path.name}” holds something else than weights (“{key}”).", _NOT_WEIGHTS
            )
    return content


def _open_safetensors(path: Path, size: int) -> dict[str, Tensor]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, size))
    try:
        contents: Any = parse_json(header.decode("utf-8"))
        ends = [int(about["data_offsets"][1]) for key, about in contents.items() if key != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        if len(header) < length:
            raise UserError(
                "checkpoint-truncated", f"“{path.name}” ends within its table of contents.", _DOWNLOAD_AGAIN
            ) from error
        raise _damaged(path, error) from error
    wanted = 8 + length + max(ends, default=0)
    if size < wanted:
        raise UserError(
            "checkpoint-truncated",
            f"“{path.name}” has {size:,} bytes of the {wanted:,} that it should have.",
            _DOWNLOAD_AGAIN,
        )
    try:
        return load_file(path)
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise _damaged(path, error) from error
