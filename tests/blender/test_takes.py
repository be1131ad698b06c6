"""Choosing: variations side by side, keeping and discarding, redoing single drawings, accepting one as a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import (
    job_folders,
    listing,
    old_jobs,
    removing,
    watching,
)
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.results import pictures
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.takes import marks, redoing, takes
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import guides, keyframes

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON


@pytest.fixture(autouse=True)
def nothing_listed() -> Iterator[None]:
    assert PYTHON.exists()
    queue.entries.clear()
    queue.refused = None
    yield
    for entry in reversed(queue.entries):
        queue.cancel(entry)
        queue.wait(entry)
    queue.entries.clear()


@pytest.fixture
def saved(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    return scene


def draw(
    scene: bpy.types.Scene, *, takes: int = 1, engine: str = "hold", keys: tuple[int, ...] = (1, 5)
) -> list[Entry]:
    """Draw takes of a moving box and return them."""
    scenes.moving_box(scene, *keys)
    scene.inbetween.engine, scene.inbetween.takes = engine, takes
    scene.frame_set(keys[0])
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    for entry in queue.entries:
        queue.wait(entry)
    return list(queue.entries)


def frames_of(entry: Entry) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((entry.folder / "frames").glob("*.png"))}


def strips_of(scene: bpy.types.Scene) -> dict[str, bpy.types.Strip]:
    return {strip["inbetween_job"]: strip for strip in scene.sequence_editor.strips}


# --- variations -------------------------------------------------------------------------------------------------


def test_one_job_draws_several_takes_each_with_the_next_seed(saved: bpy.types.Scene) -> None:
    saved.inbetween.seed = 7
    first, second, third = draw(saved, takes=3)
    assert [take.job.settings.seed for take in (first, second, third)] == [7, 8, 9]
    assert all(take.state is State.DONE and len(frames_of(take)) == 3 for take in (first, second, third))
    assert second.folder == first.folder / "takes" / "2" and third.folder == first.folder / "takes" / "3"
    listing.refresh()
    assert len(listing.rows()) == 1 and queue.takes(third) == [first, second, third]
    assert takes.name_of(second) == "Take 2 · Seed 8"


def test_takes_share_the_pictures_of_their_keys(saved: bpy.types.Scene) -> None:
    first, second = draw(saved, takes=2)
    for name in ("keys/0001.png", "keys/0005.png", "thumbnails/0001.png"):
        assert (first.folder / name).samefile(second.folder / name)


def test_engines_are_compared_only_where_there_are_several(saved: bpy.types.Scene) -> None:
    scenes.moving_box(saved, 1, 5)
    saved.inbetween.takes, saved.inbetween.vary = 2, "engine"
    queue.obstacles = {"tooncrafter": "It needs its weights."}
    assert bpy.ops.inbetween.generate() == {"CANCELLED"}
    assert queue.refused and queue.refused.code == "engines-too-few" and not queue.entries
    queue.obstacles = {}
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    first, second = queue.entries
    assert (first.job.engine, second.job.engine) == ("draft", "tooncrafter")
    assert takes.name_of(second) == "Take 2 · ToonCrafter"


def test_cancelling_a_job_cancels_all_its_takes(saved: bpy.types.Scene) -> None:
    scenes.moving_box(saved, 1, 60)
    saved.inbetween.takes = 3
    bpy.ops.inbetween.generate()
    bpy.ops.inbetween.cancel(job=queue.entries[0].job.id)
    for entry in queue.entries:
        queue.wait(entry)
    assert [entry.state for entry in queue.entries] == [State.CANCELLED] * 3


def test_of_several_takes_one_is_looked_at_and_the_others_stand_beside_the_frame(saved: bpy.types.Scene) -> None:
    found = draw(saved, takes=3)
    for take in found:
        watching.import_entry(take, "reference")
    places = {empty["inbetween_job"]: empty.location.x for empty in saved.objects if empty.type == "EMPTY"}
    first, second, third = (places[take.job.id] for take in found)
    width = scenes.CAMERA_WIDTH
    assert (first, second, third) == pytest.approx((0, 1.04 * width, 2.08 * width), abs=1e-4)
    assert bpy.ops.inbetween.preview_take(job=found[2].job.id) == {"FINISHED"}
    places = {empty["inbetween_job"]: empty.location.x for empty in saved.objects if empty.type == "EMPTY"}
    first, second, third = (places[take.job.id] for take in found)
    assert (third, first, second) == pytest.approx((0, 1.04 * width, 2.08 * width), abs=1e-4)
    assert takes.previewed(found[0]) is found[2]


def test_strips_of_takes_lie_above_one_another_and_only_the_previewed_one_is_heard(saved: bpy.types.Scene) -> None:
    first, second = draw(saved, takes=2)
    for take in (first, second):
        watching.import_entry(take, "strip")
    strips = strips_of(saved)
    assert strips[first.job.id].channel != strips[second.job.id].channel
    assert not strips[first.job.id].mute and strips[second.job.id].mute
    bpy.ops.inbetween.preview_take(job=second.job.id)
    assert strips[first.job.id].mute and not strips[second.job.id].mute


def test_a_single_take_leaves_the_artists_own_muting_alone(saved: bpy.types.Scene) -> None:
    (entry,) = draw(saved)
    watching.import_entry(entry, "strip")
    strips_of(saved)[entry.job.id].mute = True
    watching.import_entry(entry, "strip")
    assert strips_of(saved)[entry.job.id].mute


def test_discarding_takes_a_take_out_of_the_scene_and_loses_nothing(saved: bpy.types.Scene) -> None:
    first, second = draw(saved, takes=2)
    for take in (first, second):
        watching.import_entry(take, "reference")
    before = frames_of(first)
    assert bpy.ops.inbetween.discard_take(job=first.job.id) == {"FINISHED"}
    assert not pictures(saved, first.job) and pictures(saved, second.job)
    assert takes.previewed(first) is second and not second.stands_aside
    assert frames_of(first) == before
    bpy.ops.inbetween.recall_takes(job=first.job.id)
    assert bpy.ops.inbetween.preview_take(job=first.job.id) == {"FINISHED"}
    assert pictures(saved, first.job) and takes.previewed(first) is first


def test_discarding_the_rest_spares_what_is_kept_and_does_nothing_while_nothing_is(saved: bpy.types.Scene) -> None:
    found = draw(saved, takes=3)
    bpy.ops.inbetween.discard_take(job=found[0].job.id, rest=True)
    assert not any(take.marks.discarded for take in found)
    bpy.ops.inbetween.keep_take(job=found[1].job.id)
    bpy.ops.inbetween.discard_take(job=found[0].job.id, rest=True)
    assert [take.marks.discarded for take in found] == [True, False, True]


def test_takes_and_marks_are_there_again_in_another_session(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first, second, third = draw(saved, takes=3)
    takes.keep(second, True)
    takes.discard(third, saved)
    redoing.mark_bad(second, 3, True)
    queue.entries.clear()
    bpy.ops.wm.save_mainfile()
    listing.look_for_old_jobs()
    listing.take_old_jobs(wait=True)
    again = queue.entries
    assert [take.job.id for take in again] == [first.job.id, second.job.id, third.job.id]
    assert [take.number for take in again] == [1, 2, 3] and len(queue.heads()) == 1
    assert again[1].marks == marks.Marks(kept=True, bad=(3,)) and again[2].marks.discarded


def test_damaged_marks_are_no_marks(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"bad": "x"}', '{"kept": 3}'):
        (tmp_path / "marks.json").write_text(text)
        assert marks.read_marks(tmp_path) == marks.Marks()


def test_removing_a_job_removes_all_takes_and_brings_all_back(saved: bpy.types.Scene) -> None:
    first, second = draw(saved, takes=2)
    for take in (first, second):
        watching.import_entry(take, "strip")
    assert "6 drawings of 2 takes" in removing.consequences(first)[0]
    removing.remove(first)
    assert not queue.entries and not saved.sequence_editor.strips
    assert second.folder.is_dir() and second.folder.is_relative_to(first.folder.parent)
    removing.bring_back(first.folder)
    assert queue.entries == [first, second] and second.folder == first.folder / "takes" / "2"
    assert old_jobs.REMOVED_FOLDER not in first.folder.parts


def test_takes_of_an_unsaved_file_move_with_their_job(scene: bpy.types.Scene, tmp_path: Path) -> None:
    first, second = draw(scene, takes=2)
    watching.import_entry(second, "strip")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert first.folder.parent == tmp_path / "shot_inbetweens"
    assert second.folder == first.folder / "takes" / "2" and second.folder.is_dir()
    assert job_folders.shown_job_folders() == {second.folder}


# --- redoing ----------------------------------------------------------------------------------------------------


def test_only_bad_drawings_are_made_again_and_all_others_keep_every_pixel(saved: bpy.types.Scene) -> None:
    (entry,) = draw(saved, engine="draft", keys=(1, 7))
    before = frames_of(entry)
    saved.frame_set(4)
    assert bpy.ops.inbetween.mark_bad(job=entry.job.id) == {"FINISHED"}
    assert entry.marks.bad == (4,)
    obj = bpy.context.object
    layer = guides.begin_guide(obj, 4)
    scribble(layer, 4, height=1.5)
    assert bpy.ops.inbetween.redo(job=entry.job.id) == {"FINISHED"}
    queue.wait(entry)
    after = frames_of(entry)
    assert entry.state is State.DONE and entry.sentence == "1 drawing made. 4 were there already."
    assert {name for name in before if before[name] != after[name]} == {"0004.png"}
    assert [guide.frame for guide in entry.job.segments[0].guides] == [4]
    assert (entry.folder / "earlier" / "001" / "0004.png").read_bytes() == before["0004.png"]
    assert entry.marks.bad == ()


def test_a_second_redo_takes_the_guide_as_it_is_then(saved: bpy.types.Scene) -> None:
    (entry,) = draw(saved, engine="draft", keys=(1, 7))
    obj = bpy.context.object
    layer = guides.begin_guide(obj, 4)
    seen = []
    for height in (1.0, 2.0):
        scribble(layer, 4, height=height)
        redoing.mark_bad(entry, 4, True)
        redoing.redo(entry)
        queue.wait(entry)
        seen.append((entry.folder / entry.job.segments[0].guides[0].image).read_bytes())
    assert seen[0] != seen[1] and entry.job.settings.seed == 2


def test_redoing_nothing_is_refused_and_marks_fall_on_drawings_only(saved: bpy.types.Scene) -> None:
    (entry,) = draw(saved)
    with pytest.raises(UserError, match="marked as bad"):
        redoing.redo(entry)
    redoing.mark_bad(entry, 1, True)  # a key
    assert entry.marks.bad == ()
    redoing.mark_bad(entry, 3, True)
    redoing.mark_bad(entry, 3, False)
    assert entry.marks.bad == ()


def scribble(layer: bpy.types.GreasePencilLayer, frame: int, height: float) -> None:
    """A line above the middle, whatever was there before."""
    drawing = next(key for key in layer.frames if key.frame_number == frame).drawing
    if len(drawing.curve_offsets) > 1:
        drawing.remove_strokes()
    drawing.add_strokes([3])
    for index, point in enumerate(drawing.strokes[0].points):
        point.position = (index - 1.0, 0.0, height)


# --- accepting --------------------------------------------------------------------------------------------------


def traced(scene: bpy.types.Scene, keys: tuple[int, ...] = (1, 5)) -> tuple[bpy.types.Object, Entry]:
    """A finished job whose drawings are traced."""
    scene.inbetween.import_as = "strokes"
    (entry,) = draw(scene, engine="draft", keys=keys)
    return bpy.context.object, entry


def keys_of(layer: bpy.types.GreasePencilLayer) -> dict[int, int]:
    return {key.frame_number: len(key.drawing.curve_offsets) - 1 for key in layer.frames}


def test_an_accepted_drawing_is_a_key_on_the_artists_own_layer_and_splits_the_segment(
    saved: bpy.types.Scene,
) -> None:
    obj, entry = traced(saved)
    saved.frame_set(3)
    assert bpy.ops.inbetween.accept(job=entry.job.id) == {"FINISHED"}
    layer = obj.data.layers["Lines"]
    key = next(key for key in layer.frames if key.frame_number == 3)
    assert key.keyframe_type == "KEYFRAME" and len(key.drawing.curve_offsets) > 1
    assert entry.marks.accepted == (3,)
    assert not key.select
    for frame, expected in ((2, (1, 3)), (4, (3, 5))):
        saved.frame_set(frame)
        (span,) = keyframes.find_spans(obj, saved).spans
        assert (span.start, span.end) == expected


def test_between_selected_keys_an_accepted_one_is_selected_or_it_would_be_drawn_over(
    saved: bpy.types.Scene,
) -> None:
    obj, entry = traced(saved)
    for key in obj.data.layers["Lines"].frames:
        key.select = True
    saved.frame_set(3)
    bpy.ops.inbetween.accept(job=entry.job.id)
    assert [(span.start, span.end) for span in keyframes.find_spans(obj, saved).spans] == [(1, 3), (3, 5)]


def test_a_drawing_that_is_not_traced_yet_is_traced_and_then_accepted(saved: bpy.types.Scene) -> None:
    (entry,) = draw(saved, engine="draft")
    obj = bpy.context.object
    saved.frame_set(3)
    before = frames_of(entry)
    assert bpy.ops.inbetween.accept(job=entry.job.id) == {"FINISHED"}
    assert entry.busy
    queue.wait(entry)
    watching._arrive(entry)  # in the window a timer does
    assert keys_of(obj.data.layers["Lines"])[3] > 0 and frames_of(entry) == before


def test_layers_that_a_key_already_covers_are_empty_there_and_go_on_afterwards(saved: bpy.types.Scene) -> None:
    obj = scenes.moving_box(saved, 1, 5)
    held = scenes.add_layer(obj, "Held", {1: [scenes.box(3)]})
    colours = scenes.add_layer(obj, "Colours", {1: [scenes.box(2)], 5: [scenes.box(3)], 9: [scenes.box(3)]})
    scenes.add_layer(obj, "Background", {1: [scenes.box(0, size=4)]}).lock = True
    saved.inbetween.import_as, saved.inbetween.engine = "strokes", "draft"
    saved.frame_set(1)
    bpy.ops.inbetween.generate()
    (entry,) = queue.entries
    queue.wait(entry)
    obj.data.layers.active = obj.data.layers["Lines"]
    saved.frame_set(3)
    assert bpy.ops.inbetween.accept(job=entry.job.id) == {"FINISHED"}
    assert keys_of(held) == {1: 1, 3: 0, 5: 1}
    assert keys_of(colours) == {1: 1, 3: 0, 5: 1, 9: 1}
    lines = keys_of(obj.data.layers["Lines"])
    assert (lines[1], lines[5]) == (1, 1) and lines[3] > 0
    assert keys_of(obj.data.layers["Background"]) == {1: 1}


def test_the_layer_of_the_generated_drawings_leaves_an_accepted_frame_to_its_key(saved: bpy.types.Scene) -> None:
    obj, entry = traced(saved)
    watching.import_entry(entry, "strokes")
    saved.frame_set(3)
    bpy.ops.inbetween.accept(job=entry.job.id)
    generated = next(layer for layer in obj.data.layers if layer.name.startswith("In-betweens"))
    drawn = keys_of(generated)
    assert drawn[3] == 0 and drawn[2] > 0 and drawn[4] > 0
    watching.import_entry(entry, "strokes")
    assert keys_of(generated)[3] == 0


def test_a_key_that_is_there_is_never_replaced(saved: bpy.types.Scene) -> None:
    obj, entry = traced(saved)
    layer = obj.data.layers["Lines"]
    layer.frames.new(3)
    saved.frame_set(3)
    assert bpy.ops.inbetween.accept(job=entry.job.id) == {"CANCELLED"}
    assert queue.refused and queue.refused.code == "key-exists"
    assert keys_of(layer) == {1: 1, 3: 0, 5: 1}


def test_where_the_take_has_no_drawing_nothing_is_accepted_or_marked(saved: bpy.types.Scene) -> None:
    (entry,) = draw(saved)
    saved.frame_set(5)
    for name in ("accept", "mark_bad"):
        assert getattr(bpy.ops.inbetween, name)(job=entry.job.id) == {"CANCELLED"}


def test_accepting_is_one_undo_step(saved: bpy.types.Scene) -> None:
    obj, entry = traced(saved)
    name = obj.name
    saved.frame_set(3)
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.inbetween.accept(job=entry.job.id)
    bpy.ops.ed.undo_push(message="Accept In-between as Key")
    bpy.ops.ed.undo()
    assert keys_of(bpy.data.objects[name].data.layers["Lines"]) == {1: 1, 5: 1}
    bpy.ops.ed.redo()
    assert 3 in keys_of(bpy.data.objects[name].data.layers["Lines"])
