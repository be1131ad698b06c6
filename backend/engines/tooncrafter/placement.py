"""Where the weights are: at rest in the file's memory map or in main memory, at work where it is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .memory import THRIFT, Mode
from .network.attention import CrossAttention
from .network.unet_blocks import Stage


class Shelf:
    """Parameters whose weights can be fetched to the device and put back; nothing is ever copied back.

    The weights at rest are those that the parameters have when the shelf is made, in any precision; they are never
    written to. A convolution's weights are laid out with the channels innermost where `channels_last` says so.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        device: torch.device,
        dtype: torch.dtype,
        *,
        channels_last: bool,
        pin: bool = False,
    ) -> None:
        self._parameters = list(parameters)
        self._device, self._dtype, self._channels_last = device, dtype, channels_last
        self._at_rest = [parameter.data for parameter in self._parameters]
        if pin and device.type == "cuda":
            self._at_rest = [self._ready(weights, torch.device("cpu")).pin_memory() for weights in self._at_rest]
        self.at_work = False

    def _ready(self, weights: Tensor, device: torch.device) -> Tensor:
        """Return the weights on the device, in the precision and layout that compute wants."""
        layout = torch.channels_last if self._channels_last and weights.ndim == 4 else torch.preserve_format
        return weights.to(device, self._dtype, non_blocking=True, memory_format=layout)

    def fetch(self) -> list[Tensor]:
        """Bring the weights to the device; returns them."""
        brought = [self._ready(weights, self._device) for weights in self._at_rest]
        self.use(brought)
        return brought

    def use(self, weights: list[Tensor]) -> None:
        """Compute with these weights, which are the same ones on the device."""
        for parameter, data in zip(self._parameters, weights, strict=True):
            parameter.data = data
        self.at_work = True

    def ready_ahead(self) -> list[Tensor]:
        """Return the weights on the device without using them yet."""
        return [self._ready(weights, self._device) for weights in self._at_rest]

    def put_back(self) -> None:
        """Let the weights rest; those on the device are dropped."""
        for parameter, data in zip(self._parameters, self._at_rest, strict=True):
            parameter.data = data
        self.at_work = False


class StageStream:
    """Runs a network whose stages come to the device one after the other, the next while the last one computes.

    On a CUDA device the next stage is copied by a stream of its own from page-locked memory; elsewhere it comes
    when its turn is there. The rest of the network is small and stays: its embeddings, its ends, and what makes
    keys and values of the context, which work only once for a whole run.
    """

    def __init__(
        self, network: nn.Module, device: torch.device, dtype: torch.dtype, *, channels_last: bool
    ) -> None:
        stages = [module for module in network.modules() if isinstance(module, Stage)]
        staying = _staying(network, stages)
        self._device = device
        self._rest = Shelf(staying.values(), device, dtype, channels_last=channels_last)
        self._stages = [
            Shelf(
                [parameter for parameter in stage.parameters() if id(parameter) not in staying],
                device,
                dtype,
                channels_last=channels_last,
                pin=True,
            )
            for stage in stages
        ]
        self._hooks = [
            hook
            for index, stage in enumerate(stages)
            for hook in (
                stage.register_forward_pre_hook(lambda *_, index=index: self._begin(index)),
                stage.register_forward_hook(lambda *_, index=index: self._end(index)),
            )
        ]
        self._copying: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._ahead: tuple[int, list[Tensor], Any] | None = None
        self._previous: int | None = None
        #: Which stage follows which, as the first pass shows.
        self._next: dict[int, int] = {}
        self._rest.fetch()

    def _begin(self, index: int) -> None:
        shelf = self._stages[index]
        if self._copying is None:
            shelf.fetch()
            return
        if self._ahead is None or self._ahead[0] != index:
            self._ahead = self._copy(index)
        _, weights, copied = self._ahead
        computing = torch.cuda.current_stream(self._device)
        computing.wait_event(copied)
        for tensor in weights:
            tensor.record_stream(computing)  # its memory is not given away while the stage still computes
        shelf.use(weights)
        if self._previous is not None:
            self._next[self._previous] = index
        self._previous = index
        self._ahead = self._copy(self._next[index]) if index in self._next else None

    def _copy(self, index: int) -> tuple[int, list[Tensor], Any]:
        assert self._copying is not None
        with torch.cuda.stream(self._copying):
            weights = self._stages[index].ready_ahead()
        return index, weights, self._copying.record_event()

    def _end(self, index: int) -> None:
        self._stages[index].put_back()

    def close(self) -> None:
        """Let all weights rest and the network be as it was."""
        for hook in self._hooks:
            hook.remove()
        self._ahead = None
        for shelf in (self._rest, *self._stages):
            shelf.put_back()


def _staying(network: nn.Module, stages: list[Stage]) -> dict[int, nn.Parameter]:
    """Return, by identity, the parameters outside of the stages and those that project the context."""
    in_stages = {id(parameter) for stage in stages for parameter in stage.parameters()}
    outside = [parameter for parameter in network.parameters() if id(parameter) not in in_stages]
    projecting = [
        parameter
        for module in network.modules()
        if isinstance(module, CrossAttention)
        for name, parameter in module.named_parameters()
        if name.startswith(("to_k", "to_v"))
    ]
    return {id(parameter): parameter for parameter in (*outside, *projecting)}


class Placement:
    """Brings the model's parts to the device as the memory mode says."""

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        device: torch.device,
        dtype: torch.dtype,
        mode: Mode,
        *,
        channels_last: bool,
    ) -> None:
        self.device, self.dtype = device, dtype
        self.thrift = THRIFT[mode]
        self._parts = parts
        self._channels_last = channels_last
        self._shelves = {
            name: Shelf(part.parameters(), device, dtype, channels_last=channels_last)
            for name, part in parts.items()
        }
        self._streams: dict[str, StageStream] = {}

    @contextmanager
    def at_work(self, *names: str) -> Iterator[None]:
        """Inside this block these parts are on the device; afterwards they leave, if parts leave in this mode."""
        try:
            for name in names:
                if self.thrift.streams and name in ("unet", "sketch_encoder"):
                    self._streams[name] = StageStream(
                        self._parts[name], self.device, self.dtype, channels_last=self._channels_last
                    )
                elif not self._shelves[name].at_work:
                    self._shelves[name].fetch()
            yield
        finally:
            if self.thrift.parts_leave:
                self.put_back(*names)

    def put_back(self, *names: str) -> None:
        """Let these parts rest; without names, all."""
        for name in names or tuple(self._parts):
            if name in self._streams:
                self._streams.pop(name).close()
            elif self._shelves[name].at_work:
                self._shelves[name].put_back()
