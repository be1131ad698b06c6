"""Looks after running jobs from Blender's main thread: polls, redraws, brings results in, ends the worker.

One timer, only while something runs. It never raises, because Blender would drop it for good. In background mode
timers never fire: there `jobs.queue.wait` polls and the command imports.
"""

from __future__ import annotations

import atexit
import logging
import time

import bpy

from ..backend.errors import UserError
from . import job_folders
from .errand import errand
from .home import find_scene, is_open
from .jobs import Entry, State, queue
from .results import import_result

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_AREAS = {"VIEW_3D", "DOPESHEET_EDITOR", "SEQUENCE_EDITOR", "IMAGE_EDITOR", "PREFERENCES"}
#: An import waits for a stroke or a move to end, but not for an operator that never does.
_LONGEST_WAIT_SECONDS = 30.0

#: Finished jobs whose results wait to come in, with the time since when.
_arrived: dict[str, float] = {}


def start() -> None:
    """Watch the queue until it is idle."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_POLL_SECONDS, persistent=True)


def import_entry(entry: Entry, how: str) -> str:
    """Bring a job's result into the scene that it was made from; return what was made, in a sentence.

    Pushes no undo step. Raises UserError, also when the scene is not in the open file.
    """
    scene = find_scene(entry)
    if scene is None:
        where = f"“{entry.home.file}”" if entry.home.file else "a file that was never saved"
        raise UserError(
            "other-file",
            f"These drawings belong to the scene “{entry.home.scene}” of {where}.",
            "Open that file, then import them from the list.",
        )
    names = import_result(scene, entry.job, entry.folder, how)
    entry.imported = True
    return f"Added {', '.join(f'“{name}”' for name in names)}."


def _tick() -> float | None:
    try:
        changed = queue.poll()
        for entry in changed:
            if entry.state is State.DONE:
                _arrived[entry.job.id] = time.monotonic()
        _bring_in()
        if changed or queue.setup.running or errand.running:
            redraw()
            _tell_status()
        if not (queue.busy or queue.setup.running or errand.running or _arrived):
            redraw()
            return None
    except Exception:
        _log.exception("watching the drawing engine failed for a moment")
    return _POLL_SECONDS


def _bring_in() -> None:
    """Import finished jobs, each as one undo step, unless the person is in the middle of something."""
    for job_id, since in list(_arrived.items()):
        if _in_the_middle() and time.monotonic() - since < _LONGEST_WAIT_SECONDS:
            return
        del _arrived[job_id]
        if entry := queue.find(job_id):
            _bring_home(entry)


def _bring_home(entry: Entry) -> None:
    if bpy.data.filepath and is_open(entry):
        job_folders.move_home(bpy.data.filepath)  # saved for the first time while it ran
    if entry.import_as == "none":
        return
    if not is_open(entry):
        entry.hint = "Its file is not open now; import the drawings when it is."
        return
    try:
        import_entry(entry, entry.import_as)
    except UserError as error:
        entry.hint = str(error)
        return
    window = _window()
    if window:
        with bpy.context.temp_override(window=window):
            bpy.ops.ed.undo_push(message="Import In-betweens")


def _in_the_middle() -> bool:
    """Tell whether a stroke, a move or a render is under way, into which nothing must be added."""
    if bpy.app.is_job_running("RENDER"):
        return True
    manager = bpy.context.window_manager
    return any(len(window.modal_operators) for window in manager.windows) if manager else False


def _window() -> bpy.types.Window | None:
    manager = bpy.context.window_manager
    return manager.windows[0] if manager and manager.windows else None


def redraw() -> None:
    """Have the panels drawn anew that show jobs or results."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type in _AREAS:
                area.tag_redraw()


def _tell_status() -> None:
    """Say in the status bar what runs; give the bar back when nothing does."""
    running = next((entry for entry in queue.entries if entry.state is State.RUNNING), None)
    text = f"In-betweens {running.first}–{running.last}: {running.progress:.0%}" if running else None
    if window := _window():
        with bpy.context.temp_override(window=window):
            window.workspace.status_text_set(text)


def register() -> None:
    """End the worker when Blender ends."""
    atexit.register(queue.close)
    atexit.register(errand.close)


def unregister() -> None:
    """End the worker now; jobs stay on disk."""
    atexit.unregister(queue.close)
    atexit.unregister(errand.close)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _arrived.clear()
    queue.close()
    queue.entries.clear()
