"""When: exposure, easing, and where on the way between two keys a frame lies. Standard library only."""

from __future__ import annotations

from bisect import bisect_left
from enum import StrEnum

from .job import Easing, Segment

#: No chart on paper has more ticks: by halves they would lie closer together than a pencil line is wide.
_MOST_CHARTED = 16


def exposed_frames(start: int, end: int, exposure: int) -> tuple[int, ...]:
    """Return the frames strictly between two keys that get a drawing of their own.

    exposure: frames that a drawing is held: 1 (on ones), 2 (on twos), 3 (on threes), counted from the start key.
    """
    if exposure < 1:
        raise ValueError("a drawing is exposed for at least one frame")
    return tuple(range(start + exposure, end, exposure))


def ease(time: float, easing: Easing) -> float:
    """Return how far the motion is (0 start key .. 1 end key) when `time` (0..1) of the interval has passed.

    Ease in leaves the start key slowly (t²), ease out settles into the end key slowly (1-(1-t)²), both do both
    (3t²-2t³, the smoothstep of Hermite interpolation with zero slopes).
    """
    match easing:
        case Easing.LINEAR:
            return time
        case Easing.EASE_IN:
            return time * time
        case Easing.EASE_OUT:
            return 1.0 - (1.0 - time) ** 2
        case Easing.EASE_BOTH:
            return time * time * (3.0 - 2.0 * time)


def time_of(frame: int, segment: Segment) -> float:
    """Return how far the motion is at `frame` of `segment`: 0 at the start key, 1 at the end key.

    A timing chart (`segment.spacing`) goes before easing; a frame between two drawings of the chart, such as that
    of a guide, lies between their positions.
    """
    if segment.spacing:
        frames = (segment.start.frame, *segment.wanted, segment.end.frame)
        places = (0.0, *segment.spacing, 1.0)
        after = bisect_left(frames, frame)
        if frames[after] == frame:
            return places[after]
        part = (frame - frames[after - 1]) / (frames[after] - frames[after - 1])
        return places[after - 1] + part * (places[after] - places[after - 1])
    linear = (frame - segment.start.frame) / (segment.end.frame - segment.start.frame)
    return ease(linear, segment.easing)


class Chart(StrEnum):
    """A timing chart as animators draw it beside a key: ticks that say where the drawings lie between two keys."""

    EVEN = "even"
    FAVOUR_START = "favour_start"
    FAVOUR_END = "favour_end"
    HALVES = "halves"
    THIRDS = "thirds"


def chart_spacing(count: int, chart: Chart) -> tuple[float, ...]:
    """Return the positions of `count` drawings between start key (0) and end key (1), ascending; () when even.

    Favour start or end: drawings crowd towards that key, by squares. Halves: from the middle outwards, each drawing
    halves the way that is left to its key (1/8 1/4 1/2 3/4 7/8). Thirds: each leaves a third (1/9 1/3 2/3 8/9).
    With more drawings than a chart on paper can hold, halves and thirds become an ease at both keys.
    """
    even = tuple((index + 1) / (count + 1) for index in range(count))
    match chart:
        case Chart.EVEN:
            return ()
        case Chart.FAVOUR_START:
            return tuple(place**2 for place in even)
        case Chart.FAVOUR_END:
            return tuple(1 - (1 - place) ** 2 for place in even)
        case Chart.HALVES:
            return _cushioned(count, 2)
        case Chart.THIRDS:
            return _cushioned(count, 3)


def charted(count: int, easing: Easing, chart: Chart | None) -> tuple[Easing, tuple[float, ...]]:
    """Return easing and spacing (see `Segment`) of `count` drawings: the chart's, or without one `easing` alone."""
    if chart is None:
        return easing, ()
    return Easing.LINEAR, chart_spacing(count, chart)


def _cushioned(count: int, divisor: int) -> tuple[float, ...]:
    """Return symmetric positions: the middle one, if any, at 1/2, the others by powers of the divisor."""
    if count > _MOST_CHARTED:
        return tuple(ease((index + 1) / (count + 1), Easing.EASE_BOTH) for index in range(count))
    first = 2 if divisor == 2 and count % 2 else 1  # by halves the middle drawing already took 1/2
    pairs = [divisor**-power for power in range(first, first + count // 2)]
    if divisor == 2 and not count % 2:
        pairs = [pair * 2 / 3 for pair in pairs]  # without a middle drawing the first halves would fall together
    middle = (0.5,) if count % 2 else ()
    return (*sorted(pairs), *middle, *(1 - pair for pair in pairs))
