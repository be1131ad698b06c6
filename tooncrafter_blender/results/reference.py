"""The result as a picture in the viewport that fills the camera's view, behind the artist's own drawing."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from ...backend.errors import UserError
from ...backend.job import Job
from .mark import mark, marked
from .shown import Run, Shown


def add_references(scene: bpy.types.Scene, job: Job, shown: Shown, runs: tuple[Run, ...]) -> tuple[str, ...]:
    """Add one image empty for each run, seen during its frames only; return their names.

    One of this job that is already there is refreshed instead. Raises UserError("no-camera").
    """
    there = marked(scene.objects, job.id)
    if there:
        for empty in there:
            if isinstance(empty.data, bpy.types.Image):
                empty.data.reload()
        return tuple(empty.name for empty in there)
    camera = scene.camera
    if camera is None or not isinstance(camera.data, bpy.types.Camera):
        raise UserError(
            "no-camera",
            "A reference fills the camera's view, but the scene has no camera.",
            "Add a camera, or import the result as a strip.",
        )
    distance = _distance(scene, camera, job.source.get("object", ""))
    return tuple(_add_reference(scene, camera, job, shown, run, distance).name for run in runs)


def _add_reference(
    scene: bpy.types.Scene, camera: bpy.types.Object, job: Job, shown: Shown, run: Run, distance: float
) -> bpy.types.Object:
    name = f"In-betweens {run.first}–{run.last}"
    image = bpy.data.images.load(str(shown.file(run.first)), check_existing=False)
    image.name = name
    image.source = "SEQUENCE"
    image.alpha_mode = "STRAIGHT"
    assert image.colorspace_settings
    image.colorspace_settings.name = "sRGB"  # type: ignore[assignment]
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type = "IMAGE"
    empty.data = image  # type: ignore[assignment]
    empty.empty_image_depth = "BACK"
    empty.use_empty_image_alpha = True
    empty.image_user.frame_start = run.first
    empty.image_user.frame_duration = run.length
    empty.image_user.frame_offset = run.first - shown.first
    empty.image_user.use_auto_refresh = True
    # Blender works this out when the frame changes next; until then it would look for picture number 0.
    now = min(max(scene.frame_current, run.first), run.last)
    empty.image_user.frame_current = 1 + now - shown.first
    scene.collection.objects.link(empty)
    empty.parent = camera
    empty.matrix_parent_inverse = Matrix.Identity(4)
    _fit(empty, scene, camera, job, distance)
    _show_during(empty, run, scene.frame_current)
    mark(empty, job.id)
    return empty


def _fit(
    empty: bpy.types.Object, scene: bpy.types.Scene, camera: bpy.types.Object, job: Job, distance: float
) -> None:
    """Make the picture fill the camera's frame exactly, at `distance` in front of it (in the camera's units).

    `view_frame` gives the frame's corners in the camera's own space, lens shift and sensor fit included. In
    perspective they lie on rays from the camera; in orthographic view their width is the same at every depth.
    """
    data = camera.data
    assert isinstance(data, bpy.types.Camera)
    corners = [corner.copy() for corner in data.view_frame(scene=scene)]
    if data.type != "ORTHO":
        corners = [corner * (distance / -corner.z) for corner in corners]
    left, right = min(c.x for c in corners), max(c.x for c in corners)
    bottom, top = min(c.y for c in corners), max(c.y for c in corners)
    # Blender draws the longer side of the picture `empty_display_size` long and the other in proportion.
    width, height, longer = job.canvas.width, job.canvas.height, max(job.canvas.width, job.canvas.height)
    empty.empty_display_size = 1.0
    empty.location = ((left + right) / 2, (bottom + top) / 2, -distance)
    empty.scale = ((right - left) * longer / width, (top - bottom) * longer / height, 1.0)


def _distance(scene: bpy.types.Scene, camera: bpy.types.Object, name: str) -> float:
    """Return how far in front of the camera the drawn object lies, in the camera's units, within its clipping."""
    data = camera.data
    assert isinstance(data, bpy.types.Camera)
    nearest, farthest = data.clip_start * 1.01, data.clip_end * 0.99
    drawn = scene.objects.get(name)
    if drawn is None:
        return min(max(10.0, nearest), farthest)
    depth = -(camera.matrix_world.inverted_safe() @ drawn.matrix_world.translation).z
    return min(max(depth, nearest), farthest)


def _show_during(empty: bpy.types.Object, run: Run, now: int) -> None:
    """Hide the picture outside of its run: an image sequence would go on showing its first or last file there."""
    for frame, hidden in ((run.first - 1, True), (run.first, False), (run.last + 1, True)):
        empty.hide_viewport = hidden
        empty.keyframe_insert("hide_viewport", frame=frame)
    empty.hide_viewport = not run.first <= now <= run.last
