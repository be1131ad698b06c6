"""Settings under a name, through Blender's own preset system: add, remove, apply."""

from __future__ import annotations

from typing import Any

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel

#: The seed is a throw of the dice, not a way of working.
_SETTINGS = (
    "engine",
    "takes",
    "vary",
    "exposure",
    "easing",
    "breakdowns",
    "import_as",
    "reference_place",
    "reference_opacity",
    "reference_in_front",
    "reference_neighbours",
    "whole_scene",
    "width",
    "preset",
    "prompt",
    "negative_prompt",
    "motion_speed",
    "guidance",
    "sampler",
    "steps",
    "arcs",
    "flat_colours",
    "guide_strength",
    "guide_from",
    "guide_until",
)
_FOLDER = "inbetween"


class INBETWEEN_OT_preset_add(AddPresetBase, bpy.types.Operator):  # type: ignore[misc]
    """Keep the settings under a name, or remove those that are kept"""

    bl_idname = "inbetween.preset_add"
    bl_label = "Add In-between Preset"
    preset_menu = "INBETWEEN_PT_presets"
    preset_subdir = _FOLDER
    preset_defines = ["settings = bpy.context.scene.inbetween"]
    preset_values = [f"settings.{name}" for name in _SETTINGS]


class INBETWEEN_PT_presets(PresetPanel, bpy.types.Panel):
    """Settings that were kept under a name."""

    bl_space_type: Any = "VIEW_3D"
    bl_label = "In-between Presets"
    preset_subdir = _FOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = INBETWEEN_OT_preset_add.bl_idname


register, unregister = bpy.utils.register_classes_factory((INBETWEEN_OT_preset_add, INBETWEEN_PT_presets))
