"""Weights at rest, in the file's memory map, and at work, on the device."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


class Shelf:
    """Parameters whose weights can be fetched to the device and put back; nothing is ever copied back.

    The weights at rest are those that the parameters have when the shelf is made, in any precision; they are never
    written to. A convolution's weights are laid out with the channels innermost where `channels_last` says so.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        device: torch.device,
        dtype: torch.dtype,
        *,
        channels_last: bool,
    ) -> None:
        self._parameters = list(parameters)
        self._device, self._dtype, self._channels_last = device, dtype, channels_last
        self._at_rest = [parameter.data for parameter in self._parameters]
        self.at_work = False

    def fetch(self) -> None:
        """Bring the weights to the device, in the precision and layout that compute wants, and use them."""
        for parameter, weights in zip(self._parameters, self._at_rest, strict=True):
            innermost = self._channels_last and weights.ndim == 4
            parameter.data = weights.to(
                self._device,
                self._dtype,
                memory_format=torch.channels_last if innermost else torch.preserve_format,
            )
        self.at_work = True

    def put_back(self) -> None:
        """Let the weights rest; those on the device are dropped."""
        for parameter, weights in zip(self._parameters, self._at_rest, strict=True):
            parameter.data = weights
        self.at_work = False
