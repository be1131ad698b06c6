"""What a driver needs inside Blender's window: time to pass, the mouse, the screen.

A driver is a generator: it yields the seconds that Blender may go on by itself before the next step. An exception
ends Blender with exit code 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import bpy  # noqa: E402 - Blender brings it
import numpy as np  # noqa: E402 - and this

from examples import checkout  # noqa: E402 - found only now

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUT = Path(os.environ["GUI_OUT"])
Story = Iterator[float]

#: The mouse moves so many times before Blender may look again.
_MOVES = 8

_began = time.monotonic()


def say(*words: object) -> None:
    """Print a line that the starter shows."""
    print("GUI", f"{time.monotonic() - _began:6.2f}", *words, flush=True)


def run(story: Callable[[], Story], enable: Callable[[], object] = checkout.enable) -> None:
    """Enable the add-on and run the story to its end, then end Blender."""
    enable()
    # Otherwise the whole viewport is drawn again whenever the pointer passes over a button of the sidebar.
    bpy.context.preferences.system.use_region_overlap = False
    steps = story()

    def step() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            say("the end")
            _quit()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        return None

    bpy.app.timers.register(step, first_interval=1.0, persistent=True)


def wait_until(happened: Callable[[], object], seconds: float = 900.0) -> Story:
    """Let Blender go on until it has happened."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise AssertionError("it never happened")
        yield 0.1


def window() -> bpy.types.Window:
    """Blender's first window."""
    return bpy.context.window_manager.windows[0]


def area(kind: str) -> bpy.types.Area:
    """The first area of that type."""
    return next(area for area in window().screen.areas if area.type == kind)


def region(kind: str, of: bpy.types.Area) -> bpy.types.Region:
    """The area's region of that type."""
    return next(region for region in of.regions if region.type == kind)


def click(x: float, y: float) -> Story:
    """Click as a hand does: move, press, release. Window pixels, counted from the bottom left as Blender does."""
    point_at(x, y)
    yield 0.5
    for act in ("mousedown", "mouseup"):
        subprocess.run(["xdotool", act, "1"], check=True)
        yield 0.2


def press_key(*keys: str) -> Story:
    """Press keys or combinations one after another, as xdotool names them: "n", "ctrl+z", "Right"."""
    subprocess.run(["xdotool", "key", "--delay", "40", *keys], check=True)
    yield 0.3


def drag(places: Sequence[tuple[float, float]]) -> Story:
    """Press at the first place and release at the last; window pixels from the bottom left."""
    point_at(*places[0])
    yield 0.4
    subprocess.run(["xdotool", "mousedown", "1"], check=True)
    yield 0.2
    for start in range(1, len(places), _MOVES):
        command = ["xdotool"]
        for x, y in places[start : start + _MOVES]:
            command += ["mousemove", f"{x:.0f}", f"{window().height - y:.0f}", "sleep", "0.005"]
        subprocess.run(command, check=True)
        yield 0.05
    subprocess.run(["xdotool", "mouseup", "1"], check=True)
    yield 0.4


def undo(operator: Callable[[], object] | None = None) -> Story:
    """Take the last step back; operator: bpy.ops.ed.redo to do it again."""
    with bpy.context.temp_override(window=window()):
        (operator or bpy.ops.ed.undo)()
    yield 0.5


def pixels(crop: tuple[int, int, int, int]) -> NDArray[Any]:
    """Return what the screen shows there as (height, width, 3) bytes, top row first; crop: as in `screenshot`."""
    left, bottom, width, height = crop
    place = f"{width}x{height}+{left}+{window().height - bottom - height}"
    command = ["import", "-silent", "-window", "root", "-crop", place, "+repage", "-depth", "8", "rgb:-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)


def point_at(x: float, y: float) -> None:
    """Move the mouse without clicking."""
    subprocess.run(["xdotool", "mousemove", f"{x:.0f}", f"{window().height - y:.0f}"], check=True)


def screenshot(name: str, crop: tuple[int, int, int, int] | None = None) -> None:
    """Save what is on the screen as OUT/NAME.png; crop: left, bottom, width, height in window pixels."""
    path = OUT / f"{name}.png"
    command = ["import", "-window", "root"]
    if crop:
        left, bottom, width, height = crop
        command += ["-crop", f"{width}x{height}+{left}+{window().height - bottom - height}", "+repage"]
    subprocess.run([*command, "+dither", "-colors", "255", f"PNG8:{path}"], check=True)
    say("picture", path.name, path.stat().st_size // 1000, "kB")


def _quit() -> None:
    sys.stdout.flush()
    with bpy.context.temp_override(window=window()):
        bpy.ops.wm.quit_blender()
