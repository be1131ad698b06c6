"""How long the add-on holds up Blender's main thread, by function."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import bpy

from examples import checkout
from tests.gui import sidebar
from tests.gui.driver import say

#: Longest call of each function, in seconds.
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
            _note(label, began)

    setattr(owner, name, timed)


def measure_draws() -> None:
    """The same for the panels of the tab, whose `draw` Blender wants to have exactly two arguments."""
    for panel in bpy.types.Panel.__subclasses__():
        if getattr(panel, "bl_category", "") == sidebar.CATEGORY and "draw" in vars(panel):
            panel.draw = _timed_draw(panel.draw, f"draw panel {panel.bl_label}")


def _timed_draw(draw: Callable[[Any, Any], None], label: str) -> Callable[[Any, Any], None]:
    def timed(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        began = time.perf_counter()
        draw(self, context)
        _note(label, began)

    return timed


def measure_watching() -> None:
    """What the add-on does by itself while jobs run."""
    watching, jobs, prospect = ours("jobs.watching"), ours("jobs.queue"), ours("interface.prospect")
    measure(ours("results"), "put_up", "show a result")
    measure(watching, "redraw", "redraw")
    measure(jobs.queue, "poll", "poll the worker")
    measure(prospect, "_look", "look for spans")


def tell() -> None:
    """Say what the longest calls were, and begin anew."""
    for name, seconds in sorted(longest.items()):
        say("longest", f"{1000 * seconds:6.1f} ms", name)
    longest.clear()


def _note(label: str, began: float) -> None:
    longest[label] = max(longest.get(label, 0.0), time.perf_counter() - began)
