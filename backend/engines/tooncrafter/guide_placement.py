"""Guides at any time, on the model's frames: each on the nearest, no two on one."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

#: Ink at least this dark tells how dark the lines are.
_INK = 0.1


def place_guides(times: tuple[float, ...], frames: int) -> dict[float, int]:
    """Return guide time -> model frame.

    times: strictly between 0 and 1, on the run's own scale. Two guides near one frame share out the frames around
    it, so that all together are moved as little as can be; the keys' own frames take none. Guides for which no
    frame is left are not in the result.
    """
    if not times:
        return {}
    inner = np.arange(1, frames - 1)
    distances = np.abs(np.array(times)[:, None] * (frames - 1) - inner[None, :])
    # Squared, so that a guide close to its frame is never pushed off by one that is far from any.
    rows, columns = linear_sum_assignment(distances**2)
    return {times[row]: int(inner[column]) for row, column in zip(rows, columns, strict=True)}


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


def guides_within(
    guides: Mapping[float, NDArray[np.float32]], start: float, end: float
) -> dict[float, NDArray[np.float32]]:
    """Return the guides strictly between two times, at times on the scale of that stretch (0..1)."""
    return {(time - start) / (end - start): lines for time, lines in guides.items() if start < time < end}


def leading_timesteps(begin: float, end: float, timesteps: int) -> range:
    """Return the timesteps at which guides lead from part `begin` to part `end` of the denoising, 0..1.

    Parts are of the noise, not of the steps: they mean the same however many steps there are. 0 is pure noise.
    """
    return range(math.ceil((1 - end) * (timesteps - 1)), math.floor((1 - begin) * (timesteps - 1)) + 1)
