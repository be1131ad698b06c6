"""The buttons that make an animatic of a storyboard."""

from __future__ import annotations

import bpy

from ...backend.errors import UserError
from ..generate import Report, told_of
from ..interface.operators import DONE, Outcome, capture_and_queue, nothing_refuses, refuse
from ..jobs import watching
from ..sequencer import strips
from ..sequencer.reading import key_name
from ..settings.properties import choice_of, scene_in
from .animatic import animate_drawings, animate_strips
from .boards import known_board, strip_board


class INBETWEEN_OT_animatic(bpy.types.Operator):
    """Draw between the panels of the storyboard, never across a cut, in the background. It comes as a strip for \
each shot in the sequencer; your keys stay as they are"""

    bl_idname = "inbetween.animatic"
    bl_label = "Make Animatic"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey with the reason while there is no board."""
        return nothing_refuses(cls, lambda: known_board(context.object, scene_in(context), key_name))

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Capture the panels, which shows its progress at the pointer, and queue the job."""
        scene = scene_in(context)

        def queue_it(report: Report) -> str:
            return told_of(animate_drawings(scene, context.object, choice_of(scene), report=report).job)

        return capture_and_queue(self, context, queue_it)


class INBETWEEN_OT_strip_animatic(bpy.types.Operator):
    """Draw between the selected strips, each a panel of a storyboard, never across a cut, in the background. It \
comes as a strip for each shot above them; yours stay as they are"""

    bl_idname = "inbetween.strip_animatic"
    bl_label = "Make Animatic"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey with the reason while no strips are panels."""
        return nothing_refuses(cls, lambda: strip_board(strips.scene_of(context), key_name))

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Begin; the job is in the list as soon as the panels are read."""
        scene = strips.scene_of(context)
        try:
            animate_strips(scene, choice_of(scene))
        except UserError as error:
            return refuse(self, error)
        self.report({"INFO"}, "Reading the pictures of the panels.")
        watching.redraw()
        return DONE


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_OT_animatic, INBETWEEN_OT_strip_animatic))
