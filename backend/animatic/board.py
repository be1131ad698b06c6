"""A storyboard as a job: shots of panels, which are held and go over into each other, and never across a cut.

Standard library only: both halves import this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..contract.job import FRAME_MAX, FRAME_MIN, Easing, Job, Picture, Segment, Settings
from ..contract.timing import exposed_frames
from ..errors import UserError

#: The entry of `Job.source` that names the shots.
_SHOTS = "shots"


@dataclass(frozen=True)
class Panel:
    """One drawing of the board. image: its picture in the job folder. frames: how long it lasts, 1 or more."""

    image: str
    frames: int


@dataclass(frozen=True)
class Shot:
    """What lies between two cuts: panels that follow each other without a gap. start: frame of the first."""

    name: str
    start: int
    panels: tuple[Panel, ...]

    @property
    def frames(self) -> int:
        """How long the shot lasts."""
        return sum(panel.frames for panel in self.panels)


@dataclass(frozen=True)
class Timing:
    """How a panel goes over into the next one of its shot.

    move: frames at the end of each panel's time that the movement takes; a panel shorter than that moves from its
    first frame on. exposure: frames that each drawing of the movement is held.
    """

    move: int = 8
    exposure: int = 1
    easing: Easing = Easing.EASE_BOTH


def board_segments(shots: Sequence[Shot], timing: Timing) -> tuple[Segment, ...]:
    """Return the segments of the whole board, in order of time.

    Within a shot each segment begins at the key on which the one before ends, so the shot plays without a gap: a
    panel that is held is a segment between two keys of the same picture with nothing to draw. The next shot begins
    at a key of its own, and nothing is drawn between. Every panel is seen from its own frame on.
    Raises UserError: "board-empty" when no two panels belong together, "frames-outside".
    """
    segments = [segment for shot in shots for segment in _shot_segments(shot, timing)]
    if not any(segment.wanted for segment in segments):
        raise UserError(
            "board-empty",
            "There is nothing to draw: no shot has two panels with room for a drawing between them.",
            "Put two panels into one shot, and give the first of them some frames.",
        )
    if segments[0].first < FRAME_MIN or segments[-1].end.frame > FRAME_MAX:
        raise UserError("frames-outside", "The board is longer than a timeline can hold.", "Make it shorter.")
    return tuple(segments)


def _shot_segments(shot: Shot, timing: Timing) -> Iterable[Segment]:
    frame = shot.start
    for number, panel in enumerate(shot.panels):
        end = frame + panel.frames
        here = Picture(frame, panel.image)
        if number + 1 == len(shot.panels):
            yield Segment(here, Picture(end, panel.image, stands_in=True), ())
            return
        leaves = end - 1 - min(timing.move, panel.frames - 1)
        if leaves > frame:
            yield Segment(here, Picture(leaves, panel.image), ())
        following = Picture(end, shot.panels[number + 1].image)
        wanted = exposed_frames(leaves, end, timing.exposure)
        yield Segment(Picture(leaves, panel.image), following, wanted, easing=timing.easing)
        frame = end


def rough(settings: Settings) -> Settings:
    """Return the settings for rough panels: grain and tone of a pencil are no flat colours to be cleaned up."""
    return replace(settings, flat_colours=False)


def shots_as_source(shots: Iterable[Shot]) -> dict[str, str]:
    """Return what a job file says of the shots of its board."""
    return {_SHOTS: json.dumps([shot.name for shot in shots], ensure_ascii=False)}


def shot_names(job: Job) -> tuple[str, ...]:
    """Return the names of the shots of a board's job, in order; nothing for other jobs."""
    try:
        names = json.loads(job.source.get(_SHOTS, "[]"))
    except ValueError:
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()
