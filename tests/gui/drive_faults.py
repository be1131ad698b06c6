"""What a person does in the window while a job runs, from undo to a second Blender with the same file and a crash.

The starter fails when Blender's output holds a traceback or a process outlives Blender.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import addon_utils
import bpy

from examples import checkout
from tests.gui import driver, shots
from tests.gui.driver import Story, say, wait_until
from tests.gui.second_blender import Second

KEYS = (1, 13)


def ours(name: str) -> Any:
    """A module of the add-on."""
    return importlib.import_module(f"{checkout.ADDON}.tooncrafter_blender.{name}")


def in_window(operator: Any, *arguments: str, **options: object) -> object:
    with bpy.context.temp_override(window=driver.window()):
        return operator(*arguments, **options)


def begin(engine: str = "draft", import_as: str = "reference") -> Any:
    """Press Generate; return the new entry."""
    settings = driver.window().scene.inbetween
    settings.engine, settings.import_as = engine, import_as
    assert in_window(bpy.ops.inbetween.generate) == {"FINISHED"}
    return ours("jobs.queue").queue.entries[-1]


def creature() -> bpy.types.Object:
    return next(obj for obj in bpy.data.objects if obj.type == "GREASEPENCIL")


def persons() -> object:
    """What is the person's: their layers with keys, the mode, the frame."""
    obj = creature()
    layers = [
        (layer.name, [key.frame_number for key in layer.frames])
        for layer in obj.data.layers
        if not layer.name.startswith("In-betweens")
    ]
    return layers, obj.mode, driver.window().scene.frame_current


def shows(entry: Any) -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.get("inbetween_job") == entry.job.id]


def undo_and_redo() -> None:
    creature().location.x += 1
    in_window(bpy.ops.ed.undo_push, message="moved")
    in_window(bpy.ops.ed.undo)
    in_window(bpy.ops.ed.redo)


def draw() -> None:
    in_window(bpy.ops.object.mode_set, mode="PAINT_GREASE_PENCIL")


def edit() -> None:
    in_window(bpy.ops.object.mode_set, mode="EDIT")


def rename() -> None:
    creature().name = "Hero"
    driver.window().scene.name = "Shot 12"


def load_again() -> None:
    in_window(bpy.ops.wm.open_mainfile, filepath=bpy.data.filepath)


WHILE_IT_RUNS: tuple[Callable[[], None], ...] = (undo_and_redo, draw, edit, rename, load_again)


def story() -> Story:
    place = Path(tempfile.mkdtemp(dir=os.environ["HOME"]))
    file = place / "shot.blend"
    shots.build(KEYS, (480, 270))
    in_window(bpy.ops.wm.save_as_mainfile, filepath=str(file))
    yield from wait_until(lambda: bpy.data.filepath == str(file))
    yield from during_a_render(place)
    yield from camera_deleted()
    yield from object_deleted()
    yield from scene_deleted()
    yield from another_blender_and_its_crash(file, place / "second")
    yield from add_on_off_and_on()
    for do in WHILE_IT_RUNS:
        yield from meanwhile(do)
    in_window(bpy.ops.object.mode_set, mode="OBJECT")

    say("Blender is quit with one job running and one waiting")
    shots.build(KEYS, (1280, 720))
    first, second = begin(), begin()
    yield from wait_until(lambda: first.finished)
    assert second.busy, "the second job could be drawn while the first was looked at"


def during_a_render(place: Path) -> Story:
    say("a render is in progress")
    scene = driver.window().scene
    scene.render.filepath = str(place / "render" / "")
    scene.frame_end = 200
    entry = begin()
    assert in_window(bpy.ops.render.render, "INVOKE_DEFAULT", animation=True)
    yield from wait_until(lambda: bpy.app.is_job_running("RENDER"))
    assert not in_window(bpy.ops.inbetween.generate.poll), "nothing is captured while Blender renders"
    yield from wait_until(lambda: not entry.busy or not bpy.app.is_job_running("RENDER"))
    scene.frame_end = scene.frame_current  # it need not be rendered to the end
    for window in bpy.context.window_manager.windows[1:]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
    yield from driver.click(700, 400)
    subprocess.run(["xdotool", "key", "Escape"], check=True)
    yield from wait_until(lambda: not bpy.app.is_job_running("RENDER"))
    yield from wait_until(lambda: not entry.busy)
    yield from wait_until(lambda: shows(entry))


def drawing() -> Generator[float, None, Any]:
    """Begin a job and wait until it has drawn something; the entry is returned to `yield from`."""
    entry = begin()
    yield from wait_until(lambda: entry.finished)
    return entry


def camera_deleted() -> Story:
    say("the camera is deleted")
    entry = yield from drawing()
    bpy.data.objects.remove(driver.window().scene.camera)
    yield from wait_until(lambda: not entry.busy and entry.hint)
    assert entry.state == "done" and "camera" in entry.hint, (entry.sentence, entry.hint)
    yield from reopened()


def object_deleted() -> Story:
    say("the object is deleted")
    entry = yield from drawing()
    in_window(bpy.ops.object.select_all, action="DESELECT")
    creature().select_set(True)
    in_window(bpy.ops.object.delete)
    assert not [obj for obj in bpy.data.objects if obj.type == "GREASEPENCIL"]
    yield from wait_until(lambda: not entry.busy and shows(entry))
    assert entry.state == "done" and complete(entry), (entry.sentence, entry.hint)
    driver.screenshot("object_deleted")
    in_window(bpy.ops.ed.undo)
    yield from reopened()


def scene_deleted() -> Story:
    say("the scene is deleted")
    entry = yield from drawing()
    doomed = driver.window().scene.name
    in_window(bpy.ops.scene.new, type="NEW")
    bpy.data.scenes.remove(bpy.data.scenes[doomed])
    yield from wait_until(lambda: not entry.busy and entry.hint)
    assert entry.state == "done" and complete(entry) and not shows(entry), (entry.sentence, entry.hint)
    driver.screenshot("scene_deleted")
    yield from reopened()


def another_blender_and_its_crash(file: Path, place: Path) -> Story:
    say("a second Blender has the same file open, and both draw")
    digest = hashlib.sha256(file.read_bytes()).digest()
    second = Second(file, place)
    yield from wait_until(lambda: second.said("ready") or second.ended())
    entry = begin()
    second.go()
    yield from wait_until(lambda: not entry.busy and shows(entry))
    yield from wait_until(lambda: second.said("shown") or second.ended())
    theirs = Path(second.said("shown"))
    assert entry.state == "done" and theirs != entry.folder and theirs.parent == entry.folder.parent
    assert len(list((theirs / "frames").iterdir())) == len(entry.job.wanted) and complete(entry)
    assert hashlib.sha256(file.read_bytes()).digest() == digest, "neither has saved"
    driver.screenshot("two_blenders")

    say("the second one crashes in mid-job, and its recovery file is opened")
    yield from wait_until(second.ended)
    assert second.process.returncode == -signal.SIGKILL, second.log.read_text()
    assert "Traceback" not in second.log.read_text(errors="replace")
    worker, _, cut = second.said("crashing").partition(" ")
    os.kill(int(worker), signal.SIGCONT)
    yield from wait_until(lambda: not is_running(worker))
    in_window(bpy.ops.wm.recover_auto_save, filepath=str(second.recovery()))
    assert bpy.data.filepath == str(file)
    yield from wait_until(lambda: listed(cut) and listed(str(theirs)))
    shown = shows(listed(str(theirs)))
    assert shown and all(Path(bpy.path.abspath(obj.data.filepath)).is_file() for obj in shown)
    entry, before = listed(cut), identities(Path(cut))
    assert before and not complete(entry)
    assert in_window(bpy.ops.inbetween.retry, job=entry.job.id) == {"FINISHED"}
    yield from wait_until(lambda: not entry.busy and shows(entry))
    assert entry.state == "done" and complete(entry), (entry.sentence, entry.hint)
    assert before.items() <= identities(Path(cut)).items(), "what was drawn before the crash is kept"
    assert hashlib.sha256(file.read_bytes()).digest() == digest
    driver.screenshot("recovered")
    yield from reopened()


def is_running(process: object) -> bool:
    """Whether a process runs; one that has ended stays listed while nobody has asked how."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def listed(folder: str) -> Any:
    """The entry of the list whose drawings lie in that folder."""
    return next((entry for entry in ours("jobs.queue").queue.entries if str(entry.folder) == folder), None)


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when a drawing is made again, even of the same bytes."""
    stats = {path.name: path.stat() for path in (folder / "frames").glob("*.png")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def complete(entry: Any) -> bool:
    """Whether all of its drawings are on disk."""
    return len(identities(entry.folder)) == len(entry.job.wanted)


def reopened() -> Story:
    """Open the file as it is on disk, and wait until the window shows it."""
    load_again()
    yield from wait_until(lambda: driver.window().scene.camera and creature().name == "Creature")


def add_on_off_and_on() -> Story:
    say("the add-on is switched off and on again")
    entry = yield from drawing()
    worker = ours("jobs.queue").queue.worker_pid
    before = persons()
    in_window(addon_utils.disable, checkout.ADDON, default_set=True)
    yield from wait_until(lambda: not is_running(worker))
    assert persons() == before and (entry.folder / "frames").is_dir()
    assert in_window(addon_utils.enable, checkout.ADDON, default_set=True)
    again = begin("hold")
    yield from wait_until(lambda: not again.busy and shows(again))
    assert again.state == "done" and again.folder != entry.folder


def meanwhile(do: Callable[[], None]) -> Story:
    say(do.__name__)
    in_window(bpy.ops.object.mode_set, mode="OBJECT")
    entry = yield from drawing()
    do()
    before = persons()
    yield from wait_until(lambda: not entry.busy and shows(entry))
    assert entry.state == "done", (entry.sentence, entry.hint)
    assert persons() == before, (do.__name__, before, persons())
    in_window(bpy.ops.wm.save_mainfile)
    yield from wait_until(lambda: not bpy.data.is_dirty)


if __name__ == "__main__":
    driver.run(story)
