"""The button that colours."""

from __future__ import annotations

import bpy

from ..generate import Report
from ..interface.operators import Outcome, capture_and_queue, nothing_refuses
from ..settings.properties import choice_of, scene_in
from .chosen import chosen_drawings, told_of_chosen
from .colour import colour
from .settings import colouring_settings_of


class INBETWEEN_OT_colour(bpy.types.Operator):
    """Colour the line drawings as the coloured ones among them are, in the background"""

    bl_idname = "inbetween.colour"
    bl_label = "Colour Drawings"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey with the reason while there is nothing to colour."""
        scene = scene_in(context)
        return nothing_refuses(cls, lambda: told_of_chosen(context.object, scene))

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Capture lines and references, which shows its progress at the pointer, and queue the job."""
        scene = scene_in(context)
        show_as = colouring_settings_of(scene).show_as

        def queue_it(report: Report) -> str:
            drawings = chosen_drawings(context.object, scene)
            colour(scene, drawings, choice_of(scene), show_as=show_as, report=report)
            return f"Colouring {drawings.count} drawing{'' if drawings.count == 1 else 's'} in the background."

        return capture_and_queue(self, context, queue_it)


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_OT_colour,))
