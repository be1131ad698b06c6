"""The exposure sheet on disk, so that a film is read once however often the work on it is interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..contract.job import write_json
from ..contract.record import Record, read_json
from .camera import STILL, Move
from .exposure_sheet import Drawing, Shot
from .stabilising import stands_still

_MOST_BYTES = 512 * 1024 * 1024
_VERSION = 1


def write_sheet_file(path: Path, shots: list[Shot]) -> None:
    """Write the sheet, whole or not at all. Raises OSError."""
    write_json(path, {"version": _VERSION, "shots": [_plain(shot) for shot in shots]})


def read_sheet_file(path: Path) -> list[Shot] | None:
    """Return the sheet; None when there is none that this version can use."""
    try:
        record = Record(read_json(path, _MOST_BYTES), str(path))
    except (OSError, ValueError):
        return None
    if record.whole("version", 0, 2**31) != _VERSION:
        return None
    return [_shot(item) for item in record.records("shots", 1_000_000)]


def _plain(shot: Shot) -> dict[str, object]:
    moves = [] if stands_still(shot) else [[float(value) for value in move.ravel()] for move in shot.camera]
    return {
        "first": shot.first,
        "frames": shot.frames,
        "drawings": [drawing.first for drawing in shot.drawings],
        "camera": [value for move in moves for value in move],
    }


def _shot(record: Record) -> Shot:
    first, frames = record.whole("first", 0, 2**31), record.whole("frames", 1, 2**31)
    starts = record.wholes("drawings", 0, 2**31, 10_000_000)
    numbers = record.numbers("camera", -1e9, 1e9, 100_000_000)
    camera: list[Move] = [STILL] * frames
    if numbers:
        camera = list(np.asarray(numbers, np.float64).reshape(frames, 2, 3))
    ends = (*starts[1:], first + frames)
    drawings = tuple(Drawing(start, end - start) for start, end in zip(starts, ends, strict=True))
    return Shot(first, frames, drawings, tuple(camera))
