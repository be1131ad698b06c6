"""Pictures out of the files of strips, as the keys of a job: read while Blender goes on, then the job is queued."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import bpy

from ...backend.contract.job import (
    KEYS_FOLDER,
    THUMBNAILS_FOLDER,
    Canvas,
    Job,
    Segment,
    Settings,
    folder_refused,
    new_id,
    picture_name,
    write_job,
)
from ..capture import write_end_thumbnails
from ..generate import Captured, submit, told_of, variations
from ..jobs import job_folders
from ..jobs.home import home_of, source_of
from ..jobs.queue import Entry
from ..settings import preferences
from ..settings.properties import Choice
from ..setup import environment
from . import background
from .settings import rate_of
from .strips import Still, may_be_transparent

_LIST = "stills.txt"
_SHOWS_THROUGH = "Where the pictures are transparent, the strips below show through."


def key_name(number: int) -> str:
    """Return where in the job folder the picture of still number `number`, from 1, will lie."""
    return f"{KEYS_FOLDER}/{picture_name(number)}"


def read_strips(
    scene: bpy.types.Scene,
    name: str,
    stills: Sequence[Still],
    segments: tuple[Segment, ...],
    choice: Choice,
    source: Mapping[str, str],
    *,
    covers: bool,
    settings: Settings | None = None,
) -> Reading:
    """Begin to read the keys; the job is queued when they are there. Return what is on its way.

    name: what is worked on. stills: what the keys show, under their `key_name`. source: what the job file says of
    the strips. covers: whether the result lies over strips. settings: others than the choice's.
    Raises UserError for a folder that cannot be written, an engine that is not there.
    """
    environment.find_python(preferences.current(), choice.engine)
    reading = Reading(scene, name, stills, segments, replace(choice, settings=settings or choice.settings), source)
    if covers and any(may_be_transparent(still.path) for still in stills):
        reading.remarks.append(_SHOWS_THROUGH)
    background.undertake(reading)
    return reading


class Reading(background.Undertaking):
    """The keys of a job on their way into its new folder."""

    opening = "Reading the pictures"

    def __init__(
        self,
        scene: bpy.types.Scene,
        name: str,
        stills: Sequence[Still],
        segments: tuple[Segment, ...],
        choice: Choice,
        source: Mapping[str, str],
    ) -> None:
        self._home = home_of(scene, None, name)
        self._source = {**source_of(scene, None, name), **source, "import_as": "strip"}
        self._stills, self._segments = tuple(stills), segments
        self._rate, self._choice = float(rate_of(scene)), choice
        #: What is to be said of the job beside what the command says.
        self.remarks: list[str] = []
        #: What the job made, None until it is queued.
        self.entry: Entry | None = None
        self.folder = job_folders.new_folder(segments[0].first, segments[-1].last)
        arguments = ["stills", "-o", str(self.folder / KEYS_FOLDER), "--list", str(self.folder / _LIST)]
        super().__init__(name, choice.engine, arguments)

    def begin(self, python: Path) -> None:
        """Say in a file which pictures are wanted, and start the command."""
        listed = "".join(f"{still.frame} {still.path}\n" for still in self._stills)
        try:
            (self.folder / _LIST).write_text(listed, encoding="utf-8")
        except OSError as error:
            raise folder_refused(self.folder, error) from error
        super().begin(python)

    def abandon(self) -> None:
        """Nobody wants a folder without a job."""
        (self.folder / _LIST).unlink(missing_ok=True)
        for inside in (KEYS_FOLDER, THUMBNAILS_FOLDER):
            shutil.rmtree(self.folder / inside, ignore_errors=True)
        job_folders.discard(self.folder)

    def finish(self) -> str:
        """Write the job file and queue the job."""
        python = environment.find_python(preferences.current(), self.engine)
        others = variations(self._choice)
        canvas = Canvas(int(self.errand.facts["width"]), int(self.errand.facts["height"]), self._rate)
        job = Job(new_id(), self._choice.engine, canvas, self._segments, self._choice.settings, self._source)
        (self.folder / _LIST).unlink(missing_ok=True)
        write_end_thumbnails(job, self.folder)
        write_job(self.folder, job)
        self.errand.notes += self.remarks
        captured = Captured(self.folder, job, tuple(self.errand.notes))
        self.entry = submit(captured, self._home, "strip", python, others)
        return told_of(job)
