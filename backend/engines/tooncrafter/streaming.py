"""A network whose stages come to the device one after the other, the next while the last one computes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .network.attention import CrossAttention
from .network.unet_blocks import Stage
from .shelf import Shelf

#: Every tensor begins at a multiple of this many elements: kernels want their numbers aligned.
_ALIGNED = 128


@dataclass
class _StageWeights:
    """A stage's parameters, where they rest, and where each lies in a flat run of numbers.

    size: of that run in numbers. page_locked: the run itself in main memory, on CUDA, once it is made.
    """

    parameters: list[nn.Parameter]
    channels_last: bool
    at_rest: list[Tensor] = field(init=False)
    size: int = field(init=False, default=0)
    page_locked: Tensor | None = None

    def __post_init__(self) -> None:
        self.at_rest = [parameter.data for parameter in self.parameters]
        self._offsets = []
        for weights in self.at_rest:
            self._offsets.append(self.size)
            self.size += -(-weights.numel() // _ALIGNED) * _ALIGNED

    def views(self, run: Tensor) -> list[Tensor]:
        """Return the parameters' places in a flat run of numbers."""
        return [
            torch.as_strided(run, weights.shape, self._strides(weights), offset)
            for weights, offset in zip(self.at_rest, self._offsets, strict=True)
        ]

    def _strides(self, weights: Tensor) -> tuple[int, ...]:
        innermost = self.channels_last and weights.ndim == 4
        layout = torch.channels_last if innermost else torch.contiguous_format
        return torch.empty(weights.shape, device="meta", memory_format=layout).stride()

    def lock(self, dtype: torch.dtype) -> None:
        """Lay the weights out as they are wanted, in memory that a card can copy from by itself."""
        if self.page_locked is None:
            self.page_locked = torch.empty(self.size, dtype=dtype, pin_memory=True)
            self._lay_out(self.page_locked)

    def copy_to(self, run: Tensor) -> None:
        """Copy the weights into a run of numbers on the device."""
        if self.page_locked is not None:
            run[: self.size].copy_(self.page_locked, non_blocking=True)
        else:
            self._lay_out(run)

    def _lay_out(self, run: Tensor) -> None:
        for view, weights in zip(self.views(run), self.at_rest, strict=True):
            view.copy_(weights)

    def use(self, run: Tensor | None) -> None:
        """Compute with the weights in a run of numbers; None to let them rest."""
        for parameter, weights in zip(
            self.parameters, self.at_rest if run is None else self.views(run), strict=True
        ):
            parameter.data = weights


@dataclass
class _Slot:
    """A place on the device for one stage at a time.

    holds: number of the stage. copied, used: when its weights have arrived, and when they are not needed any more.
    """

    run: Tensor
    holds: int | None = None
    copied: torch.cuda.Event | None = None
    used: torch.cuda.Event | None = None


class StageStream:
    """Runs a network in two slots: in one a stage computes, while the next stage arrives in the other.

    On CUDA a stream of its own copies from page-locked memory, and neither stream nor processor waits for more than
    the slot that it needs. Elsewhere copying and computing take turns. The rest of the network is small and stays:
    its embeddings, its ends, and what makes keys and values of the context, which work only once for a whole run.
    """

    def __init__(
        self, network: nn.Module, device: torch.device, dtype: torch.dtype, *, channels_last: bool
    ) -> None:
        self._modules = _stages(network)
        staying = _staying(network)
        self._device, self._dtype = device, dtype
        self._rest = Shelf(staying.values(), device, dtype, channels_last=channels_last)
        self._stages = [
            _StageWeights([weight for weight in stage.parameters() if id(weight) not in staying], channels_last)
            for stage in self._modules
        ]
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        self._slots: list[_Slot] = []
        self._copying: torch.cuda.Stream | None = None
        self._previous: int | None = None
        #: Which stage follows which, as the first pass shows.
        self._next: dict[int, int] = {}

    def open(self) -> None:
        """Let the network run; until `close` only it may use its parameters."""
        self._rest.fetch()
        size = max(stage.size for stage in self._stages)
        self._slots = [_Slot(torch.empty(size, device=self._device, dtype=self._dtype)) for _ in range(2)]
        if self._device.type == "cuda":
            self._copying = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            # The slots' memory may still be in use by what was computed before.
            self._copying.wait_stream(torch.cuda.current_stream(self._device))
            for stage in self._stages:
                stage.lock(self._dtype)
        for index, module in enumerate(self._modules):
            self._hooks.append(module.register_forward_pre_hook(lambda *_, index=index: self._begin(index)))
            self._hooks.append(module.register_forward_hook(lambda *_, index=index: self._end(index)))

    def close(self) -> None:
        """Let all weights rest and the network be as it was; what was learned of it is kept."""
        for hook in self._hooks:
            hook.remove()
        if self._copying is not None:
            # Their memory goes back to the stream that it came from, which the copies are not part of.
            torch.cuda.current_stream(self._device).wait_stream(self._copying)
        self._hooks, self._slots, self._copying, self._previous = [], [], None, None
        self._rest.put_back()
        for stage in self._stages:
            stage.use(None)

    def _begin(self, index: int) -> None:
        slot = next((slot for slot in self._slots if slot.holds == index), None) or self._copy(index)
        if slot.copied is not None:
            torch.cuda.current_stream(self._device).wait_event(slot.copied)
        self._stages[index].use(slot.run)
        if self._previous is not None:
            self._next[self._previous] = index
        self._previous = index
        following = self._next.get(index, index)
        if all(slot.holds != following for slot in self._slots):
            self._copy(following)

    def _copy(self, index: int) -> _Slot:
        """Bring a stage into the slot that is not computing now."""
        slot = next(slot for slot in self._slots if slot.holds is None or slot.holds != self._previous)
        slot.holds = index
        if self._copying is None:
            self._stages[index].copy_to(slot.run)
            return slot
        if slot.used is not None:
            self._copying.wait_event(slot.used)
        with torch.cuda.stream(self._copying):
            self._stages[index].copy_to(slot.run)
        slot.copied = self._copying.record_event()
        return slot

    def _end(self, index: int) -> None:
        self._stages[index].use(None)
        if self._copying is not None:
            slot = next(slot for slot in self._slots if slot.holds == index)
            slot.used = torch.cuda.current_stream(self._device).record_event()


def streamed_size(network: nn.Module) -> int:
    """Return how many numbers a streamed network has on the device at once."""
    staying = _staying(network)
    largest = max(
        sum(weight.numel() for weight in stage.parameters() if id(weight) not in staying)
        for stage in _stages(network)
    )
    return sum(weight.numel() for weight in staying.values()) + 2 * largest


def _stages(network: nn.Module) -> list[Stage]:
    return [module for module in network.modules() if isinstance(module, Stage)]


def _staying(network: nn.Module) -> dict[int, nn.Parameter]:
    """Return, by identity, the parameters outside of the stages and those that project the context."""
    in_stages = {id(weight) for stage in _stages(network) for weight in stage.parameters()}
    outside: Iterable[nn.Parameter] = (weight for weight in network.parameters() if id(weight) not in in_stages)
    projecting = (
        weight
        for module in network.modules()
        if isinstance(module, CrossAttention)
        for name, weight in module.named_parameters()
        if name.startswith(("to_k", "to_v"))
    )
    return {id(weight): weight for weight in (*outside, *projecting)}
