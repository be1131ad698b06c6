"""The page of the add-on's preferences: what is installed, what is not, and the button that changes it."""

from __future__ import annotations

from typing import Any

import bpy

from ...backend.environment import Level
from ...backend.errors import UserError
from ..interface.keymap import draw_keymap
from ..interface.wrapped_text import draw_text
from ..jobs.queue import queue
from ..settings import preferences
from . import environment
from .installing import INBETWEEN_OT_copy_report, INBETWEEN_OT_install, INBETWEEN_OT_remove_level
from .setup_view import ALLOW_ONLINE, draw_setup
from .weights_page import draw_weights

_TITLES = {Level.CORE: "Draft engine", Level.DIFFUSION: "ToonCrafter engine"}
_SIZES = {Level.CORE: "0.4 GB", Level.DIFFUSION: "1 to 6 GB"}


def draw(page: bpy.types.AddonPreferences, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Lay out the page."""
    _draw_engines(page, layout.box(), context)
    draw_weights(page, layout.box(), context)
    column = layout.column()
    column.use_property_split = True
    column.prop(page, "default_engine")
    column.prop(page, "backend_python", placeholder="Private environment")
    column.prop(page, "jobs_folder", placeholder="Beside the .blend file")
    column.prop(page, "keep_days", text="Keep Removed Jobs (Days)")
    header, body = layout.panel("INBETWEEN_keymap", default_closed=True)
    header.label(text="Keymap")
    if body:
        draw_keymap(body, context)
    layout.operator(INBETWEEN_OT_copy_report.bl_idname, icon="COPYDOWN")


def _draw_engines(page: bpy.types.AddonPreferences, box: bpy.types.UILayout, context: bpy.types.Context) -> None:
    chosen = preferences.current()
    box.label(text="Drawing Engine")
    try:
        own = environment.own_python(chosen)
    except UserError as error:
        draw_text(box, context, error.sentence, "ERROR")
        draw_text(box, context, error.hint)
        return
    if own:
        draw_text(box, context, f"Runs in a Python of your own: {own}", "CHECKMARK")
        return
    ready = {level: environment.standing_of(level, chosen) for level in Level}
    for level, found in ready.items():
        row = box.row()
        made = f"installed, Python {found.stamp.python}" if found.python and found.stamp else found.reason
        row.label(text=f"{_TITLES[level]}: {made}", icon="CHECKMARK" if found.python else "IMPORT")
        buttons = row.row(align=True)
        buttons.enabled = not queue.setup.running
        text = "Check" if found.python else f"{'Repair' if found.stamp else 'Install'} ({_SIZES[level]})"
        installing: Any = buttons.operator(INBETWEEN_OT_install.bl_idname, text=text)
        installing.level = level
        if found.stamp:
            removing: Any = buttons.operator(INBETWEEN_OT_remove_level.bl_idname, text="", icon="TRASH")
            removing.level = level
        if level is Level.DIFFUSION:
            split = box.column()
            split.use_property_split = True
            split.enabled = not queue.setup.running
            split.prop(page, "torch_build")
        if refused := queue.setup.refused.get(level):
            draw_text(box, context, refused.sentence, "ERROR")
            draw_text(box, context, refused.hint)
    draw_setup(box)
    if not bpy.app.online_access and not all(found.python for found in ready.values()):
        row = box.row()
        row.label(text="Blender is set to stay offline; installing needs the internet.", icon="INTERNET_OFFLINE")
        row.operator(ALLOW_ONLINE, text="Allow Online Access…")
