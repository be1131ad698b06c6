"""What can be pressed in the sequencer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty

from ...backend.errors import UserError
from ..interface.operators import DONE, Outcome, nothing_refuses, refuse
from ..jobs import watching
from ..settings.properties import choice_of
from . import background, smoothing, strips, transitions


class INBETWEEN_OT_smooth_strip(bpy.types.Operator):
    """Draw between the drawings of the selected movie or image strip, never across a cut, in the background. \
The smoother film comes as a strip of its own; pressed again after an interruption it goes on where it was"""

    bl_idname = "inbetween.smooth_strip"
    bl_label = "Smooth Strip"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey with the reason while no strip can be made smoother."""

        def look() -> None:
            scene = strips.scene_of(context)
            strips.refuse_what_has_no_files(scene, smoothing.the_strip(strips.selected(scene)))

        return nothing_refuses(cls, look)

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Begin; the sequencer's tab shows how it goes."""
        scene = strips.scene_of(context)
        try:
            smoothing.smooth(scene, smoothing.the_strip(strips.selected(scene)), choice_of(scene))
        except UserError as error:
            return refuse(self, error)
        self.report({"INFO"}, "Smoothing in the background.")
        watching.redraw()
        return DONE


class INBETWEEN_OT_transition(bpy.types.Operator):
    """Draw a transition between the two selected strips: the last picture of the first becomes the first picture \
of the second. It comes as a strip between them; yours stay as they are, unless they are to make room"""

    bl_idname = "inbetween.transition"
    bl_label = "Draw Transition"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey with the reason while there is no place for a transition."""

        def look() -> None:
            scene = strips.scene_of(context)
            transitions.chosen_place(scene, choice_of(scene).exposure)

        return nothing_refuses(cls, look)

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Begin; the job is in the list as soon as its keys are read."""
        scene = strips.scene_of(context)
        try:
            choice = choice_of(scene)
            place = transitions.chosen_place(scene, choice.exposure)
            together = getattr(context.space_data, "use_marker_sync", False)
            transitions.make_transition(scene, place, choice, move_markers=together)
        except UserError as error:
            return refuse(self, error)
        if place.pushed:
            watching.push_undo("Make Room for Transition")
        self.report({"INFO"}, "Reading the pictures of both strips.")
        watching.redraw()
        return DONE


class INBETWEEN_OT_cancel_film(bpy.types.Operator):
    """Stop; what is finished is kept, and pressing the button again goes on from there"""

    bl_idname = "inbetween.cancel_film"
    bl_label = "Cancel Work on Strip"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        number: int
    else:
        number: IntProperty(name="Number", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Outcome:
        """End its process."""
        background.cancel(self.number)
        watching.redraw()
        return DONE


register, unregister = bpy.utils.register_classes_factory(
    (INBETWEEN_OT_smooth_strip, INBETWEEN_OT_transition, INBETWEEN_OT_cancel_film)
)
