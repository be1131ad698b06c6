"""The "In-between" tab of the 3D viewport's sidebar, and the entry in the dope sheet's Key menu."""

from __future__ import annotations

from typing import Any

import bpy

from ..backend.job import Easing
from . import charts, grease_pencil
from .chart_view import ticks
from .home import is_open
from .jobs import Entry, State, queue
from .operators import (
    INBETWEEN_OT_cancel,
    INBETWEEN_OT_generate,
    INBETWEEN_OT_open_folder,
    INBETWEEN_OT_remove,
    INBETWEEN_OT_restart,
    INBETWEEN_OT_retry,
)
from .properties import choice_of, scene_in, settings_of
from .prospect import Prospect, prospect
from .setting_presets import INBETWEEN_PT_presets
from .setup_view import draw_remedy, draw_setup
from .showing import draw_reference_look, draw_ways
from .steering import (
    INBETWEEN_OT_draw_guide,
    INBETWEEN_OT_go_to_frame,
    INBETWEEN_OT_remove_guide,
    INBETWEEN_OT_roll_seed,
    INBETWEEN_OT_set_chart,
)
from .wrapped_text import draw_text

_ICONS = {
    State.WAITING: "SORTTIME",
    State.RUNNING: "RENDER_ANIMATION",
    State.DONE: "CHECKMARK",
    State.FAILED: "ERROR",
    State.CANCELLED: "CANCEL",
}
_MOST_WARNINGS = 4
_MOST_ROWS = 8
_CHART_NAMES = {identifier: name for identifier, name, _ in charts.CHOICES}
#: Pixels of the sidebar's width that a chart leaves free.
_CHART_MARGIN = 72


class _Tab:
    """What the panels share. Blender's stubs know neither mix-ins nor that a panel always has a layout."""

    bl_space_type: Any = "VIEW_3D"
    bl_region_type: Any = "UI"
    bl_category: Any = "In-between"
    layout: Any


class INBETWEEN_PT_main(_Tab, bpy.types.Panel):
    """What would be drawn, and the button that draws it."""

    bl_idname = "INBETWEEN_PT_main"
    bl_label = "In-betweens"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Settings that were kept under a name."""
        INBETWEEN_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the panel."""
        layout = self.layout
        _draw_prospect(layout, context)
        button = layout.column()
        button.scale_y = 1.5
        button.operator(INBETWEEN_OT_generate.bl_idname, text="Generate In-betweens", icon="PLAY")
        if queue.refused:
            _draw_refusal(layout, context)
        draw_setup(layout)
        for entry in queue.entries:
            if entry.state is State.RUNNING:
                _draw_progress(layout, entry)
        chosen = settings_of(scene_in(context))
        _properties(layout).prop(chosen, "engine")
        if obstacle := queue.obstacles.get(chosen.engine):
            draw_text(layout, context, obstacle, "ERROR")


class INBETWEEN_PT_range(_Tab, bpy.types.Panel):
    """How many drawings, and when."""

    bl_idname = "INBETWEEN_PT_range"
    bl_parent_id = INBETWEEN_PT_main.bl_idname
    bl_label = "Range"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        column = _properties(self.layout)
        for name in ("exposure", "easing", "breakdowns"):
            column.prop(settings_of(scene_in(context)), name)
        _draw_charts(self.layout, context)


class INBETWEEN_PT_guides(_Tab, bpy.types.Panel):
    """Guides of the active object."""

    bl_idname = "INBETWEEN_PT_guides"
    bl_parent_id = INBETWEEN_PT_main.bl_idname
    bl_label = "Guides"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only Grease Pencil objects have guides."""
        return grease_pencil.is_grease_pencil(context.object)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        layout = self.layout
        now = scene_in(context).frame_current
        layout.operator(INBETWEEN_OT_draw_guide.bl_idname, text=f"Draw Guide at Frame {now}", icon="GREASEPENCIL")
        spans = _prospect(context).spans
        frames = [frame for span in spans for frame in span.guides]
        if not frames:
            text = "A rough line at a frame between two keys steers the drawing there."
            draw_text(layout, context, text, "INFO")
            return
        column = layout.column(align=True)
        for frame in frames[:_MOST_ROWS]:
            row = column.row(align=True)
            going = row.operator(INBETWEEN_OT_go_to_frame.bl_idname, text=f"Guide at frame {frame}")
            going.frame = frame
            row.operator(INBETWEEN_OT_remove_guide.bl_idname, text="", icon="X").frame = frame
        _draw_more(column, len(frames) - _MOST_ROWS)
        _properties(layout).prop(settings_of(scene_in(context)), "guide_strength", text="Strength", slider=True)


class INBETWEEN_PT_look(_Tab, bpy.types.Panel):
    """How drawings look and what is captured for them."""

    bl_idname = "INBETWEEN_PT_look"
    bl_parent_id = INBETWEEN_PT_main.bl_idname
    bl_label = "Look"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        chosen = settings_of(scene_in(context))
        column = _properties(self.layout)
        column.prop(chosen, "preset")
        row = column.row(align=True)
        row.prop(chosen, "seed")
        row.operator(INBETWEEN_OT_roll_seed.bl_idname, text="", icon="FILE_REFRESH")
        if chosen.engine == "tooncrafter":
            for name in ("prompt", "negative_prompt", "motion_speed", "guidance", "steps"):
                column.prop(chosen, name)
        for name in ("arcs", "flat_colours", "width", "whole_scene"):
            column.prop(chosen, name)


class INBETWEEN_PT_result(_Tab, bpy.types.Panel):
    """What the drawings become."""

    bl_idname = "INBETWEEN_PT_result"
    bl_parent_id = INBETWEEN_PT_main.bl_idname
    bl_label = "Result"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        chosen = settings_of(scene_in(context))
        column = _properties(self.layout)
        column.prop(chosen, "import_as")
        if chosen.import_as == "reference":
            draw_reference_look(column.column(), chosen)


class INBETWEEN_PT_jobs(_Tab, bpy.types.Panel):
    """Jobs of this session, the newest first."""

    bl_idname = "INBETWEEN_PT_jobs"
    bl_parent_id = INBETWEEN_PT_main.bl_idname
    bl_label = "Jobs"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Shown once there is a job."""
        return bool(queue.entries)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        for entry in reversed(queue.entries):
            _draw_entry(self.layout.box(), context, entry)


def _properties(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def _prospect(context: bpy.types.Context) -> Prospect:
    playing = context.screen is not None and context.screen.is_animation_playing
    return prospect(context.object, scene_in(context), choice_of(scene_in(context)), playing=playing)


def _draw_prospect(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    found = _prospect(context)
    box = layout.box().column(align=True)
    if found.refusal:
        draw_text(box, context, found.refusal.sentence, "INFO")
        draw_text(box, context, found.refusal.hint)
    for index, line in enumerate(found.lines):
        draw_text(box, context, line, "KEYTYPE_KEYFRAME_VEC" if index == 0 else "BLANK1")
    for remark in found.remarks[:_MOST_WARNINGS]:
        draw_text(box, context, remark, "INFO")


def _draw_charts(layout: Any, context: bpy.types.Context) -> None:
    """Draw a row for each span: its keys, ticks where its drawings lie, and what can be chosen instead."""
    spans = _prospect(context).spans
    if not spans or not context.object or not context.region or not context.preferences:
        return
    scale = context.preferences.system.ui_scale
    easing = Easing(settings_of(scene_in(context)).easing)
    chosen = charts.charts_of(context.object)
    column = layout.column(align=True)
    for span in spans[:_MOST_ROWS]:
        chart = chosen.get(span.start)
        row = column.row(align=True)
        row.label(text=f"{span.start}–{span.end}")
        name = _CHART_NAMES[chart] if chart else _CHART_NAMES[charts.BY_EASING]
        row.operator_menu_enum(INBETWEEN_OT_set_chart.bl_idname, "chart", text=name).start = span.start
        width = int(context.region.width - _CHART_MARGIN * scale)
        column.label(text=ticks(charts.places(span, easing, chart), width, scale))
    _draw_more(column, len(spans) - _MOST_ROWS)


def _draw_more(layout: bpy.types.UILayout, count: int) -> None:
    if count > 0:
        layout.label(text=f"and {count} more")


def _draw_refusal(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    error = queue.refused
    assert error
    box = layout.box().column(align=True)
    draw_text(box, context, error.sentence, "ERROR")
    draw_text(box, context, error.hint)
    draw_remedy(box, error.code)


def _draw_progress(layout: Any, entry: Entry) -> None:
    row = layout.row(align=True)
    row.progress(factor=entry.progress, type="BAR", text=_progress_text(entry))
    row.operator(INBETWEEN_OT_cancel.bl_idname, text="", icon="X").job = entry.job.id


def _progress_text(entry: Entry) -> str:
    if entry.cancelling or not entry.progress:
        return _stage(entry)
    text = f"{len(entry.finished)} of {len(entry.job.wanted)}"
    return f"{text} · {_duration(entry.seconds_left)} left" if entry.seconds_left >= 1 else text


def _stage(entry: Entry) -> str:
    return f"{entry.stage[:1].upper()}{entry.stage[1:]}…"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _draw_entry(box: Any, context: bpy.types.Context, entry: Entry) -> None:
    row = box.row(align=True)
    row.label(text=f"{entry.home.object} {entry.first}–{entry.last}", icon=_ICONS[entry.state])
    job = entry.job.id
    if entry.busy:
        row.operator(INBETWEEN_OT_cancel.bl_idname, text="", icon="X").job = job
    else:
        row.operator(INBETWEEN_OT_open_folder.bl_idname, text="", icon="FILE_FOLDER").job = job
        row.operator(INBETWEEN_OT_remove.bl_idname, text="", icon="X").job = job
    column = box.column(align=True)
    if entry.state is State.WAITING:
        draw_text(column, context, f"{entry.stage}…" if entry.stage else "Waits for its turn.")
    if entry.state is State.RUNNING:
        draw_text(column, context, _stage(entry))
    if entry.silent_seconds:
        silent = f"No word from the drawing engine for {_duration(entry.silent_seconds)}."
        draw_text(column, context, f"{silent} It hangs, or one step takes that long here.", "ERROR")
        column.operator(INBETWEEN_OT_restart.bl_idname, icon="FILE_REFRESH").job = job
    draw_text(column, context, entry.sentence)
    draw_text(column, context, entry.hint)
    for caution in entry.warnings[:_MOST_WARNINGS]:
        where = f"Frame {caution.frame}: " if caution.frame is not None else ""
        draw_text(column, context, where + caution.sentence, "INFO")
    if (more := len(entry.warnings) - _MOST_WARNINGS) > 0:
        draw_text(column, context, f"{more} more in result.json in the job's folder.")
    if entry.state is State.FAILED:
        draw_remedy(box, entry.code)
    may_retry = entry.state in (State.FAILED, State.CANCELLED)
    may_show = not entry.busy and entry.finished and is_open(entry)
    if may_retry or may_show:
        buttons = box.row()
        if may_retry:
            buttons.operator(INBETWEEN_OT_retry.bl_idname, text="Retry", icon="FILE_REFRESH").job = job
        if may_show:
            draw_ways(buttons.row(align=True), entry)


def _draw_key_menu(menu: Any, context: Any) -> None:
    menu.layout.separator()
    menu.layout.operator(INBETWEEN_OT_generate.bl_idname, icon="PLAY")


_register, _unregister = bpy.utils.register_classes_factory(
    (
        INBETWEEN_PT_main,
        INBETWEEN_PT_range,
        INBETWEEN_PT_guides,
        INBETWEEN_PT_look,
        INBETWEEN_PT_result,
        INBETWEEN_PT_jobs,
    )
)


def register() -> None:
    """Add the tab and the menu entry."""
    _register()
    bpy.types.DOPESHEET_MT_key.append(_draw_key_menu)  # type: ignore[arg-type]


def unregister() -> None:
    """Take tab and menu entry away."""
    bpy.types.DOPESHEET_MT_key.remove(_draw_key_menu)  # type: ignore[arg-type]
    _unregister()
