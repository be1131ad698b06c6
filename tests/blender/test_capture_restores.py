"""Capturing leaves the artist's file as it was, also when something goes wrong in the middle."""

from __future__ import annotations

import shutil

import bpy
import numpy as np
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.capture import graphics
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import guides

from examples import drawing
from tests.blender import scenes
from tests.blender.capturing import capture_job, span
from tests.blender.scenes import box


@pytest.fixture(params=["render", "software"])
def path_of_drawing(request, monkeypatch):
    if request.param == "software":
        monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    elif graphics.why_no_opengl():
        pytest.skip(f"no OpenGL: {graphics.why_no_opengl()}")


@pytest.fixture
def obj(scene):
    """A scene in which nothing is at its default."""
    obj = scenes.moving_box(scene, 1, 5, 9)
    layer = obj.data.layers[0]
    layer.use_lights, layer.opacity = True, 0.75
    layer.frames[1].select = True
    drawing.draw(obj, guides.add_guide_layer(obj), 3, [box(0)])
    other = scenes.new_object(scene, {1: [box(2)]}, name="Other")
    other.select_set(False)
    bpy.context.view_layer.objects.active = obj
    for frame, x in ((1, 0.0), (9, 2.0)):
        obj.location.x = x
        obj.keyframe_insert("location", frame=frame)
    obj.hide_render = True
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_percentage = 50
    render.filepath = "//somewhere/else_"
    render.film_transparent, render.use_compositing, render.dither_intensity = False, True, 0.5
    render.use_border, render.use_stamp = True, True
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    scene.view_settings.view_transform, scene.view_settings.exposure = "AgX", 0.5
    scene.timeline_markers.new("Here", frame=3)
    scene.frame_set(4, subframe=0.25)
    obj.location.z = 0.5  # moved, but not keyed yet
    bpy.context.view_layer.update()
    return obj


def state_of(struct, depth=3):
    """All plain values of a Blender struct and of the structs that belong to it."""
    found = {}
    for prop in struct.bl_rna.properties:
        name = prop.identifier
        if name in {"rna_type", "original", "depsgraph", "session_uid"} or prop.type == "COLLECTION":
            continue
        value = getattr(struct, name)
        if prop.type != "POINTER":
            found[name] = tuple(value) if getattr(prop, "is_array", False) else value
        elif isinstance(value, bpy.types.ID):
            found[name] = value.name_full
        elif value is not None and depth:
            found[name] = state_of(value, depth - 1)
    return found


def everything():
    """What the artist could notice; the image that shows render results may come into being."""
    blend = {
        prop.identifier: sorted(item.name_full for item in getattr(bpy.data, prop.identifier))
        for prop in bpy.data.bl_rna.properties
        if prop.type == "COLLECTION" and prop.identifier not in {"images", "window_managers", "all_ids"}
    }
    objects = {
        one.name: (
            state_of(one),
            one.users,
            one.select_get(),
            [
                (state_of(layer), [(key.frame_number, key.select, key.keyframe_type) for key in layer.frames])
                for layer in (one.data.layers if one.type == "GREASEPENCIL" else ())
            ],
        )
        for one in bpy.data.objects
    }
    scene = bpy.context.scene
    return {
        "blend": blend,
        "objects": objects,
        "scenes": {one.name: state_of(one) for one in bpy.data.scenes},
        "contents": sorted(one.name for one in scene.collection.all_objects),
        "view layers": [state_of(one) for one in scene.view_layers],
        "markers": [(marker.name, marker.frame) for marker in scene.timeline_markers],
        "active": bpy.context.view_layer.objects.active.name,
        "unsaved": bpy.data.is_dirty,
    }


def differences(one, other, where=""):
    """The places where two states differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            d
            for key in one.keys() | other.keys()
            for d in differences(one.get(key), other.get(key), f"{where}/{key}")
        ]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [
            d for i, pair in enumerate(zip(one, other, strict=True)) for d in differences(*pair, f"{where}/{i}")
        ]
    return [] if one == other else [f"{where}: {other!r} became {one!r}"]


def test_the_state_that_is_compared_holds_what_capturing_must_not_change(scene, obj):
    state = everything()
    settings = state["scenes"][scene.name]
    assert (settings["frame_current"], settings["frame_subframe"]) == (4, 0.25)
    assert settings["render"]["engine"] == "CYCLES"
    assert settings["render"]["image_settings"]["file_format"] == "FFMPEG"
    assert settings["view_settings"]["view_transform"] == "AgX"
    assert state["objects"]["Art"][0]["hide_render"]
    assert state["objects"]["Art"][3][0][0]["use_lights"]


@pytest.mark.parametrize("whole_scene", [False, True])
def test_a_capture_leaves_everything_as_it_was(scene, obj, tmp_path, path_of_drawing, whole_scene):
    before = everything()
    capture_job(scene, obj, tmp_path / "job", span(1, 5, 3), span(5, 9), whole_scene=whole_scene)
    assert differences(everything(), before) == []


def test_an_exception_in_the_middle_leaves_everything_as_it_was(scene, obj, tmp_path, path_of_drawing):
    before = everything()

    def interrupt(done, of):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture_job(scene, obj, tmp_path / "job", span(1, 5, 3), report=interrupt)
    assert differences(everything(), before) == []
    assert not (tmp_path / "job").exists()


def test_a_picture_that_cannot_be_written_leaves_everything_as_it_was(scene, obj, tmp_path, path_of_drawing):
    before = everything()

    def lose_folder(done, of):
        if done == 1:
            shutil.rmtree(tmp_path / "job" / "keys")
            (tmp_path / "job" / "keys").write_text("in the way")

    with pytest.raises(UserError):
        capture_job(scene, obj, tmp_path / "job", report=lose_folder)
    assert differences(everything(), before) == []


def test_the_artists_last_render_is_kept(scene, tmp_path):
    if graphics.why_no_opengl():
        pytest.skip("no OpenGL")
    obj = scenes.moving_box(scene, 1, 5)
    scene.render.engine = "BLENDER_WORKBENCH"
    bpy.ops.render.render()
    result = bpy.data.images["Render Result"]
    result.save_render(str(tmp_path / "before.png"), scene=scene)
    capture_job(scene, obj, tmp_path / "job", width=64)
    result.save_render(str(tmp_path / "after.png"), scene=scene)
    before, after = scenes.picture(tmp_path / "before.png"), scenes.picture(tmp_path / "after.png")
    assert np.array_equal(before, after)
    assert before.shape == (100, 160, 4)
