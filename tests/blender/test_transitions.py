"""Transitions between two strips: where they go, which pictures are their keys, and the job that comes of them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.contract.job import Easing, read_job
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import home, listing, watching
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer import background, making_room, transitions
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.sequencer import strips as material
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings.properties import choice_of
from PIL import Image

from tests.blender.strip_material import (
    PLACES,
    SIZE,
    add_movie,
    add_pictures,
    choose,
    drawing,
    place_of,
    untouched,
    write_movie,
    write_pictures,
)

pytestmark = pytest.mark.usefixtures("nothing_on_its_way")


@pytest.fixture
def saved(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "cut.blend"))
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.inbetween.engine = "draft"
    scene.inbetween_sequencer.transition = 4
    return scene


def still(
    scene: bpy.types.Scene,
    path: Path,
    start: int,
    length: int,
    *,
    place: int,
    channel: int = 1,
    size: tuple[int, int] = SIZE,
) -> bpy.types.Strip:
    """A strip that holds one picture of the disc."""
    drawing(place, size).save(path)
    strip = add_pictures(scene, [path], start, channel, path.stem)
    strip.frame_final_duration = length
    return strip


def press_and_draw(scene: bpy.types.Scene, *chosen: bpy.types.Strip) -> Entry:
    """Select, press, wait for the keys and for the drawings, and bring them in as the window would."""
    choose(scene, *chosen)
    assert bpy.ops.inbetween.transition() == {"FINISHED"}
    background.wait()
    assert queue.refused is None, str(queue.refused)
    (entry,) = queue.entries
    queue.wait(entry)
    assert entry.state is State.DONE, entry.sentence
    watching.import_entry(entry, entry.import_as)
    return entry


def in_between(scene: bpy.types.Scene, entry: Entry) -> bpy.types.ImageStrip:
    (strip,) = [strip for strip in scene.sequence_editor.strips if strip.get("inbetween_job") == entry.job.id]
    return strip


def place_at(scene: bpy.types.Scene, strip: bpy.types.Strip, frame: int) -> float:
    return place_of(material.still_at(scene, strip, frame).path)


def test_a_gap_is_filled_from_the_last_picture_to_the_first(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 9, 5, place=100)
    third = still(saved, tmp_path / "later.png", 30, 5, place=100)
    before = [untouched(strip) for strip in (first, second, third)]
    entry = press_and_draw(saved, second, first)
    made = in_between(saved, entry)
    assert [untouched(strip) for strip in (first, second, third)] == before
    assert (made.frame_final_start, made.frame_final_end, made.channel) == (6, 9, 1), "nothing else plays there"
    assert entry.job.wanted == (6, 7, 8)
    assert [place_at(saved, made, frame) for frame in (6, 7, 8)] == pytest.approx([70, 80, 90], abs=1.5)


def test_between_strips_that_touch_it_lies_over_both_on_a_free_channel(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    paths = write_pictures(tmp_path / "drawings")
    first = add_movie(saved, write_movie(tmp_path / "film.mp4", paths), 1)
    first.frame_offset_end = 2  # ends with its 10th frame
    second = add_pictures(saved, paths, 11, 1, "Pictures")
    other = still(saved, tmp_path / "above.png", 10, 3, place=60, channel=2)
    before = [untouched(strip) for strip in (first, second, other)]
    entry = press_and_draw(saved, first, second)
    made = in_between(saved, entry)
    assert [untouched(strip) for strip in (first, second, other)] == before
    assert (made.frame_final_start, made.frame_final_end, made.channel) == (9, 13, 3)
    keys = [entry.folder / key.image for key in (entry.job.segments[0].start, entry.job.segments[0].end)]
    # frame 8 of the movie is of its fourth drawing, frame 13 the third picture of the sequence
    assert [place_of(key) for key in keys] == pytest.approx([PLACES[3], PLACES[1]], abs=1)


def test_variations_are_takes_of_one_job(saved: bpy.types.Scene, tmp_path: Path) -> None:
    saved.inbetween.engine, saved.inbetween.takes = "hold", 3
    choose(
        saved,
        still(saved, tmp_path / "a.png", 1, 5, place=60),
        still(saved, tmp_path / "b.png", 9, 5, place=100),
    )
    assert bpy.ops.inbetween.transition() == {"FINISHED"}
    background.wait()
    queue.wait(queue.entries[-1])
    (head,) = queue.heads()
    assert [(take.state, take.job.settings.seed) for take in queue.takes(head)] == [
        (State.DONE, seed) for seed in (0, 1, 2)
    ]


def test_that_strips_below_show_through_clear_pictures_is_said(saved: bpy.types.Scene, tmp_path: Path) -> None:
    saved.inbetween.engine = "hold"
    paths = write_pictures(tmp_path / "cels", clear=True)
    first = add_pictures(saved, paths, 1, 1, "One")
    second = add_pictures(saved, paths, 13, 1, "Two")
    assert "show through" in press_and_draw(saved, first, second).remarks[0]


def test_an_overlap_is_covered_whole_however_short_the_transition_was_asked_for(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    first = still(saved, tmp_path / "a.png", 1, 20, place=60)
    second = still(saved, tmp_path / "b.png", 13, 20, place=90, channel=2)
    place = transitions.place_between(saved, [first, second], 4, 1)
    assert (place.start, place.end, place.gap) == (12, 21, False)
    longer = transitions.place_between(saved, [first, second], 12, 1)
    assert (longer.start, longer.end, longer.length) == (10, 23, 12)


def test_settings_exposure_and_easing_are_those_of_the_scene(saved: bpy.types.Scene, tmp_path: Path) -> None:
    chosen = saved.inbetween
    chosen.easing, chosen.exposure, chosen.prompt, chosen.seed = "ease_both", 2, "a ball", 7
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 12, 5, place=100)
    entry = press_and_draw(saved, first, second)
    job = read_job(entry.folder)
    assert job.segments[0].easing is Easing.EASE_BOTH and job.wanted == (7, 9, 11)
    assert (job.settings.prompt, job.settings.seed, job.engine) == ("a ball", 7, "draft")
    made = in_between(saved, entry)
    assert (made.frame_final_start, made.frame_final_end) == (6, 12)
    assert place_at(saved, made, 6) == pytest.approx(60, abs=0.6), "the first key is held"


def test_pictures_of_another_size_are_fitted_and_that_is_said(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "wide.png", 1, 5, place=60)
    second = still(saved, tmp_path / "tall.png", 9, 5, place=50, size=(100, 200))
    first.transform.offset_x, first.use_flip_x = 20, True
    entry = press_and_draw(saved, first, second)
    assert (entry.job.canvas.width, entry.job.canvas.height) == SIZE
    assert "tall.png" in entry.remarks[0] and "240 × 160" in entry.remarks[0]
    key = np.asarray(Image.open(entry.folder / entry.job.segments[0].end.image))
    assert key.shape == (160, 240, 4) and key[80, 0, 3] == 0 and key[80, 120, 3] == 255
    made = in_between(saved, entry)
    assert made.transform.offset_x == 20 and made.use_flip_x


def test_the_job_is_a_job_like_any_other_in_the_next_session(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 9, 5, place=100)
    entry = press_and_draw(saved, first, second)
    assert listing.name_of(entry) == "a → b 5–9" and home.find_object(entry) is None
    assert sorted(path.name for path in (entry.folder / "thumbnails").iterdir()) == ["0005.png", "0009.png"]
    bpy.ops.wm.save_mainfile()
    queue.entries.clear()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    listing.look_for_old_jobs()
    listing.take_old_jobs(wait=True)
    (old,) = queue.entries
    scene = bpy.context.scene
    assert old.state is State.DONE and old.import_as == "strip"
    scene.sequence_editor.strips.remove(in_between(scene, old))
    watching.import_entry(old, "strip")
    assert in_between(scene, old).frame_final_duration == 3


def test_a_file_that_was_never_saved_is_no_hindrance(scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.inbetween.engine = "hold"
    first = still(scene, tmp_path / "a.png", 1, 5, place=60)
    second = still(scene, tmp_path / "b.png", 7, 5, place=100)
    entry = press_and_draw(scene, first, second)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "named.blend"))
    assert entry.folder.parent == tmp_path / "named_inbetweens"
    assert material.still_at(scene, in_between(scene, entry), 6).path.is_file()


def test_later_strips_make_room_where_there_is_no_gap(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 4, 5, place=100, channel=2)
    third = still(saved, tmp_path / "c.png", 9, 5, place=60)
    fourth = still(saved, tmp_path / "d.png", 14, 5, place=80)
    saved.inbetween_sequencer.make_room = True
    entry = press_and_draw(saved, first, second)
    starts = [strip.frame_final_start for strip in (first, second, third, fourth)]
    assert starts == [1, 10, 15, 20] and [strip.channel for strip in (first, second, third, fourth)] == [1, 2, 1, 1]
    made = in_between(saved, entry)
    assert (made.frame_final_start, made.frame_final_end) == (6, 10) and not entry.remarks
    keys = [entry.folder / key.image for key in (entry.job.segments[0].start, entry.job.segments[0].end)]
    assert [place_of(key) for key in keys] == pytest.approx([60, 100], abs=1)


def keyed(strip: bpy.types.Strip, frame: int) -> None:
    strip.blend_alpha = 0.5
    strip.keyframe_insert("blend_alpha", frame=frame)


def key_frames(scene: bpy.types.Scene) -> dict[str, list[float]]:
    """Name of each animated strip -> frames of its keys."""
    found = {}
    for strip in scene.sequence_editor.strips:
        curves = list(making_room._curves(scene, strip))
        if curves:
            found[strip.name] = [key.co[0] for curve in curves for key in curve.keyframe_points]
    return found


def effect(scene: bpy.types.Scene, kind: str, name: str, *on: bpy.types.Strip, channel: int = 5) -> bpy.types.Strip:
    """An effect on strips, or one of its own from frame 12 to 19."""
    length = {"length": 8} if bpy.app.version >= (5, 0, 0) else {"frame_end": 20}
    inputs = dict(zip(("input1", "input2"), on, strict=False))
    return scene.sequence_editor.strips.new_effect(
        name=name, type=kind, channel=channel, frame_start=12, **length, **inputs
    )


def test_what_hangs_on_later_strips_moves_along_as_one_undo_step(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 6, 6, place=100)
    third = still(saved, tmp_path / "c.png", 10, 8, place=60, channel=2)
    blend = effect(saved, "CROSS", "Blend", second, third, channel=3)
    glow = effect(saved, "GLOW", "Glow", blend, channel=4)
    words = effect(saved, "TEXT", "Words", channel=6)
    strips = (first, second, third, blend, glow, words)
    for strip, frame in zip(strips, (2, 7, 11, 10, 11, 13), strict=True):
        keyed(strip, frame)
    for frame in (5, 6, 12):
        saved.timeline_markers.new(f"M{frame}", frame=frame)
    starts = {strip.name: strip.frame_final_start for strip in strips}
    keys = key_frames(saved)
    saved.inbetween_sequencer.make_room = True
    choose(saved, first, second)
    bpy.ops.ed.undo_push(message="before")
    place = transitions.chosen_place(saved, 1)
    transitions.make_transition(saved, place, choice_of(saved), move_markers=True)
    bpy.ops.ed.undo_push(message="Make Room for Transition")

    def moved(by: int) -> None:
        scene = bpy.context.scene
        found = {strip.name: strip.frame_final_start for strip in scene.sequence_editor.strips}
        assert found == {name: start + by * (name != "a") for name, start in starts.items()}
        assert key_frames(scene) == {
            name: [at + by * (name != "a") for at in frames] for name, frames in keys.items()
        }
        assert [marker.frame for marker in scene.timeline_markers] == [5, 6 + by, 12 + by]

    moved(4)
    background.close()
    bpy.ops.ed.undo()
    moved(0)
    bpy.ops.ed.redo()
    moved(4)


def test_markers_stay_unless_they_are_to_move(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 6, 6, place=100)
    saved.timeline_markers.new("Shot 2", frame=6)
    saved.inbetween_sequencer.make_room = True
    press_and_draw(saved, first, second)
    assert second.frame_final_start == 10 and saved.timeline_markers["Shot 2"].frame == 6


def test_a_blend_from_a_strip_that_stays_to_one_that_would_move_is_named(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    first = still(saved, tmp_path / "a.png", 1, 8, place=60)
    second = still(saved, tmp_path / "b.png", 6, 8, place=100, channel=2)
    effect(saved, "CROSS", "Blend", first, second)
    saved.inbetween_sequencer.make_room = True
    choose(saved, first, second)
    assert bpy.ops.inbetween.transition() == {"CANCELLED"}
    assert queue.refused and "“Blend” joins “a” and “b”" in str(queue.refused)
    assert second.frame_final_start == 6 and not (tmp_path / "cut_inbetweens").exists()


def test_a_gap_is_room_enough_and_a_locked_strip_stays(saved: bpy.types.Scene, tmp_path: Path) -> None:
    saved.inbetween_sequencer.make_room = True
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 9, 5, place=100)
    third = still(saved, tmp_path / "c.png", 14, 5, place=100)
    assert transitions.place_between(saved, [first, second], 4, 1, make_room=True).pushed == 0
    third.lock = True
    choose(saved, second, third)
    assert bpy.ops.inbetween.transition() == {"CANCELLED"}
    assert queue.refused and "“c” would have to move" in str(queue.refused)
    assert third.frame_final_start == 14 and not (tmp_path / "cut_inbetweens").exists()


# --- what is refused ---------------------------------------------------------------------------------------------


def refused(scene: bpy.types.Scene, *chosen: bpy.types.Strip) -> str:
    choose(scene, *chosen)
    with pytest.raises(UserError) as caught:
        transitions.place_between(scene, material.selected(scene), 4, 1)
    assert not bpy.ops.inbetween.transition.poll()
    return str(caught.value)


def test_what_cannot_be_joined_is_refused_in_a_sentence(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 10, place=60)
    assert "Select two" in refused(saved, first)
    within = still(saved, tmp_path / "b.png", 3, 4, place=60, channel=2)
    assert "lies within" in refused(saved, first, within)
    short = still(saved, tmp_path / "c.png", 11, 2, place=60)
    assert "“c” is too short" in refused(saved, first, short)
    stage = saved.sequence_editor.strips.new_scene("Stage", bpy.data.scenes.new("Other"), 1, 20)
    assert "scene strip" in refused(saved, first, stage)


def test_a_file_that_is_gone_leaves_no_job(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 9, 5, place=100)
    (tmp_path / "b.png").unlink()
    choose(saved, first, second)
    assert bpy.ops.inbetween.transition() == {"CANCELLED"}
    assert queue.refused and "b.png" in str(queue.refused)
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert bpy.ops.inbetween.transition() == {"FINISHED"}
    background.wait()
    assert queue.refused and "cannot be read" in str(queue.refused)
    assert not queue.entries and not (tmp_path / "cut_inbetweens").exists()


def test_undo_takes_the_strip_and_nothing_else(saved: bpy.types.Scene, tmp_path: Path) -> None:
    first = still(saved, tmp_path / "a.png", 1, 5, place=60)
    second = still(saved, tmp_path / "b.png", 9, 5, place=100)
    saved.inbetween.engine = "hold"
    bpy.ops.ed.undo_push(message="before")
    entry = press_and_draw(saved, first, second)
    bpy.ops.ed.undo_push(message="strip")
    bpy.ops.ed.undo()
    names = {strip.name for strip in bpy.context.scene.sequence_editor.strips}
    assert names == {"a", "b"}
    bpy.ops.ed.redo()
    assert in_between(bpy.context.scene, entry)
