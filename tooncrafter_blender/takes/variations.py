"""Several takes of one job: the same keys, drawn with other seeds or by other engines. Knows nothing of Blender.

    takes/2/   a job folder of its own inside the folder of the first take; its pictures are links to those of the
               first, or copies where the disk has no links

So every take can be run, shown, traced and moved like any job, and the folder of the job holds them all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...backend.contract.job import (
    GUIDES_FOLDER,
    JOB_FILE,
    KEYS_FOLDER,
    THUMBNAILS_FOLDER,
    Job,
    folder_refused,
    new_id,
    write_job,
)

TAKES_FOLDER = "takes"
#: Entry of `Job.source`: the id of the job that this is another take of.
TAKE_OF = "take_of"


def add_take(folder: Path, job: Job, number: int, *, engine: str, seed: int) -> tuple[Path, Job]:
    """Make take number `number` (from 2) of the job in `folder`; return its folder and job.

    Raises UserError("folder-not-writable").
    """
    place = folder / TAKES_FOLDER / str(number)
    take = replace(
        job,
        id=new_id(),
        engine=engine,
        settings=replace(job.settings, seed=seed),
        source={**job.source, TAKE_OF: job.id},
    )
    try:
        for name in (KEYS_FOLDER, GUIDES_FOLDER, THUMBNAILS_FOLDER):
            (place / name).mkdir(parents=True)
            for picture in (folder / name).glob("*.png"):
                _link(picture, place / name / picture.name)
    except OSError as error:
        raise folder_refused(place, error) from error
    write_job(place, take)
    return place, take


def take_folders(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield number and folder of each further take in the folder of a job, ascending."""
    with contextlib.suppress(OSError):
        found = [
            file.parent for file in (folder / TAKES_FOLDER).glob(f"*/{JOB_FILE}") if file.parent.name.isdecimal()
        ]
        yield from sorted((int(place.name), place) for place in found)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
