"""The segments of a job that colours line drawings: between those that are coloured already, or from a picture.

Standard library only: both halves import this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .job import Picture, Segment


def colouring_segments(keys: Sequence[Picture], drawings: Sequence[Picture], end: int) -> tuple[Segment, ...]:
    """Return the segments, in order, each drawing at its own frame as a guide that is wanted in colour.

    keys: the coloured drawings, one or more, ascending. drawings: lines of the others, ascending, at least one.
    end: the frame after the last that is seen. What lies before the first key or after the last has one on one side
    only, which stands for both.
    """
    before = replace(keys[0], frame=min(drawings[0].frame, keys[0].frame) - 1, stands_in=True)
    after = replace(keys[-1], frame=end, stands_in=True)
    found = []
    for start, stop in zip((before, *keys), (*keys, after), strict=True):
        lines = tuple(drawing for drawing in drawings if start.frame < drawing.frame < stop.frame)
        if lines:
            found.append(Segment(start, stop, tuple(line.frame for line in lines), lines))
    return tuple(found)


def segment_from_picture(image: str, drawings: Sequence[Picture], end: int) -> Segment:
    """Return the segment whose drawings, one or more, are all coloured as one picture is.

    image: in the job folder; it shows any of the drawings, so it stands in for a key on both sides. Otherwise as
    `colouring_segments`.
    """
    before, after = (Picture(frame, image, stands_in=True) for frame in (drawings[0].frame - 1, end))
    return Segment(before, after, tuple(line.frame for line in drawings), tuple(drawings))
