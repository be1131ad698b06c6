"""One frame of a scene as a picture, by Blender's own renderer."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import bpy

from ...backend.errors import UserError
from ..hush import hush
from . import png
from .private_scene import empty_scene

#: A picture that was not written on a disk with less room than this was not written for want of room.
_DISK_FULL_BYTES = 1024 * 1024


def render(scene: bpy.types.Scene, path: Path) -> None:
    """Render the current frame of `scene` into the PNG `path`, at the scene's resolution.

    Raises UserError when Blender does not render, OSError when the picture did not reach the disk.
    """
    refuse_while_rendering()
    frame = scene.frame_current
    # Blender reads braces in a path as the name of a variable; doubled they stand for themselves.
    scene.render.filepath = str(path).replace("{", "{{").replace("}", "}}")
    try:
        # The operator takes the frame from the scene in context. After rendering it evaluates that scene, which
        # writes animated values over what the artist has changed but not keyed; an empty scene has none. No thread
        # of ours may be at work meanwhile: see hush.py.
        with empty_scene(frame) as empty, hush(), bpy.context.temp_override(scene=empty):
            outcome = bpy.ops.render.render(write_still=True, scene=scene.name)
    except RuntimeError as error:
        _raise_if_disk_is_full(path)
        raise UserError(
            "render-failed",
            f"Blender could not render frame {frame}: {str(error).strip().removeprefix('Error: ')}",
            "See whether the scene renders with F12.",
            bad_input=False,
        ) from error
    if "FINISHED" not in outcome:
        raise UserError(
            "render-cancelled", f"Rendering of frame {frame} was cancelled.", "Generate again.", bad_input=False
        )
    if not png.is_complete(path, scene.render.resolution_x, scene.render.resolution_y):
        _raise_if_disk_is_full(path)
        raise OSError(errno.EIO, f"the picture of frame {frame} was not written", str(path))


def refuse_while_rendering() -> None:
    """Raise UserError while Blender renders something else; it can only do one at a time."""
    if bpy.app.is_job_running("RENDER"):
        raise UserError(
            "rendering", "Blender is rendering.", "Wait until the render is done, or cancel it.", bad_input=False
        )


def _raise_if_disk_is_full(path: Path) -> None:
    if shutil.disk_usage(path.parent).free < _DISK_FULL_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
