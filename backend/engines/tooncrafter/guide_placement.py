"""Guides at any time, on the model's frames: each on the nearest, no two on one."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .model_times import Run

#: Ink at least this dark tells how dark the lines are.
_INK = 0.1


def place_guides(times: Iterable[float], frames: int, start: float = 0.0, end: float = 1.0) -> dict[float, int]:
    """Return guide time -> frame of a run of the model from time `start` to `end`.

    times: those that do not lie strictly between start and end are passed over. Two guides near one frame share out
    the frames around it, so that all together are moved as little as can be; the keys' own frames take none. Guides
    for which no frame is left are not in the result.
    """
    inside = sorted(time for time in times if start < time < end)
    if not inside:
        return {}
    inner = np.arange(1, frames - 1)
    positions = (np.array(inside) - start) / (end - start) * (frames - 1)
    # Squared, so that a guide close to its frame is never pushed off by one that is far from any.
    rows, columns = linear_sum_assignment((positions[:, None] - inner[None, :]) ** 2)
    return {inside[row]: int(inner[column]) for row, column in zip(rows, columns, strict=True)}


def left_out(times: Collection[float], run: Run, frames: int) -> list[float]:
    """Return the guides, ascending, that find a frame neither in the run nor in any of the runs within it."""
    left = set(times) - set(place_guides(times, frames, run.start, run.end))
    for _, _, part in run.parts:
        # All guides compete for a part's frames, also those that the run itself has placed.
        left &= set(left_out(times, part, frames))
    return sorted(left)


def ink_of(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Paper at 1 and lines towards 0 -> 1 where there is a line, at full strength; same shape.

    Lines that became thin and pale when the drawing was shrunk are darkened until the darkest are black.
    """
    ink = np.clip(1 - lines, 0, 1)
    drawn = ink[ink > _INK]
    if drawn.size:
        ink = np.clip(ink / max(float(np.quantile(drawn, 0.9)), _INK), 0, 1)
    return ink.astype(np.float32)


def is_empty(lines: NDArray[np.float32]) -> bool:
    """Say whether a guide has no line at all."""
    return bool((1 - lines <= _INK).all())


def leading_timesteps(begin: float, end: float, timesteps: int) -> range:
    """Return the timesteps at which guides lead from part `begin` to part `end` of the denoising, 0..1.

    Parts are of the noise, not of the steps: they mean the same however many steps there are. 0 is pure noise.
    """
    return range(math.ceil((1 - end) * (timesteps - 1)), math.floor((1 - begin) * (timesteps - 1)) + 1)
