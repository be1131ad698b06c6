"""The network's parts, each a torch module whose state-dict keys are those of the published checkpoints."""

from .autoencoder import Autoencoder, Posterior
from .clip_towers import TextTower, VisionTower
from .image_projector import ImageProjector
from .sketch_encoder import SketchEncoder
from .unet import UNet
from .unet_blocks import Context

__all__ = [
    "Autoencoder",
    "Context",
    "ImageProjector",
    "Posterior",
    "SketchEncoder",
    "TextTower",
    "UNet",
    "VisionTower",
]
