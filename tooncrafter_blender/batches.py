"""Capture here, draw elsewhere, import later: the two ends of a batch that need Blender.

A batch's folder holds job folders of many shots. Each job says which file, scene and object it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import bpy

from ..backend.contract.job import JOB_FILE, Job, frame_path, read_job
from ..backend.errors import UserError
from .generate import Captured, capture_keys
from .results import import_result
from .settings.properties import Choice

_NUMBER_COLUMNS = 12


@dataclass
class Imported:
    """What an import found, by the names of the job folders.

    brought_in: folder -> names of what shows it. unfinished: those that lack drawings.
    passed_over: those that belong elsewhere, each with the reason.
    """

    brought_in: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def capture_job(
    scene: bpy.types.Scene,
    obj: bpy.types.Object | None,
    choice: Choice,
    jobs: Path,
    frames: tuple[int, int] | None,
    report: Callable[[int, int], None],
) -> Captured:
    """Write a job folder for the keys of `obj` into `jobs`, which is made if need be; draws nothing.

    Needs no drawing engine on this machine. Raises UserError; then no job folder is left.
    """
    return capture_keys(scene, obj, choice, frames=frames, base=jobs.expanduser().absolute(), report=report)


def import_jobs(jobs: Path, how: str, scene: bpy.types.Scene | None = None) -> Imported:
    """Bring the finished jobs below `jobs` that were made from the open file into their scenes.

    The file is known by its name, since folders have other names on other machines. Of several captures of the same
    stretch of the same object, the latest counts. scene: import only what was made from it.
    Raises UserError("jobs-missing") when no job of this file is there.
    """
    found = Imported()
    latest: dict[tuple[str, str, int, int], tuple[Path, Job]] = {}
    for folder in _job_folders(jobs.expanduser().absolute()):
        try:
            job = read_job(folder)
        except UserError as error:
            found.passed_over.append(f"{folder.name}: {error.sentence}")
            continue
        source = job.source
        if _file_name(source.get("file", "")) != _file_name(bpy.data.filepath):
            found.passed_over.append(f"{folder.name}: it belongs to “{source.get('file', '')}”.")
        elif source.get("scene", "") not in bpy.data.scenes:
            found.passed_over.append(f"{folder.name}: its scene “{source.get('scene', '')}” is not in this file.")
        elif scene is None or scene.name == source["scene"]:
            stretch = job.segments[0].start.frame, job.segments[-1].end.frame
            latest[source["scene"], source.get("object", ""), *stretch] = folder, job
    if not latest:
        raise UserError(
            "jobs-missing",
            f"There is no job of “{Path(bpy.data.filepath).name}” in “{jobs}”.",
            "Name the folder that --capture-only wrote to.",
        )
    for (home, *_), (folder, job) in latest.items():
        if all(frame_path(folder, frame).is_file() for frame in job.wanted):
            found.brought_in[folder.name] = import_result(bpy.data.scenes[home], job, folder, how)
        else:
            found.unfinished.append(folder.name)
    return found


def _job_folders(base: Path) -> Iterator[Path]:
    """Yield the job folders in and below `base` in the order in which they were captured."""
    files = base.rglob(JOB_FILE) if base.is_dir() else ()
    folders = {file.parent for file in files}
    outermost = (folder for folder in folders if not folders.intersection(folder.parents))
    yield from sorted(outermost, key=lambda folder: (folder.parent, _padded(folder.name)))


def _padded(name: str) -> str:
    """Return the name so that 10_f0001 sorts behind 9_f0001."""
    number, _, rest = name.partition("_")
    return f"{number.zfill(_NUMBER_COLUMNS)}_{rest}"


def _file_name(file: str) -> str:
    """Return the name of a .blend file, whichever system its path was written on."""
    return PureWindowsPath(file).name if "\\" in file else PurePosixPath(file).name
