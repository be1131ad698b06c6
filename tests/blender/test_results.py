"""From a finished job back into the scene, and the whole way round: timeline, pictures, engine, strip, render."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import results
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.generate import generate
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import watching
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.results import shown
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import properties
from mathutils import Vector

from tests.blender import scenes
from tests.blender.jobs_on_disk import make_job


def draw(scene: bpy.types.Scene, obj: bpy.types.Object, how: str, **changes: object) -> Entry:
    """Generate with the hold engine and wait for the end."""
    choice = replace(properties.choice_of(scene), engine="hold", import_as=how, **changes)
    entry = generate(scene, obj, choice, frames=(-1000, 1000))
    queue.wait(entry)
    assert entry.state is State.DONE, entry.sentence
    return entry


@pytest.fixture
def saved(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot äö.blend"))
    return scene


def render(scene: bpy.types.Scene, frame: int, path: Path) -> np.ndarray:
    """Render a frame as the scene is, sequencer included."""
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    scene.render.film_transparent = True
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.dither_intensity = 0
    bpy.ops.render.render(write_still=True, scene=scene.name)
    return scenes.picture(path).astype(int)


def test_a_hold_goes_all_the_way_round_with_exact_colours_frames_and_alpha(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    scene = saved
    obj = scenes.new_object(scene, {5: scenes.palette_patches(), 9: [scenes.box(2)]})
    scene.view_settings.view_transform = "Standard"
    entry = draw(scene, obj, "strip")
    captured = scenes.picture(entry.folder / entry.job.segments[0].start.image).astype(int)
    flat = np.unique(captured[captured[..., 3] == 255][:, :3], axis=0)
    for colour in scenes.PALETTE:
        rgb = [int(colour[index : index + 2], 16) for index in (1, 3, 5)]
        assert np.abs(flat - rgb).max(axis=1).min() <= 1, colour
    watching.import_entry(entry, "strip")
    strip = scene.sequence_editor.strips[0]
    assert (strip.frame_final_start, strip.frame_final_end) == (5, 10)
    for frame in (5, 6, 8):
        assert_alike(render(scene, frame, tmp_path / f"{frame}.png"), captured)
    end = scenes.picture(entry.folder / entry.job.segments[0].end.image).astype(int)
    assert_alike(render(scene, 9, tmp_path / "9.png"), end)
    assert render(scene, 10, tmp_path / "10.png")[..., 3].max() == 0  # the strip ends with the last key


@pytest.mark.parametrize("view_transform", ["Standard", "AgX", "Filmic"])
def test_a_strip_renders_like_the_drawing_itself_whatever_the_view_transform(
    saved: bpy.types.Scene, tmp_path: Path, view_transform: str
) -> None:
    obj = scenes.new_object(saved, {1: scenes.palette_patches(), 9: [scenes.box(2)]})
    saved.view_settings.view_transform = view_transform
    entry = draw(saved, obj, "strip")
    watching.import_entry(entry, "strip")
    saved.render.use_sequencer = False
    drawing = render(saved, 1, tmp_path / "drawing.png")
    saved.render.use_sequencer = True
    assert_alike(render(saved, 5, tmp_path / "strip.png"), drawing)


def assert_alike(picture: np.ndarray, expected: np.ndarray) -> None:
    """At most 2 of 255 apart where opaque, in proportion where colour is divided by a small alpha."""
    assert picture.shape == expected.shape
    assert np.abs(picture[..., 3] - expected[..., 3]).max() <= 2
    alpha = expected[..., 3]
    assert (alpha == 255).sum() > 100
    error = np.abs(picture - expected)[..., :3].max(axis=-1)
    assert error[alpha == 255].max() <= 2
    soft = (alpha > 64) & (alpha < 255)
    assert error[soft].max(initial=0) <= 2 * 255 / 64


def test_a_strip_holds_each_drawing_as_long_as_it_is_exposed(saved: bpy.types.Scene) -> None:
    obj = scenes.moving_box(saved, 1, 7, 10)
    entry = draw(saved, obj, "strip", exposure=2)
    assert entry.job.wanted == (3, 5, 9)
    watching.import_entry(entry, "strip")
    strip = saved.sequence_editor.strips[0]
    assert [element.filename for element in strip.elements] == [f"{number:04d}.png" for number in range(1, 11)]
    folder = entry.folder

    def content(number: int) -> bytes:
        return (folder / "shown" / f"{number:04d}.png").read_bytes()

    keys = {frame: (folder / "keys" / f"{frame:04d}.png").read_bytes() for frame in (1, 7, 10)}
    frames = {frame: (folder / "frames" / f"{frame:04d}.png").read_bytes() for frame in (3, 5, 9)}
    seen = keys | frames
    order = [1, 1, 3, 3, 5, 5, 7, 7, 9, 10]
    assert [content(number) == seen[frame] for number, frame in enumerate(order, start=1)] == [True] * 10


def test_frames_before_zero_are_shown_at_their_places(saved: bpy.types.Scene) -> None:
    obj = scenes.moving_box(saved, -5, 3)
    entry = draw(saved, obj, "strip")
    watching.import_entry(entry, "strip")
    strip = saved.sequence_editor.strips[0]
    assert (strip.frame_final_start, strip.frame_final_end, len(strip.elements)) == (-5, 4, 9)


def test_a_strip_goes_to_a_channel_of_its_own_above_what_plays_there(saved: bpy.types.Scene) -> None:
    editor = saved.sequence_editor_create()
    for channel, start in ((3, 4), (1, 8), (7, 60)):
        editor.strips.new_effect("Colour", "COLOR", channel, start, **_length(start, 10))
    entry = draw(saved, scenes.moving_box(saved, 1, 7), "strip")
    watching.import_entry(entry, "strip")
    ours = next(strip for strip in editor.strips if strip.type == "IMAGE")
    assert ours.channel == 4 and ours.blend_type == "ALPHA_OVER" and ours.alpha_mode == "STRAIGHT"
    assert ours.colorspace_settings.name == "sRGB" and ours.get("inbetween_job") == entry.job.id
    assert sorted(strip.channel for strip in editor.strips if strip != ours) == [1, 3, 7]


def _length(start: int, length: int) -> dict[str, int]:
    return {"frame_end": start + length} if bpy.app.version < (5, 0) else {"length": length}


def test_importing_twice_doubles_nothing(saved: bpy.types.Scene) -> None:
    entry = draw(saved, scenes.moving_box(saved, 1, 7), "strip")
    for how, count in (("strip", lambda: len(saved.sequence_editor.strips)), ("reference", lambda: len(empties()))):
        first = watching.import_entry(entry, how)
        assert watching.import_entry(entry, how) == first
        assert count() == 1


def empties() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.type == "EMPTY"]


def _orthographic(camera: bpy.types.Object) -> None:
    camera.data.type, camera.data.ortho_scale = "ORTHO", 5.0


def _perspective(camera: bpy.types.Object) -> None:
    camera.data.type, camera.data.lens = "PERSP", 35.0


def _shifted_and_turned(camera: bpy.types.Object) -> None:
    _perspective(camera)
    camera.data.shift_x, camera.data.shift_y = 0.2, -0.1
    camera.rotation_euler = (1.2, 0.3, 0.5)
    camera.location = (3, -9, 4)
    camera.scale = (2, 2, 2)


@pytest.mark.parametrize("aim", [_orthographic, _perspective, _shifted_and_turned])
@pytest.mark.parametrize("size", [(160, 100), (100, 160)])
def test_a_reference_fills_the_cameras_frame_exactly(
    saved: bpy.types.Scene, size: tuple[int, int], aim: Callable[[bpy.types.Object], None]
) -> None:
    from bpy_extras.object_utils import world_to_camera_view

    saved.render.resolution_x, saved.render.resolution_y = size
    aim(saved.camera)
    entry = draw(saved, scenes.moving_box(saved, 1, 7), "reference")
    watching.import_entry(entry, "reference")
    bpy.context.view_layer.update()
    empty = next(obj for obj in saved.objects if obj.type == "EMPTY")
    # Blender draws the picture around the origin, its longer side `empty_display_size` long.
    longer = max(entry.job.canvas.width, entry.job.canvas.height)
    half = Vector((entry.job.canvas.width, entry.job.canvas.height)) * empty.empty_display_size / longer / 2
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        corner = empty.matrix_world @ Vector((x * half.x, y * half.y, 0))
        seen = world_to_camera_view(saved, saved.camera, corner)
        assert (seen.x, seen.y) == pytest.approx(((x + 1) / 2, (y + 1) / 2), abs=1e-4)
        assert seen.z > 0


def test_a_reference_shows_each_frame_at_its_time_and_hides_outside_of_its_range(saved: bpy.types.Scene) -> None:
    saved.frame_set(7)
    entry = draw(saved, scenes.moving_box(saved, 5, 9), "reference")
    watching.import_entry(entry, "reference")
    empty = next(obj for obj in saved.objects if obj.type == "EMPTY")
    user = empty.image_user
    assert empty.data.source == "SEQUENCE" and Path(bpy.path.abspath(empty.data.filepath)).name == "0001.png"
    assert (user.frame_start, user.frame_duration, user.frame_offset) == (5, 5, 0)
    assert user.use_auto_refresh and not user.use_cyclic
    assert user.frame_current == 3  # the picture of the frame that is shown now, not of none
    visible = []
    for frame in range(1, 13):
        saved.frame_set(frame)
        visible.append(not empty.hide_viewport)
    assert visible == [5 <= frame <= 9 for frame in range(1, 13)]


def test_where_keys_are_held_the_result_leaves_a_gap(saved: bpy.types.Scene) -> None:
    held = [scenes.box(0)]
    obj = scenes.new_object(saved, {1: [scenes.box(-2)], 5: held, 9: held, 13: [scenes.box(2)]})
    entry = draw(saved, obj, "strip")
    assert [(run.first, run.last) for run in shown.runs(entry.job)] == [(1, 5), (9, 13)]
    watching.import_entry(entry, "strip")
    strips = saved.sequence_editor.strips
    assert sorted((strip.frame_final_start, strip.frame_final_end) for strip in strips) == [(1, 6), (9, 14)]
    second = next(strip for strip in strips if strip.frame_final_start == 9)
    assert second.elements[0].filename == "0009.png"
    watching.import_entry(entry, "reference")
    users = sorted(
        (obj.image_user.frame_start, obj.image_user.frame_offset) for obj in saved.objects if obj.type == "EMPTY"
    )
    assert users == [(1, 0), (9, 8)]


def test_missing_drawings_show_the_one_before_until_they_are_made(tmp_path: Path) -> None:
    job = make_job(tmp_path, 1, 5)
    results.show(tmp_path, job)
    start = (tmp_path / "keys" / "0001.png").read_bytes()
    assert (tmp_path / "shown" / "0004.png").read_bytes() == start
    (tmp_path / "frames").mkdir()
    shutil.copy(tmp_path / "keys" / "0005.png", tmp_path / "frames" / "0003.png")
    results.show(tmp_path, job)
    made = (tmp_path / "frames" / "0003.png").read_bytes()
    assert [(tmp_path / "shown" / f"000{number}.png").read_bytes() == made for number in (2, 3, 4)] == [
        False,
        True,
        True,
    ]
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == [f"000{n}.png" for n in range(1, 6)]


def test_pictures_are_copied_where_the_disk_has_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    job = make_job(tmp_path, 1, 4)
    for _ in range(2):
        results.show(tmp_path, job)
    assert (tmp_path / "shown" / "0004.png").read_bytes() == (tmp_path / "keys" / "0004.png").read_bytes()
    assert (tmp_path / "shown" / "0004.png").stat().st_nlink == 1


def test_a_reference_without_a_camera_is_refused_and_changes_nothing(saved: bpy.types.Scene) -> None:
    entry = draw(saved, scenes.moving_box(saved, 1, 7), "none")
    bpy.data.objects.remove(saved.camera)
    names = [obj.name for obj in bpy.data.objects]
    images = len(bpy.data.images)
    with pytest.raises(UserError, match="no camera"):
        watching.import_entry(entry, "reference")
    assert [obj.name for obj in bpy.data.objects] == names and len(bpy.data.images) == images


def test_the_result_finds_its_scene_by_another_name_and_never_another_file(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    entry = draw(saved, scenes.moving_box(saved, 1, 7), "none")
    other = bpy.data.scenes.new(saved.name + " other")
    saved.name = "Renamed"
    watching.import_entry(entry, "strip")
    assert len(saved.sequence_editor.strips) == 1
    assert other.sequence_editor is None or not other.sequence_editor.strips
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with pytest.raises(UserError, match="belong to the scene"):
        watching.import_entry(entry, "strip")
    editor = bpy.context.scene.sequence_editor
    assert editor is None or not editor.strips
