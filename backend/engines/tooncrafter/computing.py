"""Where and how the model computes."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Computing:
    """A device, and what is fastest on it.

    halves_together: run both halves of guidance as one batch where the memory mode allows it. frames_at_once: how
    many frames the decoder works on, None for what the memory mode says. compiled: let torch compile the U-Net; the
    first clip then takes minutes longer.
    """

    device: torch.device
    dtype: torch.dtype
    channels_last: bool
    halves_together: bool
    frames_at_once: int | None = None
    compiled: bool = False


def usual_computing(device: torch.device) -> Computing:
    """Return what is fastest on that kind of device.

    A processor gains nothing from large batches. There every memory mode works on pieces of one size, so that all
    round alike and draw the same pixels.
    """
    if device.type == "cpu":
        return Computing(device, torch.float32, channels_last=False, halves_together=False, frames_at_once=1)
    return Computing(device, torch.float16, channels_last=True, halves_together=True)


class Pace:
    """Keeps us at most one denoising step ahead of the device.

    Work is only handed to a graphics card. Unbridled, all steps would be handed over at once: progress would be
    told too early, and nobody could cancel. The card always has the next step to do while we wait for the last.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last: torch.cuda.Event | None = None

    def step(self) -> None:
        """Call after each step is handed over."""
        if self._device.type == "cuda":
            handed_over = torch.cuda.Event()  # type: ignore[no-untyped-call]
            handed_over.record()
            if self._last is not None:
                self._last.synchronize()
            self._last = handed_over
        elif self._device.type == "mps":
            torch.mps.synchronize()
