"""Steering: guides at a click, timing charts, the dice, presets, and how all of it reaches the job."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.contract.job import Easing
from bl_ext.checkout.tooncrafter_blender.backend.contract.timing import Chart
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import generate
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.interface import steering
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import preferences
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings.properties import choice_of
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import charts, guides
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline.keyframes import Span

from examples import drawing
from tests.blender import scenes
from tests.blender.scenes import box


@pytest.fixture
def in_object_mode():
    yield
    if bpy.context.object and bpy.context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def job_of(scene, obj, tmp_path):
    return generate.capture_keys(scene, obj, choice_of(scene), base=tmp_path).job


def keys_of(layer):
    return {key.frame_number: len(key.drawing.curve_offsets) - 1 for key in layer.frames}


def scribble(layer, frame):
    next(key for key in layer.frames if key.frame_number == frame).drawing.add_strokes([3])


def test_one_click_makes_the_guide_layer_with_an_empty_key_here_and_takes_the_pencil(scene, in_object_mode):
    obj = scenes.moving_box(scene, 1, 9)
    scene.frame_set(5)
    assert bpy.ops.inbetween.draw_guide() == {"FINISHED"}
    layer = guides.guide_layer(obj)
    assert obj.data.layers.active == layer and bpy.context.mode == "PAINT_GREASE_PENCIL"
    # Empty again from the next frame on: a guide steers its own frame alone.
    assert keys_of(layer) == {5: 0, 6: 0}
    assert [key.frame_number for key in obj.data.layers["Lines"].frames] == [1, 9]


def test_a_guide_that_is_drawn_already_is_only_chosen(scene, in_object_mode):
    obj = scenes.moving_box(scene, 1, 9)
    layer = guides.add_guide_layer(obj)
    for frame in (5, 6):
        drawing.draw(obj, layer, frame, [box(0)])
    layer.hide = layer.lock = True
    scene.frame_set(5)
    bpy.ops.inbetween.draw_guide()
    assert keys_of(layer) == {5: 1, 6: 1} and not layer.hide and not layer.lock


@pytest.mark.parametrize("frame", [1, 9, 12])
def test_where_a_guide_would_steer_nothing_the_button_is_grey(scene, frame):
    scenes.moving_box(scene, 1, 9)
    scene.frame_set(frame)
    assert not bpy.ops.inbetween.draw_guide.poll()
    scene.frame_set(8)
    assert bpy.ops.inbetween.draw_guide.poll()


def test_removing_a_guide_leaves_other_guides_and_all_art(scene):
    obj = scenes.moving_box(scene, 1, 5, 9)
    for frame in (3, 4, 7):
        scribble(guides.begin_guide(obj, frame), frame)
    assert guides.guide_frames(obj) == (3, 4, 7)
    assert bpy.ops.inbetween.remove_guide(frame=3) == {"FINISHED"}
    assert bpy.ops.inbetween.remove_guide(frame=7) == {"FINISHED"}
    assert bpy.ops.inbetween.remove_guide(frame=2) == {"CANCELLED"}
    assert guides.guide_frames(obj) == (4,)
    assert keys_of(guides.guide_layer(obj)) == {4: 1, 5: 0}
    assert keys_of(obj.data.layers["Lines"]) == {1: 1, 5: 1, 9: 1}


def test_a_chart_spaces_the_drawings_of_its_own_span_and_easing_the_others(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5, 9)
    scene.frame_preview_start, scene.frame_preview_end, scene.use_preview_range = 1, 9, True
    scene.inbetween.easing = "ease_out"
    assert bpy.ops.inbetween.set_chart(start=5, chart="halves") == {"FINISHED"}
    obj.name = "Renamed"
    first, second = job_of(scene, obj, tmp_path).segments
    assert (first.easing, first.spacing) == (Easing.EASE_OUT, ())
    assert (second.easing, second.spacing) == (Easing.LINEAR, (0.25, 0.5, 0.75))
    bpy.ops.inbetween.set_chart(start=5, chart="by_easing")
    assert not charts.charts_of(obj)


def test_an_even_chart_overrules_the_easing(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5)
    scene.inbetween.easing = "ease_in"
    charts.set_chart(obj, 1, Chart.EVEN)
    (segment,) = job_of(scene, obj, tmp_path).segments
    assert (segment.easing, segment.spacing) == (Easing.LINEAR, ())


def test_ticks_lie_where_the_drawings_do():
    span = Span(1, 5, (2, 3, 4), ())
    assert charts.places(span, Easing.EASE_IN, None) == (1 / 16, 4 / 16, 9 / 16)
    assert charts.places(span, Easing.EASE_IN, Chart.EVEN) == (0.25, 0.5, 0.75)
    assert charts.places(span, Easing.LINEAR, Chart.FAVOUR_END) == (7 / 16, 12 / 16, 15 / 16)


def test_what_the_model_reads_travels_into_the_job(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5)
    chosen = scene.inbetween
    chosen.prompt, chosen.negative_prompt, chosen.motion_speed = " a red ball ", "text", 8
    chosen.guidance, chosen.steps, chosen.sampler = 3.5, 12, "ddim"
    chosen.guide_from, chosen.guide_until = 0.1, 0.6
    settings = job_of(scene, obj, tmp_path).settings
    assert (settings.prompt, settings.negative_prompt, settings.motion_speed) == ("a red ball", "text", 8)
    assert (settings.guidance, settings.steps, settings.sampler) == (3.5, 12, "ddim")
    assert (settings.guide_from, settings.guide_until) == (0.1, 0.6)


def test_untouched_settings_of_the_model_are_the_contracts_own(scene, tmp_path):
    settings = job_of(scene, scenes.moving_box(scene, 1, 5), tmp_path).settings
    assert (settings.sampler, settings.guide_from, settings.guide_until) == ("", 0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("guide_from", [(0.0, 1.0), (0.7, 1.0), (0.95, 1.0)]),
        ("guide_until", [(0.0, 0.7), (0.0, 0.05)]),
    ],
)
def test_guides_lead_from_before_until_whatever_is_moved(scene, tmp_path, name, values):
    chosen = scene.inbetween
    for begin, end in values:
        chosen.guide_from, chosen.guide_until = begin, end
        assert (round(chosen.guide_from, 4), round(chosen.guide_until, 4)) == (begin, end)
    chosen.guide_from, chosen.guide_until = 0.4, 0.5
    setattr(chosen, name, 0.9 if name == "guide_from" else 0.2)
    assert chosen.guide_until - chosen.guide_from > 0.04
    settings = job_of(scene, scenes.moving_box(scene, 1, 5), tmp_path).settings
    assert 0 <= settings.guide_from < settings.guide_until <= 1


def test_a_scene_takes_the_preferred_engine_until_another_is_chosen(scene):
    page = bpy.context.preferences.addons[preferences.EXTENSION].preferences
    assert scene.inbetween.engine == "draft"
    page.default_engine = "hold"
    try:
        assert scene.inbetween.engine == "hold"
        scene.inbetween.engine = "tooncrafter"
        page.default_engine = "draft"
        assert scene.inbetween.engine == "tooncrafter"
    finally:
        page.default_engine = "draft"


def test_the_dice_always_show_another_seed(scene):
    seeds = [scene.inbetween.seed]
    for _ in range(20):
        assert bpy.ops.inbetween.roll_seed() == {"FINISHED"}
        seeds.append(scene.inbetween.seed)
    assert all(one != other for one, other in pairwise(seeds))


def test_settings_are_kept_applied_and_removed_under_a_name(scene):
    chosen = scene.inbetween
    chosen.exposure, chosen.easing, chosen.seed, chosen.prompt = 2, "ease_both", 5, "“quoted”\\"
    assert bpy.ops.inbetween.preset_add(name="On Twos") == {"FINISHED"}
    file = Path(bpy.utils.preset_find("On_Twos", "inbetween"))
    assert file.is_file()
    chosen.exposure, chosen.easing, chosen.prompt = 1, "linear", ""
    chosen.seed = 6
    bpy.ops.script.execute_preset(filepath=str(file), menu_idname="INBETWEEN_PT_presets")
    assert (chosen.exposure, chosen.easing, chosen.prompt) == (2, "ease_both", "“quoted”\\")
    assert chosen.seed == 6  # a throw of the dice is no way of working
    assert bpy.ops.inbetween.preset_add(name="On Twos", remove_name=True) == {"FINISHED"}
    assert not file.exists()


def test_every_setting_is_part_of_a_preset_or_a_throw_of_the_dice(scene):
    from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import setting_presets

    kept = {value.removeprefix("settings.") for value in setting_presets.INBETWEEN_OT_preset_add.preset_values}
    ours = {name for name, _ in scene.inbetween.bl_rna.properties.items() if name not in ("rna_type", "name")}
    assert ours - kept == {"seed", "own_engine"}
    assert steering.INBETWEEN_OT_roll_seed.bl_idname == "inbetween.roll_seed"
