"""Runs in Blender's window for panel.py: draws panels many times, draws a job, and says how long our calls took."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bpy

from tests.gui import driver
from tests.gui.drive_panel import build, open_tab, ours
from tests.gui.driver import Story, say, wait_until

_REDRAWS = 60
#: Handlers as they were: list, place, function.
replaced: list[tuple[list[Any], int, Any]] = []
#: Seconds of each call by what it was, and of each panel's drawing by tab.
calls: dict[str, list[float]] = defaultdict(list)
draws: dict[str, list[float]] = defaultdict(list)


def timed(function: Callable[..., Any], record: Callable[[float], None]) -> Callable[..., Any]:
    """Return a function that does the same and notes how many seconds it takes."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            record(time.perf_counter() - began)

    return call


def time_panels(tab: str, panels: list[Any]) -> None:
    """Note how long each drawing of the panels takes, headers and polls included."""
    for panel in panels:
        for name in ("draw", "draw_header_preset"):
            if function := panel.__dict__.get(name):
                setattr(panel, name, _drawing(function, draws[tab]))
        if poll := panel.__dict__.get("poll"):
            panel.poll = classmethod(_drawing(poll.__func__, draws[tab]))


def _drawing(function: Callable[..., Any], record: list[float]) -> Callable[..., Any]:
    def call(self: Any, context: Any) -> Any:  # Blender counts the arguments
        began = time.perf_counter()
        try:
            return function(self, context)
        finally:
            record.append(time.perf_counter() - began)

    return call


def time_calls() -> None:
    """Note how long what Blender calls of ours takes: timers, handlers, buttons."""
    watching = ours("watching")
    watching._tick = timed(watching._tick, calls["timer"].append)
    for name in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, name)
        if isinstance(handlers, list):
            for index, handler in enumerate(handlers):
                if "tooncrafter_blender" in handler.__module__:
                    replaced.append((handlers, index, handler))
                    handlers[index] = bpy.app.handlers.persistent(
                        timed(handler, calls[f"{name}: {handler.__module__.rpartition('.')[2]}"].append)
                    )
    for kind in bpy.types.Operator.__subclasses__():
        if "tooncrafter_blender" in kind.__module__ and "execute" in kind.__dict__:
            kind.execute = _drawing(kind.__dict__["execute"], calls[f"button {kind.bl_idname}"])


def redraws(tab: str, view: bpy.types.Area) -> Story:
    """Show the tab and have it drawn many times; leaves in `draws` the seconds of each whole redraw."""
    region = driver.region("UI", view)
    region.active_panel_category = tab
    view.tag_redraw()
    yield 1.5
    whole = []
    for _ in range(_REDRAWS):
        draws[tab].clear()
        region.tag_redraw()
        yield 0.03
        if draws[tab]:
            whole.append(sum(draws[tab]))
    draws[tab] = whole


def story() -> Story:
    """Open the file, draw panels, draw a job meanwhile, say what it took."""
    build()
    bpy.ops.wm.save_as_mainfile(filepath=os.environ["PANEL_SHOT"])
    bpy.ops.wm.open_mainfile(filepath=os.environ["PANEL_SHOT"])
    yield 2.0
    queue = ours("jobs").queue
    yield from wait_until(lambda: queue.entries)
    jobs = len(queue.entries)
    view = driver.area("VIEW_3D")
    yield from open_tab(view)
    time_panels("In-between", [panel for panel in _panels() if panel.bl_category == "In-between"])
    time_panels("View", [panel for panel in _panels() if panel.bl_category == "View"])
    yield from redraws("View", view)
    yield from redraws("In-between", view)
    _say_draws(jobs)

    time_calls()
    scene = driver.window().scene
    scene.render.resolution_x, scene.render.resolution_y = 960, 540
    with bpy.context.temp_override(window=driver.window(), area=view, region=driver.region("WINDOW", view)):
        bpy.ops.inbetween.generate()
    captured = calls.pop("button inbetween.generate", [])
    entry = queue.entries[-1]
    yield from wait_until(lambda: len(entry.finished) > 3)
    for frame in range(2, 40, 3):
        scene.frame_set(frame)
        yield 0.2
    with bpy.context.temp_override(window=driver.window()):
        bpy.ops.inbetween.retry(job=queue.entries[0].job.id)
        bpy.ops.inbetween.cancel(job=queue.entries[0].job.id)
        bpy.ops.inbetween.remove(job=queue.entries[1].job.id)
        bpy.ops.inbetween.roll_seed()
    yield from wait_until(lambda: not queue.busy)
    yield 2.0
    with bpy.context.temp_override(window=driver.window()):
        for operator in (bpy.ops.ed.undo, bpy.ops.ed.redo):
            operator()
            yield 1.0
    for name, seconds in sorted(calls.items(), key=lambda item: -max(item[1], default=0)):
        if seconds:
            say(f"{1000 * max(seconds):7.1f} ms at most in {len(seconds):4d} calls of", name)
    for handlers, index, handler in replaced:
        handlers[index] = handler
    say(f"{1000 * max(captured):7.1f} ms to capture the keys when the button was pressed")


def _say_draws(jobs: int) -> None:
    mine, base = draws["In-between"], draws["View"]
    median, baseline = statistics.median(mine), statistics.median(base)
    say(f"{1000 * median:.2f} ms to draw our panels with {jobs} jobs; at most {1000 * max(mine):.2f}")
    say(f"{1000 * baseline:.2f} ms to draw Blender's View tab: ours take {median / baseline:.2f} times as long")


def _panels() -> list[Any]:
    found, left = [], [bpy.types.Panel]
    while left:
        kind: Any = left.pop()
        left += kind.__subclasses__()
        is_drawn = "draw" in kind.__dict__ and hasattr(kind, "bl_category")
        if is_drawn and getattr(kind, "bl_space_type", "") == "VIEW_3D":
            found.append(kind)
    return found


if __name__ == "__main__":
    driver.run(story)
