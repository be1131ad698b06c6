"""From a finished job back to the timeline: an image strip, a reference in the viewport, or strokes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ...backend.contract.job import Job
from ...backend.errors import UserError
from .accepting import accept
from .reference import (
    Look,
    add_references,
    is_beside,
    references,
    remove_references,
    restyle,
    stand_beside,
)
from .shown import Shown, runs, show
from .strip import add_strips, remove_strips, strips
from .strokes import (
    LINES,
    Traced,
    add_strokes,
    hide_strokes,
    read_drawings,
    show_strokes,
    strokes_are_shown,
)
from .traced_layers import artists_layers, colour_layers, has_fills, has_traced_layers, let_held_keys_step_back

__all__ = [
    "HOW",
    "LINES",
    "Look",
    "Prepared",
    "accept",
    "artists_layers",
    "colour_layers",
    "has_fills",
    "has_traced_layers",
    "how_shown",
    "import_result",
    "let_held_keys_step_back",
    "pictures",
    "prepare",
    "put_up",
    "remove_pictures",
    "restyle",
    "show",
    "stand",
    "stands_aside",
    "take_down",
]

#: Ways that a result comes in.
HOW = ("strip", "reference", "strokes", "none")


@dataclass(frozen=True)
class Prepared:
    """A result that is ready to be put up. how: one of `HOW`."""

    job: Job
    how: str
    shown: Shown | None = None
    drawings: tuple[Traced, ...] = ()


def import_result(
    scene: bpy.types.Scene, job: Job, folder: Path, how: str, look: Look | None = None
) -> tuple[str, ...]:
    """Show what the job folder holds in `scene` in one of the ways; return the names of what shows it.

    how: "strip" (image strip in the sequencer), "reference" (image in the camera's view), "strokes" (a layer of the
    object; the job must have been traced) or "none". Raises UserError before anything in the scene has changed.
    """
    return put_up(scene, prepare(job, folder, how), look)


def prepare(job: Job, folder: Path, how: str) -> Prepared:
    """Do what takes time and needs nothing of Blender's data, and so may happen in a thread. Raises UserError."""
    if how not in HOW:
        choices = f"Choose one of: {', '.join(HOW)}."
        raise UserError("import-unknown", f"Nothing is known about importing as “{how}”.", choices)
    if how == "strokes":
        return Prepared(job, how, drawings=read_drawings(job, folder))
    if how == "none":
        return Prepared(job, how)
    return Prepared(job, how, show(folder, job))


def put_up(scene: bpy.types.Scene, prepared: Prepared, look: Look | None = None) -> tuple[str, ...]:
    """Show a result in this way and no other; return the names of what shows it.

    What shows the job already in this way is refreshed, never doubled. Strips and references that show it in
    another way go; strokes are hidden, because the artist may have drawn on them. look: of a reference. Pushes no
    undo step: the caller does. Raises UserError before anything in the scene has changed.
    """
    job, how = prepared.job, prepared.how
    names: tuple[str, ...] = ()
    if how == "strokes":
        names = add_strokes(scene, job, prepared.drawings)
    elif prepared.shown and how == "strip":
        names = add_strips(scene, job, prepared.shown, runs(job))
    elif prepared.shown:
        names = add_references(scene, job, prepared.shown, runs(job), look or Look())
    if how != "strip":
        remove_strips(scene, job)
    if how != "reference":
        remove_references(scene, job)
    if how != "strokes":
        hide_strokes(scene, job)
    return names


def how_shown(scene: bpy.types.Scene, job_id: str) -> str:
    """Return in which of the ways `scene` shows the job, "" when it does not."""
    if strips(scene, job_id):
        return "strip"
    if references(scene, job_id):
        return "reference"
    return "strokes" if strokes_are_shown(scene, job_id) else ""


def take_down(scene: bpy.types.Scene, job: Job) -> None:
    """Take what shows the job out of the scene; strokes are only hidden. Pushes no undo step."""
    remove_pictures(scene, job)
    hide_strokes(scene, job)


def stand(scene: bpy.types.Scene, job: Job, how: str, slot: int) -> None:
    """Have what shows the job stand where it is looked at (slot 0), or aside, so that another take is looked at.

    how: in which way it is shown. References stand beside the camera's frame in the order of their slots; strips
    are muted, strokes hidden.
    """
    stand_beside(scene, job.id, slot)
    for strip in strips(scene, job.id):
        strip.mute = slot > 0
    if how == "strokes":
        show_strokes(scene, job, slot == 0)


def stands_aside(scene: bpy.types.Scene, job_id: str) -> bool:
    """Tell whether what shows the job in `scene` stands aside."""
    shown = strips(scene, job_id)
    return any(strip.mute for strip in shown) or is_beside(scene, job_id)


def pictures(scene: bpy.types.Scene, job: Job) -> tuple[str, ...]:
    """Return the names of the strips and references that show the job in `scene`."""
    names = [strip.name for strip in strips(scene, job.id)]
    return (*names, *(image.name for image in references(scene, job.id)))


def remove_pictures(scene: bpy.types.Scene, job: Job) -> None:
    """Take the strips and references of the job out of `scene`; strokes stay. Pushes no undo step."""
    remove_strips(scene, job)
    remove_references(scene, job)
