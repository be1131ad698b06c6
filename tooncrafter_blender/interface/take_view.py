"""How the takes of a job look in the panel: to be looked at, kept, discarded; and the drawing at this frame."""

from __future__ import annotations

from typing import Any

import bpy

from ..jobs.home import is_open
from ..jobs.queue import Entry, State, queue
from ..language import say
from ..settings.properties import scene_in
from ..takes import redoing, takes
from .choosing import (
    INBETWEEN_OT_accept,
    INBETWEEN_OT_discard_take,
    INBETWEEN_OT_keep_take,
    INBETWEEN_OT_mark_bad,
    INBETWEEN_OT_preview_take,
    INBETWEEN_OT_recall_takes,
    INBETWEEN_OT_redo,
)
from .wrapped_text import draw_text

_MOST_FRAMES = 8


def draw_takes(layout: Any, context: bpy.types.Context, head: Entry) -> None:
    """Draw the takes of the job, if it has several, and what can be done with the drawing at the current frame."""
    everything = queue.takes(head)
    if len(everything) > 1:
        _draw_list(layout, everything)
    shown = takes.previewed(head)
    if shown.finished and is_open(shown):
        _draw_drawing(layout, context, shown)


def _draw_list(layout: Any, everything: list[Entry]) -> None:
    present = [take for take in everything if not take.marks.discarded]
    looked_at = takes.previewed(everything[0])
    column = layout.column(align=True)
    for take in present:
        row = column.row(align=True)
        is_seen = take is looked_at and bool(take.shown_as)
        button = row.row(align=True)
        button.enabled = bool(take.finished)
        button.operator(
            INBETWEEN_OT_preview_take.bl_idname,
            text=takes.name_of(take) if take.state is not State.RUNNING else f"{takes.name_of(take)} …",
            icon="HIDE_OFF" if is_seen else "HIDE_ON",
            depress=is_seen,
        ).job = take.job.id
        star = "SOLO_ON" if take.marks.kept else "SOLO_OFF"
        row.operator(INBETWEEN_OT_keep_take.bl_idname, text="", icon=star).job = take.job.id
        row.operator(INBETWEEN_OT_discard_take.bl_idname, text="", icon="TRASH").job = take.job.id
    row = layout.row(align=True)
    if rest := takes.not_kept(everything[0]):
        discarding = row.operator(
            INBETWEEN_OT_discard_take.bl_idname, text=say("Discard the Other {count}", count=len(rest))
        )
        discarding.job, discarding.rest = everything[0].job.id, True
    if away := len(everything) - len(present):
        recalling = row.operator(
            INBETWEEN_OT_recall_takes.bl_idname, text=say("Bring Back {count}", count=away), icon="LOOP_BACK"
        )
        recalling.job = everything[0].job.id


def _draw_drawing(layout: Any, context: bpy.types.Context, take: Entry) -> None:
    frame = scene_in(context).frame_current
    row = layout.row(align=True)
    if redoing.has_drawing(take, frame):
        is_bad = frame in take.marks.bad
        row.operator(
            INBETWEEN_OT_mark_bad.bl_idname,
            text=say("Frame {frame} Is Bad", frame=frame),
            icon="CHECKBOX_HLT" if is_bad else "CHECKBOX_DEHLT",
            depress=is_bad,
        ).job = take.job.id
        row.operator(INBETWEEN_OT_accept.bl_idname, text="Accept as Key", icon="KEYFRAME_HLT").job = take.job.id
    if bad := take.marks.bad:
        listed = ", ".join(map(str, bad[:_MOST_FRAMES])) + ("…" if len(bad) > _MOST_FRAMES else "")
        draw_text(layout.column(align=True), context, say("Bad: {frames}", frames=listed), "ERROR")
        text = say("Redo Bad Drawings ({count})", count=len(bad))
        layout.operator(INBETWEEN_OT_redo.bl_idname, text=text, icon="FILE_REFRESH").job = take.job.id
