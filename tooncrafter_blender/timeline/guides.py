"""The guide layer: rough strokes that say how to move between two keys.

A guide layer is an ordinary layer of the Grease Pencil object with the name `GUIDE_LAYER_NAME`. A drawing on it
steers its own frame, not the frames after it. The layer is tinted so that nobody takes it for art, and a modifier
that works in renders alone leaves it out of them. (Layers can name the view layer that renders them, but Blender
5.2 hides those that name another one in the viewport as well.)
"""

from __future__ import annotations

from typing import Any, cast

import bpy

from . import grease_pencil

GUIDE_LAYER_NAME = "In-between Guide"

_TINT = (0.0, 0.35, 1.0)
_MODIFIER_NAME = "In-between Guides are not rendered"


def guide_layer(obj: bpy.types.Object) -> bpy.types.GreasePencilLayer | None:
    """Return the object's guide layer, or None."""
    return next((layer for layer in grease_pencil.layers(obj) if layer.name == GUIDE_LAYER_NAME), None)


def add_guide_layer(obj: bpy.types.Object) -> bpy.types.GreasePencilLayer:
    """Return the object's guide layer, made on top of the others when it is missing."""
    layer = guide_layer(obj)
    if layer is None:
        data = cast(bpy.types.GreasePencil, obj.data)
        layer = data.layers.new(GUIDE_LAYER_NAME)
        data.layers.move_top(layer)
        layer.use_lights = False
        layer.use_onion_skinning = False
        layer.tint_color = _TINT
        layer.tint_factor = 1.0
    _leave_out_of_renders(obj)
    return layer


def _leave_out_of_renders(obj: bpy.types.Object) -> None:
    """Make what is drawn on the guide layer invisible in renders, unless that is done already."""
    if any(leaves_out_guides(modifier) for modifier in obj.modifiers):
        return
    modifier = cast(Any, obj.modifiers.new(_MODIFIER_NAME, "GREASE_PENCIL_OPACITY"))
    modifier.tree_node_filter = GUIDE_LAYER_NAME
    modifier.color_mode, modifier.color_factor = "BOTH", 0.0
    modifier.show_viewport, modifier.show_render, modifier.show_expanded = False, True, False


def leaves_out_guides(modifier: bpy.types.Modifier) -> bool:
    """Tell whether a modifier is the one that leaves guides out of renders, which changes nothing else."""
    return (
        modifier.type == "GREASE_PENCIL_OPACITY"
        and cast(Any, modifier).tree_node_filter == GUIDE_LAYER_NAME
        and cast(Any, modifier).color_factor == 0
        and not modifier.show_viewport
    )


def begin_guide(obj: bpy.types.Object, frame: int) -> bpy.types.GreasePencilLayer:
    """Make ready for a guide at `frame`: the layer is there, shown and active, with a key at this frame.

    A new key is empty, and the layer is empty again from the next frame on: a guide steers its own frame alone.
    Keys that exist stay as they are.
    """
    layer = add_guide_layer(obj)
    layer.hide = layer.lock = False
    for group in grease_pencil.groups_of(layer):
        group.hide = group.lock = False
    keys = {key.frame_number: key for key in layer.frames}
    is_new = frame not in keys or not grease_pencil.stroke_count(keys[frame].drawing)
    if is_new and frame + 1 not in keys:
        layer.frames.new(frame + 1)
    if frame not in keys:
        layer.frames.new(frame)
    choose_layer(obj, layer)
    return layer


def choose_layer(obj: bpy.types.Object, layer: bpy.types.GreasePencilLayer) -> None:
    """Make it the layer that is drawn on."""
    cast(bpy.types.GreasePencil, obj.data).layers.active = layer


def remove_guide(obj: bpy.types.Object, frame: int) -> bool:
    """Remove the guide at `frame`; tell whether there was one. Art on other layers is not touched."""
    layer = guide_layer(obj)
    if layer is None or frame not in {key.frame_number for key in layer.frames}:
        return False
    layer.frames.remove(frame)
    following = next((key for key in layer.frames if key.frame_number == frame + 1), None)
    if following and not grease_pencil.stroke_count(following.drawing):
        layer.frames.remove(frame + 1)
    return True


def guide_frames(obj: bpy.types.Object) -> tuple[int, ...]:
    """Return the frames at which the guide layer has strokes, ascending; a hidden guide layer guides nothing."""
    layer = guide_layer(obj)
    if layer is None or not grease_pencil.is_shown(layer):
        return ()
    return tuple(sorted(key.frame_number for key in layer.frames if grease_pencil.stroke_count(key.drawing)))
