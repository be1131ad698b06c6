"""Colouring in the "In-between" tab of the 3D viewport's sidebar."""

from __future__ import annotations

import bpy

from ...backend.errors import UserError
from ..interface.tab import MAIN, Tab, draw_big_button, draw_reason, properties_of
from ..interface.wrapped_text import draw_text
from ..settings.properties import scene_in
from ..timeline import grease_pencil
from .chosen import told_of_chosen
from .operators import INBETWEEN_OT_colour
from .settings import colouring_settings_of


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
            what, colours = told_of_chosen(context.object, scene)
        except UserError as error:
            draw_reason(box, context, error)
        else:
            draw_text(box, context, what, "OUTLINER_OB_GREASEPENCIL")
            draw_text(box, context, colours, "COLOR")
        column = properties_of(self.layout)
        column.prop_search(chosen, "lines", context.object.data, "layers", icon="OUTLINER_DATA_GP_LAYER")
        column.prop(chosen, "colours")
        if chosen.colours == "picture":
            column.template_ID(chosen, "picture", open="image.open")
        column.prop(chosen, "show_as")
        draw_big_button(self.layout, INBETWEEN_OT_colour.bl_idname, "BRUSH_DATA")


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_PT_colouring,))
