"""What a person does to the scene while a job runs: nothing of theirs changes, and no error reaches the console."""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import addon_utils
import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import watching
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue

from examples import checkout
from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON, frames_of
from tests.patience import PATIENCE_SECONDS, wait_until


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test here may leave a traceback in Blender's output, nor a job behind."""
    assert PYTHON.exists()
    queue.entries.clear()
    yield
    for entry in queue.entries:
        queue.cancel(entry)
        queue.wait(entry)
    queue.entries.clear()
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]


@pytest.fixture
def saved(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    bpy.context.preferences.edit.use_global_undo = True
    scenes.moving_box(scene, 1, 9)
    scene.inbetween.engine, scene.inbetween.import_as = "hold", "reference"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    return scene


def begun() -> Entry:
    """A job of the open file that has just been started."""
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    return queue.entries[-1]


def watch(entry: Entry) -> None:
    """Do what Blender's timer does until the job has ended and its result is in."""
    wait_until(lambda: watching._tick() is None)
    assert not entry.busy


def persons_data() -> dict[str, object]:
    """What belongs to the person: everything but what shows a result."""
    strokes = {
        obj.name: [(layer.name, [key.frame_number for key in layer.frames]) for layer in obj.data.layers]
        for obj in bpy.data.objects
        if obj.type == "GREASEPENCIL"
    }
    objects = sorted(obj.name for obj in bpy.data.objects if not obj.get("inbetween_job"))
    return {"objects": objects, "strokes": strokes, "frame": [scene.frame_current for scene in bpy.data.scenes]}


def undo() -> None:
    bpy.data.objects["Art"].location.x += 1
    bpy.ops.ed.undo_push(message="moved")
    bpy.ops.ed.undo()


def load_the_file_again() -> None:
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)


def open_another_file() -> None:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


def delete_the_object() -> None:
    bpy.data.objects.remove(bpy.data.objects["Art"])


def rename_everything() -> None:
    bpy.data.objects["Art"].name = "Hero"
    bpy.context.scene.name = "Shot 12"


def delete_the_scene() -> None:
    doomed = bpy.context.scene
    bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(doomed)


def delete_the_camera() -> None:
    bpy.data.objects.remove(bpy.context.scene.camera)


def draw_on() -> None:
    bpy.ops.object.mode_set(mode="PAINT_GREASE_PENCIL")


def edit() -> None:
    bpy.ops.object.mode_set(mode="EDIT")


#: What is done -> whether the result comes in by itself.
DONE: dict[Callable[[], None], bool] = {
    undo: True,
    load_the_file_again: True,
    open_another_file: False,
    delete_the_object: True,
    rename_everything: True,
    delete_the_scene: False,
    delete_the_camera: False,
    draw_on: True,
    edit: True,
}


@pytest.mark.parametrize("do", DONE, ids=lambda do: do.__name__)
def test_while_a_job_runs_and_its_result_is_never_lost(saved: bpy.types.Scene, do: Callable[[], None]) -> None:
    entry = begun()
    do()
    before = persons_data()
    watch(entry)
    assert entry.state is State.DONE, (entry.sentence, entry.hint)
    assert len(frames_of(entry.folder)) == 7
    assert persons_data() == before, "nothing of the person's has changed by itself"
    shown = [obj for obj in bpy.data.objects if obj.get("inbetween_job") == entry.job.id]
    assert len(shown) == DONE[do]
    if not shown:
        assert entry.hint, "the person is told why it did not come in"


@pytest.mark.parametrize("mode", ["EDIT", "PAINT_GREASE_PENCIL", "SCULPT_GREASE_PENCIL"])
def test_strokes_come_in_whatever_mode_the_object_is_in(saved: bpy.types.Scene, mode: str) -> None:
    saved.inbetween.import_as = "strokes"
    bpy.ops.object.mode_set(mode=mode)
    entry = begun()
    watch(entry)
    assert entry.state is State.DONE and not entry.hint, entry.hint
    art = bpy.data.objects["Art"]
    assert art.mode == mode and len(art.data.layers) == 2
    assert [key.frame_number for key in art.data.layers["Lines"].frames] == [1, 9]


def test_a_linked_object_is_drawn_and_never_changed(saved: bpy.types.Scene, tmp_path: Path) -> None:
    library = tmp_path / "shot.blend"
    digest = hashlib.sha256(library.read_bytes()).digest()
    scene = scenes.empty_scene()
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = ["Art"]
    art = bpy.data.objects["Art"]
    scene.collection.objects.link(art)
    bpy.context.view_layer.objects.active = art
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "linking.blend"))
    scene.inbetween.engine, scene.inbetween.import_as = "hold", "strokes"
    entry = begun()
    watch(entry)
    assert entry.state is State.DONE and len(frames_of(entry.folder)) == 7
    assert "linked" in entry.hint and len(art.data.layers) == 1
    assert bpy.ops.inbetween.import_result(job=entry.job.id) == {"CANCELLED"} or entry.shown_as != "strokes"
    assert hashlib.sha256(library.read_bytes()).digest() == digest


def test_a_locked_away_job_folder_is_told_and_not_logged_as_a_fault(saved: bpy.types.Scene) -> None:
    entry = begun()
    while entry.folder.exists():  # the worker may be writing into it
        shutil.rmtree(entry.folder, ignore_errors=True)
    watch(entry)
    assert not entry.busy and (entry.hint or entry.sentence)
    assert not entry.folder.exists(), "a folder that somebody removed is not made again"


def test_the_addon_is_switched_off_and_on_again_during_a_job(saved: bpy.types.Scene) -> None:
    entry = begun()
    while queue.worker_pid is None:
        queue.poll(wait_seconds=0.05)
    pid, folder = queue.worker_pid, entry.folder
    before = persons_data()
    addon_utils.disable(checkout.ADDON, default_set=True)
    assert not Path(f"/proc/{pid}").exists() or sys.platform != "linux", "no orphan"
    assert persons_data() == before

    def fail(error: BaseException) -> None:
        raise error

    assert addon_utils.enable(checkout.ADDON, default_set=True, handle_error=fail)
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    again = sys.modules[f"{checkout.ADDON}.tooncrafter_blender.jobs.queue"].queue.entries[-1]
    assert again.folder != folder and folder.is_dir(), "what was there is neither lost nor overwritten"


#: A Blender that opens a file, starts a job, and ends as ACT says.
ENDING = """
import os, sys, time
sys.path.insert(0, {root!r})
from examples import checkout
checkout.use_private_resources()
import bpy
place = checkout.enable()
from importlib import import_module
queue = import_module(checkout.ADDON + ".tooncrafter_blender.jobs.queue").queue
bpy.ops.wm.open_mainfile(filepath={file!r})
bpy.context.scene.inbetween.engine = "draft"
assert bpy.ops.inbetween.generate() == {{"FINISHED"}}
entry = queue.entries[-1]
while len(entry.finished) < 2:
    queue.poll(wait_seconds=0.05)
print("worker", queue.worker_pid, entry.folder, flush=True)
{act}
"""


OTHER_ENDS = ("sys.exit(0)", "checkout.disable(place)", "os.abort()")


@pytest.mark.parametrize(
    "act",
    ["os.kill(os.getpid(), 9)", *(pytest.param(act, marks=pytest.mark.long) for act in OTHER_ENDS)],
)
def test_when_blender_ends_in_mid_job_no_process_and_no_half_drawing_stays(
    scene: bpy.types.Scene, tmp_path: Path, act: str
) -> None:
    scene.render.resolution_x, scene.render.resolution_y = 480, 300
    scenes.moving_box(scene, 1, 60)
    file = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    digest = hashlib.sha256(file.read_bytes()).digest()
    script = ENDING.format(root=str(checkout.ROOT), file=str(file), act=act)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert "Traceback" not in ended.stdout + ended.stderr, ended.stderr
    line = next(line for line in ended.stdout.splitlines() if line.startswith("worker "))
    _, pid, folder = line.split(maxsplit=2)
    wait_until(lambda: not _is_running(int(pid)))  # the worker does not outlive its Blender
    assert hashlib.sha256(file.read_bytes()).digest() == digest
    finished = frames_of(Path(folder))
    assert 2 <= len(finished) < 58
    run = [str(PYTHON), "-m", "backend", "run", folder]
    assert subprocess.run(run, cwd=checkout.ROOT, capture_output=True).returncode == 0
    after = frames_of(Path(folder))
    assert len(after) == 58 and finished.items() <= after.items()


def _is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


#: A Blender that opens a file and runs the command on it.
COMMANDING = """
import sys
sys.path.insert(0, {root!r})
from examples import checkout
checkout.use_private_resources()
import bpy
place = checkout.enable()
from importlib import import_module
bpy.ops.wm.open_mainfile(filepath={file!r})
code = import_module(checkout.ADDON + ".tooncrafter_blender.commands").inbetween(
    ["--frames", "1-9", "--engine", "hold", "--import", "strip"])
checkout.disable(place)
sys.exit(code)
"""


def test_two_blenders_with_the_same_file_each_make_a_folder_of_their_own(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    file = Path(bpy.data.filepath)
    digest = hashlib.sha256(file.read_bytes()).digest()
    command = [sys.executable, "-c", COMMANDING.format(root=str(checkout.ROOT), file=str(file))]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    for one in both:
        said = one.communicate(timeout=PATIENCE_SECONDS)[0].decode("utf-8", "replace")
        assert one.returncode == 0 and "Traceback" not in said, said
    folders = sorted((tmp_path / "shot_inbetweens").iterdir())
    assert [folder.name for folder in folders] == ["001_f0001-f0009", "002_f0001-f0009"]
    assert all(len(frames_of(folder)) == 7 for folder in folders)
    assert hashlib.sha256(file.read_bytes()).digest() == digest


def test_a_file_recovered_after_a_crash_shows_its_drawings_and_goes_on(
    saved: bpy.types.Scene, tmp_path: Path
) -> None:
    entry = begun()
    watch(entry)
    # What Blender keeps by itself: a copy with the name of the file, in another place.
    recovery = tmp_path / "elsewhere" / "shot_1234_autosave.blend"
    recovery.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(recovery), copy=True)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.recover_auto_save(filepath=str(recovery))
    (empty,) = [obj for obj in bpy.data.objects if obj.get("inbetween_job") == entry.job.id]
    assert Path(bpy.path.abspath(empty.data.filepath)).is_file(), "its pictures are found"
    before = frames_of(entry.folder)
    bpy.context.view_layer.objects.active = bpy.data.objects["Art"]
    again = begun()
    watch(again)
    assert again.state is State.DONE and again.folder != entry.folder
    assert frames_of(entry.folder) == before
