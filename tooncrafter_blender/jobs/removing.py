"""Removing a job: what goes, what stays, and how it comes back.

A removed job's folder moves into `removed/` beside it and is deleted for good some days later (`old_jobs`).
Strips and references that show it leave the scene. What the artist drew, and strokes on layers, stay whatever
happens. Undo brings back what the scene showed, and with it the folder.
"""

from __future__ import annotations

import logging
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ...backend.errors import UserError
from .. import results
from ..settings import preferences
from . import job_folders, listing, thumbnails
from .home import find_scene
from .old_jobs import REMOVED_FOLDER
from .queue import Entry, queue

_log = logging.getLogger(__name__)

#: Removed in this session: where the folder is now -> its takes.
_removed: dict[Path, list[Entry]] = {}


def consequences(entry: Entry) -> tuple[str, ...]:
    """Return what removing the job, with all its takes, would do, in sentences."""
    takes = queue.takes(entry)
    count = sum(len(take.finished) for take in takes)
    days = preferences.current().keep_days
    of = f" of {len(takes)} takes" if len(takes) > 1 else ""
    drawings = f"{count} drawing{'' if count == 1 else 's'}{of} ({_megabytes(entry.folder)})"
    when = f"after {days} day{'' if days == 1 else 's'}" if days else "when a file is opened next"
    told = [f"{drawings} move to the folder “{REMOVED_FOLDER}” and are deleted for good {when}."]
    scene = find_scene(entry)
    if scene is None:
        told.append("Its file is not open: what shows the drawings there will be empty then.")
    elif names := [f"“{name}”" for take in takes for name in results.pictures(scene, take.job)]:
        told.append(f"{', '.join(names)} {'leaves' if len(names) == 1 else 'leave'} the scene.")
    told.append("Your own drawings stay, and so do strokes that came of these.")
    return tuple(told)


def remove(entry: Entry) -> None:
    """Take a job that has ended off the list, its pictures out of the scene, and its folder into `removed/`.

    entry: its first take; the others go along. Pushes no undo step: the caller does. Raises UserError when the
    folder cannot be moved; then all is as before.
    """
    takes = queue.takes(entry)
    if any(take.busy for take in takes):
        raise UserError("job-busy", "This job waits or is being drawn.", "Cancel it first.")
    place = entry.folder
    if place.is_dir():
        try:
            moved = job_folders.put_aside(place)
        except OSError as error:
            raise _cannot_move(place, error) from error
        job_folders.lead(takes, place, moved)
        _removed[moved] = takes
    for take in takes:
        if scene := find_scene(take):
            results.remove_pictures(scene, take.job)
        queue.remove(take)
    thumbnails.forget(place)
    listing.refresh()


def bring_back(folder: Path) -> None:
    """Bring a removed job back from `removed/`, to its old place and into the list. Raises UserError."""
    try:
        place = job_folders.take_back(folder)
    except OSError as error:
        raise _cannot_move(folder, error) from error
    takes = _removed.pop(folder, [])
    job_folders.lead(takes, folder, place)
    queue.adopt(takes)
    listing.refresh()
    if not takes:
        listing.look_for_old_jobs()


def _cannot_move(folder: Path, error: OSError) -> UserError:
    sentence = f"The job folder “{folder}” cannot be moved: {error.strerror or error}."
    return UserError("folder-busy", sentence, "Close what uses it, then try again.", bad_input=False)


def _megabytes(folder: Path) -> str:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{size / 1e6:.1f} MB"


@persistent  # type: ignore[untyped-decorator]
def _on_undo(*_: object) -> None:
    """Where undo has brought back what shows a removed job, bring the job back, too."""
    for folder, takes in list(_removed.items()):
        scene = find_scene(takes[0])
        if scene and any(results.pictures(scene, take.job) for take in takes):
            try:
                bring_back(folder)
            except UserError:
                _log.exception("a removed job could not be brought back")


def register() -> None:
    """Follow undo."""
    bpy.app.handlers.undo_post.append(_on_undo)


def unregister() -> None:
    """Stop following."""
    bpy.app.handlers.undo_post.remove(_on_undo)
    _removed.clear()
