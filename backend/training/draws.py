"""Random numbers of a training step: the same for the same run, step, pass and device, whatever came before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Draws:
    """Everything that one pass draws, on the CPU, so that all kinds of devices draw the same."""

    def __init__(self, *key: int) -> None:
        seed = 0
        for part in key:
            seed = (seed * 6364136223846793005 + part + 1442695040888963407) % 2**63
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Return standard normal float32 numbers."""
        return torch.randn(tuple(shape), generator=self._generator)

    def uniform(self, count: int) -> Tensor:
        """Return float32 numbers (count,) in 0..1, 1 excluded."""
        return torch.rand(count, generator=self._generator)

    def integers(self, below: int, count: int) -> Tensor:
        """Return int64 numbers (count,) from 0 to below, excluded."""
        return torch.randint(below, (count,), generator=self._generator)
