"""Jobs of earlier sessions, found again on disk, and the end of those that were removed. Knows nothing of Blender.

Looking takes time on slow disks, so it happens in a thread: see `watching`.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ...backend.contract.job import JOB_FILE, Job, frame_path, read_job
from ...backend.contract.result import Result, read_result
from ...backend.contract.result import State as RunState
from ...backend.errors import UserError
from ..takes.marks import read_marks
from ..takes.variations import take_folders
from .queue import Entry, Home, State

_log = logging.getLogger(__name__)

#: In the folder of a file's jobs: what the person removed, until it is deleted for good.
REMOVED_FOLDER = "removed"
_SECONDS_PER_DAY = 86_400


def find_old_jobs(
    base: Path, others: Iterable[Path], is_ours: Callable[[Job], bool], home_of: Callable[[Job], Home]
) -> list[Entry]:
    """Return an entry for every job in `base` and in the job folders `others`, the oldest first.

    is_ours: whether a job in `base` belongs to the file. home_of: where it belongs. Folders that hold no job that
    can be read are passed over.
    """
    found: list[Entry] = []
    known: set[str] = set()
    for folder in (*_folders(base), *sorted(others)):
        try:
            job = read_job(folder)
        except UserError as error:
            _log.info("passed over %s: %s", folder, error)
            continue
        if job.id not in known and (folder.parent != base or is_ours(job)):
            known.add(job.id)
            found.append(_entry(folder, job, home_of(job)))
            found += _takes(folder, job, home_of)
    return found


def _takes(folder: Path, head: Job, home_of: Callable[[Job], Home]) -> Iterator[Entry]:
    """Yield the further takes of a job."""
    for number, place in take_folders(folder):
        try:
            job = read_job(place)
        except UserError as error:
            _log.info("passed over %s: %s", place, error)
            continue
        entry = _entry(place, job, home_of(job))
        entry.take_of, entry.number = head.id, number
        yield entry


def delete_for_good(base: Path, keep_days: int) -> None:
    """Delete what was removed from `base` more than so many days ago."""
    for folder in removed_folders(base):
        try:
            if time.time() - folder.stat().st_mtime >= keep_days * _SECONDS_PER_DAY:
                shutil.rmtree(folder)
        except OSError as error:
            _log.warning("%s stays: %s", folder, error)


def removed_folders(base: Path) -> list[Path]:
    """Return the job folders that were removed from `base` and still exist."""
    return list(_folders(base / REMOVED_FOLDER))


def _folders(base: Path) -> Iterator[Path]:
    """Yield the job folders in `base` in the order in which they were made."""
    try:
        yield from sorted((file.parent for file in base.glob(f"*/{JOB_FILE}")), key=_number)
    except OSError as error:
        _log.warning("%s cannot be read: %s", base, error)


def _number(folder: Path) -> tuple[int, str]:
    number = folder.name.partition("_")[0]
    return int(number) if number.isdecimal() else 0, folder.name


def _entry(folder: Path, job: Job, home: Home) -> Entry:
    """Return what became of the job as an entry of the queue."""
    entry = Entry(job, folder, home, job.source.get("import_as", "none"), is_old=True, marks=read_marks(folder))
    entry.finished = {frame for frame in job.wanted if frame_path(folder, frame).is_file()}
    count, of = len(entry.finished), len(job.wanted)
    entry.progress = count / max(1, of)
    result = read_result(folder)
    if result:
        entry.warnings = list(result.warnings)
    if count == of:
        entry.state, entry.sentence = State.DONE, f"{count} drawing{'' if count == 1 else 's'} made."
    elif result and result.state is RunState.FAILED:
        _fail(entry, result)
    else:
        entry.state, entry.hint = State.CANCELLED, "Retry draws only the missing ones."
        entry.sentence = f"{count} of {of} drawings are there."
    return entry


def _fail(entry: Entry, result: Result) -> None:
    entry.state, entry.code = State.FAILED, result.error_code
    entry.sentence, entry.hint = result.error, result.hint
