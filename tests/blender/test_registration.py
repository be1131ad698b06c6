"""The add-on comes and goes without a trace."""

from __future__ import annotations

import addon_utils
import bpy
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import preferences
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.setup import environment

from examples.checkout import ADDON

HANDLERS = ("load_post", "save_pre", "save_post", "undo_post", "redo_post", "depsgraph_update_post")


def ours() -> dict[str, list[str]]:
    """Everything of ours that Blender knows now."""
    handlers = [
        f"{name}: {function.__name__}"
        for name in HANDLERS
        for function in getattr(bpy.app.handlers, name)
        if "tooncrafter" in (function.__module__ or "")
    ]
    menus = [
        draw.__name__
        for draw in bpy.types.DOPESHEET_MT_key._dyn_ui_initialize()
        if "tooncrafter" in draw.__module__
    ]
    classes = [name for name in dir(bpy.types) if name.startswith(("INBETWEEN_", "Inbetween"))]
    return {"handlers": handlers, "menus": menus, "classes": classes, "operators": dir(bpy.ops.inbetween)}


def test_disabling_removes_everything_and_enabling_brings_it_back(scene: bpy.types.Scene) -> None:
    with_addon = ours()
    assert with_addon["handlers"] and with_addon["menus"] and with_addon["classes"]
    addon_utils.disable(ADDON)
    try:
        without = ours()
        assert not without["handlers"] and not without["menus"] and not without["operators"]
        assert not [name for name in without["classes"] if hasattr(bpy.types, name)]
        assert not hasattr(bpy.context.scene, "inbetween")
    finally:
        assert addon_utils.enable(ADDON, default_set=True)
    assert ours() == with_addon
    assert bpy.context.scene.inbetween.engine == "draft" and not queue.entries


def test_every_control_explains_itself(scene: bpy.types.Scene) -> None:
    for name, prop in bpy.context.scene.inbetween.bl_rna.properties.items():
        if name not in ("rna_type", "name"):
            assert len(prop.description) > 20, name
    for name in dir(bpy.ops.inbetween):
        description = getattr(bpy.ops.inbetween, name).get_rna_type().description
        assert len(description) > 20 and not description.endswith("."), name


def test_preferences_are_filed_under_the_extension(scene: bpy.types.Scene) -> None:
    assert preferences.EXTENSION == ADDON
    assert preferences.current() == preferences.Preferences()
    assert str(environment.data_folder("jobs")).startswith(bpy.utils.resource_path("USER"))


def test_all_panels_live_in_one_tab_of_the_viewport() -> None:
    for name in ("main", "range", "guides", "look", "result", "jobs"):
        panel = getattr(bpy.types, f"INBETWEEN_PT_{name}")
        assert (panel.bl_space_type, panel.bl_region_type, panel.bl_category) == ("VIEW_3D", "UI", "In-between")
