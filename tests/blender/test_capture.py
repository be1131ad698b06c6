"""A key becomes a picture as the artist sees it; keys and guides become a job folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.contract import job
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.capture import folder as capture_folder
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.capture import graphics
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import guides

from examples import drawing
from tests.blender import scenes
from tests.blender.capturing import capture_job, captured, extent, span
from tests.blender.scenes import box


@pytest.fixture(params=["render", "software"])
def path_of_drawing(request, monkeypatch):
    """Both ways of drawing must do the same."""
    if request.param == "software":
        monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    elif graphics.why_no_opengl():
        pytest.skip(f"no OpenGL: {graphics.why_no_opengl()}")
    return request.param


def add_camera_marker(scene, frame, name="Shot"):
    bpy.context.view_layer.update()
    camera = bpy.data.objects.new(name, scene.camera.data)
    camera.matrix_world = scene.camera.matrix_world
    scene.collection.objects.link(camera)
    scene.timeline_markers.new(name, frame=frame).camera = camera
    return camera


# --- the job folder --------------------------------------------------------------------------------------------


def test_the_job_holds_what_was_asked_for(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5, 9)
    layer = guides.add_guide_layer(obj)
    drawing.draw(obj, layer, 7, [box(0)])
    reports = []
    made = capture_job(
        scene,
        obj,
        tmp_path / "job",
        span(1, 5),
        span(5, 9, 7),
        report=lambda done, of: reports.append((done, of)),
        settings=job.Settings(seed=7),
    )
    assert job.read_job(tmp_path / "job") == made
    assert (made.engine, made.canvas, made.settings.seed) == ("draft", job.Canvas(160, 100, 12.0), 7)
    first, second = made.segments
    assert first.end == second.start == job.Picture(5, "keys/0005.png")
    assert second.guides == (job.Picture(7, "guides/0007.png"),)
    assert reports == [(1, 4), (2, 4), (3, 4), (4, 4)]
    written = sorted(path.relative_to(tmp_path / "job").as_posix() for path in (tmp_path / "job").rglob("*.*"))
    pictures = [f"{kind}/{frame:04d}.png" for kind in ("keys", "thumbnails") for frame in (1, 5, 9)]
    assert written == ["guides/0007.png", "job.json", *pictures]


def test_each_key_shows_its_own_drawing(scene, tmp_path, path_of_drawing):
    obj = scenes.moving_box(scene, 1, 5)
    capture_job(scene, obj, tmp_path / "job")
    lefts = [extent(scenes.picture(tmp_path / f"job/keys/{frame:04d}.png"))[0] for frame in (1, 5)]
    assert lefts[1] - lefts[0] == 20  # one unit


def test_the_folder_may_have_spaces_umlauts_and_braces_in_its_name(scene, tmp_path):
    folder = tmp_path / "Szene #3 {äöü} %04d" / "job"
    capture_job(scene, scenes.moving_box(scene, 1, 5), folder)
    assert (folder / "keys" / "0001.png").is_file()


# --- what the picture shows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["Standard", "AgX", "Filmic"])
def test_palette_colours_are_exact_under_every_view_transform(scene, tmp_path, path_of_drawing, view):
    scene.view_settings.view_transform = view
    scene.view_settings.exposure = 1.5
    picture = captured(scene, scenes.new_object(scene, {1: scenes.palette_patches()}), tmp_path / "job")
    for index, colour in enumerate(scenes.PALETTE):
        patch = picture[35:65, 4 + 20 * index : 16 + 20 * index]
        assert np.abs(patch - [*scenes.rgb(colour), 255]).max() <= 1, colour
    assert not picture[:20, :, 3].any()


def test_lit_layers_are_captured_in_their_own_colours(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: scenes.palette_patches()})
    obj.data.layers[0].use_lights = True
    picture = captured(scene, obj, tmp_path / "job")
    assert np.abs(picture[50, 10] - [*scenes.rgb(scenes.PALETTE[0]), 255]).max() <= 1


def test_a_half_transparent_layer_has_straight_alpha(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: scenes.palette_patches()})
    obj.data.layers[0].opacity = 0.5
    picture = captured(scene, obj, tmp_path / "job")
    assert np.abs(picture[50, 10] - [*scenes.rgb(scenes.PALETTE[0]), 127]).max() <= 1


def test_a_half_transparent_fill_has_straight_alpha(scene, tmp_path, path_of_drawing):
    patch = drawing.Shape(scenes.rectangle(-1, -1, 1, 1), "#3f7fc840", None)
    picture = captured(scene, scenes.new_object(scene, {1: [patch]}), tmp_path / "job")
    assert np.abs(picture[50, 80] - [63, 127, 200, 64]).max() <= 1


def test_layers_lie_over_each_other(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, "#ff0000", size=2)]}, layer="Fills")
    scenes.add_layer(obj, "Lines", {1: [box(0, "#0000ff", size=1)]})
    picture = captured(scene, obj, tmp_path / "job")
    assert np.abs(picture[50, 80] - [0, 0, 255, 255]).max() <= 1
    assert np.abs(picture[50, 66] - [255, 0, 0, 255]).max() <= 1


def test_hidden_layers_are_not_captured_and_locked_ones_are(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, "#ff0000", size=2)]})
    obj.data.layers[0].lock = True
    scenes.add_layer(obj, "Rough", {1: [box(0, "#0000ff")]}).hide = True
    assert np.abs(captured(scene, obj, tmp_path / "job")[50, 80] - [255, 0, 0, 255]).max() <= 1


def test_the_guide_layer_is_left_out_even_when_it_would_render(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, "#ff0000")]})
    layer = guides.add_guide_layer(obj)
    obj.modifiers.clear()
    drawing.draw(obj, layer, 1, [box(0, "#0000ff", size=4)])
    picture = captured(scene, obj, tmp_path / "job")
    assert np.abs(picture[50, 80] - [255, 0, 0, 255]).max() <= 1
    assert picture[20, 80, 3] == 0


def test_other_objects_and_the_world_are_not_captured(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(-2)]})
    scenes.new_object(scene, {1: [box(2)]}, name="Other")
    assert extent(captured(scene, obj, tmp_path / "job"))[2] < 80


def test_the_whole_scene_is_captured_when_asked_for(scene, tmp_path, path_of_drawing):
    scene.render.film_transparent = True
    obj = scenes.new_object(scene, {1: [box(-2)]})
    scenes.new_object(scene, {1: [box(2)]}, name="Other")
    scenes.new_object(scene, {1: [box(0)]}, name="Hidden").hide_render = True
    picture = captured(scene, obj, tmp_path / "job", whole_scene=True)
    assert picture[50, 40, 3] == picture[50, 120, 3] == 255
    assert picture[50, 80, 3] == 0


@pytest.mark.parametrize("colour", [None, (0.5, 0.1, 0.0)])
def test_the_world_lies_behind_the_whole_scene(scene, tmp_path, path_of_drawing, colour):
    if colour:
        scene.world = bpy.data.worlds.new("Sky")
        scene.world.color = colour
    obj = scenes.new_object(scene, {1: [box(0, "#ffffff")]})
    picture = captured(scene, obj, tmp_path / "job", whole_scene=True)
    expected = (188, 89, 0, 255) if colour else (0, 0, 0, 0)  # in sRGB
    assert np.abs(picture[5, 5] - expected).max() <= 1
    assert np.abs(picture[50, 80] - 255).max() <= 1


def test_parents_move_the_picture(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, line=None)]})
    parent = bpy.data.objects.new("Peg", None)
    scene.collection.objects.link(parent)
    obj.parent = parent
    parent.location.x = 2
    assert extent(captured(scene, obj, tmp_path / "job")) == (110, 40, 130, 60)


def test_a_layers_own_parent_moves_the_layer(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, line=None)]})
    parent = bpy.data.objects.new("Peg", None)
    scene.collection.objects.link(parent)
    obj.data.layers[0].parent = parent
    parent.location.z = 1
    assert extent(captured(scene, obj, tmp_path / "job")) == (70, 20, 90, 40)


def test_a_layers_own_offset_moves_the_layer(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, line=None)]})
    obj.data.layers[0].translation = (-2, 0, 0)
    assert extent(captured(scene, obj, tmp_path / "job")) == (30, 40, 50, 60)


def test_modifiers_are_captured(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, line=None)]})
    obj.modifiers.new("Offset", "GREASE_PENCIL_OFFSET").location = (1, 0, 0)
    assert extent(captured(scene, obj, tmp_path / "job")) == (90, 40, 110, 60)


def test_animation_is_captured_at_the_keys_own_frame(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, line=None)]})
    for frame, x in ((1, -2.0), (5, 2.0)):
        obj.location.x = x
        obj.keyframe_insert("location", frame=frame)
    scene.frame_set(3)
    capture_job(scene, obj, tmp_path / "job")
    centres = [extent(scenes.picture(tmp_path / f"job/keys/{frame:04d}.png"))[0] for frame in (1, 5)]
    assert centres == [30, 110]


def test_a_camera_bound_to_a_marker_is_the_camera_from_there_on(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, line=None)]})
    add_camera_marker(scene, 0, "Wide")
    add_camera_marker(scene, 4, "Moved").location.x = 1
    capture_job(scene, obj, tmp_path / "job")
    lefts = [extent(scenes.picture(tmp_path / f"job/keys/{frame:04d}.png"))[0] for frame in (1, 5)]
    assert lefts == [70, 50]


def test_an_object_from_a_library_is_captured(scene, tmp_path, path_of_drawing):
    obj = scenes.new_object(scene, {1: [box(0, "#ff0000")]}, name="Linked")
    obj.data.layers[0].use_lights = True
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {obj})
    scene = scenes.empty_scene()
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.objects = ["Linked"]
    linked = wanted.objects[0]
    scene.collection.objects.link(linked)
    assert np.abs(captured(scene, linked, tmp_path / "job")[50, 80] - [255, 0, 0, 255]).max() <= 1
    assert linked.data.layers[0].use_lights


# --- size ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percentage", "width", "size"),
    [
        (100, None, (160, 100)),
        (50, None, (80, 50)),
        (33, None, (52, 33)),
        (100, 75, (75, 47)),
        (50, 320, (320, 200)),
    ],
)
def test_the_size_is_that_of_the_render_or_the_chosen_width(
    scene, tmp_path, path_of_drawing, percentage, width, size
):
    scene.render.resolution_percentage = percentage
    obj = scenes.moving_box(scene, 1, 5)
    made = capture_job(scene, obj, tmp_path / "job", width=width)
    picture = scenes.picture(tmp_path / "job/keys/0001.png")
    assert (made.canvas.width, made.canvas.height) == size
    assert picture.shape == (size[1], size[0], 4)
    left, top, right, bottom = extent(picture)
    assert abs((right - left) / size[0] - 1.05 / 8) < 1.5 / size[0]
    assert abs((top + bottom) / 2 - size[1] / 2) <= 1


@pytest.mark.parametrize(("width", "code"), [(5, "picture-too-small"), (20_000, "picture-too-large")])
def test_sizes_that_nobody_can_draw_in_are_refused(scene, tmp_path, width, code):
    with pytest.raises(UserError) as caught:
        capture_job(scene, scenes.moving_box(scene, 1, 5), tmp_path / "job", width=width)
    assert caught.value.code == code
    assert not (tmp_path / "job").exists()


# --- guides ----------------------------------------------------------------------------------------------------


def guide_picture(scene, tmp_path, shapes, **options):
    obj = scenes.moving_box(scene, 1, 5)
    drawing.draw(obj, guides.add_guide_layer(obj), 3, shapes)
    capture_job(scene, obj, tmp_path / "job", span(1, 5, 3), **options)
    return scenes.picture(tmp_path / "job/guides/0003.png").astype(int)


def test_a_guide_is_drawn_black_on_white_whatever_its_colours(scene, tmp_path):
    line = drawing.Shape([(-2, 0), (2, 0)], None, "#ffee0080", width=0.4, closed=False)
    picture = guide_picture(scene, tmp_path, [line])
    assert picture.shape == (100, 160)
    assert (picture[46:54, 45:115] == 0).all()
    assert (picture[:44] == 255).all()


def test_the_pen_of_a_guide_is_as_wide_as_drawn_but_never_too_thin_to_see(scene, tmp_path):
    thin = drawing.Shape([(-2, 0.025), (2, 0.025)], None, "#000000", width=0.001, closed=False)
    column = guide_picture(scene, tmp_path, [thin])[:, 80]
    assert abs((255 - column).sum() / 255 - 1.5) < 0.2


def test_the_fill_of_a_guide_is_not_drawn_but_its_outline_is(scene, tmp_path):
    picture = guide_picture(scene, tmp_path, [box(0, "#000000", size=2, line=None)])
    assert picture[50, 80] == 255
    assert picture[50, 60] < 128


def test_a_hidden_object_beside_the_guide_does_not_matter_to_it(scene, tmp_path):
    scenes.new_object(scene, {1: [box(0, size=3)]}, name="Other")
    assert guide_picture(scene, tmp_path, [box(0)])[50, 60] == 255


# --- what cannot be done ---------------------------------------------------------------------------------------


def refused(scene, obj, folder, **options):
    with pytest.raises(UserError) as caught:
        capture_job(scene, obj, folder, **options)
    assert caught.value.hint
    return caught.value.code


def test_without_a_camera_the_sentence_says_so_and_nothing_is_left(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5)
    scene.camera = None
    assert refused(scene, obj, tmp_path / "a" / "job") == "no-camera"
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_nobody_sees_is_refused(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5)
    obj.hide_set(True)
    assert refused(scene, obj, tmp_path / "job") == "object-hidden"


def test_an_object_that_is_only_hidden_from_renders_is_captured(scene, tmp_path, path_of_drawing):
    obj = scenes.moving_box(scene, 1, 5)
    obj.hide_render = True
    assert captured(scene, obj, tmp_path / "job")[..., 3].any()
    assert obj.hide_render


def test_an_object_of_another_scene_is_refused(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5)
    scene.collection.objects.unlink(obj)
    assert refused(scene, obj, tmp_path / "job") == "not-in-scene"


def test_a_folder_that_holds_something_is_refused_and_keeps_it(scene, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert refused(scene, scenes.moving_box(scene, 1, 5), tmp_path) == "folder-not-empty"
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_place_that_cannot_be_written_to_is_refused(scene, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert refused(scene, scenes.moving_box(scene, 1, 5), tmp_path / "file" / "job") == "folder-not-writable"


def test_a_full_disk_is_told_as_such_and_leaves_nothing(scene, tmp_path, monkeypatch):
    """The disk is full at the second picture; only the writing of bytes is played, all else is real."""
    monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    write_bytes = Path.write_bytes

    def write_until_full(path, content):
        if path.name == "0005.png":
            write_bytes(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    with pytest.raises(UserError, match=os.strerror(errno.ENOSPC)) as caught:
        capture_job(scene, scenes.moving_box(scene, 1, 5), tmp_path / "job")
    assert caught.value.code == "folder-not-writable"
    assert not (tmp_path / "job").exists()


def test_a_picture_that_blender_did_not_finish_is_noticed(scene, tmp_path, monkeypatch):
    if graphics.why_no_opengl():
        pytest.skip("no OpenGL")

    def cut_short(scene, *_):
        path = Path(bpy.path.abspath(scene.render.filepath))
        path.write_bytes(path.read_bytes()[:-20])

    bpy.app.handlers.render_write.append(cut_short)
    try:
        with pytest.raises(UserError) as caught:
            capture_job(scene, scenes.moving_box(scene, 1, 5), tmp_path / "job")
    finally:
        bpy.app.handlers.render_write.remove(cut_short)
    assert caught.value.code == "folder-not-writable"
    assert not (tmp_path / "job").exists()


def test_meshes_need_opengl_and_that_is_said(scene, tmp_path, monkeypatch):
    monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    obj = scenes.moving_box(scene, 1, 5)
    scene.collection.objects.link(bpy.data.objects.new("Prop", bpy.data.meshes.new("Prop")))
    assert refused(scene, obj, tmp_path / "job", whole_scene=True) == "needs-opengl"


def test_nothing_to_capture_is_a_mistake_of_the_caller(scene, tmp_path):
    obj = scenes.moving_box(scene, 1, 5)
    with pytest.raises(ValueError, match="no span"):
        capture_folder.write_job(
            scene,
            obj,
            (),
            tmp_path / "job",
            engine="draft",
            settings=job.Settings(),
            easing=job.Easing.LINEAR,
            capture=capture_folder.CaptureSettings(),
            source={},
        )
