"""From a finished job back to the timeline: an image strip, a reference in the viewport, or strokes."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...backend.errors import UserError
from ...backend.job import Job
from .reference import add_references
from .shown import runs, show
from .strip import add_strips
from .strokes import add_strokes

__all__ = ["HOW", "import_result", "show"]

#: Ways that a result comes in.
HOW = ("strip", "reference", "strokes", "none")


def import_result(scene: bpy.types.Scene, job: Job, folder: Path, how: str) -> tuple[str, ...]:
    """Bring what the job folder holds into `scene` and return the names of what shows it.

    how: "strip" (image strip in the sequencer), "reference" (image in the camera's view), "strokes" (a layer of the
    object; the job must have been traced) or "none". The strip or reference of an earlier import of the same job
    is refreshed, never doubled. Pushes no undo step: the caller does. Raises UserError before anything in the scene
    has changed.
    """
    if how not in HOW:
        choices = f"Choose one of: {', '.join(HOW)}."
        raise UserError("import-unknown", f"Nothing is known about importing as “{how}”.", choices)
    if how == "none":
        return ()
    if how == "strokes":
        return add_strokes(scene, job, folder)
    shown = show(folder, job)
    if how == "strip":
        return add_strips(scene, job, shown, runs(job))
    return add_references(scene, job, shown, runs(job))
