"""Little pictures for lists. Blender reads their files when it first draws them, in the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

#: More than any list shows; beyond it all are forgotten and read anew.
_MOST = 500

_pictures: Any = None


def icon_of(path: Path) -> int:
    """Return the number of an icon that shows the picture file, 0 when there is none; cheap at every redraw."""
    name = str(path)
    if _pictures is None:
        return 0
    if name not in _pictures:
        if len(_pictures) >= _MOST:
            _pictures.clear()
        if not path.is_file():
            return 0
        _pictures.load(name, name, "IMAGE")
    return int(_pictures[name].icon_id)


def forget(folder: Path) -> None:
    """Forget the pictures in a folder, which are not there any more or are others now."""
    for name in [name for name in _pictures or () if Path(name).is_relative_to(folder)]:
        del _pictures[name]


def register() -> None:
    """Make room for pictures."""
    global _pictures
    _pictures = bpy.utils.previews.new()


def unregister() -> None:
    """Give the room back."""
    global _pictures
    bpy.utils.previews.remove(_pictures)
    _pictures = None
