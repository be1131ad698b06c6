"""What the buttons do, and what every refusal leaves untouched."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import job_folders
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import State, queue
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.timeline import guides

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON


@pytest.fixture(autouse=True)
def no_jobs_before() -> Iterator[None]:
    assert PYTHON.exists()
    queue.entries.clear()
    queue.refused = None
    yield
    for entry in queue.entries:
        queue.cancel(entry)
        queue.wait(entry)


@pytest.fixture
def saved(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "Schöne Szene.blend"))
    return scene


def state_of_everything(scene: bpy.types.Scene, folder: Path) -> object:
    """What a refused request must leave as it was."""
    datablocks = {
        name: [block.name for block in getattr(bpy.data, name)]
        for name in ("scenes", "objects", "images", "cameras", "collections", "actions")
    }
    render = scene.render
    settings = (render.engine, render.filepath, render.resolution_x, render.film_transparent, scene.frame_current)
    return datablocks, settings, sorted(str(path) for path in folder.rglob("*"))


def test_generate_draws_in_the_background_and_import_brings_the_drawings_in(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    scenes.moving_box(saved, 1, 5)
    saved.inbetween.engine, saved.inbetween.import_as = "hold", "strip"
    saved.frame_set(2)
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    (entry,) = queue.entries
    assert entry.folder == tmp_path / "Schöne Szene_inbetweens" / "001_f0001-f0005" and entry.busy
    queue.wait(entry)
    assert bpy.ops.inbetween.import_result(job=entry.job.id) == {"FINISHED"}
    assert saved.sequence_editor.strips[0].frame_final_duration == 5 and entry.imported
    assert bpy.ops.inbetween.remove(job=entry.job.id) == {"FINISHED"}
    assert not queue.entries and entry.folder.is_dir()


def test_settings_travel_into_the_job(saved: bpy.types.Scene) -> None:
    scenes.moving_box(saved, 1, 9)
    chosen = saved.inbetween
    chosen.engine, chosen.exposure, chosen.easing = "hold", 2, "ease_out"
    chosen.seed, chosen.preset, chosen.guide_strength, chosen.width = 7, "best", 0.25, 80
    chosen.arcs = chosen.flat_colours = False
    bpy.ops.inbetween.generate()
    job = queue.entries[0].job
    assert (job.engine, job.segments[0].wanted, job.segments[0].easing) == ("hold", (3, 5, 7), "ease_out")
    settings = job.settings
    assert (settings.seed, settings.preset, settings.guide_strength) == (7, "best", 0.25)
    assert not settings.arcs and not settings.flat_colours
    assert (job.canvas.width, job.canvas.height) == (80, 50)


def test_cancel_and_retry_from_the_list(saved: bpy.types.Scene) -> None:
    scenes.moving_box(saved, 1, 60)
    saved.render.resolution_x, saved.render.resolution_y = 640, 400
    bpy.ops.inbetween.generate()
    (entry,) = queue.entries
    assert bpy.ops.inbetween.remove(job=entry.job.id) == {"CANCELLED"}  # not while it runs
    while len(entry.finished) < 2:
        queue.poll(wait_seconds=0.05)
    bpy.ops.inbetween.cancel(job=entry.job.id)
    queue.wait(entry)
    assert entry.state is State.CANCELLED and 2 <= len(entry.finished) < 58
    saved.inbetween.import_as = "strip"
    assert bpy.ops.inbetween.import_result(job=entry.job.id) == {"FINISHED"}  # what is there can be seen
    assert bpy.ops.inbetween.retry(job=entry.job.id) == {"FINISHED"}
    queue.wait(entry)
    assert entry.state is State.DONE and len(entry.finished) == 58


def test_buttons_of_a_job_that_left_the_list_do_nothing(saved: bpy.types.Scene) -> None:
    for name in ("cancel", "retry", "import_result", "open_folder", "remove"):
        assert getattr(bpy.ops.inbetween, name)(job="gone") == {"CANCELLED"}


def test_add_guide_layer_makes_one_layer_and_chooses_it(saved: bpy.types.Scene) -> None:
    obj = scenes.moving_box(saved, 1, 5)
    for _ in range(2):
        assert bpy.ops.inbetween.add_guide_layer() == {"FINISHED"}
    assert [layer.name for layer in obj.data.layers].count(guides.GUIDE_LAYER_NAME) == 1
    assert obj.data.layers.active.name == guides.GUIDE_LAYER_NAME


def test_an_import_is_one_undo_step(saved: bpy.types.Scene) -> None:
    scenes.moving_box(saved, 1, 5)
    saved.inbetween.engine, saved.inbetween.import_as = "hold", "reference"
    bpy.ops.inbetween.generate()
    (entry,) = queue.entries
    queue.wait(entry)
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    before = sorted(obj.name for obj in bpy.data.objects)
    bpy.ops.inbetween.import_result(job=entry.job.id)
    bpy.ops.ed.undo_push(message="Import In-betweens")
    assert len(bpy.data.objects) == len(before) + 1
    bpy.ops.ed.undo()
    assert sorted(obj.name for obj in bpy.data.objects) == before
    bpy.ops.ed.redo()
    assert len(bpy.data.objects) == len(before) + 1


# --- refusals: each has its own sentence and leaves file and scene as they were ---------------------------------


def _nothing_active(scene: bpy.types.Scene) -> None:
    bpy.context.view_layer.objects.active = None


def _a_camera_active(scene: bpy.types.Scene) -> None:
    scenes.moving_box(scene, 1, 5)
    bpy.context.view_layer.objects.active = scene.camera


def _one_key(scene: bpy.types.Scene) -> None:
    scenes.moving_box(scene, 1)


def _no_key(scene: bpy.types.Scene) -> None:
    scenes.new_object(scene, {})


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (_nothing_active, "No Grease Pencil object is active"),
        (_a_camera_active, "is not a Grease Pencil object"),
        (_one_key, "only one key"),
        (_no_key, "has no keys"),
    ],
)
def test_generate_is_grey_and_says_why(
    saved: bpy.types.Scene, tmp_path: Path, prepare: Callable[[bpy.types.Scene], None], sentence: str
) -> None:
    prepare(saved)
    before = state_of_everything(saved, tmp_path)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.inbetween.generate()
    assert state_of_everything(saved, tmp_path) == before and not queue.entries


def _no_camera(scene: bpy.types.Scene, _: pytest.MonkeyPatch, __: Path) -> None:
    scene.camera = None


def _no_backend(_: bpy.types.Scene, patch: pytest.MonkeyPatch, __: Path) -> None:
    patch.setenv("TOONCRAFTER_PYTHON", "/nowhere/python")


def _folder_refused(_: bpy.types.Scene, __: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "Schöne Szene_inbetweens").write_text("in the way")


def _disk_full(_: bpy.types.Scene, patch: pytest.MonkeyPatch, __: Path) -> None:
    make = job_folders.new_folder

    def full(first: int, last: int, base: Path | None = None) -> Path:
        folder = make(first, last, base)
        patch.setattr(Path, "mkdir", refuse)
        return folder

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(job_folders, "new_folder", full)


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (_no_camera, "no-camera"),
        (_no_backend, "backend-missing"),
        (_folder_refused, "folder-not-writable"),
        (_disk_full, "folder-not-writable"),
    ],
)
def test_a_refusal_is_a_sentence_with_a_hint_and_changes_nothing(
    saved: bpy.types.Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[bpy.types.Scene, pytest.MonkeyPatch, Path], None],
    code: str,
) -> None:
    scenes.moving_box(saved, 1, 5)
    prepare(saved, monkeypatch, tmp_path)
    before = state_of_everything(saved, tmp_path)
    assert bpy.ops.inbetween.generate() == {"CANCELLED"}
    monkeypatch.undo()
    assert queue.refused and queue.refused.code == code and queue.refused.hint
    assert state_of_everything(saved, tmp_path) == before and not queue.entries


def test_a_disk_that_fills_up_while_drawing_keeps_what_is_finished(saved: bpy.types.Scene) -> None:
    scenes.moving_box(saved, 1, 5)
    saved.inbetween.engine = "hold"
    bpy.ops.inbetween.generate()
    (entry,) = queue.entries
    queue.cancel(entry)
    queue.wait(entry)
    frames = entry.folder / "frames"
    for path in frames.glob("*.png"):
        path.unlink()
    if frames.is_dir():
        frames.rmdir()
    frames.write_text("a file where the folder should be: every write is refused")
    bpy.ops.inbetween.retry(job=entry.job.id)
    queue.wait(entry)
    assert entry.state is State.FAILED and entry.hint and "Traceback" not in str(entry)
    frames.unlink()
    bpy.ops.inbetween.retry(job=entry.job.id)
    queue.wait(entry)
    assert entry.state is State.DONE
