"""An animator's first minutes: keys, the panel, Generate by mouse, cancel, retry, undo, a kill, File > New."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from tests.gui import driver, measuring, shots, sidebar
from tests.gui.driver import Story, say, screenshot, wait_until
from tests.gui.measuring import ours


def references() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.type == "EMPTY" and obj.get("inbetween_job")]


def story() -> Story:
    jobs = ours("jobs.queue")
    queue, states = jobs.queue, jobs.State
    measuring.measure_draws()
    sidebar.watch()
    shots.build((1, 13, 25), (960, 540))
    yield 1.0
    view = driver.area("VIEW_3D")
    yield from shots.look_through_camera(view)
    screenshot("panel_before", shots.viewport())
    measuring.measure_watching()

    yield from sidebar.press("Generate In-betweens")
    yield from wait_until(lambda: queue.entries)
    (entry,) = queue.entries
    measuring.longest.clear()
    yield from wait_until(lambda: len(entry.finished) >= 4)
    yield 1.0  # the tab moves to its new places in little steps
    screenshot("panel_during", shots.viewport())
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.DONE, (entry.sentence, entry.hint)
    yield from wait_until(lambda: entry.imported)
    yield 1.0
    screenshot("panel_after", shots.viewport())
    measuring.tell()

    say("the result is one undo step")
    assert len(references()) == 1
    for step, count in ((bpy.ops.ed.undo, 0), (bpy.ops.ed.redo, 1)):
        yield from driver.undo(step)
        assert len(references()) == count, (step, count)
    assert "Creature" in bpy.data.objects
    scene = driver.window().scene
    for frame in (7, 19):
        scene.frame_set(frame)
        yield 1.0
        screenshot(f"reference_{frame}", shots.viewport())

    say("a cancelled job is retried")
    shots.move_key(25, 900)  # work for minutes
    yield 0.5
    yield from sidebar.press("Generate In-betweens")
    yield from wait_until(lambda: len(queue.entries) == 2)
    entry = queue.entries[-1]
    yield from wait_until(lambda: len(entry.finished) >= 2)
    yield from sidebar.press_operator("inbetween.cancel")
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.CANCELLED, (entry.state, entry.sentence, entry.hint)
    finished = len(entry.finished)
    assert finished < len(entry.job.wanted)
    yield 0.5
    screenshot("panel_cancelled", shots.viewport())
    yield from sidebar.press("Retry")
    yield from wait_until(lambda: len(entry.finished) > finished)

    say("a killed worker is told")
    os.kill(queue.worker_pid, signal.SIGKILL)
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.FAILED and entry.code == "worker-died", entry.code
    yield 0.5
    screenshot("panel_failed", shots.viewport())

    say("another file is opened while a job runs")
    shots.move_key(900, 90)  # work for longer than opening takes
    scene.render.resolution_x, scene.render.resolution_y = 640, 360
    before = len(queue.entries)
    yield from sidebar.press("Generate In-betweens")
    yield from wait_until(lambda: len(queue.entries) > before)
    entry = queue.entries[-1]
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.read_homefile(app_template="2D_Animation")
    assert entry.busy
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.DONE and not entry.imported, (entry.sentence, entry.hint)
    assert not references() and "not open" in entry.hint
    yield 1.0
    yield from sidebar.show(driver.area("VIEW_3D"))
    screenshot("panel_other_file", shots.viewport())
    measuring.tell()


if __name__ == "__main__":
    driver.run(story)
