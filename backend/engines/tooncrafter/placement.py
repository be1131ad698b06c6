"""Which parts of the model are at work when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from .memory import STREAMED, Thrift
from .shelf import Shelf
from .streaming import StageStream


class Placement:
    """Brings the model's parts to the device as a memory mode says."""

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        device: torch.device,
        dtype: torch.dtype,
        thrift: Thrift,
        *,
        channels_last: bool,
    ) -> None:
        self.device, self.dtype = device, dtype
        self.thrift = thrift
        self._parts = parts
        self._shelves = {
            name: Shelf(part.parameters(), device, dtype, channels_last=channels_last)
            for name, part in parts.items()
        }
        self._streams = {
            name: StageStream(parts[name], device, dtype, channels_last=channels_last)
            for name in parts
            if thrift.streams and name in STREAMED
        }
        self._open: set[str] = set()

    @contextmanager
    def at_work(self, *names: str) -> Iterator[None]:
        """Inside this block these parts are on the device; afterwards they leave, if parts leave in this mode."""
        try:
            for name in names:
                if name in self._streams:
                    self._open.add(name)
                    self._streams[name].open()
                elif not self._shelves[name].at_work:
                    self._shelves[name].fetch()
            yield
        finally:
            if self.thrift.parts_leave:
                self.put_back(*names)

    def put_back(self, *names: str) -> None:
        """Let these parts rest; without names, all."""
        for name in names or tuple(self._parts):
            if name in self._open:
                self._open.remove(name)
                self._streams[name].close()
            elif self._shelves[name].at_work:
                self._shelves[name].put_back()
