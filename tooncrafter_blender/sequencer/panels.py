"""The "In-between" tab of the sequencer's sidebar, and the entries in its Strip menu."""

from __future__ import annotations

from typing import Any

import bpy

from ...backend.errors import UserError
from ..interface.job_panel import JobList
from ..interface.tab import Tab, draw_big_button, draw_reason, draw_refusal, draw_running, properties_of
from ..interface.wrapped_text import draw_text
from ..jobs.progress import duration
from ..jobs.queue import queue
from ..language import say
from ..settings.properties import choice_of, settings_of
from ..setup.setup_view import draw_setup
from . import background, smoothing, strips, transitions
from .operators import INBETWEEN_OT_cancel_film, INBETWEEN_OT_smooth_strip, INBETWEEN_OT_transition
from .settings import sequencer_settings_of

#: The panel that holds all others of this tab.
STRIPS = "INBETWEEN_PT_strips"


class StripTab(Tab):
    """The tab of the sequencer's sidebar, where strips are seen."""

    bl_space_type: Any = "SEQUENCE_EDITOR"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not where only the picture is shown."""
        return getattr(context.space_data, "view_type", "SEQUENCER") != "PREVIEW"


class INBETWEEN_PT_strips(StripTab, bpy.types.Panel):
    """What runs, and the engine."""

    bl_idname = STRIPS
    bl_label = "In-betweens"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the panel."""
        layout = self.layout
        draw_setup(layout)
        for undertaking in background.under_way:
            _draw_undertaking(layout, undertaking)
        draw_running(layout)
        if queue.refused:
            draw_refusal(layout, context)
        chosen = settings_of(strips.scene_of(context))
        column = properties_of(layout)
        column.prop(chosen, "engine")
        column.prop(chosen, "preset")
        if chosen.engine == "tooncrafter":
            column.prop(chosen, "prompt")
        if obstacle := queue.obstacles.get(chosen.engine):
            draw_text(layout, context, obstacle, "ERROR")


class INBETWEEN_PT_smoother(StripTab, bpy.types.Panel):
    """One strip made smoother."""

    bl_idname = "INBETWEEN_PT_smoother"
    bl_parent_id = STRIPS
    bl_label = "Smoother Animation"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        scene = strips.scene_of(context)
        box = self.layout.box().column(align=True)
        try:
            strip = smoothing.the_strip(strips.selected(scene))
            strips.refuse_what_has_no_files(scene, strip)
        except UserError as error:
            draw_reason(box, context, error)
        else:
            where = say("frames {first} to {last}", first=strip.frame_final_start, last=strip.frame_final_end - 1)
            draw_text(box, context, f"{strip.name}: {where}", "SEQUENCE")
        chosen = sequencer_settings_of(scene)
        column = properties_of(self.layout)
        column.prop(chosen, "rate")
        if chosen.rate == "own":
            column.prop(chosen, "own_rate")
        draw_big_button(self.layout, INBETWEEN_OT_smooth_strip.bl_idname)


class INBETWEEN_PT_transition(StripTab, bpy.types.Panel):
    """Two strips joined."""

    bl_idname = "INBETWEEN_PT_transition"
    bl_parent_id = STRIPS
    bl_label = "Transition"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        scene = strips.scene_of(context)
        chosen, shared = sequencer_settings_of(scene), settings_of(scene)
        box = self.layout.box().column(align=True)
        try:
            place = transitions.chosen_place(scene, choice_of(scene).exposure)
        except UserError as error:
            draw_reason(box, context, error)
        else:
            draw_text(box, context, f"{place.first.name} → {place.second.name}", "ARROW_LEFTRIGHT")
            draw_text(box, context, _where(place), "BLANK1")
        column = properties_of(self.layout)
        column.prop(chosen, "transition")
        column.prop(chosen, "make_room")
        for name in ("easing", "exposure"):
            column.prop(shared, name)
        draw_big_button(self.layout, INBETWEEN_OT_transition.bl_idname)


class INBETWEEN_PT_strip_jobs(JobList, StripTab, bpy.types.Panel):
    """The same list of jobs as in the 3D viewport."""

    bl_idname = "INBETWEEN_PT_strip_jobs"
    bl_parent_id = STRIPS
    bl_label = "Jobs"
    bl_order = 10


def _where(place: transitions.Place) -> str:
    first, last = place.start + 1, place.end - 1
    if place.pushed:
        return say(
            "Frames {first} to {last}: later strips move by {count}", first=first, last=last, count=place.pushed
        )
    if place.gap:
        return say("Frames {first} to {last}: fills the gap", first=first, last=last)
    return say("Frames {first} to {last}: lies over both strips", first=first, last=last)


def _draw_undertaking(layout: Any, undertaking: background.Undertaking) -> None:
    """Draw how far it is, with the cross that stops it."""
    errand = undertaking.errand
    row = layout.row(align=True)
    text = bpy.app.translations.pgettext_iface(errand.stage or undertaking.opening)
    if errand.of:
        text = say("{stage}: {done} of {wanted}", stage=text, done=errand.done, wanted=errand.of)
    if errand.seconds_left >= 1:
        text = say("{text} · {time} left", text=text, time=duration(errand.seconds_left))
    row.progress(factor=min(1.0, errand.done / errand.of) if errand.of else 0.0, type="BAR", text=text)
    row.operator(INBETWEEN_OT_cancel_film.bl_idname, text="", icon="X").number = undertaking.number


def _draw_strip_menu(menu: Any, context: Any) -> None:
    menu.layout.separator()
    for operator in (INBETWEEN_OT_smooth_strip, INBETWEEN_OT_transition):
        menu.layout.operator(operator.bl_idname, icon="PLAY")


_register, _unregister = bpy.utils.register_classes_factory(
    (INBETWEEN_PT_strips, INBETWEEN_PT_smoother, INBETWEEN_PT_transition, INBETWEEN_PT_strip_jobs)
)


def register() -> None:
    """Add the tab and the menu entries."""
    _register()
    bpy.types.SEQUENCER_MT_strip.append(_draw_strip_menu)  # type: ignore[arg-type]


def unregister() -> None:
    """Take tab and menu entries away."""
    bpy.types.SEQUENCER_MT_strip.remove(_draw_strip_menu)  # type: ignore[arg-type]
    _unregister()
