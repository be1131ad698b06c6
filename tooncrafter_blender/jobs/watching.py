"""Looks after running jobs from Blender's main thread: polls, redraws, brings results in, ends the worker.

One timer, only while something runs. It never raises, because Blender would drop it for good. In background mode
timers never fire: there `jobs.queue.wait` polls and the command imports.
"""

from __future__ import annotations

import atexit
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ...backend.errors import UserError
from .. import results
from ..settings.properties import look_of
from ..takes import takes
from . import job_folders, listing
from .errand import errand
from .home import find_object, find_scene, is_open
from .hush import hush, standing_aside
from .progress import progress_text
from .queue import Entry, State, queue

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_AREAS = {"VIEW_3D", "DOPESHEET_EDITOR", "SEQUENCE_EDITOR", "IMAGE_EDITOR", "PREFERENCES"}
#: An import waits for a stroke or a move to end, but not for an operator that never does.
_LONGEST_WAIT_SECONDS = 30.0
#: How often the picture of a job that is being drawn is brought up to date.
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class _Arrival:
    """A finished job whose result waits to come in. since: when it was finished. folder: where it was then."""

    since: float
    folder: Path
    prepared: Future[results.Prepared]


@dataclass
class _Growing:
    """What is shown of a job that is being drawn. drawings: how many, when last looked at (monotonic time).

    begun: whether it was ever shown.
    """

    job: str = ""
    drawings: int = 0
    looked: float = 0.0
    prepared: Future[results.Prepared] | None = None
    begun: bool = False


_HANDLERS = (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post, bpy.app.handlers.load_post)

#: By job.
_arrived: dict[str, _Arrival] = {}
#: Reads and links files meanwhile: a long result would hold up the window.
_reader = ThreadPoolExecutor(1, "results")
_growing = _Growing()
#: What the status bar says of us.
_status: str | None = None


def start() -> None:
    """Watch the queue until it is idle."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_POLL_SECONDS, persistent=True)


def import_entry(entry: Entry, how: str) -> str:
    """Show a job's result in the scene that it was made from, in this way only; return what was done in a sentence.

    Pushes no undo step. Raises UserError, also when the scene is not in the open file.
    """
    scene = _scene(entry)
    return _put_up(entry, scene, results.prepare(entry.job, entry.folder, how))


def _scene(entry: Entry) -> bpy.types.Scene:
    scene = find_scene(entry)
    if scene is None:
        where = f"“{entry.home.file}”" if entry.home.file else "a file that was never saved"
        raise UserError(
            "other-file",
            f"These drawings belong to the scene “{entry.home.scene}” of {where}.",
            "Open that file, then import them from the list.",
        )
    return scene


def _put_up(entry: Entry, scene: bpy.types.Scene, prepared: results.Prepared) -> str:
    names = results.put_up(scene, _under_present_name(entry, prepared), look_of(scene))
    entry.shown_as = "" if prepared.how == "none" else prepared.how
    takes.arrange(entry)
    if not names:
        return "The drawings are not shown any more; they stay in the job's folder."
    return f"Added {', '.join(f'“{name}”' for name in names)}."


def _under_present_name(entry: Entry, prepared: results.Prepared) -> results.Prepared:
    """Return the same for the object as it is called now; the job knows it by the name that it had then."""
    obj = find_object(entry)
    if obj is None:
        return prepared
    return replace(prepared, job=replace(prepared.job, source={**prepared.job.source, "object": obj.name}))


def _tick() -> float | None:
    try:
        changed = queue.poll()
        running = queue.running
        _tell_status(running)
        for entry in changed:
            if entry.state is State.DONE:
                _arrive(entry)
            elif not entry.busy:
                _tell(entry)
        _bring_in()
        if running and running.import_as == "reference" and is_open(running):
            _follow(running)
        searching = listing.take_old_jobs()
        if changed or queue.setup.running or errand.running:
            redraw()
        if not (queue.busy or queue.setup.running or errand.running or _arrived or searching):
            redraw()
            return None
    except Exception:
        _log.exception("watching the drawing engine failed for a moment")
    return _POLL_SECONDS


def accept_frame(entry: Entry, frame: int) -> str:
    """Make the traced drawing at a frame a key of the artist's; return what was done, in a sentence.

    Pushes no undo step. Raises UserError before anything has changed.
    """
    scene, obj = _scene(entry), find_object(entry)
    if obj is None:
        sentence = f"The object “{entry.home.object}” of these drawings is not in the scene any more."
        raise UserError("no-object", sentence, "Bring it back, then accept the drawing again.")
    layer = results.accept(scene, obj, entry.job, entry.folder, frame)
    takes.mark(entry, replace(entry.marks, accepted=tuple(sorted({*entry.marks.accepted, frame}))))
    return f"The drawing at frame {frame} is a key on the layer “{layer}” now."


def _accept(entry: Entry) -> None:
    """Accept what waited for tracing, as one undo step."""
    frames, entry.accepting = sorted(entry.accepting), set()
    try:
        done = [accept_frame(entry, frame) for frame in frames]
    except UserError as error:
        entry.hint = str(error)
        return
    entry.hint = " ".join(done)
    push_undo("Accept In-between as Key")


def _arrive(entry: Entry) -> None:
    """Have the result of a finished job made ready, to be brought in when it is."""
    if entry.accepting:
        _accept(entry)
    if bpy.data.filepath and is_open(entry):
        job_folders.move_home(bpy.data.filepath)  # saved for the first time while it ran
    if entry.import_as == "none":
        _tell(entry)
    elif not is_open(entry):
        entry.hint = "Its file is not open now; import the drawings when it is."
        _tell(entry)
    else:
        prepared = _reader.submit(standing_aside, results.prepare, entry.job, entry.folder, entry.import_as)
        _arrived[entry.job.id] = _Arrival(time.monotonic(), entry.folder, prepared)


def _bring_in() -> None:
    """Show what has arrived, each job as one undo step, unless the person is in the middle of something."""
    for job_id, arrival in list(_arrived.items()):
        if not arrival.prepared.done():
            continue
        if in_the_middle() and time.monotonic() - arrival.since < _LONGEST_WAIT_SECONDS:
            return
        del _arrived[job_id]
        if entry := queue.find(job_id):
            if entry.folder == arrival.folder:
                _bring_home(entry, arrival.prepared)
            else:
                _arrive(entry)  # the file was saved meanwhile for the first time, and the folder went with it


def _bring_home(entry: Entry, prepared: Future[results.Prepared]) -> None:
    try:
        scene = _scene(entry)
        was_there = results.how_shown(scene, entry.job.id) == entry.import_as
        _put_up(entry, scene, prepared.result())
    except UserError as error:
        entry.hint = str(error)
    else:
        if not was_there or entry.import_as == "strokes":
            push_undo("Import In-betweens")
    _tell(entry)


def _follow(entry: Entry) -> None:
    """Show what is finished of the running job: the picture in the viewport grows while the job is drawn.

    That it appears is one undo step. When the person takes it back, it stays away until the job has ended.
    """
    global _growing
    if _growing.job != entry.job.id:
        _growing = _Growing(entry.job.id)
    growing = _growing
    if growing.prepared is None:
        now = time.monotonic()
        if len(entry.finished) > growing.drawings and now - growing.looked >= _LOOK_SECONDS:
            growing.drawings, growing.looked = len(entry.finished), now
            growing.prepared = _reader.submit(standing_aside, results.prepare, entry.job, entry.folder, "reference")
        return
    scene = find_scene(entry)
    if scene is None or not growing.prepared.done() or in_the_middle():
        return
    prepared, growing.prepared = growing.prepared, None
    was_there = bool(results.pictures(scene, entry.job))
    if growing.begun and not was_there:
        return
    growing.begun = True
    try:
        _put_up(entry, scene, prepared.result())
    except UserError:
        return  # such as a camera or a folder that is gone; it is told when the job has ended
    if not was_there:
        push_undo("Show In-betweens")


def push_undo(message: str) -> None:
    """Make what was done since the last step a step that can be undone.

    Without `temp_override` (see hush.py) where that can be: in a timer the first window is in context, except
    between the loading of a file and the first event in the window.
    """
    undo_push: Any = bpy.ops.ed.undo_push
    if undo_push.poll():
        undo_push(message=message)
    elif window := _window():
        with hush(), bpy.context.temp_override(window=window):
            undo_push(message=message)


def _tell(entry: Entry) -> None:
    """Report what has become of the job."""
    said = f"{listing.name_of(entry)}: {entry.sentence} {entry.hint}"
    tell(said.rstrip(), failed=entry.state is State.FAILED)


def tell(said: str, *, failed: bool = False) -> None:
    """Report in the status bar, in a line."""
    if bpy.context.window and not bpy.app.background:
        operators: Any = bpy.ops
        operators.inbetween.tell("INVOKE_DEFAULT", text=said, failed=failed)


def in_the_middle() -> bool:
    """Tell whether a stroke, a move or a render is under way, into which nothing must be added."""
    if bpy.app.is_job_running("RENDER"):
        return True
    manager = bpy.context.window_manager
    return any(len(window.modal_operators) for window in manager.windows) if manager else False


def _window() -> bpy.types.Window | None:
    manager = bpy.context.window_manager
    return manager.windows[0] if manager and manager.windows else None


def redraw() -> None:
    """Have the panels drawn anew that show jobs or results, in every window, with the list as it is now."""
    listing.refresh()
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type in _AREAS:
                area.tag_redraw()


def _tell_status(running: Entry | None) -> None:
    """Say in the status bar of every window what runs; give the bars back when nothing does."""
    global _status
    text = f"In-betweens {running.first}–{running.last}: {progress_text(running)}" if running else None
    if text == _status:
        return
    _status = text
    manager = bpy.context.window_manager
    for window in manager.windows if manager else ():
        if text is None or not window.modal_operators:  # which has words of its own there
            with bpy.context.temp_override(window=window):
                window.workspace.status_text_set(text)


@persistent  # type: ignore[untyped-decorator]
def _look_again(*_: object) -> None:
    """Undo, redo or another file may have brought results or taken them away."""
    for entry in queue.entries:
        scene = find_scene(entry)
        entry.shown_as = results.how_shown(scene, entry.job.id) if scene else ""
        entry.stands_aside = results.stands_aside(scene, entry.job.id) if scene else False


@persistent  # type: ignore[untyped-decorator]
def _look_for_old_jobs(*_: object) -> None:
    """Another file is open, or the add-on has just been enabled: list the jobs of before, when they are found."""
    listing.look_for_old_jobs()
    listing.refresh()
    start()


def register() -> None:
    """End the worker when Blender ends; notice what undo does to results; list old jobs of whatever is opened."""
    for handlers in _HANDLERS:
        handlers.append(_look_again)
    if not bpy.app.background:
        bpy.app.handlers.load_post.append(_look_for_old_jobs)
        bpy.app.timers.register(
            _look_for_old_jobs, first_interval=_POLL_SECONDS
        )  # files are closed to us until then
    atexit.register(queue.close)
    atexit.register(errand.close)


def unregister() -> None:
    """End the worker now; jobs stay on disk."""
    for handlers in _HANDLERS:
        handlers.remove(_look_again)
    if _look_for_old_jobs in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_look_for_old_jobs)
    atexit.unregister(queue.close)
    atexit.unregister(errand.close)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _arrived.clear()
    queue.close()
    queue.entries.clear()
