"""How a finished job is shown can be changed without drawing it again; references look as the artist likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.generate import generate
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import watching
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import properties

from tests.blender import scenes


@pytest.fixture
def entry(scene: bpy.types.Scene, tmp_path: Path) -> Iterator[Entry]:
    """A finished job from frame 1 to 9 on twos, shown nowhere yet."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    choice = replace(properties.choice_of(scene), engine="hold", import_as="none", exposure=2)
    made = generate(scene, scenes.moving_box(scene, 1, 9), choice)
    queue.wait(made)
    assert made.state is State.DONE, made.sentence
    yield made
    queue.entries.clear()


def show(entry: Entry, how: str) -> None:
    """Press the button, and wait for what it starts."""
    assert bpy.ops.inbetween.show_as(job=entry.job.id, how=how) == {"FINISHED"}
    if entry.busy:
        queue.wait(entry)
        watching.import_entry(entry, entry.import_as)


def strips() -> int:
    editor = bpy.context.scene.sequence_editor
    return len(editor.strips) if editor else 0


def empties() -> list[bpy.types.Object]:
    return sorted((obj for obj in bpy.data.objects if obj.type == "EMPTY"), key=lambda obj: -obj.color[3])


def backgrounds() -> list[bpy.types.CameraBackgroundImage]:
    return list(bpy.context.scene.camera.data.background_images)


def layers() -> list[str]:
    (obj,) = (obj for obj in bpy.data.objects if obj.type == "GREASEPENCIL")
    return [layer.name for layer in obj.data.layers if not layer.hide]


def test_a_job_is_shown_in_one_way_at_a_time_and_every_way_leads_to_every_other(entry: Entry) -> None:
    drawn = {path.name: path.stat().st_mtime_ns for path in (entry.folder / "frames").iterdir()}
    shown = {"strip": (1, 0, 1), "reference": (0, 1, 1), "strokes": (0, 0, 2), "none": (0, 0, 1)}
    ways = ("strip", "reference", "strip", "strokes", "reference", "none", "strokes", "strip", "none", "reference")
    for how in ways:
        show(entry, how)
        assert (strips(), len(empties()), len(layers())) == shown[how], how
        assert entry.shown_as == ("" if how == "none" else how)
    assert drawn == {path.name: path.stat().st_mtime_ns for path in (entry.folder / "frames").iterdir()}


def test_what_the_artist_drew_on_the_strokes_comes_back_with_them(entry: Entry) -> None:
    show(entry, "strokes")
    (obj,) = (obj for obj in bpy.data.objects if obj.type == "GREASEPENCIL")
    key = obj.data.layers["In-betweens 1–9"].get_frame_at(3)
    key.drawing.add_strokes([2])
    count = len(key.drawing.strokes)
    show(entry, "strip")
    assert layers() == ["Lines"]
    show(entry, "strokes")
    assert len(obj.data.layers["In-betweens 1–9"].get_frame_at(3).drawing.strokes) == count


def test_references_change_their_look_at_once_and_wherever_they_are(entry: Entry) -> None:
    show(entry, "reference")
    chosen = bpy.context.scene.inbetween
    chosen.reference_opacity, chosen.reference_in_front = 0.5, True
    (empty,) = empties()
    assert (empty.color[3], empty.empty_image_depth) == (0.5, "FRONT")
    chosen.reference_place = "camera"
    assert not empties()
    (background,) = backgrounds()
    user = background.image_user
    assert (background.alpha, background.display_depth, background.frame_method) == (0.5, "FRONT", "STRETCH")
    assert (user.frame_start, user.frame_duration, user.frame_offset, user.use_auto_refresh) == (1, 9, 0, True)
    assert bpy.context.scene.camera.data.show_background_images
    chosen.reference_in_front, chosen.reference_place = False, "empty"
    assert not backgrounds() and empties()[0].empty_image_depth == "BACK"
    show(entry, "none")
    assert not any(image.get("inbetween_job") for image in bpy.data.images)


def test_neighbours_show_the_drawings_before_and_after_ever_fainter(entry: Entry) -> None:
    chosen = bpy.context.scene.inbetween
    chosen.reference_neighbours = 2
    show(entry, "reference")
    scene = bpy.context.scene
    seen = []
    for empty in empties():
        scene.frame_set(5)
        start = empty.image_user.frame_start
        seen.append((5 - start + 1, round(empty.color[3], 3)))
    # On twos, the drawing before frame 5 is that of frame 3.
    assert sorted(seen) == [(1, 0.203), (3, 0.45), (5, 1.0), (7, 0.45), (9, 0.203)]
    scene.frame_set(2)
    assert sorted(2 - e.image_user.frame_start + 1 for e in empties() if not e.hide_viewport) == [2, 4, 6]
    chosen.reference_place = "camera"
    assert sorted((5 - b.image_user.frame_start + 1, round(b.alpha, 3)) for b in backgrounds()) == sorted(seen)
    assert backgrounds()[-1].alpha == 1.0, "the drawing of the frame lies over its neighbours"
    images = {background.image for background in backgrounds()}
    assert len(images) == 5, "an image shows one of its frames at a time"
    chosen.reference_neighbours = 0
    assert len(backgrounds()) == 1 and sum(bool(image.get("inbetween_job")) for image in bpy.data.images) == 1


def test_undo_takes_the_change_back_and_the_list_knows_it(entry: Entry) -> None:
    bpy.ops.ed.undo_push(message="before")
    show(entry, "strip")
    bpy.ops.ed.undo_push(message="strip")
    show(entry, "reference")
    bpy.ops.ed.undo_push(message="reference")
    bpy.ops.ed.undo()
    assert (strips(), len(empties()), entry.shown_as) == (1, 0, "strip")
    bpy.ops.ed.redo()
    assert (strips(), len(empties()), entry.shown_as) == (0, 1, "reference")
