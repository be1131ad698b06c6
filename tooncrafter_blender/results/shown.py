"""One picture file for every frame of the timeline from the first key to the last.

An image sequence needs consecutive file numbers, but drawings are held, and keys and in-betweens lie in different
folders. So `shown/0001.png` is what is seen at the first key's frame, `shown/0002.png` one frame later, and so on:
hard links to the keys and frames where the disk allows, copies elsewhere. Strips and references play this folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from ...backend.contract.job import Job, folder_refused, frame_path, make_folder, picture_name, resolve
from ..jobs.from_strips import is_between_strips

SHOWN_FOLDER = "shown"


@dataclass(frozen=True)
class Run:
    """Frames from one key to another, both inclusive, through which drawings play without a gap."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many frames it plays."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Shown:
    """The folder of consecutive pictures; `first` is the frame of the timeline that 0001.png shows."""

    folder: Path
    first: int

    def file(self, frame: int) -> Path:
        """Return the picture that is seen at `frame`."""
        return self.folder / picture_name(1 + frame - self.first)


def runs(job: Job) -> tuple[Run, ...]:
    """Return the unbroken stretches of the job: where keys without a segment lie between, a new one begins.

    Of a job between two strips only what lies between: its keys are seen on the strips.
    """
    if is_between_strips(job):
        return (Run(job.segments[0].start.frame + 1, job.segments[-1].end.frame - 1),)
    found: list[Run] = []
    for segment in job.segments:
        if found and segment.first == found[-1].last:
            found[-1] = Run(found[-1].first, segment.last)
        else:
            found.append(Run(segment.first, segment.last))
    return tuple(found)


def show(folder: Path, job: Job) -> Shown:
    """Bring `shown/` in the job folder up to date with the frames that are finished.

    A frame without a drawing of its own shows the one before it, as an exposed drawing is held. Raises
    UserError("folder-not-writable").
    """
    shown = Shown(folder / SHOWN_FOLDER, job.segments[0].first)
    drawings = _drawings(folder, job)
    try:
        make_folder(folder, SHOWN_FOLDER)
        there = {entry.name: entry.stat() for entry in os.scandir(shown.folder)}
        held = drawings[shown.first] if shown.first in drawings else _Drawing.of(_first_key(folder, job))
        for frame in range(shown.first, job.segments[-1].last + 1):
            held = drawings.get(frame, held)
            target = shown.file(frame)
            _link(held, target, there.get(target.name))
    except OSError as error:
        raise folder_refused(shown.folder, error) from error
    return shown


@dataclass(frozen=True)
class _Drawing:
    """A picture file and what the disk says of it."""

    path: Path
    stat: os.stat_result

    @classmethod
    def of(cls, path: Path) -> _Drawing:
        """Ask the disk. Raises OSError."""
        return cls(path, path.stat())


def _first_key(folder: Path, job: Job) -> Path:
    """Return what is seen before the first drawing is made, where no key lies at its frame."""
    return resolve(folder, job.segments[0].start.image)


def _drawings(folder: Path, job: Job) -> dict[int, _Drawing]:
    """Return the keys and finished in-betweens by frame. Raises OSError."""
    paths = {frame: frame_path(folder, frame) for frame in job.wanted}
    drawings = {}
    for frame, path in paths.items():
        with contextlib.suppress(FileNotFoundError):
            drawings[frame] = _Drawing.of(path)
    for segment in job.segments:
        for key in (segment.start, segment.end):
            if not key.stands_in:
                drawings[key.frame] = _Drawing.of(resolve(folder, key.image))
    return drawings


def _link(source: _Drawing, target: Path, there: os.stat_result | None) -> None:
    """Make `target` the same picture as `source`; whoever reads `target` meanwhile sees the old or the new one.

    there: what the disk says of `target`, None when it does not exist.
    """
    if there is None:
        try:
            os.link(source.path, target)
            return
        except OSError:  # no hard links on this disk, or none across its folders: copied below
            pass
    elif _same(source.stat, there):
        return
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        try:
            os.link(source.path, temporary)
        except OSError:
            shutil.copy2(source.path, temporary)
        temporary.replace(target)
    finally:
        # A rename onto another link of the same file leaves the temporary name behind.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _same(left: os.stat_result, right: os.stat_result) -> bool:
    """Tell whether both are one file, or right is a copy that kept time and size."""
    one_file = left.st_ino != 0 and (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino)
    return one_file or (left.st_mtime_ns, left.st_size) == (right.st_mtime_ns, right.st_size)
