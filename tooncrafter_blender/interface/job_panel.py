"""The list of jobs, and what there is to know and do about the one that is chosen in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from ...backend.contract.job import THUMBNAILS_FOLDER, picture_name
from ..jobs import job_folders, listing, old_jobs
from ..jobs.home import is_open
from ..jobs.progress import duration
from ..jobs.queue import Entry, State, queue
from ..jobs.thumbnails import icon_of
from ..language import say
from ..settings.preferences import ENGINE_CHOICES
from ..setup.setup_view import draw_remedy
from ..takes.takes import previewed
from .operators import (
    INBETWEEN_OT_bring_back,
    INBETWEEN_OT_move,
    INBETWEEN_OT_open_folder,
    INBETWEEN_OT_remove,
    INBETWEEN_OT_restart,
    INBETWEEN_OT_retry,
)
from .showing import draw_ways
from .tab import MAIN, Tab, draw_progress
from .take_view import draw_takes
from .wrapped_text import draw_text

#: In the order in which they decide what is said of a job with several takes.
_ICONS = {
    State.RUNNING: "RENDER_ANIMATION",
    State.WAITING: "SORTTIME",
    State.FAILED: "ERROR",
    State.CANCELLED: "CANCEL",
    State.DONE: "CHECKMARK",
}
_ENGINE_NAMES = {name: label for name, label, _ in ENGINE_CHOICES}
_MOST_WARNINGS = 4
_ROWS = 3
#: Size of the key pictures under the list, in rows of text.
_PICTURE_ROWS = 3.4


class INBETWEEN_UL_jobs(bpy.types.UIList):
    """Jobs from top to bottom in the order in which they run."""

    def draw_item(
        self,
        context: bpy.types.Context | None,
        layout: Any,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None,
        flt_flag: int | None,
    ) -> None:
        """Draw a row: state, both keys, what and where, how far."""
        entry = queue.find(item.job)
        if entry is None:
            return
        row = layout.row(align=True)
        row.active = is_open(entry)
        takes = queue.takes(entry)
        state = _state(takes)
        row.label(text="", icon=_ICONS[state])
        for frame in (entry.first, entry.last):
            row.label(text="", icon_value=_thumbnail(entry, frame))
        row.label(text=item.name, translate=False)
        right = row.row()
        right.alignment = "RIGHT"
        if state is State.RUNNING:
            progress = sum(take.progress for take in takes) / len(takes)
            right.progress(factor=progress, type="RING", text="")
        right.label(text=_count(takes, state))


class INBETWEEN_MT_jobs(bpy.types.Menu):
    """Jobs that were removed and can still be brought back."""

    bl_idname = "INBETWEEN_MT_jobs"
    bl_label = "Removed Jobs"

    def draw(self, context: bpy.types.Context | None) -> None:
        """List them, the one that was removed last on top."""
        layout: Any = self.layout
        folders = old_jobs.removed_folders(job_folders.base_of(bpy.data.filepath))
        if not folders:
            layout.label(text="No job was removed.")
        for folder in sorted(folders, key=_removed_at, reverse=True):
            days = int((time.time() - _removed_at(folder)) / 86_400)
            when = "today" if days < 1 else f"{days} day{'' if days == 1 else 's'} ago"
            text = f"Bring Back {folder.name} (removed {when})"
            layout.operator(INBETWEEN_OT_bring_back.bl_idname, text=text, icon="LOOP_BACK").folder = str(folder)


class JobList:
    """Jobs of this file, of now and of before: in whichever editor's tab."""

    layout: Any

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Shown once there is a job."""
        return bool(queue.entries)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        manager: Any = context.window_manager
        chosen = listing.chosen_entry()
        row = self.layout.row()
        row.template_list(
            "INBETWEEN_UL_jobs", "", manager, "inbetween_jobs", manager, "inbetween_job_index", rows=_ROWS
        )
        buttons = row.column(align=True)
        if chosen:
            buttons.context_pointer_set("inbetween_row", listing.rows()[manager.inbetween_job_index])
            _draw_buttons(buttons)
            _draw_entry(self.layout.column(), context, _talked_about(chosen))
            draw_takes(self.layout.column(), context, chosen)


class INBETWEEN_PT_jobs(JobList, Tab, bpy.types.Panel):
    """The list in the 3D viewport."""

    bl_idname = "INBETWEEN_PT_jobs"
    bl_parent_id = MAIN
    bl_label = "Jobs"
    bl_order = 10


def _talked_about(head: Entry) -> Entry:
    """Return the take that the sentences under the list are about: the one that runs, else the one looked at."""
    running = [take for take in queue.takes(head) if take.state is State.RUNNING]
    return running[0] if running else previewed(head)


def _draw_buttons(buttons: Any) -> None:
    buttons.operator(INBETWEEN_OT_retry.bl_idname, text="", icon="FILE_REFRESH")
    buttons.operator(INBETWEEN_OT_open_folder.bl_idname, text="", icon="FILE_FOLDER")
    buttons.operator(INBETWEEN_OT_remove.bl_idname, text="", icon="TRASH")
    buttons.menu(INBETWEEN_MT_jobs.bl_idname, text="", icon="DOWNARROW_HLT")
    if sum(entry.state is State.WAITING for entry in queue.heads()) > 1:
        buttons.separator()
        for by, icon in ((-1, "TRIA_UP"), (1, "TRIA_DOWN")):
            buttons.operator(INBETWEEN_OT_move.bl_idname, text="", icon=icon).by = by


def _draw_entry(layout: Any, context: bpy.types.Context, entry: Entry) -> None:
    """Draw all about one take of a job: its keys, what became of it, what can be done."""
    keys = layout.row()
    for frame in (entry.first, entry.last):
        if icon := _thumbnail(entry, frame):
            keys.template_icon(icon_value=icon, scale=_PICTURE_ROWS)
    facts = keys.column(align=True)
    facts.label(text=_ENGINE_NAMES.get(entry.job.engine, entry.job.engine))
    facts.label(text=say("Frames {first}–{last}", first=entry.first, last=entry.last))
    facts.label(text=f"{entry.job.canvas.width} × {entry.job.canvas.height}")
    if entry.busy:
        draw_progress(layout, entry)
    column = layout.column(align=True)
    if entry.silent_seconds:
        silent = f"No word from the drawing engine for {duration(entry.silent_seconds)}."
        draw_text(column, context, f"{silent} It hangs, or one step takes that long here.", "ERROR")
        column.operator(INBETWEEN_OT_restart.bl_idname, icon="FILE_REFRESH").job = entry.job.id
    if not is_open(entry):
        file = Path(entry.home.file).name or "a file that was never saved"
        draw_text(column, context, say("Belongs to {file}.", file=file), "FILE_BLEND")
    draw_text(column, context, entry.sentence, _ICONS[entry.state])
    draw_text(column, context, entry.hint)
    for caution in entry.warnings[:_MOST_WARNINGS]:
        sentence = caution.sentence
        if caution.frame is not None:
            sentence = say("Frame {frame}: {sentence}", frame=caution.frame, sentence=sentence)
        draw_text(column, context, sentence, "INFO")
    if (more := len(entry.warnings) - _MOST_WARNINGS) > 0:
        draw_text(column, context, say("{more} more in result.json in the job's folder.", more=more))
    if entry.state is State.FAILED:
        draw_remedy(layout, entry.code)
    may_retry = entry.state in (State.FAILED, State.CANCELLED)
    may_show = not entry.busy and entry.finished and is_open(entry)
    if may_retry or may_show:
        buttons = layout.row()
        if may_retry:
            buttons.operator(INBETWEEN_OT_retry.bl_idname, text="Retry", icon="FILE_REFRESH").job = entry.job.id
        if may_show:
            draw_ways(buttons.row(align=True), entry)


def _state(takes: list[Entry]) -> State:
    """Return where a job stands, given its takes: what still goes on first, then what went wrong."""
    return min((take.state for take in takes), key=list(_ICONS).index)


def _count(takes: list[Entry], state: State) -> str:
    if state is State.WAITING:
        return say("waits")
    finished = sum(len(take.finished) for take in takes)
    wanted = sum(len(take.job.wanted) for take in takes)
    if finished < wanted:
        return say("{done} of {wanted}", done=finished, wanted=wanted)
    return str(finished) if len(takes) == 1 else f"{len(takes)} × {finished // len(takes)}"


def _thumbnail(entry: Entry, frame: int) -> int:
    return icon_of(entry.folder / THUMBNAILS_FOLDER / picture_name(frame))


def _removed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_UL_jobs, INBETWEEN_MT_jobs, INBETWEEN_PT_jobs))
