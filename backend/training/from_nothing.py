"""A model without a checkpoint: every part with numbers to start from.

Branches that are added to a stream begin at zero, so that a fresh network passes its input on and every layer joins
in at its own pace (as ControlNet, arXiv 2302.05543, and DiT, arXiv 2212.09748, do).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..engines.tooncrafter.configuration import Configuration
from ..engines.tooncrafter.model import ToonCrafter
from ..engines.tooncrafter.network import (
    Autoencoder,
    ImageProjector,
    SketchEncoder,
    TextTower,
    UNet,
    VisionTower,
)
from ..engines.tooncrafter.network.dual_reference_decoder import Combiner, DualReferenceDecoder, Fusion, TimeStack
from ..engines.tooncrafter.network.transformers import SpatialTransformer, TemporalTransformer
from ..engines.tooncrafter.network.unet_blocks import ResBlock, TemporalConvolution

#: Deviation of the towers' position codes, which their modules leave at zero.
_POSITION_DEVIATION = 0.3
#: What a convolution must make up for where SiLU halves a signal, as it does near zero, or takes half of it away.
_GAIN_OF_SILU = 1.6


def new_model(configuration: Configuration, seed: int) -> ToonCrafter:
    """Return a model of these sizes; the same seed gives the same numbers.

    The text and vision towers stay as they are made: random features, which the layers behind them learn to read.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ToonCrafter(
            configuration,
            unet=UNet(configuration.unet),
            autoencoder=Autoencoder(configuration.autoencoder),
            text_tower=TextTower(configuration.clip.text),
            vision_tower=VisionTower(configuration.clip.vision),
            image_projector=ImageProjector(configuration.image_projector),
        )
        start_quietly(model.unet)
        start_without_references(model.autoencoder.decoder)
        for positions in (
            model.text_tower.positional_embedding,
            model.vision_tower.positional_embedding,
            model.vision_tower.class_embedding,
        ):
            nn.init.normal_(positions, std=_POSITION_DEVIATION)
    return model


def start_quietly(unet: nn.Module) -> None:
    """Set the last layer of every branch of a U-Net to zero, and of the U-Net itself."""
    for module in unet.modules():
        match module:
            case ResBlock():
                _zero(module.out_layers[-1])
            case TemporalConvolution():
                _zero(module.conv4[-1])
            case SpatialTransformer() | TemporalTransformer():
                _zero(module.proj_out)
    if isinstance(unet, UNet):
        _zero(unet.out[-1])


def start_without_references(decoder: DualReferenceDecoder) -> None:
    """Let a decoder begin as one for single pictures: nothing across frames, nothing from the keys."""
    for module in decoder.modules():
        match module:
            case TimeStack():
                _zero(module.out_layers[-1])
            case Combiner():
                _zero(module.conv)
            case Fusion():
                _zero(module.to_out[0])
    last = decoder.conv_out.time_mix_conv
    _zero(last)
    with torch.no_grad():
        for channel in range(last.weight.shape[0]):
            last.weight[channel, channel, 1] = 1.0


def new_sketch_encoder(configuration: Configuration, unet: UNet, seed: int) -> SketchEncoder:
    """Return a sketch encoder that is a copy of the U-Net's encoder half and adds nothing yet.

    What the copy has no counterpart for keeps a random start: the hint layers. The first convolution takes over
    the half that reads noisy latents; attention to the pictures' own tokens has no counterpart in the copy.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = SketchEncoder(configuration.sketch_encoder)
        start_evenly(encoder.input_hint_block)
    known: dict[str, Tensor] = unet.state_dict()
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            source = known.get(name)
            if name == "input_blocks.0.0.weight" and source is not None:
                source = source[:, : parameter.shape[1]]
            if source is not None and source.shape == parameter.shape:
                parameter.copy_(source)
        for convolution in (*encoder.zero_convs, encoder.middle_block_out):
            _zero(convolution[0])
    return encoder


def start_evenly(layers: nn.Module) -> None:
    """Draw convolutions so that a signal leaves them about as strong as it came (He et al. 2015, arXiv 1502.01852).

    As they come, eight of them in a row let through a ten-thousandth of what tells one drawing from another.
    """
    for module in layers.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=_GAIN_OF_SILU / math.sqrt(module.weight[0].numel()))
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
