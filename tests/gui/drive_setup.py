"""From the zip to the first in-between on a computer that has nothing: install, preferences, Generate, and again.

Needs GUI_ZIP, the extension's zip; started by `window.py --zip`. Pictures: preferences before, setting up, done,
preferences after.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from tests.gui import driver, shots, sidebar
from tests.gui.driver import Story, say, screenshot, wait_until

NAME = "bl_ext.user_default.tooncrafter_blender"


def ours(name: str) -> Any:
    """A module of the installed add-on."""
    return importlib.import_module(f"{NAME}.tooncrafter_blender.{name}")


def install() -> None:
    """Install the zip as a person does who drops it into the window."""
    bpy.ops.extensions.package_install_files(
        filepath=os.environ["GUI_ZIP"], repo="user_default", enable_on_install=True
    )


def show_preferences(name: str) -> Story:
    """Show the add-on's page in place of the viewport, take its picture, and go back."""
    area = max(driver.window().screen.areas, key=lambda area: area.width * area.height)
    kind, area.type = area.type, "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "ToonCrafter"
    with bpy.context.temp_override(window=driver.window(), area=area):
        bpy.ops.preferences.addon_show(module=NAME)
    driver.point_at(area.x + 60, area.y + 20)  # where it calls up no tooltip
    yield 1.5
    screenshot(name, (area.x, area.y, area.width, area.height))
    area.type = kind
    yield 0.5


def story() -> Story:
    """Everything, in the order in which a person meets it."""
    yield from wait_until(lambda: bpy.context.window_manager.windows)
    queue = ours("jobs.queue").queue
    shots.build()  # which also closes the splash screen
    yield 2.0
    yield from show_preferences("preferences-before")
    yield from sidebar.show(driver.area("VIEW_3D"))
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    entry = queue.entries[-1]
    yield from wait_until(lambda: not entry.busy)
    say("without permission:", entry.code, "|", entry.sentence, "|", entry.hint)
    assert entry.code == "online-access-off"
    yield 0.5
    screenshot("offline")
    bpy.context.preferences.system.use_online_access = True
    began = time.monotonic()
    assert bpy.ops.inbetween.retry(job=entry.job.id) == {"FINISHED"}
    entry = queue.find(entry.job.id)
    yield from wait_until(lambda: queue.setup.fraction > 0.1 or not entry.busy, 120)
    say("setting up:", queue.setup.words, f"{time.monotonic() - began:.1f} s")
    if not os.environ.get("GUI_NO_PICTURES"):
        yield 0.5  # for the panel to be drawn; a picture takes seconds, so time is measured without one
        screenshot("setting-up")
    yield from wait_until(lambda: entry.finished or not entry.busy, 120)
    say(f"first in-between after {time.monotonic() - began:.1f} s")
    yield from wait_until(lambda: not entry.busy, 120)
    say(entry.state, entry.sentence, entry.hint, f"{time.monotonic() - began:.1f} s")
    assert entry.state == "done"
    yield 2.0
    screenshot("done")
    yield from show_preferences("preferences-after")
    bpy.ops.inbetween.copy_report()
    for line in bpy.context.window_manager.clipboard.splitlines():
        say("report", line)
    began = time.monotonic()
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    entry = queue.entries[-1]
    yield from wait_until(lambda: not entry.busy, 120)
    say("the second time", entry.state, f"{time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    driver.run(story, install)
