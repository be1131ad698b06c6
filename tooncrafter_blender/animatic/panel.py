"""Animatics in both "In-between" tabs: of drawn panels in the 3D viewport, of strips in the sequencer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from ...backend.animatic.board import Shot
from ...backend.errors import UserError
from ..interface.tab import MAIN, Tab, draw_big_button, draw_reason, properties_of
from ..interface.wrapped_text import draw_text
from ..language import say
from ..sequencer import strips
from ..sequencer.panels import STRIPS, StripTab
from ..sequencer.reading import key_name
from ..settings.properties import scene_in, settings_of
from ..timeline import grease_pencil
from .boards import known_board, strip_board, told
from .operators import INBETWEEN_OT_animatic, INBETWEEN_OT_strip_animatic
from .settings import animatic_settings_of

_MOST_SHOTS = 6


class INBETWEEN_PT_animatic(Tab, bpy.types.Panel):
    """Panels drawn with Grease Pencil, and the button that draws between them."""

    bl_idname = "INBETWEEN_PT_animatic"
    bl_parent_id = MAIN
    bl_label = "Animatic"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only Grease Pencil objects have drawn panels."""
        return grease_pencil.is_grease_pencil(context.object)

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        scene = scene_in(context)
        _draw_board(self.layout, context, lambda: known_board(context.object, scene, key_name).shots)
        _draw_settings(self.layout, scene)
        draw_big_button(self.layout, INBETWEEN_OT_animatic.bl_idname)


class INBETWEEN_PT_strip_animatic(StripTab, bpy.types.Panel):
    """Strips that are panels, and the same button."""

    bl_idname = "INBETWEEN_PT_strip_animatic"
    bl_parent_id = STRIPS
    bl_label = "Animatic"

    def draw(self, context: bpy.types.Context) -> None:
        """Lay out the sub-panel."""
        scene = strips.scene_of(context)
        _draw_board(self.layout, context, lambda: strip_board(scene, key_name).shots)
        _draw_settings(self.layout, scene)
        draw_big_button(self.layout, INBETWEEN_OT_strip_animatic.bl_idname)


def _draw_board(layout: Any, context: bpy.types.Context, find: Callable[[], tuple[Shot, ...]]) -> None:
    """Draw which shots there are and how many panels each has, or why there are none."""
    box = layout.box().column(align=True)
    try:
        shots = find()
    except UserError as error:
        draw_reason(box, context, error)
        return
    count, panels = told(shots)
    draw_text(box, context, say("{shots} shots, {panels} panels", shots=count, panels=panels), "RENDER_ANIMATION")
    for shot in shots[:_MOST_SHOTS]:
        last = shot.start + shot.frames - 1
        where = say("frames {first} to {last}", first=shot.start, last=last)
        draw_text(box, context, f"{shot.name or '–'}: {where} · {len(shot.panels)}", "BLANK1")


def _draw_settings(layout: Any, scene: bpy.types.Scene) -> None:
    column = properties_of(layout)
    column.prop(animatic_settings_of(scene), "move")
    for name in ("easing", "exposure"):
        column.prop(settings_of(scene), name)


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_PT_animatic, INBETWEEN_PT_strip_animatic))
