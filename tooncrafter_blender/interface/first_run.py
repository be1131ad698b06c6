"""What a person is told once: that there is another engine than the one that has just drawn, and how to get it."""

from __future__ import annotations

from typing import Any

import bpy

from ..jobs.queue import State, queue
from ..settings import preferences
from ..settings.preferences import EXTENSION
from .operators import DONE, Outcome
from .wrapped_text import draw_text

_TEXT = (
    "Drawn by the draft engine. The ToonCrafter engine, a diffusion model, also invents what neither key shows; "
    "it needs a graphics card and 12 GB of downloads."
)

#: Told in this session, where preferences cannot keep it.
_told = False


class INBETWEEN_OT_about_engines(bpy.types.Operator):
    """Show what the ToonCrafter engine needs in the add-on's preferences; this is told only once"""

    bl_idname = "inbetween.about_engines"
    bl_label = "Get the ToonCrafter Engine"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Open the page."""
        _tell_no_more()
        bpy.ops.preferences.addon_show(module=EXTENSION)
        return DONE


class INBETWEEN_OT_dismiss(bpy.types.Operator):
    """Close this for good; the preferences still tell about the engines"""

    bl_idname = "inbetween.dismiss"
    bl_label = "Got It"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Remember that it was told."""
        _tell_no_more()
        return DONE


def draw_first_run(layout: Any, context: bpy.types.Context) -> None:
    """Tell it after the first drawings, as long as the other engine cannot draw here and nobody has closed it."""
    if _told or preferences.current().told_about_engines or not queue.obstacles.get("tooncrafter"):
        return
    if not any(entry.state is State.DONE and entry.job.engine == "draft" for entry in queue.entries):
        return
    box = layout.box()
    draw_text(box.column(align=True), context, _TEXT, "INFO")
    row = box.row(align=True)
    row.operator(INBETWEEN_OT_about_engines.bl_idname, text="Get ToonCrafter")
    row.operator(INBETWEEN_OT_dismiss.bl_idname)


def _tell_no_more() -> None:
    global _told
    _told = True
    page: Any = preferences.page()
    if page:
        page.told_about_engines = True


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_OT_about_engines, INBETWEEN_OT_dismiss))
