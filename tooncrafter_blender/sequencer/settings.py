"""What is chosen for smoothing and transitions, saved with the scene, beside its settings for all in-betweens."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ...backend.contract.frame_rates import parse_rate
from ..registering import on_every_scene

_OWN = "own"
_RATES = (
    ("scene", "Scene Rate", "A drawing at every frame of the timeline: twos and threes become ones"),
    ("24", "24 per Second", "24 frames a second"),
    ("48", "48 per Second", "48 frames a second; shorter than the timeline's frames where the scene has fewer"),
    ("x2", "Double", "Twice as many frames as the strip has"),
    ("x3", "Triple", "Three times as many"),
    ("x4", "Fourfold", "Four times as many"),
    (_OWN, "Other", "Another rate, written as on the command line"),
)


class SequencerSettings(bpy.types.PropertyGroup):
    """How the strips of a scene are made smoother and joined."""

    if TYPE_CHECKING:
        rate: str
        own_rate: str
        transition: int
        make_room: bool
    else:
        rate: EnumProperty(
            name="Rate", description="How many frames the smoother film has", items=_RATES, default="scene"
        )
        own_rate: StringProperty(
            name="Frames a Second",
            description="Such as 60, 23.976 or 30000/1001, or x2.5 for so many times as many frames",
            default="60",
            maxlen=32,
        )
        transition: IntProperty(
            name="Length",
            description="Frames of a transition between strips that touch or overlap; "
            "where there is a gap, it fills the gap",
            default=12,
            min=1,
            max=10_000,
            soft_max=96,
        )
        make_room: BoolProperty(
            name="Make Room",
            description="Where there is no gap, move the second strip and all later ones, on all channels, to the "
            "right, so that nothing is covered. Strips that begin earlier stay, and so do markers, unless Sync "
            "Markers is on",
        )


def sequencer_settings_of(scene: bpy.types.Scene) -> SequencerSettings:
    """Return the scene's settings to be shown or changed."""
    return cast(SequencerSettings, scene.inbetween_sequencer)  # type: ignore[attr-defined]


def frames_wanted(scene: bpy.types.Scene, length: int, frames: int) -> int:
    """Return how many frames a smoother film has.

    length: of the strip in the timeline. frames: that it shows of its source. Raises UserError("rate-invalid").
    """
    chosen = sequencer_settings_of(scene)
    text = chosen.own_rate if chosen.rate == _OWN else chosen.rate
    if text == "scene":
        return length
    rate, factor = parse_rate(text)
    if rate is None:
        return max(1, round(frames * factor))
    return max(1, round(rate * length / rate_of(scene)))


def rate_of(scene: bpy.types.Scene) -> Fraction:
    """Return the scene's frames per second."""
    return Fraction(scene.render.fps) / Fraction(scene.render.fps_base).limit_denominator(1001)


register, unregister = on_every_scene("inbetween_sequencer", SequencerSettings)
