"""The guide layer."""

from __future__ import annotations

import bpy
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import guides

from examples import drawing
from tests.blender import scenes
from tests.blender.scenes import box


def test_an_object_without_a_guide_layer_has_no_guides(scene):
    obj = scenes.moving_box(scene, 1, 9)
    assert guides.guide_layer(obj) is None
    assert guides.guide_frames(obj) == ()


def test_the_guide_layer_lies_on_top_and_is_added_once(scene):
    obj = scenes.moving_box(scene, 1, 9)
    layer = guides.add_guide_layer(obj)
    assert guides.add_guide_layer(obj) == layer == guides.guide_layer(obj)
    assert [layer.name for layer in obj.data.layers] == ["Lines", guides.GUIDE_LAYER_NAME]


def test_guide_frames_are_those_with_strokes(scene):
    obj = scenes.moving_box(scene, 1, 9)
    layer = guides.add_guide_layer(obj)
    for frame, shapes in ((7, [box(0)]), (3, [box(0)]), (5, [])):
        drawing.draw(obj, layer, frame, shapes)
    assert guides.guide_frames(obj) == (3, 7)
    layer.hide = True
    assert guides.guide_frames(obj) == ()


def test_guides_stay_out_of_the_artists_own_renders(scene, tmp_path):
    obj = scenes.new_object(scene, {1: []})
    drawing.draw(obj, guides.add_guide_layer(obj), 1, [box(0, size=4)])
    scene.render.engine, scene.render.film_transparent = "BLENDER_WORKBENCH", True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(tmp_path / "render.png")
    bpy.ops.render.render(write_still=True)
    assert not scenes.picture(tmp_path / "render.png")[..., 3].any()
