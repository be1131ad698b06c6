"""Redoing single in-betweens: frames are marked as bad, and only these are drawn again.

All other drawings of the job are pinned in its job file, so they keep every pixel although guides and seed have
changed. The drawings that were bad are not lost: the backend moves them to `earlier/` in the job's folder.
"""

from __future__ import annotations

from dataclasses import replace

from ...backend.contract.job import Picture, Segment, frame_path, write_job
from ...backend.errors import UserError
from .. import capture, generate
from ..jobs.home import find_object, find_scene
from ..jobs.queue import Entry
from ..settings.properties import MAX_SEED
from ..timeline import guides
from . import takes


def mark_bad(take: Entry, frame: int, bad: bool) -> None:
    """Mark the drawing at a frame as bad, or as good again. What is not a drawing of this take is passed over."""
    others = set(take.marks.bad) - {frame}
    if frame in take.job.wanted:
        takes.mark(take, replace(take.marks, bad=tuple(sorted(others | {frame} if bad else others))))


def redo(take: Entry) -> None:
    """Draw the bad frames of a take again, with the guides that are there now and another seed.

    Raises UserError; then nothing has changed.
    """
    bad = set(take.marks.bad) & set(take.job.wanted)
    if not bad:
        raise UserError("nothing-bad", "No drawing of this take is marked as bad.", "Go to a bad one and mark it.")
    if take.busy:
        raise UserError("job-busy", "This job waits or is being drawn.", "Wait until it has ended, or cancel it.")
    segments = tuple(_segment(take, segment, bad) for segment in take.job.segments)
    settings = replace(take.job.settings, seed=(take.job.settings.seed + 1) % (MAX_SEED + 1))
    job = replace(take.job, segments=segments, settings=settings)
    write_job(take.folder, job)
    take.job = job
    take.finished -= bad
    takes.mark(take, replace(take.marks, bad=()))
    generate.retry(take)


def _segment(take: Entry, segment: Segment, bad: set[int]) -> Segment:
    """Return the segment with its good drawings pinned and, where a bad one is drawn again, the present guides."""
    there = {frame for frame in segment.wanted if frame_path(take.folder, frame).is_file()}
    pinned = tuple(sorted(there - bad))
    if bad.isdisjoint(segment.wanted):
        return replace(segment, pinned=pinned)
    return replace(segment, pinned=pinned, guides=_guides(take, segment))


def _guides(take: Entry, segment: Segment) -> tuple[Picture, ...]:
    scene, obj = find_scene(take), find_object(take)
    if scene is None or obj is None:
        return segment.guides
    frames = [frame for frame in guides.guide_frames(obj) if segment.start.frame < frame < segment.end.frame]
    size = take.job.canvas.width, take.job.canvas.height
    return capture.write_guides(scene, obj, frames, take.folder, size)


def has_drawing(take: Entry, frame: int) -> bool:
    """Tell whether the take has a finished drawing of its own at this frame."""
    return frame in take.job.wanted and frame in take.finished
