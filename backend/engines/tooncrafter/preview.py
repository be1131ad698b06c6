"""Half-denoised frames at a glance: a linear map from latents to colours, fitted on the two keys of the run.

Fitted anew for every run it needs no table of numbers and serves any autoencoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class LatentColours:
    """weights: float32 (z_channels + 1, 3) on the CPU; the last row is what a latent of zeros shows."""

    weights: Tensor

    def show(self, latents: Tensor) -> Tensor:
        """(1, z_channels, frames, height, width) -> float32 (frames, height, width, 3) in 0..1, on the CPU."""
        pixels = latents[0].float().permute(1, 2, 3, 0).cpu()
        return (pixels @ self.weights[:-1] + self.weights[-1]).clamp(0, 1)


def latent_colours(latents: Tensor, pictures: Tensor) -> LatentColours:
    """Fit the map on what both sides are known of.

    latents: (keys, z_channels, height, width). pictures: (keys, 3, 8 * height, 8 * width) in -1..1.
    """
    small = functional.adaptive_avg_pool2d(pictures.float().cpu(), (latents.shape[-2], latents.shape[-1]))
    wanted = (small.permute(0, 2, 3, 1).reshape(-1, 3) + 1) / 2
    rows = latents.float().cpu().permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
    # A little ridge: a key of one colour does not say how the latents show others.
    ridge = 1e-3 * len(rows) * torch.eye(rows.shape[1])
    ridge[-1, -1] = 0
    return LatentColours(torch.linalg.solve(rows.T @ rows + ridge, rows.T @ wanted))
