"""The running average of the weights, which draws better than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class RunningAverage:
    """An exponential average of parameters, float32.

    decay: share of the old average that stays at each step. At step n it is at most (1 + n) / (10 + n), so that the
    random start is forgotten.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self._parameters, self._decay = list(parameters), decay
        self.tensors: list[Tensor] = [parameter.detach().float().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters after a step, counted from 1."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.tensors, [parameter.float() for parameter in self._parameters], share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside this block the parameters are their average."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        try:
            self._set(self.tensors)
            yield
        finally:
            self._set(own)

    @torch.no_grad()
    def _set(self, tensors: Sequence[Tensor]) -> None:
        for parameter, tensor in zip(self._parameters, tensors, strict=True):
            parameter.copy_(tensor)
