"""Which parameters a stage trains and which it leaves alone, by the parts that the paper names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from ..engines.tooncrafter.model import ToonCrafter
from ..engines.tooncrafter.network import SketchEncoder, UNet
from ..engines.tooncrafter.network.transformers import TemporalTransformer
from ..engines.tooncrafter.network.unet_blocks import TemporalConvolution


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are trained together or not at all."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    trained: bool

    @property
    def count(self) -> int:
        """How many numbers they are."""
        return sum(parameter.numel() for parameter in self.parameters)


def temporal_parameters(unet: UNet) -> list[nn.Parameter]:
    """Return the parameters of every layer that looks across frames."""
    return [
        parameter
        for module in unet.modules()
        if isinstance(module, TemporalConvolution | TemporalTransformer)
        for parameter in module.parameters()
    ]


def embedding_parameters(unet: UNet) -> list[nn.Parameter]:
    """Return those of the embeddings of timestep and frame rate."""
    return [*unet.time_embed.parameters(), *unet.fps_embedding.parameters()]


def spatial_parameters(unet: UNet) -> list[nn.Parameter]:
    """Return those of every layer that sees one frame: all that are neither temporal nor an embedding's."""
    others = {id(parameter) for parameter in (*temporal_parameters(unet), *embedding_parameters(unet))}
    return [parameter for parameter in unet.parameters() if id(parameter) not in others]


def groups_of(
    model: ToonCrafter, sketch_encoder: SketchEncoder | None, trained: Iterable[str]
) -> list[ParameterGroup]:
    """Return all parameters of the model by part, and set which of them get gradients.

    trained: the names of the groups to train. Raises KeyError for a name that no group has.
    """
    parts: dict[str, Sequence[nn.Parameter]] = {
        "image-context projector": list(model.image_projector.parameters()),
        "U-Net, spatial layers": spatial_parameters(model.unet),
        "U-Net, temporal layers": temporal_parameters(model.unet),
        "U-Net, embeddings of timestep and frame rate": embedding_parameters(model.unet),
        "encoder": [
            *model.autoencoder.encoder.parameters(),
            *model.autoencoder.quant_conv.parameters(),
        ],
        "decoder": list(model.autoencoder.decoder.parameters()),
        "text tower": list(model.text_tower.parameters()),
        "vision tower": list(model.vision_tower.parameters()),
    }
    if sketch_encoder is not None:
        parts["sketch encoder"] = list(sketch_encoder.parameters())
    chosen = set(trained)
    if unknown := chosen - parts.keys():
        raise KeyError(f"no such parts: {sorted(unknown)}")
    groups = [ParameterGroup(name, tuple(parameters), name in chosen) for name, parameters in parts.items()]
    for group in groups:
        for parameter in group.parameters:
            parameter.requires_grad_(group.trained)
    return groups


def table_of(groups: Sequence[ParameterGroup]) -> str:
    """Return the groups as lines for a person: trained first, with the number of their parameters."""
    ordered = sorted(groups, key=lambda group: not group.trained)
    width = max(len(group.name) for group in ordered)
    lines = [
        f"{'trained' if group.trained else 'frozen':8} {group.name:{width}} {group.count:>15,}" for group in ordered
    ]
    trained, total = (sum(group.count for group in groups if group.trained or every) for every in (False, True))
    return "\n".join([*lines, f"{'':8} {'trained, of all':{width}} {trained:>15,} of {total:,}"])
