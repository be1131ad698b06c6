"""A frame in even parts, so that what is all over it can be told from what is in one place."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Parts down and across.
PARTS = (6, 9)


def part_sums(field: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sum of a (height, width) field in each part, as PARTS."""
    down, across = (_belonging(length, parts) for length, parts in zip(field.shape, PARTS, strict=True))
    return np.asarray(down @ field.astype(np.float32, copy=False) @ across.T, np.float64)


@lru_cache(maxsize=8)
def _belonging(length: int, parts: int) -> NDArray[np.float32]:
    """Return (parts, length): 1 where a row or column belongs to a part, else 0."""
    return np.equal.outer(np.arange(parts), np.arange(length) * parts // length).astype(np.float32)
