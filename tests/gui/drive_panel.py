"""An animator's first minutes: keys, the panel, Generate by mouse, cancel, retry, undo, a kill, File > New."""

from __future__ import annotations

import importlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from examples import checkout, drawing
from tests.gui import driver
from tests.gui.driver import Story, say, screenshot, wait_until

INK, RED, CREAM, DARK = "#241a26", "#e6453b", "#fbe9d2", "#16141c"
#: Longest call of ours on the main thread while a job runs, by function.
longest: dict[str, float] = {}


def ours(name: str) -> Any:
    """A module of the add-on."""
    return importlib.import_module(f"{checkout.ADDON}.tooncrafter_blender.{name}")


def measure(owner: object, name: str, label: str) -> None:
    """Note the longest time that a function takes from now on."""
    function: Callable[..., object] = getattr(owner, name)

    @wraps(function)
    def timed(*arguments: object, **named: object) -> object:
        began = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            longest[label] = max(longest.get(label, 0.0), time.perf_counter() - began)

    setattr(owner, name, timed)


def measure_draw(panel: type[bpy.types.Panel], label: str) -> None:
    """The same for a panel, whose `draw` Blender wants to have exactly two arguments."""
    draw = panel.draw

    def timed(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        began = time.perf_counter()
        draw(self, context)
        longest[label] = max(longest.get(label, 0.0), time.perf_counter() - began)

    panel.draw = timed


def ellipse(x: float, y: float, width: float, height: float, turn: float = 0.0) -> list[drawing.Point]:
    cos, sin = math.cos(turn), math.sin(turn)
    circle = [(math.cos(a) * width / 2, math.sin(a) * height / 2) for a in (i * math.tau / 40 for i in range(40))]
    return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in circle]


def creature(x: float, y: float, width: float, height: float, turn: float) -> list[drawing.Shape]:
    """A ball with eyes and a smile."""

    def at(u: float, v: float) -> tuple[float, float]:
        cos, sin = math.cos(turn), math.sin(turn)
        u, v = u * width, v * height
        return x + u * cos - v * sin, y + u * sin + v * cos

    smile = [at(0.22 * math.sin(a), -0.12 - 0.1 * math.cos(a)) for a in (i * 0.25 - 1.25 for i in range(11))]
    return [
        drawing.Shape(ellipse(x, y, width, height, turn), RED, INK, 0.09),
        *(drawing.Shape(ellipse(*at(side * 0.16, 0.12), 0.3, 0.42, turn), CREAM, INK, 0.05) for side in (-1, 1)),
        *(drawing.Shape(ellipse(*at(side * 0.14, 0.09), 0.12, 0.18, turn), DARK, None) for side in (-1, 1)),
        drawing.Shape(smile, None, INK, 0.07, closed=False),
    ]


def build() -> bpy.types.Object:
    """A shot with three keys: the creature leaps."""
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.read_homefile(app_template="2D_Animation")
    scene = bpy.context.window_manager.windows[0].scene
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    scene.render.resolution_x, scene.render.resolution_y, scene.render.fps = 1280, 720, 24
    scene.frame_start, scene.frame_end = 1, 49
    drawing.new_camera(scene, 12.0)
    obj = drawing.new_object(scene, "Creature")
    layer = drawing.new_layer(obj, "Art")
    poses = {1: (-3.5, -1.4, 2.2, 1.5, 0.1), 25: (0.0, 1.3, 1.7, 2.2, -0.15), 49: (3.5, -1.4, 2.2, 1.5, -0.1)}
    for frame, pose in poses.items():
        drawing.draw(obj, layer, frame, creature(*pose)).select = True
    view_layer = driver.window().view_layer
    view_layer.objects.active = obj
    obj.select_set(True)
    scene.frame_set(9)
    return obj


def move_key(old: int, new: int) -> None:
    """Move a key of the creature, with all keys selected afterwards."""
    frames = bpy.data.objects["Creature"].data.layers[0].frames
    frames.move(old, new)
    for key in frames:
        key.select = True


def open_tab(view: bpy.types.Area) -> Story:
    view.spaces.active.region_3d.view_perspective = "CAMERA"
    view.spaces.active.overlay.show_overlays = True
    view.spaces.active.show_region_ui = True
    yield 1.0
    driver.region("UI", view).active_panel_category = "In-between"
    view.tag_redraw()
    yield 1.0


def look() -> tuple[int, int, int, int]:
    """Where viewport and sidebar are on the screen."""
    view = driver.area("VIEW_3D")
    return view.x, view.y, view.width, view.height


def button(view: bpy.types.Area, below_top: float, *, from_right: float | None = None) -> tuple[float, float]:
    """A place in the sidebar: unscaled pixels below its top, in the middle or so far from its right edge."""
    sidebar = driver.region("UI", view)
    scale = bpy.context.preferences.system.ui_scale
    x = sidebar.x + sidebar.width / 2 if from_right is None else sidebar.x + sidebar.width - from_right * scale
    return x, sidebar.y + sidebar.height - below_top * scale


def measured() -> Story:
    """Say what our longest calls on the main thread were."""
    for name, seconds in sorted(longest.items()):
        say("longest", f"{1000 * seconds:6.1f} ms", name)
    assert max(longest.values()) < 0.1, "a call of ours held up the window"
    yield 0.0


def references() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.type == "EMPTY" and obj.get("inbetween_job")]


def story() -> Story:
    jobs, watching, panels, prospect = ours("jobs"), ours("watching"), ours("panels"), ours("prospect")
    queue, states = jobs.queue, jobs.State
    build()
    yield 2.0
    view = driver.area("VIEW_3D")
    yield from open_tab(view)
    for _ in range(6):  # until the viewport has its shaders
        yield 2.0
        view.tag_redraw()
    yield 2.0
    screenshot("panel_before", look())
    for panel in ("main", "range", "guides", "look", "result", "jobs"):
        measure_draw(getattr(panels, f"INBETWEEN_PT_{panel}"), f"draw panel {panel}")
    measure(watching, "import_entry", "import result")
    measure(watching, "redraw", "redraw")
    measure(queue, "poll", "poll worker")
    measure(prospect, "_look", "look for spans")

    yield from driver.click(*button(view, GENERATE))
    yield from wait_until(lambda: queue.entries)
    (entry,) = queue.entries
    longest.clear()
    driver.point_at(view.x + 200, view.y + 200)
    yield from wait_until(lambda: len(entry.finished) >= 6)
    screenshot("panel_during", look())
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.DONE, (entry.sentence, entry.hint)
    yield from wait_until(lambda: entry.imported)
    yield 2.0
    screenshot("panel_after", look())
    yield from measured()

    say("the result is one undo step")
    assert len(references()) == 1
    for operator, count in ((bpy.ops.ed.undo, 0), (bpy.ops.ed.redo, 1)):
        with bpy.context.temp_override(window=driver.window()):
            operator()
        yield 1.0
        assert len(references()) == count, (operator, count)
    scene = driver.window().scene
    assert "Creature" in bpy.data.objects
    for frame in (15, 33):
        scene.frame_set(frame)
        yield 2.0
        screenshot(f"reference_{frame}", look())

    say("a cancelled job is retried")
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    move_key(49, 900)  # work for minutes
    yield 1.0
    yield from driver.click(*button(view, GENERATE))
    yield from wait_until(lambda: len(queue.entries) == 2)
    entry = queue.entries[-1]
    yield from wait_until(lambda: len(entry.finished) >= 2)
    yield from driver.click(*button(view, PROGRESS, from_right=50))
    yield from wait_until(lambda: entry.cancelling or not entry.busy)
    say("cancelling")
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.CANCELLED, (entry.state, entry.sentence, entry.hint)
    finished = len(entry.finished)
    assert finished < len(entry.job.wanted)
    yield 1.0
    screenshot("panel_cancelled", look())
    for below_top in range(400, 520, 14):  # sentences above the button may take more or fewer lines
        yield from driver.click(*button(view, below_top, from_right=200))
        yield 1.0
        if entry.busy:
            break
    assert entry.busy, "Retry was not found"
    yield from wait_until(lambda: len(entry.finished) > finished)

    say("a killed worker is told")
    os.kill(queue.worker_pid, signal.SIGKILL)
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.FAILED and entry.code == "worker-died", entry.code
    yield 1.0
    driver.point_at(view.x + 200, view.y + 200)
    screenshot("panel_failed", look())

    say("another file is opened while a job runs")
    move_key(900, 49)
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.inbetween.generate()
    entry = queue.entries[-1]
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.wm.read_homefile(app_template="2D_Animation")
    assert entry.busy
    yield from wait_until(lambda: not entry.busy)
    assert entry.state is states.DONE and not entry.imported, (entry.sentence, entry.hint)
    assert not references() and "not open" in entry.hint
    yield 2.0
    view = driver.area("VIEW_3D")
    yield from open_tab(view)
    screenshot("panel_other_file", look())
    yield from measured()


GENERATE, PROGRESS = 127.0, 158.0

if __name__ == "__main__":
    driver.run(story)
