"""When: exposure, easing, and where on the way between two keys a frame lies. Standard library only."""

from __future__ import annotations

from .job import Easing, Segment


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
    """Return the eased time of `frame` within `segment`: 0 at the start key, 1 at the end key."""
    linear = (frame - segment.start.frame) / (segment.end.frame - segment.start.frame)
    return ease(linear, segment.easing)
