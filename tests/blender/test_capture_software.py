"""Drawing without OpenGL looks like Blender's own rendering."""

from __future__ import annotations

import subprocess
import sys

import bpy
import numpy as np
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.capture import graphics, png

from examples import build, drawing
from tests.blender import scenes
from tests.blender.capturing import capture_job, captured, psnr, span
from tests.blender.scenes import INK, box


def both(scene, obj, folder, monkeypatch, frame=1, **options):
    """The same key by Blender's renderer and without OpenGL."""
    if graphics.why_no_opengl():
        pytest.skip(f"no OpenGL: {graphics.why_no_opengl()}")
    rendered = captured(scene, obj, folder / "rendered", frame, **options)
    monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    return rendered, captured(scene, obj, folder / "painted", frame, **options)


def curve(**properties):
    points = [(-3 + 0.3 * step, np.sin(step / 2)) for step in range(21)]
    return drawing.Shape(points, None, INK, closed=False, **properties)


@pytest.mark.parametrize("name", build.SHOTS)
def test_the_example_shots_look_the_same_both_ways(tmp_path, monkeypatch, name):
    scene, obj = build.build(name)
    scene.render.resolution_percentage = 50
    for frame in (scene.frame_start, scene.frame_end):
        rendered, painted = both(scene, obj, tmp_path / str(frame), monkeypatch, frame)
        assert psnr(rendered, painted) >= 30
        monkeypatch.delenv(graphics.SOFTWARE_VARIABLE)


@pytest.mark.parametrize("width", [0.01, 0.05, 0.2, 1.0])
def test_lines_of_every_width_look_the_same(scene, tmp_path, monkeypatch, width):
    obj = scenes.new_object(scene, {1: [curve(width=width)]})
    rendered, painted = both(scene, obj, tmp_path, monkeypatch, width=480)
    assert psnr(rendered, painted) >= 30
    if width >= 0.05:  # thinner than two pixels Blender's versions do not agree among themselves
        assert abs(rendered[..., 3].mean() / painted[..., 3].mean() - 1) < 0.1


def test_lines_that_grow_thin_look_the_same(scene, tmp_path, monkeypatch):
    obj = scenes.new_object(scene, {1: [curve(width=0.3, taper=True)]})
    assert psnr(*both(scene, obj, tmp_path, monkeypatch, width=480)) >= 30


def test_lines_of_changing_colour_and_opacity_look_the_same(scene, tmp_path, monkeypatch):
    obj = scenes.new_object(scene, {1: [curve(width=0.4)]})
    points = obj.data.layers[0].frames[0].drawing.strokes[0].points
    for index, point in enumerate(points):
        point.opacity = 1 - index / len(points)
        point.vertex_color = (1, 0, 0, index / len(points))
    assert psnr(*both(scene, obj, tmp_path, monkeypatch, width=480)) >= 30


@pytest.mark.parametrize("caps", [(0, 0), (1, 0), (1, 1)])
def test_round_and_flat_ends_look_the_same(scene, tmp_path, monkeypatch, caps):
    line = drawing.Shape([(-2, 0), (0, 0), (2, 0)], None, INK, width=1.5, closed=False)
    obj = scenes.new_object(scene, {1: [line]})
    stroke = obj.data.layers[0].frames[0].drawing.strokes[0]
    stroke.start_cap, stroke.end_cap = caps
    assert psnr(*both(scene, obj, tmp_path, monkeypatch, width=480)) >= 30


@pytest.mark.parametrize("painted", [0.0, 0.5, 1.0])
def test_a_tinted_layer_and_painted_fills_look_the_same(scene, tmp_path, monkeypatch, painted):
    obj = scenes.new_object(scene, {1: [box(0, size=3)]})
    obj.data.layers[0].tint_color, obj.data.layers[0].tint_factor = (0, 1, 0), 0.5
    stroke = obj.data.layers[0].frames[0].drawing.strokes[0]
    stroke.fill_color, stroke.fill_opacity = (0, 0, 1, painted), 0.6
    rendered, painted = both(scene, obj, tmp_path, monkeypatch)
    assert np.abs(rendered[50, 80] - painted[50, 80]).max() <= 2


def test_a_layer_that_makes_its_lines_thicker_looks_the_same(scene, tmp_path, monkeypatch):
    obj = scenes.new_object(scene, {1: [curve(width=0.1)]})
    obj.data.layers[0].radius_offset = 0.1
    obj.data.layers[0].tint_color, obj.data.layers[0].tint_factor = (1, 0, 0), 0.7
    assert psnr(*both(scene, obj, tmp_path, monkeypatch, width=480)) >= 30


@pytest.mark.parametrize("kind", ["BEZIER", "CATMULL_ROM"])
def test_curved_strokes_look_the_same(scene, tmp_path, monkeypatch, kind):
    corners = [(-2, -1), (-1, 1.5), (1, -1.5), (2, 1)]
    obj = scenes.new_object(scene, {1: [drawing.Shape(corners, None, INK, width=0.1, closed=False)]})
    sheet = obj.data.layers[0].frames[0].drawing
    sheet.set_types(type=kind)
    if kind == "BEZIER":
        for name, side in (("handle_left", -0.8), ("handle_right", 0.8)):
            handles = [value for x, z in corners for value in (x + side, 0.0, z)]
            sheet.attributes.new(name, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", handles)
        sheet.tag_positions_changed()
    rendered, painted = both(scene, obj, tmp_path, monkeypatch, width=480)
    assert psnr(rendered, painted) >= 30


@pytest.mark.skipif(bpy.app.version < (5, 2, 0), reason="holes are made of strokes with one fill since Blender 5.2")
def test_holes_look_the_same(scene, tmp_path, monkeypatch):
    obj = scenes.new_object(scene, {1: [box(0, size=3), box(0, size=1)]})
    for stroke in obj.data.layers[0].frames[0].drawing.strokes:
        stroke.fill_id = 1
    rendered, painted = both(scene, obj, tmp_path, monkeypatch)
    assert rendered[50, 80, 3] == painted[50, 80, 3] == 0
    assert psnr(rendered, painted) >= 30


def test_a_perspective_camera_and_a_turned_object_look_the_same(scene, tmp_path, monkeypatch):
    scene.camera.data.type = "PERSP"
    obj = scenes.new_object(scene, {1: [box(0, size=3), curve(width=0.3)]})
    obj.rotation_euler, obj.scale = (0.2, 0.3, 0.6), (1.2, 1.2, 1.2)
    assert psnr(*both(scene, obj, tmp_path, monkeypatch, width=480)) >= 30


def test_what_lies_behind_the_camera_is_not_drawn(scene, tmp_path, monkeypatch):
    scene.camera.data.type = "PERSP"
    scene.camera.location = (0, 0, 0)
    obj = scenes.new_object(scene, {1: [box(0, size=3)]})
    obj.rotation_euler.x = -1.4  # one half before, one behind
    monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    picture = captured(scene, obj, tmp_path / "job")
    assert picture[..., 3].any()
    obj.location.y = -5
    assert not captured(scene, obj, tmp_path / "behind")[..., 3].any()


def test_a_drawing_that_leaves_the_picture_is_cut_off(scene, tmp_path, monkeypatch):
    monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    obj = scenes.new_object(scene, {1: [box(4, size=3), box(-30), box(0, size=2000, fill="#ffffff")]})
    assert (captured(scene, obj, tmp_path / "job")[..., 3] == 255).all()


def test_the_same_key_gives_the_same_pixels(scene, tmp_path, monkeypatch):
    monkeypatch.setenv(graphics.SOFTWARE_VARIABLE, "1")
    obj = scenes.new_object(scene, {1: [curve(width=0.2)]})
    for name in ("one", "other"):
        capture_job(scene, obj, tmp_path / name, span(1, 5))
    assert (tmp_path / "one/keys/0001.png").read_bytes() == (tmp_path / "other/keys/0001.png").read_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="EGL is asked on Linux only")
@pytest.mark.skipif(not hasattr(bpy.app, "module") or not bpy.app.module, reason="needs Blender as a module")
def test_without_a_driver_capturing_does_not_abort(tmp_path):
    """A Blender of its own is told of an EGL vendor that does not exist, which is what no driver looks like."""
    script = tmp_path / "capture_without_driver.py"
    script.write_text(
        "import importlib.util, sys\n"
        f"sys.path.insert(0, {str(build.ROOT)!r})\n"
        f"path = {str(build.ROOT / 'tests/blender/conftest.py')!r}\n"
        "spec = importlib.util.spec_from_file_location('conftest', path)\n"
        "conftest = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(conftest)\n"
        "from tests.blender import scenes, capturing\n"
        "from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.capture import graphics\n"
        "scene = scenes.empty_scene()\n"
        f"capturing.capture_job(scene, scenes.moving_box(scene, 1, 5), {str(tmp_path / 'job')!r})\n"
        "print('reason:', graphics.why_no_opengl())\n"
        "conftest.pytest_unconfigure()\n",
        encoding="utf-8",
    )
    environment = {"PATH": "", "__EGL_VENDOR_LIBRARY_FILENAMES": str(tmp_path / "none.json")}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "reason: no" in done.stdout or "reason: the" in done.stdout
    assert scenes.picture(tmp_path / "job/keys/0001.png")[50, 40].tolist() == [*scenes.rgb(scenes.PALETTE[0]), 255]


def test_a_png_is_read_back_as_it_was_written(tmp_path):
    random = np.random.default_rng(1)
    for shape in ((5, 7, 4), (3, 2)):
        pixels = random.integers(0, 256, shape, dtype=np.uint8)
        png.write(tmp_path / "picture.png", pixels)
        assert np.array_equal(scenes.picture(tmp_path / "picture.png"), pixels)
        assert png.is_complete(tmp_path / "picture.png", shape[1], shape[0])
        assert not png.is_complete(tmp_path / "picture.png", shape[1] + 1, shape[0])


def test_a_png_that_was_cut_short_is_not_complete(tmp_path):
    path = tmp_path / "picture.png"
    assert not png.is_complete(path, 7, 5)
    png.write(path, np.zeros((5, 7), np.uint8))
    path.write_bytes(path.read_bytes()[:-1])
    assert not png.is_complete(path, 7, 5)
    path.write_bytes(b"")
    assert not png.is_complete(path, 7, 5)
