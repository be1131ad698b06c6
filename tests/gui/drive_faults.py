"""What a person does in the window while a job runs: undo, modes, a render, another file, the add-on off, the end.

The starter fails when Blender's output holds a traceback or a process outlives Blender.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import addon_utils
import bpy

from examples import checkout
from tests.gui import driver, shots
from tests.gui.driver import Story, say, wait_until

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
    return ours("jobs").queue.entries[-1]


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
    shots.build(KEYS, (480, 270))
    in_window(bpy.ops.wm.save_as_mainfile, filepath=str(place / "shot.blend"))
    yield 1.0
    say("a render is in progress")
    scene = driver.window().scene
    scene.render.filepath = str(place / "render" / "")
    scene.frame_end = 200
    entry = begin()
    assert in_window(bpy.ops.render.render, "INVOKE_DEFAULT", animation=True)
    yield from wait_until(lambda: bpy.app.is_job_running("RENDER"), 60)
    assert not in_window(bpy.ops.inbetween.generate.poll), "nothing is captured while Blender renders"
    yield from wait_until(lambda: not entry.busy or not bpy.app.is_job_running("RENDER"))
    scene.frame_end = scene.frame_current  # it need not be rendered to the end
    rendering = bpy.app.is_job_running("RENDER")
    assert not (rendering and entry.shown_as == "reference" and entry.state == "done") or shows(entry)
    for window in bpy.context.window_manager.windows[1:]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
    yield from driver.click(700, 400)
    subprocess.run(["xdotool", "key", "Escape"], check=True)
    yield from wait_until(lambda: not bpy.app.is_job_running("RENDER"), 120)
    yield from wait_until(lambda: not entry.busy)
    yield from wait_until(lambda: shows(entry), 90)

    say("camera and object are deleted while the picture grows")
    entry = begin()
    yield from wait_until(lambda: entry.finished or not entry.busy)
    bpy.data.objects.remove(driver.window().scene.camera)
    yield from wait_until(lambda: not entry.busy)
    yield 2.0
    assert entry.state == "done", (entry.sentence, entry.hint)

    say("the add-on is switched off and on again")
    load_again()
    yield 1.0
    entry = begin()
    yield from wait_until(lambda: entry.finished)
    worker = ours("jobs").queue.worker_pid
    before = persons()
    in_window(addon_utils.disable, checkout.ADDON, default_set=True)
    yield from wait_until(lambda: not Path(f"/proc/{worker}").exists(), 10)
    assert persons() == before and (entry.folder / "frames").is_dir()
    assert in_window(addon_utils.enable, checkout.ADDON, default_set=True)
    yield 1.0
    entry = begin("hold")
    yield from wait_until(lambda: not entry.busy)
    assert entry.state == "done"

    for do in WHILE_IT_RUNS:
        say(do.__name__)
        in_window(bpy.ops.object.mode_set, mode="OBJECT")
        entry = begin()
        yield from wait_until(lambda entry=entry: entry.finished or not entry.busy)
        do()
        before = persons()
        yield from wait_until(lambda entry=entry: not entry.busy)
        yield from wait_until(lambda entry=entry: shows(entry), 60)
        assert entry.state == "done", (entry.sentence, entry.hint)
        assert persons() == before, (do.__name__, before, persons())
        in_window(bpy.ops.wm.save_mainfile)
        yield 0.5
    in_window(bpy.ops.object.mode_set, mode="OBJECT")

    say("Blender is quit with a job running")
    shots.build((1, 13), (1280, 720))
    entry = begin()
    yield from wait_until(lambda: ours("jobs").queue.worker_pid)


if __name__ == "__main__":
    driver.run(story)
