"""The ToonCrafter engine's weights on this machine: where they lie, what they are, how published files become them.

Looking is standard library only and takes milliseconds; importing needs torch.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .contract.record import parse_json
from .errors import UserError

#: Names another folder for weights than the person's own.
FOLDER_VARIABLE = "TOONCRAFTER_WEIGHTS"

#: What the files say of themselves in their safetensors metadata.
FORMAT = "tooncrafter"
FORMAT_VERSION = "1"

Kind = Literal["model", "sketch-encoder"]
Precision = Literal["fp16", "bf16"]

#: What a file of weights is called in the folder, when it is given no other name.
FILE_NAMES: Mapping[Kind, str] = {
    "model": "tooncrafter.safetensors",
    "sketch-encoder": "sketch_encoder.safetensors",
}

_TITLES: Mapping[Kind, str] = {"model": "model", "sketch-encoder": "sketch encoder"}
_LARGEST_HEADER_BYTES = 2**27


@dataclass(frozen=True)
class Source:
    """A published file that weights were made from."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Weights:
    """A file of weights that `import_checkpoint` made.

    size: bytes. identity: equal for weights made from equal files in the same way, for the record of a job.
    """

    path: Path
    kind: Kind
    precision: Precision
    size: int
    sources: tuple[Source, ...]
    identity: str


def identity_of(precision: Precision, configuration: str, sources: Sequence[Source]) -> str:
    """Return the identity of weights made in that precision and of that configuration from these files."""
    facts = [precision, configuration, *(source.sha256 for source in sources)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def weights_folder() -> Path:
    """Return where weights are kept: $TOONCRAFTER_WEIGHTS, or the person's own data folder."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "tooncrafter-blender" / "weights"


def find_weights(kind: Kind = "model", at: Path | None = None) -> Weights:
    """Return the weights to use.

    at: a file of weights, or a folder of them; None for this machine's folder.
    Raises UserError "weights-missing" with what to do, "weights-foreign" for another file, "weights-damaged".
    """
    place = weights_folder() if at is None else at
    path = place / FILE_NAMES[kind] if at is None or place.is_dir() else place
    if not path.is_file():
        raise UserError(
            "weights-missing",
            f"There are no weights of the {_TITLES[kind]} at “{path}”.",
            "Download ToonCrafter's checkpoint and import it with `tooncrafter weights import FILE`.",
        )
    weights = describe_weights(path)
    if weights.kind != kind:
        raise UserError(
            "weights-foreign",
            f"“{path}” holds the {_TITLES[weights.kind]}, not the {_TITLES[kind]}.",
            "Choose the other file.",
        )
    return weights


def list_weights(folder: Path | None = None) -> list[Weights]:
    """Return all weights in the folder, this machine's by default; files of other origin are passed over."""
    found = []
    for path in sorted((folder or weights_folder()).glob("*.safetensors")):
        try:
            found.append(describe_weights(path))
        except UserError:
            continue
    return found


def describe_weights(path: Path) -> Weights:
    """Return what a file of weights says of itself, without opening the weights.

    Raises UserError "weights-foreign" for a file that `import_checkpoint` did not make, "weights-damaged" for one
    that ends too early or cannot be read.
    """
    import_again = "Import the published file with `tooncrafter weights import FILE`."
    try:
        header, wanted_size = _read_header(path)
        size = path.stat().st_size
    except OSError as error:
        raise UserError("weights-damaged", f"“{path}” cannot be read: {error.strerror}.", import_again) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        header, wanted_size, size = {}, 0, 0
    if header.get("format") != FORMAT:
        raise UserError(
            "weights-foreign", f"“{path.name}” was not made by `tooncrafter weights import`.", import_again
        )
    if header.get("format_version") != FORMAT_VERSION:
        raise UserError(
            "weights-foreign", f"“{path.name}” was made by another version of this program.", import_again
        )
    if size < wanted_size:
        raise UserError(
            "weights-damaged", f"“{path}” has {size:,} bytes of the {wanted_size:,} it should have.", import_again
        )
    try:
        kind: Kind = "sketch-encoder" if header["kind"] == "sketch-encoder" else "model"
        precision: Precision = "bf16" if header["precision"] == "bf16" else "fp16"
        sources = tuple(Source(**source) for source in json.loads(header["sources"]))
        identity = identity_of(precision, header["configuration"], sources)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("weights-damaged", f"“{path}” does not say what it is ({error}).", import_again) from error
    return Weights(path, kind, precision, size, sources, identity)


def _read_header(path: Path) -> tuple[dict[str, str], int]:
    """Return a safetensors file's metadata and the size that the file should have, in bytes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length < _LARGEST_HEADER_BYTES:
            raise ValueError("no safetensors header")
        header: Any = parse_json(file.read(length).decode("utf-8"))
    metadata: dict[str, str] = header.pop("__metadata__", {})
    return metadata, 8 + length + max((about["data_offsets"][1] for about in header.values()), default=0)


def import_checkpoint(
    files: Sequence[Path],
    *,
    precision: Precision = "fp16",
    variant: Path | None = None,
    name: str | None = None,
    folder: Path | None = None,
    replace: bool = False,
    report: Callable[[str, float], None] = lambda doing, share: None,
) -> Weights:
    """Make weights from a published checkpoint; the file itself stays as it is.

    files: ToonCrafter's model.ckpt or the sketch encoder's checkpoint; or a pruned file and the CLIP files that
    complete it. variant: the YAML configuration of a model of other sizes. name: what to call the weights, instead
    of `FILE_NAMES`. folder: where to put them, instead of this machine's. replace: take the place of weights made
    from other files; the same ones are never made twice. report: told what is done and how much of it, 0..1.
    Raises UserError: "checkpoint-missing", "-unreadable", "-truncated", "-damaged", "-foreign", "-unsafe",
    "-incomplete", "-other-schedule"; "configuration-unreadable"; "weights-exist"; "weights-unwritable";
    "engine-unavailable" without torch.
    """
    try:
        from .engines.tooncrafter.configuration import read_configuration
        from .engines.tooncrafter.conversion import convert, open_recognised
    except ImportError as error:
        raise UserError(
            "engine-unavailable",
            f"Weights can only be imported where the ToonCrafter engine is installed ({error.name} is missing).",
            "Install the ToonCrafter engine first.",
            bad_input=False,
        ) from error
    configuration = read_configuration(variant)
    recognised = open_recognised(files, configuration, report)
    target = (folder or weights_folder()) / (name or FILE_NAMES[recognised.kind])
    if target.suffix != ".safetensors":
        target = target.with_name(target.name + ".safetensors")
    if target.exists():
        existing = _existing(target)
        if existing is not None and existing.identity == recognised.identity(precision):
            return existing
        if not replace:
            raise UserError(
                "weights-exist",
                f"“{target}” already holds other weights.",
                "Give the new ones another name with `--name`, or replace the old ones with `--replace`.",
            )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        convert(recognised, target, precision, report)
    except OSError as error:
        raise _unwritable(target, error) from error
    return describe_weights(target)


def _unwritable(target: Path, error: OSError) -> UserError:
    full = error.errno == errno.ENOSPC
    reason = "the disk is full" if full else error.strerror
    first = "Free some space" if full else "Check who may write there and end jobs that use old weights"
    return UserError(
        "weights-unwritable",
        f"The weights cannot be written to “{target}”: {reason}.",
        f"{first}, or choose another folder with the environment variable {FOLDER_VARIABLE}.",
        bad_input=False,
    )


def _existing(path: Path) -> Weights | None:
    try:
        return describe_weights(path)
    except UserError:
        return None
