"""What is in memory when: the modes, how much each needs, and which one a machine has room for."""

from __future__ import annotations

import gc
import platform
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import torch
from torch import nn

from ...machine.devices import free_memory_gb
from .computing import Computing
from .configuration import Configuration, latent_size
from .model import ToonCrafter
from .streaming import streamed_size


class Mode(StrEnum):
    """From the fastest to the one that needs least."""

    RESIDENT = "resident"
    STAGED = "staged"
    SLICED = "sliced"
    STREAMED = "streamed"


@dataclass(frozen=True)
class Thrift:
    """What a mode does to need less.

    parts_leave: a part of the model is there only while it works. halves_together: both halves of guidance run as
    one batch. frames_at_once: that the decoder works on, None for all. streams: the U-Net's stages come one after
    the other while it works.
    """

    parts_leave: bool
    halves_together: bool
    frames_at_once: int | None
    streams: bool = False


THRIFT: dict[Mode, Thrift] = {
    Mode.RESIDENT: Thrift(parts_leave=False, halves_together=True, frames_at_once=2),
    Mode.STAGED: Thrift(parts_leave=True, halves_together=True, frames_at_once=2),
    Mode.SLICED: Thrift(parts_leave=True, halves_together=False, frames_at_once=1),
    Mode.STREAMED: Thrift(parts_leave=True, halves_together=False, frames_at_once=1, streams=True),
}


#: The parts whose stages can come one after the other.
STREAMED = ("unet", "sketch_encoder")


def thrift_of(mode: Mode, computing: Computing) -> Thrift:
    """Return what a mode does on a device."""
    thrift = THRIFT[mode]
    return replace(
        thrift,
        halves_together=thrift.halves_together and computing.halves_together,
        frames_at_once=computing.frames_at_once or thrift.frames_at_once,
    )


def thriftier(mode: Mode) -> Mode | None:
    """Return the mode that needs less than this one, or None for the last."""
    return dict(pairwise(Mode)).get(mode)


def parts_of(model: ToonCrafter) -> dict[str, nn.Module]:
    """Return all parts of the model by name, the sketch encoder among them where there is one."""
    parts = dict(model.parts())
    if model.sketch_encoder is not None:
        parts["sketch_encoder"] = model.sketch_encoder
    return parts


def needs_bytes(mode: Mode, model: ToonCrafter, computing: Computing) -> int:
    """Return about how much memory a run in that mode takes on the device that computes.

    Weights are counted; intermediate results are estimated from the sizes of the layers that have most of them, as
    benchmarks/tooncrafter_memory.py finds them.
    """
    thrift, size = thrift_of(mode, computing), computing.dtype.itemsize
    parts = parts_of(model)

    def at_work(*names: str) -> int:
        return size * sum(
            streamed_size(parts[name])
            if thrift.streams and name in STREAMED
            else sum(parameter.numel() for parameter in parts[name].parameters())
            for name in names
            if name in parts
        )

    sampling = _sampling_bytes(model.configuration, size) * (2 if thrift.halves_together else 1)
    decoding = _decoding_bytes(model.configuration, size, thrift.frames_at_once)
    if not thrift.parts_leave:
        return at_work(*parts) + max(sampling, decoding)
    return max(
        at_work("text_tower", "vision_tower", "image_projector"),
        at_work("unet", "sketch_encoder") + sampling,
        at_work("autoencoder") + decoding,
    )


def _sampling_bytes(configuration: Configuration, size: int) -> int:
    """Skips of every level, and intermediate results of the finest one, whose transformers are widest."""
    height, width = latent_size(configuration, configuration.height, configuration.width)
    places = configuration.frames * height * width
    unet = configuration.unet
    finest = places * unet.model_channels
    skips: int = sum(
        (unet.num_res_blocks + 1) * finest * multiplier // 4**level
        for level, multiplier in enumerate(unet.channel_mult)
    )
    return (skips + 34 * finest) * size


def _decoding_bytes(configuration: Configuration, size: int, frames_at_once: int | None) -> int:
    """Two clips at full size, the keys' features, and what the frames being worked on take."""
    frame = configuration.height * configuration.width * configuration.autoencoder.ch
    at_once = min(frames_at_once or configuration.frames, configuration.frames)
    return (2 * configuration.frames + 18 + 3 * at_once) * frame * size


def free_bytes(device: torch.device) -> int:
    """Return the memory of the device that is free for us, or 0 where nobody can tell."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + reserved
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return int(free_memory_gb() * 2**30)


#: The share of the free memory that is planned with: kernels' workspaces and fragmentation take some.
_USABLE = 0.9


def choose_mode(model: ToonCrafter, computing: Computing, free: int) -> Mode | None:
    """Return the fastest mode for which that many free bytes are enough; None when there are too few for any.

    free: 0 where nobody can tell (`free_bytes`). Then the fastest: a run that finds too little goes on in the next.
    """
    if not free:
        return Mode.RESIDENT
    return next((mode for mode in Mode if needs_bytes(mode, model, computing) <= free * _USABLE), None)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # CPU and MPS allocators raise plain errors; their texts are all there is to go by.
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("out of memory", "can't allocate memory", "not enough memory")
    )


def give_back(device: torch.device) -> None:
    """Return what is not used any more to the system."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def forget_peak(device: torch.device) -> None:
    """Begin anew to look for the most memory used, where that can be."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_gb(device: torch.device) -> float:
    """Return the most memory used, in GB; 0 unknown.

    Ours since `forget_peak` on a CUDA card, else this process's since it began.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    if platform.system() == "Windows":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if platform.system() == "Darwin" else peak / 2**20
