"""The drawings that the button would colour now, and what the panel says of them at every redraw."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import bpy

from ..language import say
from ..timeline.remembered import Remembered, state_of_drawings
from .drawings import LineDrawings, find_drawings, find_drawings_for_picture
from .settings import colouring_settings_of

_MOST_FRAMES = 6
#: What is coloured, and what shows its colours, in words.
_told: Remembered[tuple[str, str]] = Remembered()


def chosen_drawings(obj: bpy.types.Object | None, scene: bpy.types.Scene) -> LineDrawings:
    """Return what is to be coloured as the scene's settings say. Raises UserError (`drawings`)."""
    chosen = colouring_settings_of(scene)
    if chosen.colours == "picture":
        return find_drawings_for_picture(obj, scene, chosen.picture, chosen.lines)
    return find_drawings(obj, scene, chosen.lines)


def told_of_chosen(obj: bpy.types.Object | None, scene: bpy.types.Scene) -> tuple[str, str]:
    """Return in words what is to be coloured and what shows its colours. Raises the same UserError."""
    return _told.ask((state_of_drawings(obj, scene), _state(scene)), lambda: _tell(chosen_drawings(obj, scene)))


def _state(scene: bpy.types.Scene) -> Hashable:
    chosen = colouring_settings_of(scene)
    if chosen.picture is None:
        return chosen.lines, chosen.colours
    picture: Any = chosen.picture
    return chosen.lines, chosen.colours, picture.session_uid, picture.name, picture.source, *picture.size


def _tell(found: LineDrawings) -> tuple[str, str]:
    what = say("{count} drawings on {layer}", count=found.count, layer=found.layer.name)
    if found.picture:
        return what, say("Coloured as in {picture}", picture=found.picture.name)
    frames = sorted(found.references.values())
    shown = ", ".join(map(str, frames[:_MOST_FRAMES])) + (" …" if len(frames) > _MOST_FRAMES else "")
    return what, say("Coloured as at frame {frames}", frames=shown)
