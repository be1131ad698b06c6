"""Traced drawings in real Blender: strokes on a layer of the artist's object, where the camera saw them."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.blender import scenes

from bl_ext.checkout.tooncrafter_blender.backend.contract import job as jobs  # isort: skip
from bl_ext.checkout.tooncrafter_blender.backend.contract import strokes as contract  # isort: skip
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import guides  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import keyframes  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.results import import_result  # isort: skip

RED, INK = "#e6453b", scenes.INK


def knots(points: list[tuple[float, float]]) -> tuple[float, ...]:
    """Straight knots: both handles lie a third of the way to the neighbours."""
    table = np.array(points)
    before, after = np.roll(table, 1, axis=0), np.roll(table, -1, axis=0)
    return tuple(np.hstack([table, table + (before - table) / 3, table + (after - table) / 3]).ravel().tolist())


SQUARE = [(40.0, 30.0), (120.0, 30.0), (120.0, 70.0), (40.0, 70.0)]
HOLE = [(70.0, 45.0), (90.0, 45.0), (90.0, 55.0), (70.0, 55.0)]


def drawing(
    frame: int, *, width: int = scenes.WIDTH, height: int = scenes.HEIGHT, source: str = ""
) -> contract.Drawing:
    """A red square with a hole and an outline, in the middle of a canvas of 160 by 100."""
    return contract.Drawing(
        frame,
        width,
        height,
        (contract.Fill(RED + "ff", (knots(SQUARE), knots(HOLE))),),
        (contract.Line(INK + "ff", knots(SQUARE), (4.0,) * 4, closed=True),),
        source,
    )


def told(obj: bpy.types.Object) -> jobs.Job:
    """The job from frame 1 to 5 that the drawings belong to."""
    keys = jobs.Picture(1, "keys/0001.png"), jobs.Picture(5, "keys/0005.png")
    canvas = jobs.Canvas(scenes.WIDTH, scenes.HEIGHT, 12)
    return jobs.Job("a1", "draft", canvas, (jobs.Segment(*keys, (2, 3, 4)),), source={"object": obj.name})


@pytest.fixture
def obj(scene: bpy.types.Scene) -> bpy.types.Object:
    """The artist's object, whose one material is red with an ink outline."""
    return scenes.new_object(scene, {1: [scenes.box(-2, RED)], 5: [scenes.box(2, RED)]})


def bring_in(scene: bpy.types.Scene, obj: bpy.types.Object, folder: Path) -> bpy.types.GreasePencilLayer:
    for frame in (2, 3, 4):
        contract.write_drawing(folder, drawing(frame))
    (name,) = import_result(scene, told(obj), folder, "strokes")
    return obj.data.layers[name]


def seen(scene: bpy.types.Scene, obj: bpy.types.Object, layer: object, path: Path) -> np.ndarray:
    """Render the layer alone at frame 3."""
    for other in obj.data.layers:
        other.hide = other != layer
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.film_transparent, scene.render.dither_intensity = True, 0
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.render.filepath = str(path)
    scene.frame_set(3)
    bpy.ops.render.render(write_still=True)
    return scenes.picture(path)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def assert_looks_as_traced(picture: np.ndarray) -> None:
    assert (
        tuple(picture[40, 60]) == (*scenes.rgb(RED), 255)
        or np.abs(picture[40, 60].astype(int) - (*scenes.rgb(RED), 255)).max() <= 1
    )
    assert picture[50, 80, 3] == 0, "the hole is filled"
    assert np.abs(np.array(box_of(picture[..., 3] > 127)) - (38, 28, 122, 72)).max() <= 1
    ink = np.abs(picture[50, :, :3].astype(int) - scenes.rgb(INK)).max(-1) < 40
    assert 6 <= (ink & (picture[50, :, 3] > 127)).sum() <= 9, "the outline is as wide as it was"


def test_drawings_become_generated_keys_and_the_layer_is_empty_at_the_artists_keys(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    layer = bring_in(scene, obj, tmp_path)
    strokes = {key.frame_number: len(key.drawing.strokes) for key in layer.frames}
    assert strokes[1] == strokes[5] == 0
    assert all(strokes[frame] >= 2 for frame in (2, 3, 4))
    assert {key.keyframe_type for key in layer.frames} == {"GENERATED"}
    assert [key.frame_number for key in obj.data.layers["Lines"].frames] == [1, 5]


def test_strokes_look_as_they_were_traced(scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path) -> None:
    layer = bring_in(scene, obj, tmp_path)
    assert_looks_as_traced(seen(scene, obj, layer, tmp_path / "seen.png"))


def test_the_artists_own_materials_are_used_by_colour(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    before = [slot.material for slot in obj.material_slots]
    layer = bring_in(scene, obj, tmp_path)
    assert [slot.material for slot in obj.material_slots] == before
    assert {stroke.material_index for stroke in layer.frames[1].drawing.strokes} == {0}


def test_a_colour_that_no_material_has_gets_one(scene: bpy.types.Scene, tmp_path: Path) -> None:
    obj = scenes.new_object(scene, {1: [scenes.box(0, "#3f7fc8", line=None)]})
    layer = bring_in(scene, obj, tmp_path)
    assert len(obj.material_slots) == 3
    assert_looks_as_traced(seen(scene, obj, layer, tmp_path / "seen.png"))


@pytest.mark.parametrize("camera", ["ORTHO", "PERSP"])
def test_strokes_lie_on_the_artists_plane_wherever_object_and_camera_are(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path, camera: str
) -> None:
    obj.location, obj.scale = (0.7, 1.5, -0.4), (1.5, 1.5, 1.5)
    obj.rotation_euler = (0.2, 0.1, 0.6)
    scene.camera.data.type = camera
    scene.camera.location, scene.camera.rotation_euler = (1, -9, 1), (math.radians(84), 0.05, 0.1)
    bpy.context.view_layer.update()
    layer = bring_in(scene, obj, tmp_path)
    places = [point.position for stroke in layer.frames[1].drawing.strokes for point in stroke.points]
    assert max(abs(place[1]) for place in places) < 1e-4
    assert_looks_as_traced(seen(scene, obj, layer, tmp_path / "seen.png"))


def test_an_object_without_strokes_is_drawn_on_at_its_own_front(scene: bpy.types.Scene, tmp_path: Path) -> None:
    obj = scenes.new_object(scene, {1: []})
    layer = bring_in(scene, obj, tmp_path)
    assert_looks_as_traced(seen(scene, obj, layer, tmp_path / "seen.png"))


def test_a_camera_that_moves_is_followed(scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path) -> None:
    for frame, x in ((1, 0.0), (5, 4.0)):
        scene.camera.location.x = x
        scene.camera.keyframe_insert("location", frame=frame)
    scene.frame_set(1)
    layer = bring_in(scene, obj, tmp_path)
    assert scene.frame_current == 1
    assert_looks_as_traced(seen(scene, obj, layer, tmp_path / "seen.png"))


def test_another_import_replaces_only_drawings_whose_picture_has_changed(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    layer = bring_in(scene, obj, tmp_path)
    traced = len(layer.frames[1].drawing.strokes)
    for index in (1, 2):
        layer.frames[index].drawing.add_strokes([2])  # the artist draws on it
    contract.write_drawing(tmp_path, drawing(3, source="another"))
    import_result(scene, told(obj), tmp_path, "strokes")
    assert [one.name for one in obj.data.layers] == ["Lines", layer.name]
    assert [len(key.drawing.strokes) for key in layer.frames] == [0, traced + 1, traced, traced, 0]


def test_a_locked_layer_is_left_alone(scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path) -> None:
    first = bring_in(scene, obj, tmp_path)
    first.lock = True
    assert bring_in(scene, obj, tmp_path).name != first.name


def test_nothing_that_layers_hold_shows_under_the_drawings(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    scenes.add_layer(obj, "Set", {1: [scenes.box(0, "#3f7fc8", line=None)]})
    obj.data.layers["Lines"].opacity = 0.75
    bring_in(scene, obj, tmp_path)
    levels = opacities(scene, obj)
    assert levels["Lines"] == [0.75, 0, 0, 0, 0.75, 0.75]
    assert levels["Set"] == [1, 0, 0, 0, 1, 1]
    assert not keyframes.find_spans(obj, scene, frames=(1, 5)).remarks
    layer = obj.data.layers["In-betweens 1–5"]
    layer.hide = True
    bpy.context.view_layer.update()
    assert opacities(scene, obj)["Set"] == [1] * 6, "the eye of the traced layer brings them back"
    assert obj.data.layers["Lines"].opacity == 0.75 and obj.data.animation_data is None


def opacities(scene: bpy.types.Scene, obj: bpy.types.Object) -> dict[str, list[float]]:
    levels: dict[str, list[float]] = {layer.name: [] for layer in obj.data.layers}
    for frame in range(1, 7):
        scene.frame_set(frame)
        for layer in obj.data.layers:
            levels[layer.name].append(round(layer.opacity, 3))
    return levels


def test_an_opacity_that_the_artist_animates_is_left_alone(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    layer = obj.data.layers["Lines"]
    for frame, opacity in ((1, 0.0), (5, 1.0)):
        layer.opacity = opacity
        layer.keyframe_insert("opacity", frame=frame)
    before = opacities(scene, obj)["Lines"]
    bring_in(scene, obj, tmp_path)
    assert opacities(scene, obj)["Lines"] == before


def test_what_is_missing_is_a_sentence_and_changes_nothing(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    keys = jobs.Picture(1, "keys/0001.png"), jobs.Picture(5, "keys/0005.png")
    canvas = jobs.Canvas(scenes.WIDTH, scenes.HEIGHT, 12)
    for source, code in (({"object": obj.name}, "strokes-missing"), ({"object": "Gone"}, "no-object")):
        if code == "no-object":
            contract.write_drawing(tmp_path, drawing(2))
        job = jobs.Job("a1", "draft", canvas, (jobs.Segment(*keys, (2, 3, 4)),), source=source)
        with pytest.raises(UserError) as refused:
            import_result(scene, job, tmp_path, "strokes")
        assert refused.value.code == code
    assert [layer.name for layer in obj.data.layers] == ["Lines"]


def test_the_traced_layer_lies_under_the_guides_and_is_known_wherever_it_is_moved(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    guides.add_guide_layer(obj)
    layer = bring_in(scene, obj, tmp_path)
    assert [one.name for one in obj.data.layers] == ["Lines", layer.name, guides.GUIDE_LAYER_NAME]
    obj.data.layers.move_bottom(layer)
    obj.data.layers.new("Above")
    assert bring_in(scene, obj, tmp_path).name == layer.name
    assert layer.name == obj.data.layers[0].name and len(obj.data.layers) == 4
