"""What can be pressed to choose: preview, keep and discard takes, redo bad drawings, accept good ones as keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty

from ...backend.contract.strokes import strokes_path
from ...backend.errors import UserError
from .. import generate
from ..jobs import listing, watching
from ..jobs.home import find_scene, is_open
from ..jobs.queue import Entry
from ..settings.properties import choice_of, scene_in
from ..takes import redoing, takes
from .operators import DONE, REFUSED, OnEntry, Outcome, refuse


class INBETWEEN_OT_preview_take(OnEntry, bpy.types.Operator):
    """Look at this take; the others stand aside: pictures beside the frame, strips muted, strokes hidden"""

    bl_idname = "inbetween.preview_take"
    bl_label = "Preview Take"
    bl_options = {"INTERNAL", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Show it where it is looked at, in the way in which its job is shown."""
        take = self.entry
        if take is None or not take.finished:
            return REFUSED
        try:
            if not take.shown_as:
                how = takes.previewed(take).shown_as or choice_of(scene_in(context)).import_as
                watching.import_entry(take, "reference" if how == "none" else how)
        except UserError as error:
            return refuse(self, error)
        takes.arrange(take, take)
        watching.redraw()
        return DONE


class INBETWEEN_OT_keep_take(OnEntry, bpy.types.Operator):
    """Keep this take: it stays when you discard the rest. Press again to let it go"""

    bl_idname = "inbetween.keep_take"
    bl_label = "Keep Take"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Mark it, or take the mark away."""
        if self.entry is None:
            return REFUSED
        takes.keep(self.entry, not self.entry.marks.kept)
        watching.redraw()
        return DONE


class INBETWEEN_OT_discard_take(OnEntry, bpy.types.Operator):
    """Take this take out of the scene and of this list; its drawings stay in the job's folder and can come back"""

    bl_idname = "inbetween.discard_take"
    bl_label = "Discard Take"
    bl_options = {"INTERNAL", "UNDO"}

    if TYPE_CHECKING:
        rest: bool
    else:
        rest: BoolProperty(
            name="The Rest", description="All takes that are not kept, instead of this one", options={"SKIP_SAVE"}
        )

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Not while it is drawn."""
        return "Cancel the job first." if entry.busy else ""

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Discard it, or all that are not kept."""
        if self.entry is None:
            return REFUSED
        for take in takes.not_kept(self.entry) if self.rest else [self.entry]:
            takes.discard(take, find_scene(take))
        watching.redraw()
        return DONE


class INBETWEEN_OT_recall_takes(OnEntry, bpy.types.Operator):
    """Bring the discarded takes of this job back into the list"""

    bl_idname = "inbetween.recall_takes"
    bl_label = "Bring Back Discarded Takes"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Have them in the list again."""
        if self.entry is None:
            return REFUSED
        takes.bring_back(self.entry)
        watching.redraw()
        return DONE


class _OnTake(OnEntry):
    """What the operators share that are about the take that is looked at."""

    @classmethod
    def default_entry(cls) -> Entry | None:
        """Return the take that is looked at of the job that is chosen in the list."""
        chosen = listing.chosen_entry()
        return takes.previewed(chosen) if chosen else None


class _OnDrawing(_OnTake):
    """What the operators on the drawing at the current frame share."""

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Needs a finished drawing of this take, and peace."""
        scene = bpy.context.scene
        frame = scene.frame_current if scene else 0
        if entry.busy:
            return "This job waits or is being drawn."
        if not redoing.has_drawing(entry, frame):
            return f"This take has no drawing of its own at frame {frame}. Move to one of its drawings."
        return ""


class INBETWEEN_OT_mark_bad(_OnDrawing, bpy.types.Operator):
    """Mark the drawing at this frame as bad, to have it drawn again; press again when it is good after all"""

    bl_idname = "inbetween.mark_bad"
    bl_label = "Mark In-between as Bad"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Mark it, or take the mark away."""
        if self.entry is None:
            return REFUSED
        frame = scene_in(context).frame_current
        redoing.mark_bad(self.entry, frame, frame not in self.entry.marks.bad)
        watching.redraw()
        return DONE


class INBETWEEN_OT_redo(_OnTake, bpy.types.Operator):
    """Draw only the bad drawings again, with the guides that are there now; all others keep every pixel. \
Draw a guide at a bad frame first to say what is wrong"""

    bl_idname = "inbetween.redo"
    bl_label = "Redo Bad In-betweens"
    bl_options = {"REGISTER"}

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Needs a bad drawing, its own file, and peace."""
        if entry.busy:
            return "This job waits or is being drawn."
        if not entry.marks.bad:
            return "No drawing of this take is marked as bad. Go to a bad one and press Bad."
        return "" if is_open(entry) else "Open the file that these drawings belong to."

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Capture the guides and queue the job again."""
        if self.entry is None:
            return REFUSED
        try:
            redoing.redo(self.entry)
        except UserError as error:
            return refuse(self, error)
        watching.redraw()
        return DONE


class INBETWEEN_OT_accept(_OnDrawing, bpy.types.Operator):
    """Make the drawing at this frame a key of yours: strokes on your own layer, to draw on. \
From then on the segment is split there"""

    bl_idname = "inbetween.accept"
    bl_label = "Accept In-between as Key"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Do it now, or have the drawing traced first."""
        take = self.entry
        if take is None:
            return REFUSED
        frame = scene_in(context).frame_current
        try:
            if strokes_path(take.folder, frame).is_file():
                self.report({"INFO"}, watching.accept_frame(take, frame))
            else:
                take.accepting.add(frame)
                generate.retry(take)
                self.report({"INFO"}, "Tracing the drawing; it becomes a key in a moment.")
        except UserError as error:
            return refuse(self, error)
        watching.redraw()
        return DONE


register, unregister = bpy.utils.register_classes_factory(
    (
        INBETWEEN_OT_preview_take,
        INBETWEEN_OT_keep_take,
        INBETWEEN_OT_discard_take,
        INBETWEEN_OT_recall_takes,
        INBETWEEN_OT_mark_bad,
        INBETWEEN_OT_redo,
        INBETWEEN_OT_accept,
    )
)
