"""The whole model: its parts side by side, made without memory or numbers of their own until weights come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .configuration import Configuration
from .network import Autoencoder, ImageProjector, SketchEncoder, TextTower, UNet, VisionTower


@dataclass
class ToonCrafter:
    """The model's parts. Each is a module of its own, so that a caller can move one without the others."""

    configuration: Configuration
    unet: UNet
    autoencoder: Autoencoder
    text_tower: TextTower
    vision_tower: VisionTower
    image_projector: ImageProjector
    sketch_encoder: SketchEncoder | None = None

    def parts(self) -> Mapping[str, nn.Module]:
        """Return the parts of the published checkpoint by name; the sketch encoder is a checkpoint of its own."""
        return {
            "unet": self.unet,
            "autoencoder": self.autoencoder,
            "text_tower": self.text_tower,
            "vision_tower": self.vision_tower,
            "image_projector": self.image_projector,
        }


class _WithoutInitialisation(TorchFunctionMode):
    """Turns the functions of torch.nn.init into no-ops: they would only fill what weights replace."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


@contextmanager
def empty_parameters() -> Iterator[None]:
    """Inside this block modules are made with shapes only: no memory, no numbers, and no time spent on either."""
    with torch.device("meta"), _WithoutInitialisation():
        yield


def empty_model(configuration: Configuration) -> ToonCrafter:
    """Return the model without its sketch encoder, on torch's meta device: shapes, but no memory and no numbers."""
    with empty_parameters():
        return ToonCrafter(
            configuration,
            unet=UNet(configuration.unet).eval(),
            autoencoder=Autoencoder(configuration.autoencoder).eval(),
            text_tower=TextTower(configuration.clip.text).eval(),
            vision_tower=VisionTower(configuration.clip.vision).eval(),
            image_projector=ImageProjector(configuration.image_projector).eval(),
        )


def empty_sketch_encoder(configuration: Configuration) -> SketchEncoder:
    """Return the sketch encoder on torch's meta device."""
    with empty_parameters():
        return SketchEncoder(configuration.sketch_encoder).eval()


def fill(part: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Let the part use these tensors themselves, without a copy; the keys must be exactly the part's own.

    Raises RuntimeError otherwise: callers compare the keys first, to say what is wrong in a person's words.
    """
    part.load_state_dict(dict(weights), strict=True, assign=True)
    part.requires_grad_(False)
