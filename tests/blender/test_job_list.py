"""The list of jobs: what it holds, in which order, what removing does, and what another session finds again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import (
    home,
    job_folders,
    listing,
    old_jobs,
    removing,
    watching,
)
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import preferences

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON


@pytest.fixture(autouse=True)
def nothing_listed() -> Iterator[None]:
    assert PYTHON.exists()
    queue.entries.clear()
    yield
    for entry in queue.entries:
        queue.cancel(entry)
        queue.wait(entry)
    queue.entries.clear()


@pytest.fixture
def saved(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    return scene


def draw(scene: bpy.types.Scene, *keys: int, wait: bool = True) -> Entry:
    """Draw between keys of an object of its own, with the engine that repeats the start key."""
    scenes.moving_box(scene, *keys)
    scene.inbetween.engine = "hold"
    scene.frame_set(keys[0])
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    entry = queue.entries[-1]
    if wait:
        queue.wait(entry)
    return entry


def in_another_session() -> list[Entry]:
    """Forget all jobs, open the file again and look what is found."""
    queue.entries.clear()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    listing.look_for_old_jobs()
    listing.take_old_jobs(wait=True)
    return queue.entries


def rows() -> list[str]:
    listing.refresh()
    return [row.name for row in listing.rows()]


# --- the list ---------------------------------------------------------------------------------------------------


def test_the_list_shows_every_job_and_chooses_the_newest(saved: bpy.types.Scene) -> None:
    draw(saved, 1, 5)
    second = draw(saved, 10, 14)
    assert rows() == ["Art 1–5", "Art.001 10–14"]
    assert listing.chosen_entry() is second


def test_the_choice_in_the_list_stays_when_other_jobs_go(saved: bpy.types.Scene) -> None:
    first, second, third = (draw(saved, *keys) for keys in ((1, 5), (10, 14), (20, 24)))
    rows()
    listing.choose(second)
    queue.remove(first)
    rows()
    assert listing.chosen_entry() is second
    queue.remove(second)
    rows()
    assert listing.chosen_entry() is third


def test_a_renamed_object_and_scene_are_found_and_shown_under_their_new_names(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 5)
    obj = bpy.context.object
    obj.name, saved.name = "Hero", "Shot 7"
    assert rows() == ["Hero 1–5"]
    assert home.find_object(entry) == obj and home.find_scene(entry) == saved
    assert watching.import_entry(entry, "strip")


def test_waiting_jobs_change_places_and_run_in_that_order(saved: bpy.types.Scene) -> None:
    running, second, third = (
        draw(saved, 1, 60, wait=False),
        draw(saved, 1, 4, wait=False),
        draw(saved, 1, 5, wait=False),
    )
    assert [entry.state for entry in queue.entries] == [State.RUNNING, State.WAITING, State.WAITING]
    assert bpy.ops.inbetween.move(job=running.job.id, by=1) == {"CANCELLED"}
    assert bpy.ops.inbetween.move(job=third.job.id, by=-1) == {"FINISHED"}
    assert queue.entries == [running, third, second]
    queue.move(third, -1)  # not past what runs
    assert queue.entries == [running, third, second]
    queue.wait(third)
    assert second.state is State.WAITING or second.busy
    queue.wait(second)


# --- removing ---------------------------------------------------------------------------------------------------


def test_removing_says_what_goes_and_what_stays_before_anything_is_done(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 5)
    watching.import_entry(entry, "reference")
    told = " ".join(removing.consequences(entry))
    assert "3 drawings" in told and "MB" in told and "14 days" in told
    assert "“In-betweens 1–5” leaves the scene" in told and "Your own drawings stay" in told
    assert entry.folder.is_dir() and len(queue.entries) == 1


def test_removing_takes_pictures_out_of_the_scene_and_touches_nothing_that_was_drawn(
    saved: bpy.types.Scene,
) -> None:
    entry = draw(saved, 1, 5)
    obj = bpy.context.object
    before = entry.folder
    for how in ("strip", "reference"):
        watching.import_entry(entry, how)
    assert bpy.ops.inbetween.remove(job=entry.job.id) == {"FINISHED"}
    assert not queue.entries and not before.exists() and rows() == []
    assert (before.parent / old_jobs.REMOVED_FOLDER / before.name / "job.json").is_file()
    assert not saved.sequence_editor.strips
    assert not [one for one in saved.objects if one.type == "EMPTY"]
    assert not [image for image in bpy.data.images if "In-betweens" in image.name]
    assert [key.frame_number for key in obj.data.layers["Lines"].frames] == [1, 5]


def test_a_job_that_is_drawn_now_cannot_be_removed(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 60, wait=False)
    assert bpy.ops.inbetween.remove(job=entry.job.id) == {"CANCELLED"}
    with pytest.raises(UserError, match="Cancel it first"):
        removing.remove(entry)
    assert entry.folder.is_dir() and entry in queue.entries


def test_a_removed_job_comes_back_with_its_drawings(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 5)
    place = entry.folder
    removing.remove(entry)
    assert bpy.ops.inbetween.bring_back(folder=str(entry.folder)) == {"FINISHED"}
    assert queue.entries == [entry] and entry.folder == place
    assert watching.import_entry(entry, "strip")


def test_undo_of_removing_brings_back_the_folder_with_what_showed_it(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 5)
    place = entry.folder
    watching.import_entry(entry, "strip")
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    removing.remove(entry)
    bpy.ops.ed.undo_push(message="Remove In-betweens")
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert queue.entries == [entry] and entry.folder == place
    (strip,) = scene.sequence_editor.strips
    assert Path(bpy.path.abspath(strip.directory)).resolve() == (place / "shown").resolve()


def test_what_was_removed_is_deleted_after_the_chosen_days_and_nothing_else(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    kept, fresh, old = (draw(saved, *keys) for keys in ((1, 5), (10, 14), (20, 24)))
    removing.remove(fresh)
    removing.remove(old)
    long_ago = time.time() - 3 * 86_400
    os.utime(old.folder, (long_ago, long_ago))
    (fresh.folder.parent / "notes").mkdir()  # of the person's own
    base = tmp_path / "shot_inbetweens"
    old_jobs.delete_for_good(base, 4)
    assert old.folder.is_dir()
    old_jobs.delete_for_good(base, 2)
    assert not old.folder.exists() and fresh.folder.is_dir() and kept.folder.is_dir()
    assert (fresh.folder.parent / "notes").is_dir()


# --- another session --------------------------------------------------------------------------------------------


def test_after_a_restart_finished_and_unfinished_jobs_of_the_file_are_listed_again(saved: bpy.types.Scene) -> None:
    done, unfinished = draw(saved, 1, 5), draw(saved, 10, 14)
    next((unfinished.folder / "frames").glob("0012.png")).unlink()
    bpy.ops.wm.save_mainfile()
    first, second = in_another_session()
    assert (first.job.id, first.state, first.finished) == (done.job.id, State.DONE, {2, 3, 4})
    assert (second.job.id, second.state, second.finished) == (unfinished.job.id, State.CANCELLED, {11, 13})
    assert "2 of 3" in second.sentence and "Retry" in second.hint
    assert bpy.ops.inbetween.retry(job=second.job.id) == {"FINISHED"}
    queue.wait(second)
    assert second.state is State.DONE and watching.import_entry(first, "strip")


def test_a_job_of_before_knows_its_scene_and_object_although_both_were_renamed(saved: bpy.types.Scene) -> None:
    draw(saved, 1, 5)
    bpy.context.object.name, saved.name = "Hero", "Shot 7"
    bpy.ops.wm.save_mainfile()
    (entry,) = in_another_session()
    assert home.find_scene(entry) == bpy.data.scenes["Shot 7"]
    assert home.find_object(entry) == bpy.data.objects["Hero"]


def test_a_copy_is_not_taken_for_the_object_that_a_job_was_made_from(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 5)
    copy = bpy.context.object.copy()
    saved.collection.objects.link(copy)
    copy.name = "A copy"  # sorts before the original
    bpy.ops.wm.save_mainfile()
    (entry,) = in_another_session()
    assert home.find_object(entry) == bpy.data.objects["Art"]


def test_a_job_that_failed_says_so_again(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 5, wait=False)
    queue.cancel(entry)
    queue.wait(entry)
    (entry.folder / "keys" / "0005.png").write_bytes(b"no picture")
    for frame in entry.folder.glob("frames/*.png"):
        frame.unlink()
    queue.retry(entry, PYTHON)
    queue.wait(entry)
    bpy.ops.wm.save_mainfile()
    (again,) = in_another_session()
    assert (again.state, again.code, again.sentence) == (State.FAILED, entry.code, entry.sentence)


def test_another_files_old_jobs_leave_the_list_and_those_of_this_session_stay(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    draw(saved, 1, 5)
    bpy.ops.wm.save_mainfile()
    in_another_session()
    fresh = draw(bpy.context.scene, 10, 14)
    scenes.empty_scene()
    listing.look_for_old_jobs()
    listing.take_old_jobs(wait=True)
    assert queue.entries == [fresh]


def test_folders_that_hold_no_readable_job_are_passed_over(saved: bpy.types.Scene, tmp_path: Path) -> None:
    entry = draw(saved, 1, 5)
    base = tmp_path / "shot_inbetweens"
    for name, text in (("000_broken", "{"), ("002_newer", json.dumps({"version": 99})), ("003_empty", "")):
        (base / name).mkdir()
        (base / name / "job.json").write_text(text)
    bpy.ops.wm.save_mainfile()
    assert [found.job.id for found in in_another_session()] == [entry.job.id]


def test_jobs_that_the_file_shows_are_found_wherever_they_are(saved: bpy.types.Scene, tmp_path: Path) -> None:
    entry = draw(saved, 1, 5)
    watching.import_entry(entry, "strip")
    (tmp_path / "later").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "later" / "other name.blend"))
    assert job_folders.shown_job_folders() == {entry.folder}
    assert [found.job.id for found in in_another_session()] == [entry.job.id]


def test_two_files_of_one_name_do_not_share_their_jobs(scene: bpy.types.Scene, tmp_path: Path) -> None:
    addon = bpy.context.preferences.addons[preferences.EXTENSION].preferences
    addon.jobs_folder = str(tmp_path / "jobs")
    try:
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            scenes.empty_scene()
            bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / folder / "shot.blend"))
            entry = draw(bpy.context.scene, 1, 5)
            bpy.ops.wm.save_mainfile()
        assert [found.job.id for found in in_another_session()] == [entry.job.id]
    finally:
        addon.jobs_folder = ""


# --- pictures in the list ---------------------------------------------------------------------------------------


def test_every_key_has_a_thumbnail_on_paper(saved: bpy.types.Scene) -> None:
    entry = draw(saved, 1, 5)
    for frame in (1, 5):
        thumbnail = scenes.picture(entry.folder / "thumbnails" / f"{frame:04d}.png")
        assert thumbnail.shape == (128, 128, 4)
        colours = {tuple(colour) for colour in thumbnail.reshape(-1, 4).tolist()}
        assert (*scenes.rgb(scenes.PALETTE[0]), 255) in colours  # the box
        assert (245, 245, 245, 255) in colours  # paper where nothing is drawn
        drawn = np.any(thumbnail[..., :3] != 245, axis=-1)
        assert 0.3 < drawn.mean() < 0.8  # what is drawn fills it, wherever on the canvas it is
    assert not [image for image in bpy.data.images if image.filepath.endswith("0001.png")]
    assert np.any(scenes.picture(entry.folder / "keys" / "0001.png")[..., 3] == 0)
