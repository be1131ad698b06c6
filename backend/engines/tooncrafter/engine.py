"""The engine's face: finds the weights, chooses device and memory mode, keeps the model, draws intervals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from ...contract.job import Job, Settings
from ...errors import UserError
from ...weights import Weights, find_weights
from .. import Frame, Interval, Report
from .checkpoint import open_model, open_sketch_encoder, read_about
from .clip import ClipMaker
from .computing import Computing, usual_computing
from .lora import lora_identity, read_lora, take_in
from .memory import Mode, choose_mode, forget_peak, free_bytes, needs_bytes, peak_gb
from .model import empty_model, empty_sketch_encoder
from .options import Options, options_from
from .presets import preset_of
from .segment import SegmentDrawing

#: Part of what makes a frame; changes with everything here that changes pictures.
_VERSION = "4"


class ToonCrafterEngine:
    """In-betweens from the diffusion model; keeps it loaded between calls until `unload`.

    Raises UserError when made: "weights-missing", "weights-foreign", "weights-damaged", "device-missing",
    "option-unknown", "lora-missing".
    """

    name = "tooncrafter"

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or options_from()
        self._weights = find_weights("model", self._options.weights)
        self._sketch_weights, self._no_sketch = _sketch_weights(self._options)
        self._computing = _computing(self._options)
        self._maker: ClipMaker | None = None
        files = (self._weights, self._sketch_weights)
        self.version = "-".join((_VERSION, *(file.identity[:10] if file else "none" for file in files)))
        if self._options.lora is not None:
            self.version += f"-{lora_identity(self._options.lora, self._options.lora_strength)}"

    def check(self, job: Job) -> None:
        """Refuse a job with guides when there is no sketch encoder, and any when there is too little memory."""
        guided = any(segment.guides for segment in job.segments) and job.settings.guide_strength > 0
        if guided and self._sketch_weights is not None:
            self._check_pair(self._sketch_weights)
        elif guided and self._no_sketch is not None and self._no_sketch.code != "weights-missing":
            raise self._no_sketch
        elif guided:
            raise UserError(
                "sketch-weights-missing",
                "The job has guides, but the weights of the sketch encoder, which reads them, are missing.",
                "Get them with `tooncrafter weights download sketch` or import sketch_encoder.ckpt with "
                "`tooncrafter weights import FILE`; or go on without guides: set their strength to 0.",
            )
        if self._maker is None:
            self._check_memory()

    def inbetween(self, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
        """Yield one frame for each wanted time, run by run of the model."""
        if interval.guides and settings.guide_strength > 0 and self._sketch_weights is None:
            report.warn("The guides were not used: the weights of the sketch encoder are missing.")
            interval = replace(interval, guides={})
        elif interval.guides and settings.guide_strength == 0:
            report.warn("The guides were not used: their strength is 0.")
        maker = self._loaded(report)
        maker.warn = report.warn
        preset = preset_of(settings)
        report.note("method", f"{preset.solver}, {preset.steps} steps")
        forget_peak(self._computing.device)
        begun = time.monotonic()
        yield from SegmentDrawing(interval, settings, maker, report).draw()
        report.note("memory mode", str(maker.mode))
        report.note("device", str(self._computing.device))
        report.note("peak memory in GB", round(peak_gb(self._computing.device), 2))
        report.note("seconds drawing", round(time.monotonic() - begun, 2))

    def unload(self) -> None:
        """Free the model; the next call opens it again."""
        if self._maker is not None:
            maker, self._maker = self._maker, None
            maker.rest()

    def _loaded(self, report: Report) -> ClipMaker:
        if self._maker is None:
            self._check_memory()
            report.stage("Opening the model")
            model = open_model(self._weights.path)
            if self._options.lora is not None:
                take_in(model, read_lora(self._options.lora), self._options.lora_strength)
            if self._sketch_weights is not None:
                model.sketch_encoder = open_sketch_encoder(self._sketch_weights.path)
            mode = choose_mode(model, self._computing, free_bytes(self._computing.device)) or Mode.STREAMED
            if self._options.memory != "auto":
                mode = Mode(self._options.memory)
            self._maker = ClipMaker(model, self._computing, mode)
        return self._maker

    def _check_pair(self, sketch_weights: Weights) -> None:
        """Refuse a sketch encoder that was made for a model of other sizes."""
        unet = read_about(self._weights.path).configuration.unet
        sketch = read_about(sketch_weights.path).configuration.sketch_encoder
        names = ("model_channels", "channel_mult", "num_res_blocks", "context_dim")
        if any(getattr(unet, name) != getattr(sketch, name) for name in names):
            raise UserError(
                "weights-mismatch",
                f"The sketch encoder “{sketch_weights.path.name}” is made for a model of other sizes than "
                f"“{self._weights.path.name}”.",
                "Choose the one that belongs to the model with --sketch-weights, or set the guides' strength to 0.",
            )

    def _check_memory(self) -> None:
        """Refuse, before anything is loaded, what not even the thriftiest mode has room for."""
        configuration = read_about(self._weights.path).configuration
        shapes = empty_model(configuration)
        if self._sketch_weights is not None:
            shapes.sketch_encoder = empty_sketch_encoder(configuration)
        free = free_bytes(self._computing.device)
        needed = needs_bytes(Mode.STREAMED, shapes, self._computing)
        if 0 < free < needed:
            raise UserError(
                "not-enough-memory",
                f"The ToonCrafter engine needs {needed / 2**30:.1f} GB of free memory even in its thriftiest mode; "
                f"{free / 2**30:.1f} GB are free on this device ({self._computing.device}).",
                "Close other programs, or choose the draft engine.",
            )


def _sketch_weights(options: Options) -> tuple[Weights | None, UserError | None]:
    """Return the sketch encoder's weights: those named, else the installed ones; or what is wrong with those."""
    if options.sketch_weights is not None:
        return find_weights("sketch-encoder", options.sketch_weights), None
    beside = options.weights if options.weights is not None and options.weights.is_dir() else None
    try:
        return find_weights("sketch-encoder", beside), None
    except UserError as error:  # only a job with guides minds
        return None, error


def _computing(options: Options) -> Computing:
    """Return where to compute: what is asked for, else the best that is there."""
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    wanted = (
        options.device if options.device != "auto" else next(name for name, is_there in there.items() if is_there)
    )
    if not there[wanted]:
        called = {"cuda": "CUDA graphics card", "mps": "Apple graphics processor"}[wanted]
        raise UserError(
            "device-missing",
            f"No {called} can be used here, although the engine is told to compute on one.",
            "Choose another device (auto finds the best), or repair the graphics driver.",
        )
    return replace(usual_computing(torch.device(wanted)), compiled=options.compiled)
