"""What can be pressed or searched for. Operators read the context, call a plain function and report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import bpy
from bpy.props import StringProperty

from ..backend.errors import UserError
from . import generate, keyframes, watching
from .jobs import Entry, queue
from .properties import choice_of, scene_in

Outcome = set[Literal["RUNNING_MODAL", "CANCELLED", "FINISHED", "PASS_THROUGH", "INTERFACE"]]

DONE: Outcome = {"FINISHED"}
REFUSED: Outcome = {"CANCELLED"}


class INBETWEEN_OT_generate(bpy.types.Operator):
    """Draw the in-betweens of the selected keys, or of the keys around the current frame, in the background"""

    bl_idname = "inbetween.generate"
    bl_label = "Generate In-betweens"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey with the reason while there is nothing to draw."""
        scene = scene_in(context)
        choice = choice_of(scene)
        reason = keyframes.why_not(context.object, scene, exposure=choice.exposure, breakdowns=choice.breakdowns)
        if not reason and bpy.app.is_job_running("RENDER"):
            reason = "Wait for the render to end."
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Capture the keys, which shows its progress at the pointer, and queue the job."""
        scene = scene_in(context)
        with _pointer_progress(context) as report:
            try:
                entry = generate.generate(scene, context.object, choice_of(scene), report=report)
            except UserError as error:
                return refuse(self, error)
        count = len(entry.job.wanted)
        self.report({"INFO"}, f"Drawing {count} in-between{'' if count == 1 else 's'} in the background.")
        watching.redraw()
        return DONE


class _OnEntry:
    """What all operators on one job of the list share."""

    if TYPE_CHECKING:
        job: str
    else:
        job: StringProperty(name="Job", options={"HIDDEN", "SKIP_SAVE"})

    @property
    def entry(self) -> Entry | None:
        """The job that the button belongs to, None when it has left the list meanwhile."""
        return queue.find(self.job)


class INBETWEEN_OT_cancel(_OnEntry, bpy.types.Operator):
    """Stop drawing; what is finished is kept. Press again if the drawing engine does not listen"""

    bl_idname = "inbetween.cancel"
    bl_label = "Cancel In-betweens"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Ask the worker to stop."""
        if self.entry is None:
            return REFUSED
        queue.cancel(self.entry)
        watching.start()
        watching.redraw()
        return DONE


class INBETWEEN_OT_retry(_OnEntry, bpy.types.Operator):
    """Draw what is missing; finished drawings are kept"""

    bl_idname = "inbetween.retry"
    bl_label = "Retry In-betweens"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Queue the same job again."""
        if self.entry is None:
            return REFUSED
        try:
            generate.retry(self.entry)
        except UserError as error:
            return refuse(self, error)
        watching.redraw()
        return DONE


class INBETWEEN_OT_restart(_OnEntry, bpy.types.Operator):
    """End the drawing engine, which seems to hang, and go on in a new one; finished drawings are kept"""

    bl_idname = "inbetween.restart"
    bl_label = "Restart Drawing Engine"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Run the same job in a new process."""
        if self.entry is None:
            return REFUSED
        queue.restart(self.entry)
        watching.start()
        watching.redraw()
        return DONE


class INBETWEEN_OT_import(_OnEntry, bpy.types.Operator):
    """Bring the finished drawings into the scene that they were made from"""

    bl_idname = "inbetween.import_result"
    bl_label = "Import In-betweens"
    bl_options = {"INTERNAL", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Import as the scene says now; a reference where it says nothing yet."""
        if self.entry is None:
            return REFUSED
        how = choice_of(scene_in(context)).import_as
        try:
            made = watching.import_entry(self.entry, "reference" if how == "none" else how)
        except UserError as error:
            return refuse(self, error)
        self.report({"INFO"}, made)
        return DONE


class INBETWEEN_OT_open_folder(_OnEntry, bpy.types.Operator):
    """Show the job's folder with captured keys, finished drawings and log"""

    bl_idname = "inbetween.open_folder"
    bl_label = "Open Folder of In-betweens"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Open the system's file browser."""
        if self.entry is None or not self.entry.folder.is_dir():
            self.report({"WARNING"}, "The job's folder is not there any more.")
            return REFUSED
        bpy.ops.wm.path_open(filepath=str(self.entry.folder))
        return DONE


class INBETWEEN_OT_remove(_OnEntry, bpy.types.Operator):
    """Take the job off this list; its drawings stay on disk and in the scene"""

    bl_idname = "inbetween.remove"
    bl_label = "Remove from List"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Remove the entry unless it waits or runs."""
        if self.entry is None or self.entry.busy:
            return REFUSED
        queue.remove(self.entry)
        watching.redraw()
        return DONE


def refuse(operator: bpy.types.Operator, error: UserError) -> Outcome:
    """Tell the person in the panel and the status bar; a pop-up would be in the way."""
    queue.refused = error
    operator.report({"WARNING"}, str(error))
    watching.redraw()
    return REFUSED


@contextmanager
def _pointer_progress(context: bpy.types.Context) -> Iterator[generate.Report]:
    """Count from 0 to 100 at the mouse pointer."""
    manager = context.window_manager
    assert manager
    manager.progress_begin(0, 100)
    try:
        yield lambda step, of: manager.progress_update(round(100 * step / max(1, of)))
    finally:
        manager.progress_end()


register, unregister = bpy.utils.register_classes_factory(
    (
        INBETWEEN_OT_generate,
        INBETWEEN_OT_cancel,
        INBETWEEN_OT_retry,
        INBETWEEN_OT_restart,
        INBETWEEN_OT_import,
        INBETWEEN_OT_open_folder,
        INBETWEEN_OT_remove,
    )
)
