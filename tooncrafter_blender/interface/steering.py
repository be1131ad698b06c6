"""What can be pressed to steer: guides, timing charts, the dice."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, IntProperty

from ...backend.contract.job import FRAME_MAX, FRAME_MIN
from ...backend.contract.timing import Chart
from ..settings.properties import scene_in, settings_of
from ..timeline import charts, grease_pencil, guides, keyframes
from .operators import DONE, REFUSED, Outcome


class _OnDrawing:
    """What the operators on the active drawing share: they are grey, with the reason, without one to change."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a Grease Pencil object that can be changed."""
        reason = ""
        if not grease_pencil.is_grease_pencil(context.object):
            reason = "Select a Grease Pencil object."
        elif not (context.object.is_editable and context.object.data and context.object.data.is_editable):
            reason = "This object is linked from another file and cannot be changed."
        if reason:
            cls.poll_message_set(reason)  # type: ignore[attr-defined]
        return not reason


class _AtFrame:
    """What the operators on one frame share."""

    if TYPE_CHECKING:
        frame: int
    else:
        frame: IntProperty(name="Frame", min=FRAME_MIN, max=FRAME_MAX, options={"HIDDEN", "SKIP_SAVE"})


class INBETWEEN_OT_add_guide_layer(_OnDrawing, bpy.types.Operator):
    """Add a layer for guides: rough strokes on it, at any frame between two keys, steer the drawing there"""

    bl_idname = "inbetween.add_guide_layer"
    bl_label = "Add In-between Guide Layer"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Make the layer and choose it for drawing."""
        assert context.object
        guides.choose_layer(context.object, guides.add_guide_layer(context.object))
        return DONE


class INBETWEEN_OT_draw_guide(_OnDrawing, bpy.types.Operator):
    """Draw here how the in-between at this frame is to look: a few rough lines are enough. \
Makes the guide layer when it is missing, chooses it and takes the pencil; guides are never rendered"""

    bl_idname = "inbetween.draw_guide"
    bl_label = "Draw In-between Guide"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Between two keys only: elsewhere a guide would steer nothing."""
        if not super().poll(context):
            return False
        assert context.object
        frame = scene_in(context).frame_current
        if keyframes.keys_around(context.object, frame) is None:
            cls.poll_message_set(
                f"Frame {frame} does not lie between two keys. Move to a frame that gets a drawing: "
                "a guide steers the drawing at its frame."
            )
            return False
        return True

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Make layer and key, and go to Draw Mode."""
        assert context.object
        guides.begin_guide(context.object, scene_in(context).frame_current)
        if context.mode != "PAINT_GREASE_PENCIL":
            bpy.ops.object.mode_set(mode="PAINT_GREASE_PENCIL")
        return DONE


class INBETWEEN_OT_remove_guide(_AtFrame, _OnDrawing, bpy.types.Operator):
    """Remove the guide at this frame; your drawings stay"""

    bl_idname = "inbetween.remove_guide"
    bl_label = "Remove In-between Guide"
    bl_options = {"INTERNAL", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Remove it from the guide layer."""
        assert context.object
        return DONE if guides.remove_guide(context.object, self.frame) else REFUSED


class INBETWEEN_OT_go_to_frame(_AtFrame, bpy.types.Operator):
    """Go to this frame, to look at the guide or change it"""

    bl_idname = "inbetween.go_to_frame"
    bl_label = "Go to Frame"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Move the playhead."""
        scene_in(context).frame_set(self.frame)
        return DONE


class INBETWEEN_OT_set_chart(_OnDrawing, bpy.types.Operator):
    """How the drawings between these two keys are spaced"""

    bl_idname = "inbetween.set_chart"
    bl_label = "Set Timing Chart"
    bl_options = {"INTERNAL", "UNDO"}

    if TYPE_CHECKING:
        start: int
        chart: str
    else:
        start: IntProperty(name="Start", min=FRAME_MIN, max=FRAME_MAX, options={"HIDDEN", "SKIP_SAVE"})
        chart: EnumProperty(name="Timing Chart", items=charts.CHOICES)

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Give the span that starts here the chart."""
        assert context.object
        charts.set_chart(context.object, self.start, None if self.chart == charts.BY_EASING else Chart(self.chart))
        return DONE


class INBETWEEN_OT_roll_seed(bpy.types.Operator):
    """Roll the dice: another seed gives another try"""

    bl_idname = "inbetween.roll_seed"
    bl_label = "Roll In-between Seed"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Choose a seed that a person can still read aloud."""
        chosen = settings_of(scene_in(context))
        others = [seed for seed in range(1, 1000) if seed != chosen.seed]
        chosen.seed = random.choice(others)  # noqa: S311 - no secret
        return DONE


register, unregister = bpy.utils.register_classes_factory(
    (
        INBETWEEN_OT_add_guide_layer,
        INBETWEEN_OT_draw_guide,
        INBETWEEN_OT_remove_guide,
        INBETWEEN_OT_go_to_frame,
        INBETWEEN_OT_set_chart,
        INBETWEEN_OT_roll_seed,
    )
)
