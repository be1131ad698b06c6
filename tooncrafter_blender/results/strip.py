"""The result as an image strip in the sequencer: the whole motion, keys included, ready to be compared."""

from __future__ import annotations

from typing import Any, cast

import bpy

from ...backend.animatic.board import shot_names
from ...backend.contract.job import Job
from ...backend.errors import UserError
from ..jobs.from_strips import strip_like
from .mark import mark, marked
from .shown import Run, Shown

_CHANNELS = 128
#: Where in the picture the pictures of a strip are seen.
_PLACEMENT = {
    "transform": ("offset_x", "offset_y", "scale_x", "scale_y", "rotation", "origin", "filter"),
    "crop": ("min_x", "max_x", "min_y", "max_y"),
    "colorspace_settings": ("name",),
}


def add_strips(scene: bpy.types.Scene, job: Job, shown: Shown, runs: tuple[Run, ...]) -> tuple[str, ...]:
    """Add one strip for each run on a free channel above what plays there; return the strips' names.

    A strip that shows a shot of a board bears its name.
    A strip of this job that is already there is refreshed instead. Raises UserError("no-free-channel").
    """
    editor = scene.sequence_editor
    if there := strips(scene, job.id):
        for strip in there:
            if isinstance(strip, bpy.types.ImageStrip):
                strip.directory = strip.directory  # drops what Blender keeps of the pictures
        return tuple(strip.name for strip in there)
    channels = [free_channel(editor, run) for run in runs]
    editor = editor or scene.sequence_editor_create()
    names = []
    shots = shot_names(job)
    for number, (run, channel) in enumerate(zip(runs, channels, strict=True)):
        shot = shots[number] if number < len(shots) else ""
        name = shot or f"In-betweens {run.first}–{run.last}"
        first = str(shown.file(run.first))
        strip = editor.strips.new_image(name, first, channel, run.first, fit_method="FIT")
        assert isinstance(strip, bpy.types.ImageStrip)
        for frame in range(run.first + 1, run.last + 1):
            strip.elements.append(shown.file(frame).name)
        assert strip.colorspace_settings
        strip.frame_final_duration = run.length
        strip.blend_type = "ALPHA_OVER"
        strip.alpha_mode = "STRAIGHT"
        strip.colorspace_settings.name = "sRGB"  # type: ignore[assignment]
        if neighbour := editor.strips_all.get(strip_like(job, number)):
            take_placement(strip, neighbour)
        strip.select = False  # what the person has selected stays so
        mark(strip, job.id)
        names.append(strip.name)
    show_in_sequencer(scene)
    return tuple(names)


def strips(scene: bpy.types.Scene, job_id: str) -> list[bpy.types.Strip]:
    """Return the strips that show the job."""
    editor = scene.sequence_editor
    return marked(editor.strips_all, job_id) if editor else []


def remove_strips(scene: bpy.types.Scene, job: Job) -> None:
    """Take the strips of the job out of the sequencer, also out of meta strips; their files stay."""
    if scene.sequence_editor:
        _remove_from(scene.sequence_editor, job.id)


def _remove_from(holder: bpy.types.SequenceEditor | bpy.types.MetaStrip, job_id: str) -> None:
    for strip in marked(holder.strips, job_id):
        holder.strips.remove(strip)
    for strip in holder.strips:
        if isinstance(strip, bpy.types.MetaStrip):
            _remove_from(strip, job_id)


def free_channel(editor: bpy.types.SequenceEditor | None, run: Run) -> int:
    """Return the channel above everything that plays during the run, or any free one when that is the top.

    Raises UserError("no-free-channel").
    """
    used = {
        strip.channel
        for strip in (editor.strips if editor else ())
        if strip.frame_final_start <= run.last and strip.frame_final_end > run.first
    }
    above = max(used, default=0) + 1
    if above <= _CHANNELS:
        return above
    for channel in range(_CHANNELS, 0, -1):
        if channel not in used:
            return channel
    raise UserError(
        "no-free-channel",
        f"The sequencer has no free channel from frame {run.first} to {run.last}.",
        "Remove a strip there, or import the result as a reference.",
    )


def take_placement(strip: bpy.types.Strip, like: bpy.types.Strip) -> None:
    """Have a strip stand in the picture as another one does whose pictures have the same size, in its colours."""
    to, of = cast(Any, strip), cast(Any, like)
    for group, names in _PLACEMENT.items():
        for name in names:
            setattr(getattr(to, group), name, getattr(getattr(of, group), name))
    to.use_flip_x, to.use_flip_y = of.use_flip_x, of.use_flip_y


def show_in_sequencer(scene: bpy.types.Scene) -> None:
    """Blender 5 lets each workspace choose the scene of its sequencers; give those without one this scene."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        if window.scene == scene and getattr(window.workspace, "sequencer_scene", scene) is None:
            window.workspace.sequencer_scene = scene
