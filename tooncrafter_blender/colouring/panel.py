"""Colouring in the "In-between" tab of the 3D viewport's sidebar."""

from __future__ import annotations

import bpy

from ...backend.errors import UserError
from .. import grease_pencil
from ..language import say
from ..properties import scene_in
from ..tab import MAIN, Tab, draw_big_button, draw_reason, properties_of
from ..wrapped_text import draw_text
from .drawings import LineDrawings
from .operators import INBETWEEN_OT_colour
from .settings import chosen_drawings, colouring_settings_of

_MOST_FRAMES = 6


class INBETWEEN_PT_colouring(Tab, bpy.types.Panel):
    """Line drawings, those that are coloured, and the button that colours the others."""

    bl_idname = "INBETWEEN_PT_colouring"
    bl_parent_id = MAIN
    bl_label = "Colouring"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only Grease Pencil objects have line drawings."""
        return grease_pencil.is_grease_pencil(context.object)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        assert context.object
        scene = scene_in(context)
        chosen = colouring_settings_of(scene)
        box = self.layout.box().column(align=True)
        try:
            found = chosen_drawings(context.object, scene)
        except UserError as error:
            draw_reason(box, context, error)
        else:
            what = say("{count} drawings on {layer}", count=found.count, layer=found.layer.name)
            draw_text(box, context, what, "OUTLINER_OB_GREASEPENCIL")
            draw_text(box, context, _coloured_as(found), "COLOR")
        column = properties_of(self.layout)
        column.prop_search(chosen, "lines", context.object.data, "layers", icon="OUTLINER_DATA_GP_LAYER")
        column.prop(chosen, "colours")
        if chosen.colours == "picture":
            column.template_ID(chosen, "picture", open="image.open")
        column.prop(chosen, "show_as")
        draw_big_button(self.layout, INBETWEEN_OT_colour.bl_idname, "BRUSH_DATA")


def _coloured_as(found: LineDrawings) -> str:
    if found.picture:
        return say("Coloured as in {picture}", picture=found.picture.name)
    frames = sorted(found.references.values())
    shown = ", ".join(map(str, frames[:_MOST_FRAMES]))
    return say("Coloured as at frame {frames}", frames=f"{shown} …" if len(frames) > _MOST_FRAMES else shown)


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_PT_colouring,))
