"""The hold engine: every in-between is the start key.

It is what an animator calls a hold, and the identity that proves the way from timeline to timeline exact.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..contract.job import Settings
from . import Frame, Interval, Report


class HoldEngine:
    """Repeat the start key, pixel for pixel."""

    name = "hold"
    version = "1"

    def inbetween(self, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
        """Yield the start key at every wanted time."""
        for guide_time in interval.guides:
            report.warn("The hold engine repeats the start key and does not use guides.", time=guide_time)
        for done, time in enumerate(interval.times, start=1):
            yield Frame(time, interval.start)
            report.progress(done, len(interval.times))

    def unload(self) -> None:
        """Nothing is kept."""
