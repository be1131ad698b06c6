"""Waiting for what must happen: as long as a machine that is busy with other things may take, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 240.0


def wait_until(happened: Callable[[], object], meanwhile: Callable[[], object] = lambda: time.sleep(0.02)) -> None:
    """Do what is to be done `meanwhile`, by default nothing, again and again until it has happened."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, "it never happened"
        meanwhile()
