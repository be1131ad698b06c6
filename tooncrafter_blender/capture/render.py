"""One frame of a scene as a picture, by Blender's own renderer."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import bpy

from ...backend.errors import UserError
from . import png

#: A picture that was not written on a disk with less room than this was not written for want of room.
_DISK_FULL_BYTES = 1024 * 1024


def render(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    """Render `scene` at `frame` into the PNG `path`, at the scene's resolution.

    Raises UserError when Blender does not render, OSError when the picture did not reach the disk.
    """
    refuse_while_rendering()
    scene.frame_set(frame)
    # Blender reads braces in a path as the name of a variable; doubled they stand for themselves.
    scene.render.filepath = str(path).replace("{", "{{").replace("}", "}}")
    try:
        # The operator's own argument for another scene would bring along the frame of the scene on screen.
        with bpy.context.temp_override(scene=scene):
            outcome = bpy.ops.render.render(write_still=True)
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
