"""Room for a transition: a strip and all later ones move to the right, with what hangs on them.

Blender itself takes their keys along and lets effects follow the strips that they are put on. The keys of such
effects it leaves where they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import bpy

from ...backend.errors import UserError


def later_strips(scene: bpy.types.Scene, second: bpy.types.Strip) -> list[bpy.types.Strip]:
    """Return the strips that begin with the second one or after it, the last first: so none meets another.

    Effects that are put on strips are left out, for they follow these. Raises UserError: "strip-locked",
    "strip-joined".
    """
    later = [
        strip
        for strip in _strips(scene)
        if not _put_on(strip) and strip.frame_final_start >= second.frame_final_start
    ]
    locked = next((strip for strip in later if strip.lock), None)
    if locked:
        raise UserError(
            "strip-locked",
            f"“{locked.name}” would have to move to make room, and is locked.",
            "Unlock it, or switch Make Room off.",
        )
    for effect in _strips(scene):
        on = _put_on(effect)
        if any(strip in later for strip in on) and not all(strip in later for strip in on):
            names = " and ".join(f"“{strip.name}”" for strip in on)
            raise UserError(
                "strip-joined",
                f"“{effect.name}” joins {names}, of which only one would move to make room.",
                "Remove it, or switch Make Room off.",
            )
    return sorted(later, key=lambda strip: -strip.frame_final_start)


def move_later(scene: bpy.types.Scene, later: Sequence[bpy.types.Strip], frames: int, *, markers: bool) -> None:
    """Move these strips (`later_strips`) by so many frames, with their effects.

    markers: whether those of the timeline move along that lie at the first of the strips or after it.
    """
    begin = min((strip.frame_final_start for strip in later), default=0)
    effects = [strip for strip in _strips(scene) if _put_on(strip) and set(_put_on(strip)) <= set(later)]
    for strip in later:
        strip.frame_start += frames
    for effect in effects:
        for curve in _curves(scene, effect):
            _move_keys(curve, frames)
    if markers:
        for marker in scene.timeline_markers:
            if marker.frame >= begin:
                marker.frame += frames


def _strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    assert scene.sequence_editor
    return list(scene.sequence_editor.strips)


def _put_on(strip: bpy.types.Strip) -> list[bpy.types.Strip]:
    """Return the strips that an effect shows in the end, through the effects that it is put on; none for others."""
    found: list[bpy.types.Strip] = []
    for name in ("input_1", "input_2"):
        if below := cast("bpy.types.Strip | None", getattr(strip, name, None)):
            found += _put_on(below) or [below]
    return found


def _curves(scene: bpy.types.Scene, strip: bpy.types.Strip) -> Iterator[bpy.types.FCurve]:
    """Yield the animation curves of a strip."""
    data = scene.animation_data
    if data is None or data.action is None or data.action_slot is None:
        return
    path = strip.path_from_id()
    for layer in data.action.layers:
        for part in layer.strips:
            bag = cast(Any, part).channelbag(data.action_slot)
            yield from (curve for curve in (bag.fcurves if bag else ()) if curve.data_path.startswith(path))


def _move_keys(curve: bpy.types.FCurve, frames: int) -> None:
    for key in curve.keyframe_points:
        for place in (key.handle_left, key.co, key.handle_right):
            place[0] += frames
    curve.update()
