"""From files that others made to our own file of weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ...errors import UserError
from ...weights import Kind, Precision, Source, identity_of
from .checkpoint import About, write_weights
from .checkpoint_files import CheckpointFile, open_checkpoint_file
from .checkpoint_keys import PREFIXES, KeyReport, compare_keys, schedule_tables, unused_keys, wanted_keys
from .clip_layouts import is_clip, published_names
from .configuration import Configuration, configuration_yaml
from .model import empty_sketch_encoder

#: Told what is being done and how much of it, 0..1; may raise to stop.
Report = Callable[[str, float], None]

#: Largest difference of a schedule table from ours, by the precision in which the file holds it.
_SCHEDULE_TOLERANCES: Mapping[torch.dtype, float] = {
    torch.float64: 1e-5,
    torch.float32: 1e-5,
    torch.float16: 2e-3,
    torch.bfloat16: 1e-2,
}
_COMPARED_TABLES = ("alphas_cumprod", "scale_arr")

_SKETCH_MARK = "input_hint_block.0.weight"
_SKETCH_PREFIX = "control_model."


@dataclass(frozen=True)
class Recognised:
    """What one or more files together hold, under the names of the published checkpoint."""

    kind: Kind
    configuration: Configuration
    shapes: Mapping[str, tuple[int, ...]]
    tensors: Mapping[str, Tensor]
    sources: tuple[Source, ...]

    def identity(self, precision: Precision) -> str:
        """Return the identity that weights made from this will have."""
        return identity_of(precision, configuration_yaml(self.configuration), self.sources)


def recognise(files: Sequence[CheckpointFile], configuration: Configuration) -> Recognised:
    """Find out what the files hold, and that it is complete and nothing else.

    Raises UserError: "checkpoint-incomplete" (the towers are missing, as in the pruned files), "checkpoint-foreign"
    (another model, or another variant), "checkpoint-other-schedule".
    """
    merged: dict[str, Tensor] = {}
    for file in files:
        tensors = published_names(file.tensors) if is_clip(file.tensors) else dict(file.tensors)
        merged.update(tensors)
    names = " and ".join(f"“{file.path.name}”" for file in files)

    if any(key.removeprefix(_SKETCH_PREFIX) == _SKETCH_MARK for key in merged):
        weights = {key.removeprefix(_SKETCH_PREFIX): tensor for key, tensor in merged.items()}
        encoder = empty_sketch_encoder(configuration)
        wanted = {key: tuple(tensor.shape) for key, tensor in encoder.state_dict().items()}
        _check(names, weights, wanted, {})
        return Recognised("sketch-encoder", configuration, wanted, weights, ())

    wanted = wanted_keys(configuration)
    _check(names, merged, wanted, unused_keys(configuration))
    _check_schedule(names, merged, configuration)
    return Recognised("model", configuration, wanted, merged, ())


def _check(
    names: str,
    tensors: Mapping[str, Tensor],
    wanted: Mapping[str, tuple[int, ...]],
    unused: Mapping[str, tuple[int, ...]],
) -> None:
    report = compare_keys({key: tuple(tensor.shape) for key, tensor in tensors.items()}, wanted, unused)
    if not report:
        return
    towers = (PREFIXES["text_tower"], PREFIXES["vision_tower"])
    lacks_towers = report.missing and all(key.startswith(towers) for key in report.missing)
    if lacks_towers and not report.unexpected and not report.misshapen:
        absent = [name for name, tower in zip(("text", "vision"), towers, strict=True) if tower in _starts(report)]
        raise UserError(
            "checkpoint-incomplete",
            f"{names} lacks the CLIP {' and '.join(absent)} tower{'s' if len(absent) > 1 else ''}"
            f" ({len(report.missing)} keys), as pruned files do.",
            "Import it together with OpenCLIP's ViT-H/14: `tooncrafter weights import FILE CLIP-FILE`.",
        )
    raise UserError(
        "checkpoint-foreign",
        f"{names} is {_guess(tensors)}. Keys: {report}.",
        "Choose ToonCrafter's own checkpoint; for a variant of other sizes, also give its configuration.",
    )


def _starts(report: KeyReport) -> set[str]:
    """Return which parts' keys are among those missing."""
    return {prefix for prefix in PREFIXES.values() for key in report.missing if key.startswith(prefix)}


def _guess(tensors: Mapping[str, Tensor]) -> str:
    """Say what a checkpoint that does not fit looks like."""
    keys = tensors.keys()
    if any("lora" in key for key in keys):
        return "a LoRA, not a whole model"
    if not any(key.startswith(PREFIXES["unet"]) for key in keys):
        return "not a ToonCrafter checkpoint"
    if not any("temopral_conv" in key for key in keys):
        return "a model for single pictures, such as Stable Diffusion"
    if not any("attn_refinement" in key for key in keys):
        return "a video model without ToonCrafter's decoder, such as DynamiCrafter"
    return "a ToonCrafter checkpoint that is incomplete or of other sizes"


def _check_schedule(names: str, tensors: Mapping[str, Tensor], configuration: Configuration) -> None:
    """Raise if the file brings tables of another noise schedule than the configuration's."""
    ours = schedule_tables(configuration)
    for key in _COMPARED_TABLES:
        if key not in tensors:
            continue
        tolerance = _SCHEDULE_TOLERANCES.get(tensors[key].dtype, 1e-2)
        if not torch.allclose(tensors[key].float(), ours[key], rtol=0, atol=tolerance):
            raise UserError(
                "checkpoint-other-schedule",
                f"{names} was trained with another noise schedule than this configuration's ({key}).",
                "Give the configuration that belongs to it.",
            )


def convert(
    recognised: Recognised, target: Path, precision: Precision, report: Report = lambda doing, share: None
) -> None:
    """Write our own file of weights.

    Raises UserError("checkpoint-damaged") for numbers that are not finite; OSError when it cannot be written.
    """
    write_weights(
        target,
        About(recognised.kind, precision, recognised.configuration, recognised.sources),
        recognised.shapes,
        recognised.tensors.__getitem__,
        lambda done, of: report("converting", done / of),
    )


def open_recognised(
    paths: Sequence[Path], configuration: Configuration, report: Report = lambda doing, share: None
) -> Recognised:
    """Open published files, find out what they hold together, and compute their SHA-256.

    Raises UserError as `open_checkpoint_file` and `recognise` do.
    """
    recognised = recognise([open_checkpoint_file(path) for path in paths], configuration)
    return replace(recognised, sources=tuple(_source(path, report) for path in paths))


def _source(path: Path, report: Report) -> Source:
    """Return what identifies a file: its name, size and SHA-256."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            digest.update(piece)
            report("checking", file.tell() / size)
    return Source(path.name, digest.hexdigest(), size)
