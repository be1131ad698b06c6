"""Low-rank adaptation in training: frozen weights plus a product of two small matrices that learn.

Hu et al. 2021, "LoRA", arXiv 2106.09685.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..engines.tooncrafter.lora import LowRankChange
from ..engines.tooncrafter.network.transformers import TemporalTransformer
from ..engines.tooncrafter.network.unet_blocks import TemporalConvolution


class LowRank(nn.Module):
    """Adds scale * up @ down to a weight; at the start nothing, since `up` begins at zero."""

    def __init__(self, weight: Tensor, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.down = nn.Parameter(torch.empty(rank, weight[0].numel()))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the changed weight, in the precision of the frozen one."""
        return weight + (self.scale * (self.up @ self.down)).reshape(weight.shape).to(weight.dtype)


def adapt(network: nn.Module, rank: int, scale: float, seed: int) -> dict[str, LowRank]:
    """Give every linear layer and convolution that sees one frame alone a low-rank change; returns them by key.

    Layers across frames get none, and neither do those of the embeddings. The keys are the network's own names of
    the weights.
    """
    across = {
        id(inner)
        for module in network.modules()
        if isinstance(module, TemporalConvolution | TemporalTransformer)
        for inner in module.modules()
    }
    layers = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
        and id(module) not in across
        and not name.startswith(("time_embed", "fps_embedding"))
    }
    changes = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, layer in layers.items():
            change = LowRank(layer.weight, rank, scale)
            parametrize.register_parametrization(layer, "weight", change)
            changes[f"{name}.weight"] = change
    return changes


def change_of(low_rank: LowRank) -> LowRankChange:
    """Return it as a LoRA file holds it."""
    return LowRankChange(low_rank.down.detach(), low_rank.up.detach())
