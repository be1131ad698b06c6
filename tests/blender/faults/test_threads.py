"""Threads that hear the worker go on while Blender runs operators: hundreds of undo steps and renders."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import hush

from examples import checkout
from tests.faults.tally import note

#: A worker that says nothing but progress, as fast as it can, on both of its outputs.
TALKING = """
import sys, threading
line = '{"event": "progress", "job": "nobody", "segment": 0, "step": 1, "of": 9, "seconds_left": 1.0}\\n' * 20
def talk(stream):
    while True:
        stream.write(line)
threading.Thread(target=talk, args=(sys.stderr,), daemon=True).start()
threading.Thread(target=talk, args=(sys.stdout,), daemon=True).start()
for request in sys.stdin:
    pass
"""

#: A Blender that listens to such a worker, and takes steps as our timer and our capture do.
LISTENING = """
import queue, sys, threading
from importlib import import_module
from pathlib import Path
sys.path.insert(0, {root!r})
from examples import checkout
from tests.faults.tally import note
checkout.use_private_resources()
import bpy
place = checkout.enable()
ours = lambda name: import_module(checkout.ADDON + ".tooncrafter_blender." + name)
watching, processes, render = ours("jobs.watching"), ours("jobs.worker_process"), ours("capture.render")
bpy.context.preferences.edit.use_global_undo = True
worker = processes.WorkerProcess(Path(sys.executable), Path({worker!r}))
worker.events.get(timeout=60)
class Dropping:
    put = staticmethod(lambda event: heard.append(1))
heard = []
worker.events = Dropping()
bpy.data.objects.new("thing", None)
ask = import_module(checkout.ADDON + ".backend.contract.messages").Status()
for step in range({steps}):
    worker.send(ask)
    bpy.data.objects["thing"].location.x += 1
    watching.push_undo("step")
    if step % 5 == 4:
        bpy.ops.ed.undo()
        bpy.ops.ed.redo()
scene = bpy.context.scene
scene.render.engine = "BLENDER_WORKBENCH"
scene.render.resolution_x = scene.render.resolution_y = 16
for frame in range({renders}):
    for _ in range(20):
        worker.send(ask)
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
    heard = ended.stdout.split()[-1]
    note(steps + renders, f"{steps} undo steps, {renders} renders, {heard} messages heard meanwhile")


def test_whoever_is_at_work_stands_aside_until_the_moment_is_over() -> None:
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: list[str] = []

    def answer() -> None:
        with hush.at_work():
            hush.away(asked.get)
            done.append("answered")

    def install() -> None:
        hush.stand_aside()
        done.append("installed")

    threads = [threading.Thread(target=target) for target in (answer, install)]
    with hush.hush():
        for thread in threads:
            thread.start()
        asked.put(1)
        for thread in threads:
            thread.join(0.1)
        assert done == []
    for thread in threads:
        thread.join()
    assert sorted(done) == ["answered", "installed"]
