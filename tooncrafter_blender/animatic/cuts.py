"""Where shots begin: at the markers of the timeline, by their names.

A marker that somebody has named begins a shot of that name. One that still has the name that Blender gave it (F_24)
says nothing, and neither does one with the name of the shot that goes on. A marker that switches the camera always
begins a shot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import bpy

_BLENDERS_OWN = re.compile(r"F_-?\d+")


def shots_begin(scene: bpy.types.Scene) -> Mapping[int, str]:
    """Return frame -> name of the shot that begins there, ascending."""
    found: dict[int, str] = {}
    name = ""
    for marker in sorted(scene.timeline_markers, key=lambda marker: marker.frame):
        named = "" if _BLENDERS_OWN.fullmatch(marker.name) else marker.name.strip()
        camera = marker.camera
        if camera or (named and named != name):
            name = named or (camera.name if camera else "")
            found[marker.frame] = name
    return found


def shot_at(begins: Mapping[int, str], frame: int) -> tuple[int | None, str]:
    """Return where the shot that plays at `frame` begins, None before the first one, and its name."""
    start = max((begin for begin in begins if begin <= frame), default=None)
    return start, "" if start is None else begins[start]
