"""The state of a run on disk: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError

_NAME = "state-{step:08d}.pt"
_KEPT = 2


def write_state(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the state after `step` steps; it appears complete or not at all. The two newest are kept.

    OSError passes through, as when the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _NAME.format(step=step)
    temporary = folder / f".{path.name}.{os.getpid()}.part"
    try:
        with temporary.open("wb") as file:
            torch.save({"step": step, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    for old in sorted(folder.glob(_NAME.format(step=0).replace("00000000", "*")))[:-_KEPT]:
        old.unlink()
    return path


def newest_state(folder: Path) -> dict[str, Any] | None:
    """Return the newest state that can be read, or None when there is none.

    Raises UserError("training-state-damaged") when there are states and none can be read.
    """
    paths = sorted(folder.glob(_NAME.format(step=0).replace("00000000", "*")), reverse=True)
    for path in paths:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, KeyError):
            continue
        return state
    if paths:
        raise UserError(
            "training-state-damaged",
            f"None of the states in “{folder}” can be read.",
            "Delete the folder to begin again, or restore it from a backup.",
        )
    return None
