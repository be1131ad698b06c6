"""Line drawings coloured in real Blender, from lines and one coloured drawing to fills under the artist's lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON
from tests.blender.test_strokes import seen

from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import watching  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.colouring.colour import colour  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.colouring.drawings import (  # isort: skip
    find_drawings,
    find_drawings_for_picture,
)
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.colouring.chosen import chosen_drawings  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue  # isort: skip
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings.properties import choice_of  # isort: skip

RED, BLUE = scenes.PALETTE[0], scenes.PALETTE[2]
FRAMES = (1, 3, 5, 7)


@pytest.fixture(autouse=True)
def no_jobs_before() -> Iterator[None]:
    assert PYTHON.exists()
    queue.entries.clear()
    yield
    for entry in queue.entries:
        queue.cancel(entry)
        queue.wait(entry)


def figure(x: float) -> list[scenes.Shape]:
    """A red body with a blue head on it, around x."""
    return [
        scenes.Shape(scenes.rectangle(x - 0.9, -1.5, x + 0.9, 0.4), RED, scenes.INK),
        scenes.Shape(scenes.rectangle(x - 0.5, 0.4, x + 0.5, 1.4), BLUE, scenes.INK),
    ]


def lines(x: float) -> list[scenes.Shape]:
    return [replace(shape, fill=None) for shape in figure(x)]


def fills(x: float) -> list[scenes.Shape]:
    return [replace(shape, line=None) for shape in figure(x)]


@pytest.fixture
def obj(scene: bpy.types.Scene) -> bpy.types.Object:
    """Lines at four frames, and fills at the first of them on a layer below."""
    scene.frame_end = 8
    obj = scenes.new_object(scene, {1: fills(-2)}, layer="Fills")
    scenes.add_layer(obj, "Lines", {frame: lines(-2 + 0.5 * n) for n, frame in enumerate(FRAMES)})
    obj.data.layers.active = obj.data.layers["Lines"]
    return obj


def coloured(
    scene: bpy.types.Scene, obj: bpy.types.Object, show_as: str = "strokes", picture: bpy.types.Image | None = None
) -> Entry:
    drawings = find_drawings_for_picture(obj, scene, picture) if picture else find_drawings(obj, scene)
    entry = colour(scene, drawings, choice_of(scene), show_as=show_as)
    queue.wait(entry)
    assert entry.state is State.DONE, (entry.sentence, entry.hint)
    watching.import_entry(entry, show_as)
    return entry


def share_right(picture: np.ndarray, n: int) -> float:
    """The share of pixels that have the figure's colour at the n-th drawing, its lines left out."""
    height, width = picture.shape[:2]
    x, y = np.meshgrid((np.arange(width) + 0.5) / 20 - 4, (height / 2 - np.arange(height) - 0.5) / 20)
    at = -2 + 0.5 * n
    truth = np.zeros((height, width, 4), int)
    body = (np.abs(x - at) < 0.9) & (y > -1.5) & (y < 0.4)
    head = (np.abs(x - at) < 0.5) & (y > 0.4) & (y < 1.4)
    truth[body], truth[head] = (*scenes.rgb(RED), 255), (*scenes.rgb(BLUE), 255)
    found = np.where(picture[..., 3:] > 127, picture, 0).astype(int)
    return float((np.abs(found - truth).max(-1) <= 24).mean())


def test_colours_become_fills_under_the_artists_own_lines(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    before = {layer.name: [key.frame_number for key in layer.frames] for layer in obj.data.layers}
    coloured(scene, obj)
    names = [layer.name for layer in obj.data.layers]
    assert names == ["Fills", "Colours 1–8", "Lines"]
    assert obj.data.layers.active == obj.data.layers["Lines"]
    assert {name: [key.frame_number for key in obj.data.layers[name].frames] for name in before} == before
    layer = obj.data.layers["Colours 1–8"]
    assert {key.frame_number: len(key.drawing.strokes) for key in layer.frames} == {1: 0, 3: 2, 5: 2, 7: 2}
    assert all(stroke.cyclic for key in layer.frames for stroke in key.drawing.strokes)
    assert share_right(seen(scene, obj, layer, tmp_path / "seen.png"), 1) > 0.97


def test_the_painted_fills_step_back_and_the_lines_stay(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    coloured(scene, obj)
    opacity = {}
    for frame in (1, 2, 3, 7):
        scene.frame_set(frame)
        data = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        opacity[frame] = data.layers["Fills"].opacity, data.layers["Lines"].opacity
    assert opacity == {1: (1, 1), 2: (1, 1), 3: (0, 1), 7: (0, 1)}


def test_a_strip_shows_every_drawing_for_as_long_as_it_is_held(
    scene: bpy.types.Scene, obj: bpy.types.Object
) -> None:
    entry = coloured(scene, obj, "strip")
    (strip,) = scene.sequence_editor.strips
    assert (strip.frame_final_start, strip.frame_final_duration) == (1, 8)
    for frame, n in ((1, 0), (2, 0), (3, 1), (8, 3)):
        assert share_right(scenes.picture(entry.folder / "shown" / f"{frame:04d}.png"), n) > 0.85, frame


def test_colouring_again_hides_what_was_there_and_keeps_it(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    coloured(scene, obj)
    first = obj.data.layers["Colours 1–8"].name
    scenes.drawing.draw(obj, obj.data.layers["Fills"], 5, fills(-1))
    entry = coloured(scene, obj)
    assert entry.job.wanted == (3, 7)
    assert obj.data.layers[first].hide and len(obj.data.layers[first].frames) == 4
    second = next(layer for layer in obj.data.layers if layer.name.startswith("Colours") and layer.name != first)
    assert {key.frame_number: len(key.drawing.strokes) for key in second.frames} == {1: 0, 3: 2, 5: 0, 7: 2}
    reference = scenes.picture(entry.folder / "keys" / "0005.png")
    assert tuple(reference[50, 60]) == (*scenes.rgb(RED), 255), "the new fills are seen under older ones"


def test_drawings_before_the_reference_are_coloured_from_it(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    layer = obj.data.layers["Fills"]
    layer.frames.remove(1)
    scenes.drawing.draw(obj, layer, 7, fills(-0.5))
    entry = coloured(scene, obj, "none")
    assert (entry.first, entry.last) == (1, 7)
    for frame, n in ((1, 0), (3, 1), (5, 2)):
        assert share_right(scenes.picture(entry.folder / "frames" / f"{frame:04d}.png"), n) > 0.85


def test_where_nothing_is_drawn_nothing_is_coloured_and_what_follows_keeps_its_colours(
    scene: bpy.types.Scene, obj: bpy.types.Object
) -> None:
    lines_layer = obj.data.layers["Lines"]
    lines_layer.frames.remove(3)
    scenes.drawing.draw(obj, lines_layer, 3, [])
    found = find_drawings(obj, scene)
    assert found.wanted == (3, 5, 7) and found.count == 2
    entry = coloured(scene, obj)
    assert not scenes.picture(entry.folder / "frames" / "0003.png").any()
    for frame, n in ((5, 2), (7, 3)):
        assert share_right(scenes.picture(entry.folder / "frames" / f"{frame:04d}.png"), n) > 0.85, frame
    layer = obj.data.layers["Colours 1–8"]
    assert {key.frame_number: len(key.drawing.strokes) for key in layer.frames} == {1: 0, 3: 0, 5: 2, 7: 2}


def painted(size: tuple[int, int], x: float, name: str = "Sheet") -> bpy.types.Image:
    """The figure around x, painted in Blender and saved nowhere, as the camera sees it; on nothing."""
    width, height = size
    pixels = np.zeros((height, width, 4), np.float32)
    across, down = np.meshgrid(
        (np.arange(width) + 0.5) * 8 / width - 4, (height / 2 - np.arange(height)) * 8 / width
    )
    for shape in figure(x):
        (left, bottom), (right, top) = shape.points[0], shape.points[2]
        edge = np.maximum(np.maximum(left - across, across - right), np.maximum(bottom - down, down - top))
        pixels[edge < -0.03] = (*np.array(scenes.rgb(shape.fill)) / 255, 1)
        pixels[np.abs(edge) <= 0.03] = (0.09, 0.08, 0.11, 1)
    image = bpy.data.images.new(name, width, height, alpha=True)
    image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1]).ravel())
    return image


@pytest.mark.parametrize(("size", "n"), [((160, 100), 0), ((320, 200), 2), ((640, 480), 3)])
def test_a_picture_colours_every_drawing_whichever_of_them_it_shows(
    scene: bpy.types.Scene, obj: bpy.types.Object, size: tuple[int, int], n: int
) -> None:
    obj.data.layers.remove(obj.data.layers["Fills"])
    image = painted(size, -2 + 0.5 * n)
    images = len(bpy.data.images)
    entry = coloured(scene, obj, picture=image)
    assert len(bpy.data.images) == images and tuple(image.size) == size
    assert any("640 × 480" in remark for remark in entry.remarks) == (size == (640, 480))
    layer = obj.data.layers["Colours 1–8"]
    assert {key.frame_number: len(key.drawing.strokes) for key in layer.frames} == dict.fromkeys(FRAMES, 2)
    for number, frame in enumerate(FRAMES):
        shown = scenes.picture(entry.folder / "frames" / f"{frame:04d}.png")
        assert share_right(shown, number) > 0.85, frame


def test_a_picture_file_is_read_as_it_lies_there(
    scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path
) -> None:
    image = painted((160, 100), -2)
    image.filepath_raw, image.file_format = str(tmp_path / "sheet ü.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    chosen = bpy.data.images.load(str(tmp_path / "sheet ü.png"))
    entry = coloured(scene, obj, "strip", chosen)
    key = scenes.picture(entry.folder / entry.job.segments[0].start.image)
    assert tuple(key[60, 40]) == (*scenes.rgb(RED), 255) and tuple(key[5, 5]) == (0, 0, 0, 0)
    (strip,) = scene.sequence_editor.strips
    assert (strip.frame_final_start, strip.frame_final_duration) == (1, 8)


def test_a_picture_that_is_none_is_said(scene: bpy.types.Scene, obj: bpy.types.Object, tmp_path: Path) -> None:
    chosen = scene.inbetween_colouring
    chosen.colours = "picture"
    with pytest.raises(UserError, match="No picture is chosen"):
        chosen_drawings(obj, scene)
    (tmp_path / "sheet.png").write_bytes(b"no picture")
    chosen.picture = bpy.data.images.load(str(tmp_path / "sheet.png"))
    with pytest.raises(UserError, match=r"“sheet\.png” is not there or cannot be read"):
        chosen_drawings(obj, scene)
    chosen.picture.source = "SEQUENCE"
    with pytest.raises(UserError, match=r"“sheet\.png” is no single picture"):
        chosen_drawings(obj, scene)
    assert not bpy.ops.inbetween.colour.poll()
    chosen.picture = painted((160, 100), -2)
    assert chosen_drawings(obj, scene).wanted == FRAMES and bpy.ops.inbetween.colour.poll()


def test_what_is_missing_is_said(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    found = find_drawings(obj, scene)
    assert dict(found.references) == {1: 1} and found.wanted == (3, 5, 7) and found.end == 9
    with pytest.raises(UserError, match="is hidden"):
        obj.data.layers["Lines"].hide = True
        find_drawings(obj, scene)
    obj.data.layers["Lines"].hide = False
    obj.data.layers["Fills"].hide = True
    with pytest.raises(UserError, match="None of the 4 drawings on “Lines” is coloured yet"):
        find_drawings(obj, scene)
    with pytest.raises(UserError, match="no layer “Ink”"):
        find_drawings(obj, scene, "Ink")


def test_the_button_leaves_the_scene_as_it_was(scene: bpy.types.Scene, obj: bpy.types.Object) -> None:
    scene.frame_set(4)
    assert bpy.ops.inbetween.colour() == {"FINISHED"}
    (entry,) = queue.entries
    assert scene.frame_current == 4 and len(bpy.data.scenes) == 1 and entry.import_as == "strokes"
    assert entry.job.settings.colouring and [guide.frame for guide in entry.job.segments[0].guides] == [3, 5, 7]
