"""Where jobs live: beside the file, never mixed up, and moved there when the file gets its name."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.backend.errors import UserError
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.generate import generate
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import job_folders, watching
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.settings import preferences, properties
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.setup import environment

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON


def draw(scene: bpy.types.Scene) -> Entry:
    assert PYTHON.exists()
    choice = replace(properties.choice_of(scene), engine="hold")
    scene.frame_set(13)
    entry = generate(scene, scenes.moving_box(scene, 12, 16), choice)
    queue.wait(entry)
    assert entry.state is State.DONE, entry.sentence
    return entry


def test_jobs_lie_numbered_beside_the_file(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schöne Szene.blend"))
    base = tmp_path / "Schöne Szene_inbetweens"
    assert job_folders.new_folder(12, 36) == base / "001_f0012-f0036"
    assert job_folders.new_folder(-3, 9) == base / "002_f-003-f0009"
    (base / "007_made by hand").mkdir()
    (base / "notes").mkdir()
    assert job_folders.new_folder(1, 2) == base / "008_f0001-f0002"


def test_a_refused_job_leaves_no_folder_behind(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    folder = job_folders.new_folder(1, 2)
    job_folders.discard(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["shot.blend"]
    kept, refused = job_folders.new_folder(1, 2), job_folders.new_folder(3, 4)
    (kept / "job.json").write_text("{}")
    job_folders.discard(refused)
    job_folders.discard(kept)
    assert kept.is_dir() and not refused.exists()


@pytest.fixture
def chosen_place(tmp_path: Path) -> Iterator[None]:
    addon = bpy.context.preferences.addons[preferences.EXTENSION].preferences
    addon.jobs_folder = str(tmp_path / "jobs")
    yield
    addon.jobs_folder = ""


def test_the_preferences_name_another_place(scene: bpy.types.Scene, chosen_place: None, tmp_path: Path) -> None:
    assert job_folders.new_folder(1, 2).parent == tmp_path / "jobs" / "unsaved_inbetweens"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert job_folders.new_folder(1, 2).parent == tmp_path / "jobs" / "shot_inbetweens"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_a_sentence(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UserError, match="cannot be written"):
            job_folders.new_folder(1, 2)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_the_way_of_the_jobs_is_a_sentence_and_stays(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    (tmp_path / "shot_inbetweens").write_text("mine")
    with pytest.raises(UserError, match="cannot be written"):
        job_folders.new_folder(1, 2)
    assert (tmp_path / "shot_inbetweens").read_text() == "mine"


@pytest.mark.parametrize("how", ["strip", "reference"])
def test_jobs_of_an_unsaved_file_move_beside_it_when_it_is_saved_and_what_shows_them_follows(
    scene: bpy.types.Scene, tmp_path: Path, how: str
) -> None:
    entry = draw(scene)
    before = entry.folder
    assert before.is_relative_to(environment.data_folder("jobs"))
    watching.import_entry(entry, how)
    (tmp_path / "shot_inbetweens" / "001_f0012-f0016").mkdir(parents=True)  # of an earlier file of that name
    file = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    assert entry.folder == tmp_path / "shot_inbetweens" / "002_f0012-f0016"
    assert not before.exists() and entry.home.file == str(file)
    assert json.loads((entry.folder / "job.json").read_text())["id"] == entry.job.id
    _assert_shown_from(entry.folder)
    bpy.ops.wm.open_mainfile(filepath=str(file))  # the saved file knows the new place, too
    _assert_shown_from(entry.folder)
    assert watching.import_entry(entry, how)  # and the job still knows its file


def _assert_shown_from(folder: Path) -> None:
    editor = bpy.context.scene.sequence_editor
    shown = [strip.directory for strip in (editor.strips if editor else ())]
    shown += [str(Path(obj.data.filepath).parent) for obj in bpy.context.scene.objects if obj.type == "EMPTY"]
    assert [Path(bpy.path.abspath(path)).resolve() for path in shown] == [(folder / "shown").resolve()]


def test_saving_under_another_name_leaves_the_jobs_where_they_are(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    entry = draw(scene)
    (tmp_path / "b").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b" / "b.blend"))
    assert entry.folder == tmp_path / "a_inbetweens" / "001_f0012-f0016" and entry.folder.is_dir()
    assert watching.import_entry(entry, "strip")


def test_a_job_folder_that_cannot_move_stays_in_use(scene: bpy.types.Scene, tmp_path: Path) -> None:
    entry = draw(scene)
    watching.import_entry(entry, "strip")
    before = entry.folder
    (tmp_path / "shot_inbetweens").write_text("a file in the way")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert entry.folder == before and (before / "job.json").is_file()
    _strip = bpy.context.scene.sequence_editor.strips[0]
    assert Path(bpy.path.abspath(_strip.directory)).resolve() == (before / "shown").resolve()
