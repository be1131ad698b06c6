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

from ...backend.job import Job, folder_refused, frame_path, make_folder, picture_name, resolve

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
    """Return the unbroken stretches of the job: where keys without a segment lie between, a new one begins."""
    found: list[Run] = []
    for segment in job.segments:
        if found and segment.start.frame == found[-1].last:
            found[-1] = Run(found[-1].first, segment.end.frame)
        else:
            found.append(Run(segment.start.frame, segment.end.frame))
    return tuple(found)


def show(folder: Path, job: Job) -> Shown:
    """Bring `shown/` in the job folder up to date with the frames that are finished.

    A frame without a drawing of its own shows the one before it, as an exposed drawing is held. Raises
    UserError("folder-not-writable").
    """
    shown = Shown(folder / SHOWN_FOLDER, job.segments[0].start.frame)
    drawings = _drawings(folder, job)
    try:
        make_folder(folder, SHOWN_FOLDER)
        held = drawings[shown.first]
        for frame in range(shown.first, job.segments[-1].end.frame + 1):
            held = drawings.get(frame, held)
            _link(held, shown.file(frame))
    except OSError as error:
        raise folder_refused(shown.folder, error) from error
    return shown


def _drawings(folder: Path, job: Job) -> dict[int, Path]:
    """Return the keys and finished in-betweens by frame."""
    drawings = {frame: path for frame in job.wanted if (path := frame_path(folder, frame)).is_file()}
    for segment in job.segments:
        for key in (segment.start, segment.end):
            drawings[key.frame] = resolve(folder, key.image)
    return drawings


def _link(source: Path, target: Path) -> None:
    """Make `target` the same picture as `source`; whoever reads `target` meanwhile sees the old or the new one."""
    if target.exists() and _same(source, target):
        return
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        try:
            os.link(source, temporary)
        except OSError:  # no hard links on this disk, or none across its folders
            shutil.copy2(source, temporary)
        temporary.replace(target)
    finally:
        # A rename onto another link of the same file leaves the temporary name behind.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _same(left: Path, right: Path) -> bool:
    """Tell whether both are one file, or right is a copy that kept time and size."""
    a, b = left.stat(), right.stat()
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino) or (a.st_mtime_ns, a.st_size) == (b.st_mtime_ns, b.st_size)
