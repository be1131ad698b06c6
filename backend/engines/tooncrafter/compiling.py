"""The U-Net compiled by torch: worth its minutes of warm-up for many clips on a graphics card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .network import Context, UNet


class CompiledUNet:
    """Called as the U-Net itself; the first call with arguments of a kind takes minutes.

    On CUDA its kernels are also recorded as a graph and started all at once (`reduce-overhead`). A graph writes its
    result to the same place at every call, hence the copy.
    """

    def __init__(self, unet: UNet, device: torch.device) -> None:
        self._graphs = device.type == "cuda"
        self._compiled: Any = torch.compile(unet, mode="reduce-overhead" if self._graphs else None, dynamic=False)

    def __call__(
        self,
        latents: Tensor,
        timesteps: Tensor,
        context: Context,
        fps: Tensor,
        residuals: Sequence[Tensor] = (),
    ) -> Tensor:
        """See `UNet.forward`."""
        if self._graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        velocity: Tensor = self._compiled(latents, timesteps, context, fps, residuals)
        return velocity.clone()
