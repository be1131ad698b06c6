"""Which of the model's frames serve which wanted time.

The model always draws the same number of frames, evenly spaced, the first and last of them the keys. A wanted time
close to a frame takes it; one between two frames is drawn between them. Where more are wanted than the model draws,
some of its frames become the keys of further runs.

Where finished line drawings are coloured, each takes a frame of its own, wherever its time is: between two frames
the model would not know its lines.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    guided: time of a guide -> the frame that it leads; None where guides lead the frames nearest to their times.
    """

    start: float
    end: float
    served: tuple[Between, ...]
    parts: tuple[tuple[int, int, Run], ...] = ()
    guided: Mapping[float, int] | None = None

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


def plan_colouring(times: tuple[float, ...], frames: int, start: float = 0.0, end: float = 1.0) -> Run:
    """Return the run, or runs, that colour a line drawing at each of the times, each led by it.

    Arguments as for `plan`. Drawings for which a run has no frame are coloured in further runs between those of its
    own; as many of them as there is room for lead it all the same.
    """
    inner = frames - 2
    if len(times) <= inner:
        on = _spread(len(times), frames)
        served = tuple(Between(time, frame, 0.0) for time, frame in zip(times, on, strict=True))
        return Run(start, end, served, guided=dict(zip(times, on, strict=True)))
    count = min(-(-len(times) // inner), frames - 1)
    own = [len(times) * part // count for part in range(1, count)]  # places among the drawings
    on = _spread(count - 1, frames)
    guided: dict[float, int] = {}
    parts = []
    places, bounds = [-1, *own, len(times)], [0, *on, frames - 1]
    for (before, after), (left, right) in zip(pairwise(places), pairwise(bounds), strict=True):
        inside = times[before + 1 : after]
        chosen = _spread(min(len(inside), right - left - 1), len(inside) + 2)
        room = _spread(len(chosen), right - left + 1)
        guided |= {inside[place - 1]: left + frame for place, frame in zip(chosen, room, strict=True)}
        if after < len(times):
            guided[times[after]] = right
        first, last = start if before < 0 else times[before], end if after == len(times) else times[after]
        if inside:
            parts.append((left, right, plan_colouring(inside, frames, first, last)))
    served = tuple(Between(times[place], frame, 0.0) for place, frame in zip(own, on, strict=True))
    return Run(start, end, served, tuple(parts), guided)


def _spread(count: int, frames: int) -> list[int]:
    """Return so many different frames, ascending and evenly apart, none of them the first or the last."""
    return [(number * (frames - 1) + (count + 1) // 2) // (count + 1) for number in range(1, count + 1)]


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
