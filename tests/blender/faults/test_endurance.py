"""A day's work in one Blender: memory and open files stay as they were after the first jobs, nothing is left."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import watching
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import State, queue

from tests.blender import scenes
from tests.blender.jobs_on_disk import frames_of
from tests.faults.processes import memory_kilobytes, open_files, wait_for_rest
from tests.faults.tally import note

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads memory and open files from /proc")

#: Jobs after which everything is loaded and warm.
WARM = 20


def one_job(folder: Path) -> None:
    """From the button to the drawings in the scene, then off the list and out of the scene again."""
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    entry = queue.entries[-1]
    while watching._tick() is not None:
        time.sleep(0.005)
    assert entry.state is State.DONE and len(frames_of(entry.folder)) == 3, (entry.sentence, entry.hint)
    assert not [path for path in entry.folder.rglob("*") if path.name.startswith(".")], "no temporary file"
    for obj in [obj for obj in bpy.data.objects if obj.get("inbetween_job")]:
        bpy.data.objects.remove(obj)
    queue.remove(entry)
    bpy.data.orphans_purge(do_recursive=True)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("jobs", [pytest.param(200, marks=pytest.mark.long)])
def test_after_hundreds_of_jobs_blender_and_its_worker_are_as_large_as_after_the_first(
    scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    scenes.moving_box(scene, 1, 5)
    scene.inbetween.engine, scene.inbetween.import_as = "hold", "reference"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    memory, files = [], []
    for _ in range(jobs):
        one_job(tmp_path)
        gc.collect()
        assert queue.worker_pid
        both = (os.getpid(), queue.worker_pid)
        wait_for_rest(queue.worker_pid)
        memory.append([memory_kilobytes(process) for process in both])
        files.append([open_files(process) for process in both])
    queue.close()
    queue.entries.clear()
    for index, who in enumerate(("Blender", "worker")):
        warm, last = max(one[index] for one in memory[WARM - 5 : WARM]), memory[-1][index]
        note(
            jobs if index == 0 else 0,
            f"{who}: {warm // 1024} MB after {WARM}, {last // 1024} MB at the end ({last / warm - 1:+.1%})",
        )
        note(0, f"{who}: {files[WARM - 1][index]} open files after {WARM}, {files[-1][index]} at the end")
    for index in range(2):
        assert memory[-1][index] / max(one[index] for one in memory[WARM - 5 : WARM]) < 1.05
        assert files[-1][index] <= files[WARM - 1][index]
    assert not list((tmp_path / "temporary").iterdir())
