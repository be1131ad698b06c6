"""What the list of jobs holds: rows for Blender's own list widget, and old jobs of the open file.

Blender's lists show collections of properties, so the window manager, which no undo touches, holds a row for each
entry of the queue. Drawing must not change data: `refresh` does, after whatever changed the queue.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from ...backend.contract.job import Job
from ..settings import preferences
from . import job_folders, old_jobs
from .home import find_object, home_of_old, is_open
from .hush import standing_aside
from .queue import Entry, Home, queue

_log = logging.getLogger(__name__)

_reader = ThreadPoolExecutor(1, "in-between jobs")
_search: Future[list[Entry]] | None = None


class JobRow(bpy.types.PropertyGroup):
    """One row of the list. Its name is what the list's own filter looks for."""

    if TYPE_CHECKING:
        job: str
    else:
        job: StringProperty(name="Job", description="The job's number")


def rows() -> Any:
    """Return the rows as Blender's list shows them, the first job on top."""
    return cast(Any, bpy.context.window_manager).inbetween_jobs


def chosen_entry() -> Entry | None:
    """Return the job that is chosen in the list."""
    manager = cast(Any, bpy.context.window_manager)
    index = manager.inbetween_job_index
    return queue.find(rows()[index].job) if 0 <= index < len(rows()) else None


def choose(entry: Entry) -> None:
    """Choose a job in the list."""
    for index, row in enumerate(rows()):
        if row.job == entry.job.id:
            cast(Any, bpy.context.window_manager).inbetween_job_index = index


def refresh() -> None:
    """Bring the rows up to date with the queue. A job that is new is chosen; else the choice stays."""
    manager = cast(Any, bpy.context.window_manager)
    if manager is None:
        return
    wanted = [(entry.job.id, name_of(entry)) for entry in queue.heads()]
    before = [(row.job, row.name) for row in rows()]
    if wanted == before:
        return
    known = {job for job, _ in before}
    chosen = before[manager.inbetween_job_index][0] if manager.inbetween_job_index < len(before) else ""
    rows().clear()
    for job, name in wanted:
        row = rows().add()
        row.job, row.name = job, name
    jobs = [job for job, _ in wanted]
    new = [job for job in jobs if job not in known]
    if new or chosen not in jobs:
        chosen = (new or jobs or [""])[-1]
    manager.inbetween_job_index = jobs.index(chosen) if chosen in jobs else 0


def name_of(entry: Entry) -> str:
    """Return how a job is called: the object's present name and the range."""
    obj = find_object(entry)
    if obj and obj.name != entry.home.object:
        entry.home.object = obj.name
    return f"{entry.home.object} {entry.first}–{entry.last}"


def look_for_old_jobs() -> None:
    """Begin to look for the jobs of earlier sessions of the open file, and delete what was removed long ago."""
    global _search
    file = bpy.data.filepath
    queue.entries[:] = [entry for entry in queue.entries if not entry.is_old or entry.busy or is_open(entry)]
    base, shown = job_folders.base_of(file), job_folders.shown_job_folders()
    keep_days = preferences.current().keep_days
    _search = _reader.submit(standing_aside, _look, file, base, shown, keep_days)


def take_old_jobs(*, wait: bool = False) -> bool:
    """List the jobs that were found; tell whether the search goes on. wait: until it has ended."""
    global _search
    if _search is None or not (wait or _search.done()):
        return _search is not None
    search, _search = _search, None
    try:
        queue.adopt(entry for entry in search.result() if is_open(entry))
    except Exception:  # a list without old jobs is better than none
        _log.exception("jobs of earlier sessions could not be listed")
    refresh()
    return False


def _look(file: str, base: Path, shown: set[Path], keep_days: int) -> list[Entry]:
    """Runs in a thread: nothing of Blender here."""
    old_jobs.delete_for_good(base, keep_days)
    if not file:
        return []  # what lies there belongs to other files that were never saved

    def home(job: Job) -> Home:
        return home_of_old(job, file)

    return old_jobs.find_old_jobs(base, {folder for folder in shown if folder.parent != base}, _is_of(file), home)


def _is_of(file: str) -> Any:
    """Return a function that tells whether a job beside a file of this name belongs to this very file.

    A file that was moved together with its jobs is still theirs; two files of one name, whose jobs lie in one place
    that the preferences name, are told apart.
    """

    def is_ours(job: Job) -> bool:
        source = job.source.get("file", "")
        return not source or not file or source == file or not Path(source).exists() or Path(source).samefile(file)

    return is_ours


def register() -> None:
    """Make room for rows."""
    bpy.utils.register_class(JobRow)
    manager: Any = bpy.types.WindowManager
    manager.inbetween_jobs = CollectionProperty(type=JobRow)
    manager.inbetween_job_index = IntProperty(name="Job", description="The job that is chosen in the list", min=0)


def unregister() -> None:
    """Take the rows away."""
    del bpy.types.WindowManager.inbetween_jobs, bpy.types.WindowManager.inbetween_job_index  # type: ignore[attr-defined]
    bpy.utils.unregister_class(JobRow)
