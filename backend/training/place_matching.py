"""What the decoder's attention to the keys begins with: a place finds those of the keys that look like it.

Left to chance, queries and keys of a new attention have nothing in common, every place sees the average of both
pictures, and the average helps nobody: it takes long until the first places match. Here keys begin as the principal
components of the encoder's features, and queries as the linear estimate of the same components from the decoder's.
Values begin as those components too: features of a deep level are a hundred times larger than those of the first,
and an attention that passed them on as they are would drown the picture at its first step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn

from ..engines.tooncrafter.network import Autoencoder
from ..engines.tooncrafter.network.dual_reference_decoder import Fusion

#: How much stronger than with unit queries and keys a match is: enough to stand out among a picture's places.
_SHARPNESS = 3.0
#: The share of the largest variance below which a component counts less; how much the estimate resists, likewise.
_NOISE, _RIDGE = 1e-3, 1e-3


def fusions_of(autoencoder: Autoencoder) -> dict[int, Fusion]:
    """Return the attentions to the keys by the number of the encoder's features that they read."""
    refinements = autoencoder.decoder.attn_refinement
    return {index: layer for index, layer in enumerate(refinements) if isinstance(layer, Fusion)}


def begins_without_keys(autoencoder: Autoencoder) -> bool:
    """Say whether nothing comes from the keys yet, as in a decoder from nothing."""
    lasts = [next(fusion.to_out.parameters()) for fusion in fusions_of(autoencoder).values()]
    return not any(bool(last.any()) for last in lasts)


@torch.no_grad()
def match_places(autoencoder: Autoencoder, pictures: Tensor) -> dict[nn.Parameter, float]:
    """Set queries, keys and values of every attention to the keys, from (n, 3, height, width) pictures in -1..1.

    Returns what was set, each with its share of the learning rate: weights that read large features are small, and
    would be forgotten in a step as long as others'.
    """
    dtype = next(autoencoder.encoder.parameters()).dtype
    posterior, features = autoencoder.encode(pictures.to(dtype))
    fusions = fusions_of(autoencoder)
    drawn: dict[int, Tensor] = {}

    def remember(index: int) -> Callable[[nn.Module, object, Tensor], None]:
        return lambda module, inputs, output: drawn.update({index: output})

    hooks = [fusion.norm.register_forward_hook(remember(index)) for index, fusion in fusions.items()]
    try:
        autoencoder.decoder(posterior.mean.float(), [feature[[0, -1]].float() for feature in features])
    finally:
        for hook in hooks:
            hook.remove()
    for index, fusion in fusions.items():
        _match(fusion, _places(drawn[index]), _places(features[index]))
    layers = [layer for fusion in fusions.values() for layer in (fusion.to_q, fusion.to_k, fusion.to_v)]
    return {parameter: min(1.0, _size_among_drawn(layer)) for layer in layers for parameter in layer.parameters()}


def _places(features: Tensor) -> Tensor:
    """(n, channels, height, width) -> (places, channels), doubles."""
    return rearrange(features, "n c h w -> (n h w) c").double()


def _match(fusion: Fusion, drawn: Tensor, seen: Tensor) -> None:
    """drawn, seen: (places, channels), the decoder's and the encoder's features of the same places."""
    components = _components(seen)
    wanted = (seen - seen.mean(dim=0)) @ components.T
    drawn = drawn - drawn.mean(dim=0)
    spread = drawn.T @ drawn
    resistance = _RIDGE * spread.diagonal().mean() * torch.eye(spread.shape[0], dtype=spread.dtype)
    estimate = torch.linalg.solve(spread + resistance, drawn.T @ wanted).T
    # The heads take turns, so that each has some of the components that tell most.
    width = fusion.to_k.out_features
    order = torch.arange(width).reshape(-1, fusion.heads).T.flatten() % components.shape[0]
    fusion.to_k.weight.copy_(components[order])
    fusion.to_q.weight.copy_(_SHARPNESS * estimate[order])
    fusion.to_v.weight.copy_(components[torch.arange(width) % components.shape[0]])


def _size_among_drawn(layer: nn.Linear) -> float:
    """Return how large weights are, compared with those that PyTorch draws for such a layer."""
    return float(layer.weight.std()) * math.sqrt(3 * layer.in_features)


def _components(features: Tensor) -> Tensor:
    """Return (components, channels): the principal components, the largest first, of a variance of about 1."""
    variances, directions = torch.linalg.eigh(torch.cov(features.T))
    scale = (variances.clamp(min=0) + _NOISE * variances.max()).rsqrt()
    components: Tensor = (directions * scale).T.flip(0)
    return components
