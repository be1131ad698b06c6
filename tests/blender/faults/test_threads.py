"""Threads that hear the worker go on while Blender runs operators: hundreds of undo steps and renders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples import checkout

#: A worker that says nothing but progress, as fast as it can, on both of its outputs.
TALKING = """
import sys, threading
line = '{"event": "progress", "job": "nobody", "segment": 0, "step": 1, "of": 9, "seconds_left": 1.0}\\n' * 20
def talk(stream):
    while True:
        stream.write(line)
threading.Thread(target=talk, args=(sys.stderr,), daemon=True).start()
talk(sys.stdout)
"""

#: A Blender that listens to such a worker, and takes steps as our timer and our capture do.
LISTENING = """
import queue, sys, threading
from importlib import import_module
from pathlib import Path
sys.path.insert(0, {root!r})
from examples import checkout
checkout.use_private_resources()
import bpy
place = checkout.enable()
ours = lambda name: import_module(checkout.ADDON + ".tooncrafter_blender." + name)
watching, processes, render = ours("watching"), ours("worker_process"), ours("capture.render")
bpy.context.preferences.edit.use_global_undo = True
worker = processes.WorkerProcess(Path(sys.executable), Path({worker!r}))
worker.events.get(timeout=60)
class Dropping:
    put = staticmethod(lambda event: heard.append(1))
heard = []
worker.events = Dropping()
bpy.data.objects.new("thing", None)
for step in range({steps}):
    bpy.data.objects["thing"].location.x += 1
    watching.push_undo("step")
    if step % 5 == 4:
        bpy.ops.ed.undo()
        bpy.ops.ed.redo()
scene = bpy.context.scene
scene.render.engine = "BLENDER_WORKBENCH"
scene.render.resolution_x = scene.render.resolution_y = 16
for frame in range({renders}):
    render.render(scene, Path({picture!r}))
assert len(heard) > 100, "it was listening all the while"
print("heard", len(heard), flush=True)
worker.stop_and_wait()
checkout.disable(place)
"""


@pytest.mark.parametrize(
    ("steps", "renders"), [(200, 10), pytest.param(2000, 300, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
def test_a_worker_that_talks_all_the_while_does_not_crash_blender(tmp_path: Path, steps: int, renders: int) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "__init__.py").touch()
    (tmp_path / "backend" / "__main__.py").write_text(TALKING)
    script = LISTENING.format(
        root=str(checkout.ROOT),
        worker=str(tmp_path),
        picture=str(tmp_path / "a.png"),
        steps=steps,
        renders=renders,
    )
    command = [sys.executable, "-X", "faulthandler", "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=1500)
    assert ended.returncode == 0, ended.stderr[-3000:]
    print(f"{steps} undo steps, {renders} renders, {ended.stdout.split()[-1]} messages heard meanwhile")
