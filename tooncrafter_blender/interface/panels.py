"""The "In-between" tab of the 3D viewport's sidebar, and the entry in the dope sheet's Key menu."""

from __future__ import annotations

from typing import Any

import bpy

from ...backend.contract.job import Easing
from ..jobs.queue import queue
from ..language import say
from ..settings.properties import choice_of, scene_in, settings_of
from ..settings.setting_presets import INBETWEEN_PT_presets
from ..setup.setup_view import draw_setup
from ..timeline import charts, grease_pencil
from .chart_view import ticks
from .first_run import draw_first_run
from .operators import INBETWEEN_OT_generate
from .prospect import Prospect, prospect
from .showing import draw_reference_look
from .steering import (
    INBETWEEN_OT_draw_guide,
    INBETWEEN_OT_go_to_frame,
    INBETWEEN_OT_remove_guide,
    INBETWEEN_OT_roll_seed,
    INBETWEEN_OT_set_chart,
)
from .tab import MAIN, Tab, draw_refusal, draw_running, properties_of
from .wrapped_text import draw_text

_MOST_WARNINGS = 4
_MOST_ROWS = 8
#: Share of a chart's row for its frames, and pixels that it leaves to the panel's margins and to its menu.
_CHART_SHARE, _CHART_MARGIN, _CHART_MENU = 0.22, 52, 44


class INBETWEEN_PT_main(Tab, bpy.types.Panel):
    """What would be drawn, and the button that draws it."""

    bl_idname = MAIN
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
            draw_refusal(layout, context)
        draw_setup(layout)
        draw_running(layout)
        draw_first_run(layout, context)
        chosen = settings_of(scene_in(context))
        properties_of(layout).prop(chosen, "engine")
        if obstacle := queue.obstacles.get(chosen.engine):
            draw_text(layout, context, obstacle, "ERROR")


class INBETWEEN_PT_range(Tab, bpy.types.Panel):
    """How many drawings, and when."""

    bl_idname = "INBETWEEN_PT_range"
    bl_parent_id = MAIN
    bl_label = "Range"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        column = properties_of(self.layout)
        for name in ("exposure", "easing", "breakdowns"):
            column.prop(settings_of(scene_in(context)), name)
        _draw_charts(self.layout, context)


class INBETWEEN_PT_guides(Tab, bpy.types.Panel):
    """Guides of the active object."""

    bl_idname = "INBETWEEN_PT_guides"
    bl_parent_id = MAIN
    bl_label = "Guides"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only Grease Pencil objects have guides."""
        return grease_pencil.is_grease_pencil(context.object)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        layout = self.layout
        now = scene_in(context).frame_current
        layout.operator(
            INBETWEEN_OT_draw_guide.bl_idname,
            text=say("Draw Guide at Frame {frame}", frame=now),
            icon="GREASEPENCIL",
        )
        spans = _prospect(context).spans
        frames = [frame for span in spans for frame in span.guides]
        if not frames:
            return
        column = layout.column(align=True)
        for frame in frames[:_MOST_ROWS]:
            row = column.row(align=True)
            going = row.operator(
                INBETWEEN_OT_go_to_frame.bl_idname, text=say("Guide at frame {frame}", frame=frame)
            )
            going.frame = frame
            row.operator(INBETWEEN_OT_remove_guide.bl_idname, text="", icon="X").frame = frame
        _draw_more(column, len(frames) - _MOST_ROWS)
        chosen = settings_of(scene_in(context))
        column = properties_of(layout)
        column.prop(chosen, "guide_strength", text="Strength", slider=True)
        if chosen.engine == "tooncrafter":
            column.prop(chosen, "guide_from", slider=True)
            column.prop(chosen, "guide_until", slider=True)


class INBETWEEN_PT_look(Tab, bpy.types.Panel):
    """How drawings look and what is captured for them."""

    bl_idname = "INBETWEEN_PT_look"
    bl_parent_id = MAIN
    bl_label = "Look"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        chosen = settings_of(scene_in(context))
        column = properties_of(self.layout)
        column.prop(chosen, "preset")
        row = column.row(align=True)
        row.prop(chosen, "seed")
        row.operator(INBETWEEN_OT_roll_seed.bl_idname, text="", icon="FILE_REFRESH")
        if chosen.engine == "tooncrafter":
            for name in ("prompt", "negative_prompt", "motion_speed", "guidance", "sampler", "steps"):
                column.prop(chosen, name)
        column.prop(chosen, "takes")
        if chosen.takes > 1:
            column.prop(chosen, "vary")
        if chosen.takes > 1 and chosen.vary == "seed" and chosen.engine != "tooncrafter":
            same = "This engine leaves nothing to chance: takes that differ by their seed are all the same."
            draw_text(column, context, same, "INFO")
        for name in ("arcs", "flat_colours", "width", "whole_scene"):
            column.prop(chosen, name)


class INBETWEEN_PT_result(Tab, bpy.types.Panel):
    """What the drawings become."""

    bl_idname = "INBETWEEN_PT_result"
    bl_parent_id = MAIN
    bl_label = "Result"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        chosen = settings_of(scene_in(context))
        column = properties_of(self.layout)
        column.prop(chosen, "import_as")
        if chosen.import_as == "reference":
            header, body = self.layout.panel("INBETWEEN_reference_look", default_closed=True)
            header.label(text="Reference")
            if body:
                draw_reference_look(properties_of(body), chosen)


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
        row = column.row(align=True).split(factor=_CHART_SHARE)
        row.label(text=f"{span.start}–{span.end}")
        row = row.row(align=True)
        width = int((context.region.width - _CHART_MARGIN * scale) * (1 - _CHART_SHARE) - _CHART_MENU * scale)
        row.label(text=ticks(charts.places(span, easing, chart), width, scale))
        icon = "KEYFRAME_HLT" if chart else "KEYFRAME"
        row.operator_menu_enum(INBETWEEN_OT_set_chart.bl_idname, "chart", text="", icon=icon).start = span.start
    _draw_more(column, len(spans) - _MOST_ROWS)


def _draw_more(layout: bpy.types.UILayout, count: int) -> None:
    if count > 0:
        layout.label(text=say("and {count} more", count=count))


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
