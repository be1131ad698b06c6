"""Where one shot ends and the next begins, found by PySceneDetect as frames go by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector

from .sources import Pixels, Reel, UnreadableSourceError

#: Change of hue, saturation and brightness, mean over the pixels in 0..255, that is a cut: PySceneDetect's own.
CUT = 27.0
#: Longer shots are cut into pieces of this many frames, so that memory stays bounded.
LONGEST = 240


@dataclass
class Shot:
    """Frames of one shot, or of a piece of one. first: number of the first in its source, from 0."""

    number: int
    first: int
    frames: list[Pixels] = field(default_factory=list)


@dataclass
class Broken:
    """The source could not be read from this frame on, and why."""

    first: int
    reason: str


def shots_of(reel: Reel) -> Iterator[Shot | Broken]:
    """Yield a source's shots in order, as they are read; the last thing yielded may be that it is broken."""
    detector = ContentDetector(threshold=CUT, min_scene_len=1)
    number, position = 0, 0
    shot = Shot(number, 0)
    try:
        for position, frame in enumerate(reel.frames):
            cuts = detector.process_frame(
                FrameTimecode(position, fps=max(reel.fps, 1.0)), np.ascontiguousarray(frame[..., ::-1])
            )
            if (cuts and position) or len(shot.frames) == LONGEST:
                yield shot
                number += bool(cuts)
                shot = Shot(number, position)
            shot.frames.append(frame)
    except UnreadableSourceError as error:
        if shot.frames:
            yield shot
        yield Broken(position + 1 if shot.frames else position, str(error))
        return
    if shot.frames:
        yield shot
