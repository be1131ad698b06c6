"""Less memory for more time: blocks forget their intermediate results and make them again for the gradient."""

from __future__ import annotations

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from ..engines.tooncrafter.network.dual_reference_decoder import ClipResBlock, Fusion
from ..engines.tooncrafter.network.encoder import PictureResBlock
from ..engines.tooncrafter.network.transformers import SpatialTransformer, TemporalTransformer
from ..engines.tooncrafter.network.unet_blocks import ResBlock

_BLOCKS = (ResBlock, SpatialTransformer, TemporalTransformer, ClipResBlock, Fusion, PictureResBlock)


def checkpoint_blocks(network: nn.Module) -> None:
    """Let every block of a network run again in the backward pass; gradients stay the same.

    Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174.
    """
    for module in network.modules():
        if isinstance(module, _BLOCKS):
            again = partial(checkpoint, module.forward, use_reentrant=False)
            object.__setattr__(module, "forward", again)
