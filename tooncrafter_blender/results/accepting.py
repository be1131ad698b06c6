"""A generated drawing becomes a key of the artist's: from then on the timeline is split there.

The drawing goes onto one of the artist's own layers as a new key, in strokes. What the other layers hold at that
frame is part of it already, so they get an empty key there, and where they went on holding after the segment, a
key that goes on. No key that was there before changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import bpy

from ...backend.contract.job import Job, Segment
from ...backend.errors import UserError
from ..timeline import grease_pencil
from .strokes import draw_on, read_traced, refuse_linked
from .traced_layers import artists_layers, let_held_keys_step_back, traced_layers


def accept(scene: bpy.types.Scene, obj: bpy.types.Object, job: Job, folder: Path, frame: int) -> str:
    """Make the traced drawing at `frame` a key of the object; return the name of its layer.

    Pushes no undo step. Raises UserError before anything has changed: "object-linked", "key-exists",
    "no-working-layer", "no-camera" and those of `read_drawing`.
    """
    refuse_linked(obj)
    segment = next(segment for segment in job.segments if frame in segment.wanted)
    working = _working_layers(obj)
    target = _target(obj, working, segment)
    if _has_key(target, frame):
        raise UserError(
            "key-exists",
            f"The layer “{target.name}” already has a key at frame {frame}.",
            "Remove that key first, or accept another drawing.",
        )
    if scene.camera is None or scene.camera.type != "CAMERA":
        raise UserError(
            "no-camera",
            "The drawing is placed as the camera saw it, but the scene has no camera.",
            "Add the camera again.",
        )
    drawing = read_traced(folder, frame)
    for layer in working:
        if layer != target and not _has_key(layer, frame) and _holds(layer, frame):
            _go_on_after(layer, segment)
            layer.frames.new(frame)
    _go_on_after(target, segment)
    draw_on(scene, obj, target, [drawing], "KEYFRAME")
    # Were the keys around it selected without it, it would be drawn over instead of splitting them.
    ends = [key for key in target.frames if key.frame_number in (segment.start.frame, segment.end.frame)]
    next(key for key in target.frames if key.frame_number == frame).select = any(key.select for key in ends)
    for layer in traced_layers(obj, job.id):
        _empty_at(layer, frame)
    let_held_keys_step_back(obj)
    return target.name


def _working_layers(obj: bpy.types.Object) -> list[bpy.types.GreasePencilLayer]:
    """Return the artist's own layers that are shown and not locked, the bottom one first."""
    return [
        layer
        for layer in artists_layers(obj)
        if grease_pencil.is_shown(layer) and not grease_pencil.is_locked(layer)
    ]


def _target(
    obj: bpy.types.Object, working: list[bpy.types.GreasePencilLayer], segment: Segment
) -> bpy.types.GreasePencilLayer:
    """Return the layer that the artist works on, if it has a key of the segment, else the topmost that has one."""
    keyed = [
        layer for layer in working if any(_has_key(layer, key.frame) for key in (segment.start, segment.end))
    ] or working
    if not keyed:
        raise UserError(
            "no-working-layer",
            f"All layers of “{obj.name}” are hidden or locked.",
            "Show and unlock the layer that the key is to be on.",
        )
    active = cast(bpy.types.GreasePencil, obj.data).layers.active
    return active if active in keyed else keyed[-1]


def _has_key(layer: bpy.types.GreasePencilLayer, frame: int) -> bool:
    return any(key.frame_number == frame for key in layer.frames)


def _holds(layer: bpy.types.GreasePencilLayer, frame: int) -> bool:
    """Tell whether the layer shows anything at the frame."""
    return grease_pencil.stroke_count(grease_pencil.drawing_at(layer, frame)) > 0


def _go_on_after(layer: bpy.types.GreasePencilLayer, segment: Segment) -> None:
    """Where the layer holds one drawing through the whole segment, let it go on after it with a key there."""
    end, held = segment.end.frame, layer.get_frame_at(segment.end.frame)
    if held is not None and held.frame_number < end and held.frame_number <= segment.start.frame:
        layer.frames.copy(held.frame_number, end)


def _empty_at(layer: bpy.types.GreasePencilLayer, frame: int) -> None:
    """Leave the frame to the key, as on the job's own keys."""
    if _has_key(layer, frame):
        layer.frames.remove(frame)
        layer.frames.new(frame).keyframe_type = "GENERATED"
