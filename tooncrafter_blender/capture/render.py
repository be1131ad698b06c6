"""One frame of a scene as a picture, by Blender's own renderer."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import bpy

from ...backend.errors import UserError
from ..jobs.hush import hush
from . import png
from .private_scene import empty_scene

#: Blender renders nothing smaller.
MIN_SIDE_PIXELS = 4
#: A picture that was not written on a disk with less room than this was not written for want of room.
_DISK_FULL_BYTES = 1024 * 1024


def render(scene: bpy.types.Scene, path: Path) -> None:
    """Render the current frame of `scene`, a private one, into the PNG `path`, at the scene's resolution.

    The scene is empty afterwards. Raises UserError when Blender does not render, OSError when the picture did not
    reach the disk.
    """
    refuse_while_rendering()
    frame, size = scene.frame_current, (scene.render.resolution_x, scene.render.resolution_y)
    # Blender reads braces in a path as the name of a variable; doubled they stand for themselves.
    scene.render.filepath = str(path).replace("{", "{{").replace("}", "}}")
    try:
        outcome = _render(scene, write_still=True)
    except RuntimeError as error:
        _raise_if_disk_is_full(path)
        raise UserError(
            "render-failed",
            f"Blender could not render frame {frame}: {str(error).strip().removeprefix('Error: ')}",
            "See whether the scene renders with F12.",
            bad_input=False,
        ) from error
    finally:
        _let_go_of_picture(scene)
    if "FINISHED" not in outcome:
        raise UserError(
            "render-cancelled", f"Rendering of frame {frame} was cancelled.", "Generate again.", bad_input=False
        )
    if not png.is_complete(path, *size):
        _raise_if_disk_is_full(path)
        raise OSError(errno.EIO, f"the picture of frame {frame} was not written", str(path))


def _render(scene: bpy.types.Scene, *, write_still: bool) -> set[str]:
    # The operator takes the frame from the scene in context. After rendering it evaluates that scene, which writes
    # animated values over what the artist has changed but not keyed; an empty scene has none. No thread of ours may
    # be at work meanwhile: see hush.py.
    with empty_scene(scene.frame_current) as empty, hush(), bpy.context.temp_override(scene=empty):
        return set(bpy.ops.render.render(write_still=write_still, scene=scene.name))


def _let_go_of_picture(scene: bpy.types.Scene) -> None:
    """Have Blender forget what it has rendered of the scene.

    It keeps the last picture of every scene, 16 bytes a pixel. Since 5.0 that outlives the scene: it is freed only
    when another file is loaded, or another scene comes to lie at the very place in memory. So a picture of nothing,
    as small as can be, takes its place; that costs a few milliseconds.
    """
    contents = scene.collection
    for child in list(contents.children):
        contents.children.unlink(child)
    for obj in list(contents.objects):
        contents.objects.unlink(obj)
    cast(Any, scene.render).engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x = scene.render.resolution_y = MIN_SIDE_PIXELS
    with suppress(RuntimeError):  # what does not render has left no picture either
        _render(scene, write_still=False)


def refuse_while_rendering() -> None:
    """Raise UserError while Blender renders something else; it can only do one at a time."""
    if bpy.app.is_job_running("RENDER"):
        raise UserError(
            "rendering", "Blender is rendering.", "Wait until the render is done, or cancel it.", bad_input=False
        )


def _raise_if_disk_is_full(path: Path) -> None:
    if shutil.disk_usage(path.parent).free < _DISK_FULL_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
