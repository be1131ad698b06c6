"""Which files of weights the engine uses: those that a person names, else those that are installed."""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError
from .options import Options


def model_weights(options: Options) -> Path:
    """Return the model's file. Raises UserError("weights-missing"), which says how to get them."""
    if options.weights is None:
        raise UserError(
            "weights-missing",
            "The weights of the ToonCrafter model are not installed.",
            "Download them with `tooncrafter weights download`, or import the published model.ckpt with "
            "`tooncrafter weights import FILE`. The draft engine needs none.",
        )
    return options.weights


def sketch_weights(options: Options) -> Path | None:
    """Return the sketch encoder's file, or None where there is none."""
    return options.sketch_weights
