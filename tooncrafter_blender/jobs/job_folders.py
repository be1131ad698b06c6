"""Where jobs live on disk: beside the .blend file, because strips and references point into them for years.

Jobs of a file that was never saved wait in the person's data folder and move beside the file when it gets a name.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ...backend.contract.job import JOB_FILE, folder_refused, refuse_what_windows_cannot_reach
from ..results.shown import SHOWN_FOLDER
from ..settings import preferences
from ..setup.environment import data_folder
from .home import entries_here
from .old_jobs import REMOVED_FOLDER
from .queue import Entry, State, queue

_log = logging.getLogger(__name__)

_NUMBERED = re.compile(r"(\d+)_")

#: Moves of this session, from -> to: undo brings back paths of before.
_moves: dict[Path, Path] = {}


def new_folder(first: int, last: int, base: Path | None = None) -> Path:
    """Make and return an empty folder for a job from frame `first` to `last`; it never existed before.

    base: where, instead of beside the .blend file. Raises UserError("folder-not-writable") and, on Windows,
    "path-too-long".
    """
    base = base or base_of(bpy.data.filepath)
    try:
        base.mkdir(parents=True, exist_ok=True)
        for folder in _free_names(base, f"f{first:04d}-f{last:04d}"):
            if sys.platform == "win32":
                refuse_what_windows_cannot_reach(str(folder))
            try:
                folder.mkdir()
            except FileExistsError:  # another Blender was faster
                continue
            return folder
    except OSError as error:
        raise folder_refused(base, error) from error
    raise AssertionError("names never run out")


def base_of(file: str) -> Path:
    """Return the folder that holds the jobs of a .blend file; "" is a file that was never saved."""
    chosen = preferences.current().jobs_folder
    if chosen and (file or not chosen.startswith("//")):
        return Path(bpy.path.abspath(chosen)) / f"{Path(file).stem or 'unsaved'}_inbetweens"
    if not file:
        return _unsaved_base()
    return Path(file).parent / f"{Path(file).stem}_inbetweens"


def discard(folder: Path) -> None:
    """Remove a new job's folder again, if nothing is in it, and the folder around it if that is empty too."""
    for empty in (folder, folder.parent):
        try:
            empty.rmdir()
        except OSError:
            return


def move_home(file: str) -> None:
    """Move the jobs of a file that was never saved beside `file`, its new name, and lead what shows them there.

    A job that runs stays until it has ended; one that cannot be moved stays for good, and goes on working.
    """
    unsaved = _unsaved_base()
    base = base_of(file)
    entries = {entry.folder: entry for entry in entries_here() if entry.folder.parent == unsaved}
    for folder in sorted(entries.keys() | _shown_folders(unsaved)):
        entry = entries.get(folder)
        if entry and any(take.state is State.RUNNING for take in queue.takes(entry)):
            continue
        try:
            moved = _move(folder, base)
        except OSError as error:
            _log.warning("the job folder %s stays where it is: %s", folder, error)
            continue
        _moves[folder] = moved
        relink(folder, moved)
        lead(entries_here(), folder, moved)


def put_aside(folder: Path) -> Path:
    """Move a job folder into `removed/` beside it; return its new place. Raises OSError."""
    moved = _move(folder, folder.parent / REMOVED_FOLDER, keep_name=True)
    os.utime(moved)  # from now on the days are counted until it is deleted
    _moves[folder] = moved
    return moved


def take_back(folder: Path) -> Path:
    """Move a job folder out of `removed/` again, and what shows it along; return its new place. Raises OSError."""
    moved = _move(folder, folder.parent.parent, keep_name=True)
    for old in [old for old, new in _moves.items() if new == folder]:
        del _moves[old]
        relink(old, moved)
    relink(folder, moved)
    return moved


def shown_job_folders() -> set[Path]:
    """Return the job folders, wherever they are, that pictures and strips of the open file show."""
    paths = [image.filepath for image in bpy.data.images] + [strip.directory for strip in _image_strips()]
    shown = {Path(bpy.path.abspath(path)) for path in paths if SHOWN_FOLDER in path}
    folders = {parent.parent for path in shown for parent in (path, path.parent) if parent.name == SHOWN_FOLDER}
    return {folder for folder in folders if (folder / JOB_FILE).is_file()}


def lead(entries: Iterable[Entry], old: Path, new: Path) -> None:
    """Tell entries whose folder lies in `old` that it is now in `new`; the takes of a job lie in its folder."""
    for entry in entries:
        if entry.folder.is_relative_to(old):
            entry.folder = new / entry.folder.relative_to(old)


def relink(old: Path, new: Path) -> None:
    """Lead every strip and picture that points into `old` to the same place in `new`."""
    for image in bpy.data.images:
        if (inside := _inside(image.filepath, old)) is not None:
            image.filepath = str(new / inside)
    for strip in _image_strips():
        if (inside := _inside(strip.directory, old)) is not None:
            strip.directory = str(new / inside)


def _move(folder: Path, base: Path, *, keep_name: bool = False) -> Path:
    """Move a job folder into `base` under the next number there, or under its own name where that is free."""
    base.mkdir(parents=True, exist_ok=True)
    own_name = [base / folder.name] if keep_name else []
    for target in itertools.chain(own_name, _free_names(base, folder.name.partition("_")[2])):
        if not target.exists():
            shutil.move(folder, target)
            return target
    raise AssertionError("names never run out")


def _unsaved_base() -> Path:
    return data_folder("jobs") / "unsaved_inbetweens"


def _free_names(base: Path, suffix: str) -> Iterator[Path]:
    numbers = [int(match[1]) for path in base.iterdir() if (match := _NUMBERED.match(path.name))]
    number = max(numbers, default=0)
    while True:
        number += 1
        yield base / f"{number:03d}_{suffix}"


def _shown_folders(base: Path) -> set[Path]:
    """Return the job folders in `base` that pictures or strips of the open file point into."""
    paths = [image.filepath for image in bpy.data.images] + [strip.directory for strip in _image_strips()]
    found = {base / inside.parts[0] for path in paths if (inside := _inside(path, base)) and inside.parts}
    return {folder for folder in found if folder.is_dir()}


def _image_strips() -> Iterator[bpy.types.ImageStrip]:
    for scene in bpy.data.scenes:
        if editor := scene.sequence_editor:
            yield from (strip for strip in editor.strips_all if isinstance(strip, bpy.types.ImageStrip))


def _inside(path: str, folder: Path) -> Path | None:
    """Return where `path` lies within `folder`, None when it lies elsewhere."""
    if not path:
        return None
    try:
        return Path(bpy.path.abspath(path)).resolve().relative_to(folder.resolve())
    except (ValueError, OSError):
        return None


@persistent  # type: ignore[untyped-decorator]
def _on_save(file: object = "", *_: object) -> None:
    """Before the first save, so that the file on disk already knows the new places."""
    if bpy.data.filepath or not isinstance(file, str) or not file:
        return
    try:
        move_home(file)
    except Exception:  # saving must go on whatever happens to us
        _log.exception("jobs could not be moved beside the file")


@persistent  # type: ignore[untyped-decorator]
def _on_undo(*_: object) -> None:
    for old, new in _moves.items():
        relink(old, new)


_HANDLERS = (
    (bpy.app.handlers.save_pre, _on_save),
    (bpy.app.handlers.undo_post, _on_undo),
    (bpy.app.handlers.redo_post, _on_undo),
)


def register() -> None:
    """Follow saving and undo."""
    for handlers, function in _HANDLERS:
        handlers.append(function)


def unregister() -> None:
    """Stop following."""
    for handlers, function in _HANDLERS:
        handlers.remove(function)
