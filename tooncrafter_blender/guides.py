"""The guide layer: rough strokes that say how to move between two keys.

A guide layer is an ordinary layer of the Grease Pencil object with the name `GUIDE_LAYER_NAME`. A drawing on it
steers its own frame, not the frames after it. The layer is tinted so that nobody takes it for art, and renders
leave it out.
"""

from __future__ import annotations

from typing import cast

import bpy

from . import grease_pencil

GUIDE_LAYER_NAME = "In-between Guide"

_TINT = (0.0, 0.35, 1.0)
#: A layer that names a view layer is rendered in that one only; no view layer has this name.
_NO_VIEW_LAYER = "(never rendered)"


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
        layer.viewlayer_render = _NO_VIEW_LAYER
    return layer


def guide_frames(obj: bpy.types.Object) -> tuple[int, ...]:
    """Return the frames at which the guide layer has strokes, ascending; a hidden guide layer guides nothing."""
    layer = guide_layer(obj)
    if layer is None or not grease_pencil.is_shown(layer):
        return ()
    return tuple(sorted(key.frame_number for key in layer.frames if grease_pencil.stroke_count(key.drawing)))
