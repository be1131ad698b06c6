"""How far a job is, in a few words."""

from __future__ import annotations

from ..language import say
from .queue import Entry, State


def progress_text(entry: Entry) -> str:
    """Return how far the job is, in a few words."""
    if entry.state is State.WAITING:
        return f"{entry.stage}…" if entry.stage else say("Waits for its turn")
    if entry.cancelling or not entry.progress:
        return f"{entry.stage[:1].upper()}{entry.stage[1:]}…"
    text = say("{done} of {wanted}", done=len(entry.finished), wanted=len(entry.job.wanted))
    if entry.seconds_left < 1:
        return text
    return say("{text} · {time} left", text=text, time=duration(entry.seconds_left))


def duration(seconds: float) -> str:
    """Return a length of time as a person says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
