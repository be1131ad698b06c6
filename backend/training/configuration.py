"""What a training run is told: one YAML file, read into dataclasses.

The defaults are the published recipe where there is one; a file names only what differs. Paths in it are
relative to the file that names them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from ..contract.record import read_bounded
from ..engines.tooncrafter.configuration import values_in
from ..errors import UserError, first_line

#: Nobody writes so much to describe a training.
_MOST_BYTES, _MOST_BRACKETS = 64 * 1024, 200


@dataclass
class Optimisation:
    """How weights change.

    steps: of the optimiser. batch: clips (pictures, for the autoencoder) per device and pass. accumulation: passes
    for one step. learning_rate: reached after `warmup_steps`; `decay` "cosine" then lets it fall to a twentieth by
    the last step. gradient_norm: longest gradient. average: share of the old weights in the running average that is
    exported; 0 exports the last weights themselves.
    """

    steps: int = 100_000
    batch: int = 2
    accumulation: int = 2
    learning_rate: float = 1e-5
    weight_decay: float = 0.01
    warmup_steps: int = 500
    decay: str = "none"
    gradient_norm: float = 0.5
    average: float = 0.9999
    precision: str = "bf16"
    gradient_checkpointing: bool = True


@dataclass
class Reporting:
    """How often, in steps: numbers to TensorBoard, a state to resume from, and pictures with held-out losses."""

    log_every: int = 20
    save_every: int = 500
    sample_every: int = 1000
    held_out_clips: int = 8


@dataclass
class AutoencoderLoss:
    """Weights of what the autoencoder is trained for (only ever from nothing); see `autoencoder_stage`."""

    kl: float = 1e-4


@dataclass
class DecoderLoss:
    """Weights of the decoder's losses; see `decoder_stage`. adversarial_from: step from which the critic counts.

    learned_share: of the learning rate, for the layers that a decoder of single pictures has too. Less than 1 keeps
    what they can do from being undone while the layers across frames and to the keys are new.
    """

    l1: float = 1.0
    perceptual: float = 0.5
    adversarial: float = 0.05
    adversarial_from: int = 2000
    critic_learning_rate: float = 1e-4
    learned_share: float = 1.0
    critic_channels: int = 64


@dataclass
class SketchDrawing:
    """Which frames keep a sketch in training; see `sparse_sketches`."""

    bisection: float = 0.8
    most_bisections: int = 3


@dataclass
class Lora:
    """Low-rank adaptation of the rectified layers: rank 0 trains those layers themselves."""

    rank: int = 0
    alpha: float = 0.0


@dataclass
class TrainingConfiguration:
    """One run.

    dataset: a folder made by `tooncrafter dataset build`. model: our own file of weights to start from; None to
    start from nothing with the sizes of the YAML file `variant`. sketch_encoder: weights to start the sketch
    encoder from; None to start it as a copy of the U-Net's encoder. out: folder of the run. strides: 1 to this many
    frames from one training frame to the next. workers: processes that read pictures ahead, 0 for none.
    condition_dropout: see `conditioning.drop_conditions`.
    """

    dataset: str
    out: str
    model: str | None = None
    variant: str | None = None
    sketch_encoder: str | None = None
    seed: int = 0
    strides: int = 6
    workers: int = 2
    condition_dropout: float = 0.05
    optimisation: Optimisation = field(default_factory=Optimisation)
    reporting: Reporting = field(default_factory=Reporting)
    autoencoder: AutoencoderLoss = field(default_factory=AutoencoderLoss)
    decoder: DecoderLoss = field(default_factory=DecoderLoss)
    sketches: SketchDrawing = field(default_factory=SketchDrawing)
    lora: Lora = field(default_factory=Lora)


def read_training(path: Path) -> TrainingConfiguration:
    """Return what the YAML file says, with absolute paths.

    Raises UserError("training-configuration"): the file is missing, is not YAML, names something unknown or a
    number out of its range.
    """
    import yaml  # type: ignore[import-untyped]
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    # RuntimeError: nested without end, or a path through links that lead in a circle.
    faults = (OSError, ValueError, TypeError, AttributeError, RuntimeError, yaml.YAMLError, OmegaConfBaseException)
    try:
        merged = OmegaConf.merge(OmegaConf.structured(TrainingConfiguration), values_in(_text_of(path)))
        configuration = cast(TrainingConfiguration, OmegaConf.to_object(merged))
        for name in ("dataset", "out", "model", "variant", "sketch_encoder"):
            if (value := getattr(configuration, name)) is not None:
                setattr(configuration, name, str((path.parent / value).resolve()))
    except faults as error:
        reason = first_line(error)
        raise UserError(
            "training-configuration",
            f"“{path}” cannot be read as the description of a training: {reason}.",
            "docs/training.md lists everything that it may name.",
        ) from error
    check_training(configuration, str(path))
    return configuration


def _text_of(path: Path) -> str:
    """Return what the file says, if it is a short text of the kind that people write.

    References to other parts could unfold to any length, and YAML's reader needs minutes for deep brackets.
    """
    text = read_bounded(path, _MOST_BYTES).decode("utf-8")
    if re.search(r"(?:^|[\s\[{,:-])\*\w", text):
        raise ValueError("it refers to other parts of itself")
    if sum(map(text.count, "[{")) > _MOST_BRACKETS:
        raise ValueError("it has too many brackets")
    return text


def check_training(configuration: TrainingConfiguration, called: str) -> None:
    """Raise UserError("training-configuration") for values that no training can have."""
    for fault in _faults(configuration):
        raise UserError(
            "training-configuration", f"“{called}”: {fault}.", "docs/training.md lists what each may be."
        )


def _faults(configuration: TrainingConfiguration) -> list[str]:
    faults = [f"{name} is {value}" for name, value in _numbers("", configuration) if not 0 <= value < math.inf]
    optimisation = configuration.optimisation
    for name in ("steps", "batch", "accumulation", "learning_rate", "gradient_norm"):
        if not getattr(optimisation, name):
            faults.append(f"optimisation.{name} is 0")
    if optimisation.precision not in ("no", "fp16", "bf16"):
        faults.append(f"optimisation.precision is “{optimisation.precision}”, not no, fp16 or bf16")
    if optimisation.decay not in ("none", "cosine"):
        faults.append(f"optimisation.decay is “{optimisation.decay}”, not none or cosine")
    if not optimisation.average < 1:
        faults.append(f"optimisation.average is {optimisation.average}, not below 1")
    if not configuration.condition_dropout <= 1 / 3:
        faults.append(f"condition_dropout is {configuration.condition_dropout}, more than a third")
    if not configuration.sketches.bisection <= 1:
        faults.append(f"sketches.bisection is {configuration.sketches.bisection}, more than 1")
    if not configuration.strides:
        faults.append("strides is 0")
    if (configuration.model is None) == (configuration.variant is None):
        faults.append("exactly one of model and variant must be named")
    for name, value in vars(configuration.reporting).items():
        if not value:
            faults.append(f"reporting.{name} is 0")
    return faults


def _numbers(name: str, value: Any) -> list[tuple[str, float]]:
    """Return every number of the configuration with its dotted name."""
    if is_dataclass(value):
        return [
            number
            for part in fields(value)
            for number in _numbers(f"{name}.{part.name}" if name else part.name, getattr(value, part.name))
        ]
    return [(name, value)] if isinstance(value, int | float) and not isinstance(value, bool) else []
