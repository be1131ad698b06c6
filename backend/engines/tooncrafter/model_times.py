"""Which of the model's frames serve which wanted time.

The model always draws the same number of frames, evenly spaced, the first and last of them the keys. A wanted time
close to a frame takes it; one between two frames is drawn between them. Where more are wanted than the model draws,
some of its frames become the keys of further runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

#: A wanted time closer to a frame than this share of the distance between frames takes that frame.
CLOSE = 0.15
#: Further runs within further runs; times closer together than that are drawn between frames.
DEEPEST = 3


@dataclass(frozen=True)
class Between:
    """A wanted time and where it lies: `fraction` (0..1) of the way from frame `left` to the one after it.

    At 0 and 1 it is a frame itself.
    """

    time: float
    left: int
    fraction: float

    @property
    def frame(self) -> int | None:
        """The frame that serves the time as it is, or None when it lies between two."""
        return {0.0: self.left, 1.0: self.left + 1}.get(self.fraction)


@dataclass(frozen=True)
class Run:
    """One run of the model from time `start` to `end`, what it serves, and the runs between its own frames.

    parts: (frame that is their start key, frame that is their end key, the run), in order.
    """

    start: float
    end: float
    served: tuple[Between, ...]
    parts: tuple[tuple[int, int, Run], ...] = ()

    @property
    def runs(self) -> int:
        """How many times the model runs, this one included."""
        return 1 + sum(part.runs for _, _, part in self.parts)

    def time_at(self, frame: int, frames: int) -> float:
        """The time of one of this run's frames."""
        return self.start + (self.end - self.start) * frame / (frames - 1)


def plan(times: tuple[float, ...], frames: int, start: float = 0.0, end: float = 1.0, depth: int = 0) -> Run:
    """Return the run, or runs, that draw the wanted times.

    times: ascending, strictly between start and end. frames: that the model draws at once, keys included.
    """
    placed = [_place(time, frames, start, end) for time in times]
    if len(times) <= frames - 2 or depth == DEEPEST:
        return Run(start, end, tuple(placed))
    served, parts = [], []
    for left, right in pairwise(_boundaries(placed, frames)):
        inside = [item for item in placed if left <= item.left + item.fraction and _end(item) <= right]
        own = [item for item in inside if item.frame in (left, right)]
        rest = [item for item in inside if item not in own]
        if all(item.frame is not None for item in rest):
            own, rest = inside, []
        served += [item for item in own if item not in served]
        step = (end - start) / (frames - 1)
        if rest:
            wanted = tuple(item.time for item in rest)
            parts.append((left, right, plan(wanted, frames, start + left * step, start + right * step, depth + 1)))
    return Run(start, end, tuple(served), tuple(parts))


def _place(time: float, frames: int, start: float, end: float) -> Between:
    position = (time - start) / (end - start) * (frames - 1)
    nearest = round(position)
    if 0 < nearest < frames - 1 and abs(position - nearest) <= CLOSE:
        return Between(time, nearest, 0.0)
    left = min(max(int(position), 0), frames - 2)
    return Between(time, left, min(max(position - left, 0.0), 1.0))


def _end(item: Between) -> float:
    return item.left + item.fraction


def _boundaries(placed: list[Between], frames: int) -> list[int]:
    """Return frames, the first and last among them, with about as many wanted times between each two of them."""
    parts = -(-len(placed) // (frames - 2))
    inner = {min(max(round(_end(placed[len(placed) * part // parts])), 1), frames - 2) for part in range(1, parts)}
    boundaries = [0, *sorted(inner), frames - 1]
    # Wanted times that crowd between two neighbouring frames are given a run of their own there.
    for left, right in pairwise(tuple(boundaries)):
        crowded = [item for item in placed if left < _end(item) < right]
        if len(crowded) > frames - 2:
            boundaries += [
                frame for frame in (int(_end(crowded[0])), int(_end(crowded[-1])) + 1) if left < frame < right
            ]
    return sorted(set(boundaries))
