"""What is chosen for animatics, saved with the scene, beside its settings for all in-betweens."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import IntProperty

from ...backend.animatic.board import Timing
from ..registering import on_every_scene
from ..settings.properties import Choice


class AnimaticSettings(bpy.types.PropertyGroup):
    """How the panels of a scene go over into each other."""

    if TYPE_CHECKING:
        move: int
    else:
        move: IntProperty(
            name="Move",
            description="Frames at the end of each panel in which it goes over into the next one of its shot; "
            "before them it is held. A panel that is shorter moves from its first frame on",
            default=Timing().move,
            min=1,
            max=10_000,
            soft_max=48,
        )


def animatic_settings_of(scene: bpy.types.Scene) -> AnimaticSettings:
    """Return the scene's settings to be shown or changed."""
    return cast(AnimaticSettings, scene.inbetween_animatic)  # type: ignore[attr-defined]


def timing_of(scene: bpy.types.Scene, choice: Choice) -> Timing:
    """Return how panels go over into each other."""
    return Timing(animatic_settings_of(scene).move, choice.exposure, choice.easing)


register, unregister = on_every_scene("inbetween_animatic", AnimaticSettings)
