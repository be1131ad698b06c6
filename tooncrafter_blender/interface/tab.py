"""What the panels of the tab share: where they are, and how they lay things out."""

from __future__ import annotations

from typing import Any

import bpy

from ...backend.errors import UserError
from ..jobs.progress import progress_text
from ..jobs.queue import Entry, State, queue
from ..setup.setup_view import draw_remedy
from .operators import INBETWEEN_OT_cancel
from .wrapped_text import draw_text

#: The panel that holds all others.
MAIN = "INBETWEEN_PT_main"


class Tab:
    """The sidebar's tab. Blender's stubs know neither mix-ins nor that a panel always has a layout."""

    bl_space_type: Any = "VIEW_3D"
    bl_region_type: Any = "UI"
    bl_category: Any = "In-between"
    layout: Any


def properties_of(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """Return a column for properties, with their names on the left."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def draw_reason(layout: Any, context: bpy.types.Context, error: UserError) -> None:
    """Draw why a button is grey, and what would help."""
    draw_text(layout, context, error.sentence, "INFO")
    draw_text(layout, context, error.hint)


def draw_big_button(layout: Any, operator: str, icon: str = "PLAY") -> None:
    """Draw the button that a panel is for."""
    row = layout.row()
    row.scale_y = 1.5
    row.operator(operator, icon=icon)


def draw_running(layout: Any) -> None:
    """Draw how far the jobs are that are being drawn."""
    for entry in queue.entries:
        if entry.state is State.RUNNING:
            draw_progress(layout, entry)


def draw_progress(layout: Any, entry: Entry) -> None:
    """Draw a bar that says how far the job is, and the cross that stops it."""
    row = layout.row(align=True)
    row.progress(factor=entry.progress, type="BAR", text=progress_text(entry))
    row.operator(INBETWEEN_OT_cancel.bl_idname, text="", icon="X").job = entry.job.id


def draw_refusal(layout: Any, context: bpy.types.Context) -> None:
    """Draw why what was pressed last was refused, and where that can be mended."""
    error = queue.refused
    assert error
    box = layout.box().column(align=True)
    draw_text(box, context, error.sentence, "ERROR")
    draw_text(box, context, error.hint)
    draw_remedy(box, error.code)
