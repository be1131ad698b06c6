"""Runs in Blender's window for panel.py: draws panels many times, draws a job, and says how long our calls took."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bpy

from tests.gui import driver, shots
from tests.gui.driver import Story, say, wait_until
from tests.gui.measuring import ours

_REDRAWS = 60
#: Handlers as they were: list, place, function.
replaced: list[tuple[list[Any], int, Any]] = []


@dataclass(frozen=True)
class Took:
    """How long a call took. wall, cpu: seconds by the clock, and of this thread's own work."""

    wall: float
    cpu: float


calls: dict[str, list[Took]] = defaultdict(list)
#: By tab, of each drawing of a panel; later of each whole redraw.
draws: dict[str, list[Took]] = defaultdict(list)


def timed(function: Callable[..., Any], record: list[Took]) -> Callable[..., Any]:
    """Return a function that does the same and notes how long it takes."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        began, worked = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            record.append(Took(time.perf_counter() - began, time.thread_time() - worked))

    return call


def timed_method(function: Callable[..., Any], record: list[Took]) -> Callable[..., Any]:
    """The same for what Blender wants to have exactly two arguments."""
    noted = timed(function, record)

    def call(self: Any, context: Any) -> Any:
        return noted(self, context)

    return call


def time_panels(tab: str, panels: list[Any]) -> None:
    """Note how long each drawing of the panels takes, headers and polls included."""
    for panel in panels:
        for name in ("draw", "draw_header_preset"):
            if function := panel.__dict__.get(name):
                setattr(panel, name, timed_method(function, draws[tab]))
        if poll := panel.__dict__.get("poll"):
            panel.poll = classmethod(timed_method(poll.__func__, draws[tab]))


def time_calls() -> None:
    """Note how long what Blender calls of ours takes: timers, handlers, buttons."""
    watching = ours("watching")
    watching._tick = timed(watching._tick, calls["timer"])
    for name in dir(bpy.app.handlers):
        handlers = getattr(bpy.app.handlers, name)
        if isinstance(handlers, list):
            for index, handler in enumerate(handlers):
                if "tooncrafter_blender" in handler.__module__:
                    replaced.append((handlers, index, handler))
                    handlers[index] = bpy.app.handlers.persistent(
                        timed(handler, calls[f"{name}: {handler.__module__.rpartition('.')[2]}"])
                    )
    for kind in bpy.types.Operator.__subclasses__():
        if "tooncrafter_blender" in kind.__module__ and "execute" in kind.__dict__:
            kind.execute = timed_method(kind.__dict__["execute"], calls[f"button {kind.bl_idname}"])


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
            whole.append(Took(sum(one.wall for one in draws[tab]), sum(one.cpu for one in draws[tab])))
    draws[tab] = whole


def story() -> Story:
    """Open the file, draw panels, draw a job meanwhile, say what it took."""
    shots.build()
    bpy.ops.wm.save_as_mainfile(filepath=os.environ["PANEL_SHOT"])
    bpy.ops.wm.open_mainfile(filepath=os.environ["PANEL_SHOT"])
    yield 2.0
    queue = ours("jobs").queue
    yield from wait_until(lambda: queue.entries)
    jobs = len(queue.entries)
    view = driver.area("VIEW_3D")
    yield from shots.look_through_camera(view)
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
    for name, took in sorted(calls.items(), key=lambda item: -max((one.cpu for one in item[1]), default=0)):
        if took:
            wall, cpu = (1000 * max(getattr(one, kind) for one in took) for kind in ("wall", "cpu"))
            say(f"{wall:7.1f} ms at most by the clock, {cpu:6.1f} ms of work, in {len(took):4d} calls of", name)
    for handlers, index, handler in replaced:
        handlers[index] = handler
    say(f"{1000 * captured[0].wall:7.1f} ms to capture the keys when the button was pressed")


def _say_draws(jobs: int) -> None:
    for kind in ("wall", "cpu"):
        mine, base = ([1000 * getattr(one, kind) for one in draws[tab]] for tab in ("In-between", "View"))
        median, baseline = statistics.median(mine), statistics.median(base)
        say(f"{kind}: {median:.2f} ms to draw our panels with {jobs} jobs, {max(mine):.2f} at most;")
        say(
            f"{kind}: {baseline:.2f} ms to draw Blender's View tab: ours take {median / baseline:.2f} times as long"
        )


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
