"""What can be pressed or searched for. Operators read the context, call a plain function and report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ...backend.errors import UserError
from .. import generate
from ..jobs import listing, removing, watching
from ..jobs.queue import Entry, State, queue
from ..settings.properties import choice_of, scene_in
from ..timeline import keyframes
from .wrapped_text import draw_text

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

        def queue_it(report: generate.Report) -> str:
            entry = generate.generate(scene, context.object, choice_of(scene), report=report)
            return generate.told_of(entry.job)

        return capture_and_queue(self, context, queue_it)


class OnEntry:
    """What all operators on one job share: the list gives it as `context.inbetween_row`, scripts by its number."""

    if TYPE_CHECKING:
        job: str
    else:
        job: StringProperty(name="Job", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey in the list, with the reason, while the job is not in the state for it."""
        row = getattr(context, "inbetween_row", None)
        entry = queue.find(row.job) if row else None
        if row is None:
            return True
        reason = cls.why_not(entry) if entry else "This job is not in the list any more."
        if reason:
            cls.poll_message_set(reason)  # type: ignore[attr-defined]
        return not reason

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Return why this cannot be done with the job now, "" when it can."""
        return ""

    @classmethod
    def default_entry(cls) -> Entry | None:
        """Return the job that is meant when none is named: the one that is chosen in the list."""
        return listing.chosen_entry()

    @property
    def entry(self) -> Entry | None:
        """The job that the button belongs to. None, after saying why, when this cannot be done with it."""
        row = getattr(bpy.context, "inbetween_row", None)
        named = self.job or (row.job if row else "")
        found = queue.find(named) if named else self.default_entry()
        reason = self.why_not(found) if found else "There is no such job in the list."
        if reason:
            self.report({"WARNING"}, reason)  # type: ignore[attr-defined]
        return None if reason else found


class INBETWEEN_OT_cancel(OnEntry, bpy.types.Operator):
    """Stop drawing; what is finished is kept. Press again if the drawing engine does not listen"""

    bl_idname = "inbetween.cancel"
    bl_label = "Cancel In-betweens"
    bl_options = {"REGISTER"}

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Only what waits or runs can be stopped."""
        return "" if any(take.busy for take in queue.takes(entry)) else "This job has ended."

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Ask the worker to stop."""
        if self.entry is None:
            return REFUSED
        for take in reversed(queue.takes(self.entry)):  # what waits first, or it would begin
            queue.cancel(take)
        watching.start()
        watching.redraw()
        return DONE


class INBETWEEN_OT_retry(OnEntry, bpy.types.Operator):
    """Draw what is missing; finished drawings are kept"""

    bl_idname = "inbetween.retry"
    bl_label = "Retry In-betweens"
    bl_options = {"REGISTER"}

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Only what has ended, with drawings missing, can be tried again."""
        takes = queue.takes(entry)
        if any(take.busy for take in takes):
            return "This job waits or is being drawn."
        return "" if any(take.state is not State.DONE for take in takes) else "All drawings of this job are there."

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Queue the same job again."""
        if self.entry is None:
            return REFUSED
        try:
            for take in queue.takes(self.entry):
                if take.state is not State.DONE:
                    generate.retry(take)
        except UserError as error:
            return refuse(self, error)
        watching.redraw()
        return DONE


class INBETWEEN_OT_restart(OnEntry, bpy.types.Operator):
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


class INBETWEEN_OT_import(OnEntry, bpy.types.Operator):
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


class INBETWEEN_OT_open_folder(OnEntry, bpy.types.Operator):
    """Show the job's folder with captured keys, finished drawings and log"""

    bl_idname = "inbetween.open_folder"
    bl_label = "Open Folder of In-betweens"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Open the system's file browser."""
        if self.entry is None or not self.entry.folder.is_dir():
            self.report({"WARNING"}, "The job's folder is not there any more.")
            return REFUSED
        bpy.ops.wm.path_open(filepath=str(self.entry.folder))
        return DONE


class INBETWEEN_OT_move(OnEntry, bpy.types.Operator):
    """Have the waiting job change places with its neighbour: jobs run from top to bottom"""

    bl_idname = "inbetween.move"
    bl_label = "Move Waiting Job"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        by: int
    else:
        by: IntProperty(name="By", description="-1: earlier, 1: later", default=-1, min=-1, max=1)

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Only jobs that wait have a turn to change."""
        if entry.state is not State.WAITING:
            return "Only jobs that wait for their turn can be moved."
        alone = not (queue.may_move(entry, -1) or queue.may_move(entry, 1))
        return "No other job waits." if alone else ""

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Change the order in which jobs run."""
        if self.entry is None:
            return REFUSED
        queue.move(self.entry, self.by)
        watching.redraw()
        return DONE


class INBETWEEN_OT_remove(OnEntry, bpy.types.Operator):
    """Remove the job with its drawings, after asking; your own drawings stay"""

    bl_idname = "inbetween.remove"
    bl_label = "Remove In-betweens"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, entry: Entry) -> str:
        """Not while the job writes into its folder."""
        return "Cancel the job first." if any(take.busy for take in queue.takes(entry)) else ""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask first, and say what goes."""
        assert context.window_manager
        if self.entry is None:
            return REFUSED
        self.job = self.entry.job.id  # the row that the button belonged to is not in the dialog's context
        self._told = removing.consequences(self.entry)
        return context.window_manager.invoke_props_dialog(
            self, width=420, title=f"Remove {listing.name_of(self.entry)}?", confirm_text="Remove"
        )

    def draw(self, context: bpy.types.Context) -> None:
        """Say what goes and what stays."""
        assert self.layout
        for sentence in self._told:
            draw_text(self.layout.column(align=True), context, sentence, width=400)

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Remove it."""
        if self.entry is None:
            return REFUSED
        try:
            removing.remove(self.entry)
        except UserError as error:
            return refuse(self, error)
        watching.redraw()
        return DONE


class INBETWEEN_OT_bring_back(bpy.types.Operator):
    """Bring this removed job back into the list, with all its drawings"""

    bl_idname = "inbetween.bring_back"
    bl_label = "Bring Back Removed In-betweens"
    bl_options = {"INTERNAL", "UNDO"}

    if TYPE_CHECKING:
        folder: str
    else:
        folder: StringProperty(name="Folder", options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Move its folder back."""
        try:
            removing.bring_back(Path(self.folder))
        except UserError as error:
            return refuse(self, error)
        watching.start()
        watching.redraw()
        return DONE


class INBETWEEN_OT_tell(bpy.types.Operator):
    """Tell in the status bar and in the info log what has become of a job"""

    bl_idname = "inbetween.tell"
    bl_label = "Tell About In-betweens"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        text: str
        failed: bool
    else:
        text: StringProperty(name="Text", options={"HIDDEN", "SKIP_SAVE"})
        failed: BoolProperty(name="Failed", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Wait for the next event: only of operators that the window itself calls does Blender show the report."""
        manager = context.window_manager
        assert manager and context.window
        self._timer = manager.event_timer_add(0.01, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Report, and let the event go where it was meant to."""
        assert context.window_manager
        context.window_manager.event_timer_remove(self._timer)
        self.execute(context)
        return {"FINISHED", "PASS_THROUGH"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Report it."""
        self.report({"WARNING" if self.failed else "INFO"}, self.text)
        return DONE


def nothing_refuses(operator: type[bpy.types.Operator], look: Callable[[], object]) -> bool:
    """Tell whether `look` goes through; where it raises UserError, the button is grey and says why."""
    try:
        look()
    except UserError as error:
        operator.poll_message_set(str(error))  # type: ignore[attr-defined,unused-ignore]
        return False
    return True


def refuse(operator: bpy.types.Operator, error: UserError) -> Outcome:
    """Tell the person in the panel and the status bar; a pop-up would be in the way."""
    queue.refused = error
    operator.report({"WARNING"}, str(error))
    watching.redraw()
    return REFUSED


def capture_and_queue(
    operator: bpy.types.Operator, context: bpy.types.Context, queue_it: Callable[[generate.Report], str]
) -> Outcome:
    """Have keys captured and a job queued, which shows its progress at the pointer, and report how that went.

    queue_it: says in a sentence what was begun, or raises UserError.
    """
    with _pointer_progress(context) as report:
        try:
            said = queue_it(report)
        except UserError as error:
            return refuse(operator, error)
    operator.report({"INFO"}, said)
    watching.redraw()
    return DONE


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
        INBETWEEN_OT_move,
        INBETWEEN_OT_remove,
        INBETWEEN_OT_bring_back,
        INBETWEEN_OT_tell,
    )
)
