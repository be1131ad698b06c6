"""The autoencoder: between pictures and latents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..configuration import AutoencoderConfiguration
from .dual_reference_decoder import DualReferenceDecoder
from .encoder import Encoder

LOG_VARIANCE_RANGE = (-30.0, 20.0)


@dataclass(frozen=True)
class Posterior:
    """The distribution of pictures' latents, float32 (frames, z_channels, height, width) each."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Return mean + deviation * noise, with standard normal noise of the mean's shape."""
        return self.mean + torch.exp(0.5 * self.log_variance.clamp(*LOG_VARIANCE_RANGE)) * noise


class Autoencoder(nn.Module):
    """Encoder and decoder; `encoder` and `decoder` also stand alone."""

    def __init__(self, sizes: AutoencoderConfiguration) -> None:
        super().__init__()
        self.scale_factor = sizes.scale_factor
        self.encoder = Encoder(sizes)
        self.decoder = DualReferenceDecoder(sizes)
        self.quant_conv = nn.Conv2d(2 * sizes.z_channels, 2 * sizes.embed_dim, 1)

    def encode(self, pictures: Tensor) -> tuple[Posterior, list[Tensor]]:
        """Encode pictures (frames, 3, height, width) in -1..1.

        Returns the distribution of their latents, not yet multiplied by the scale factor, and the features for the
        decoder (see `Encoder`).
        """
        moments, references = self.encoder(pictures.to(self.quant_conv.weight.dtype))
        mean, log_variance = self.quant_conv(moments).float().chunk(2, dim=1)
        return Posterior(mean, log_variance), references
