"""What a person decides about the engine itself rather than about a drawing: weights, device, memory.

They come as environment variables, so that they reach every process that draws: a worker of Blender's, a batch's, a
farm's.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from .. import DEVICE_VARIABLE, LORA_VARIABLE, MEMORY_VARIABLE, MODEL_VARIABLE, SKETCH_ENCODER_VARIABLE

#: Lets torch compile the U-Net when it is "1"; worth it for many clips on a CUDA card.
COMPILE_VARIABLE = "TOONCRAFTER_COMPILE"

DEVICES = ("auto", "cuda", "mps", "cpu")
MEMORY = ("auto", "resident", "staged", "sliced", "streamed")


@dataclass(frozen=True)
class Options:
    """What was decided.

    weights, sketch_weights: files; None for those that are installed. device, memory: one of `DEVICES`, `MEMORY`.
    lora: a file of `lora.write_lora`, taken in `lora_strength` times; None for none.
    """

    weights: Path | None = None
    sketch_weights: Path | None = None
    device: str = "auto"
    memory: str = "auto"
    compiled: bool = False
    lora: Path | None = None
    lora_strength: float = 1.0


def options_from(environment: Mapping[str, str] = os.environ) -> Options:
    """Return what the environment says. Raises UserError("option-unknown") for a word that nobody knows."""

    def file(variable: str) -> Path | None:
        said = environment.get(variable, "")
        return Path(said) if said else None

    def word(variable: str, known: tuple[str, ...]) -> str:
        said = environment.get(variable, "").lower() or "auto"
        if said not in known:
            raise UserError(
                "option-unknown",
                f"{variable} is “{said}”, which is not known.",
                f"Choose one of: {', '.join(known)}.",
            )
        return said

    lora, strength = lora_from(environment.get(LORA_VARIABLE, ""))
    return Options(
        weights=file(MODEL_VARIABLE),
        sketch_weights=file(SKETCH_ENCODER_VARIABLE),
        device=word(DEVICE_VARIABLE, DEVICES),
        memory=word(MEMORY_VARIABLE, MEMORY),
        compiled=environment.get(COMPILE_VARIABLE) == "1",
        lora=lora,
        lora_strength=strength,
    )


def lora_from(said: str) -> tuple[Path | None, float]:
    """Return file and strength of “FILE” or “FILE@STRENGTH”; "" is no LoRA, and 1 the usual strength.

    Raises UserError("option-unknown") for a strength that is no number.
    """
    if not said:
        return None, 1.0
    file, at, text = said.rpartition("@")
    if not at or Path(said).exists():
        return Path(said), 1.0
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength):
        raise UserError(
            "option-unknown",
            f"The LoRA “{said}”: “{text}” is not a strength.",
            "Write FILE@STRENGTH, such as show.safetensors@0.8.",
        )
    return Path(file), strength
