"""A transition: the last picture of one strip morphs into the first picture of the next.

Its keys come out of the strips' own files; from there on it is a job like any other, whose result is an image strip
that lies between the two, on a channel of its own. No strip of the artist's is moved or trimmed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import bpy

from ...backend.errors import UserError
from ...backend.job import (
    FRAME_MAX,
    FRAME_MIN,
    KEYS_FOLDER,
    THUMBNAILS_FOLDER,
    Canvas,
    Job,
    Picture,
    Segment,
    folder_refused,
    make_folder,
    new_id,
    picture_name,
    write_job,
)
from ...backend.timing import exposed_frames
from .. import environment, job_folders, preferences, watching
from ..between_strips import strips_as_source
from ..capture.thumbnail import write_thumbnail
from ..generate import variations
from ..home import home_of, source_of
from ..jobs import Entry, queue
from ..properties import Choice
from ..variations import add_take
from . import background
from .settings import rate_of, sequencer_settings_of
from .strips import Still, may_be_transparent, refuse_what_has_no_files, selected, still_at


@dataclass(frozen=True)
class Place:
    """Where a transition goes: the frames of its keys, which are seen on the strips, and what lies between.

    wanted: frames that get a drawing. gap: whether nothing of the strips is covered.
    """

    first: bpy.types.Strip
    second: bpy.types.Strip
    start: int
    end: int
    wanted: tuple[int, ...]
    gap: bool

    @property
    def length(self) -> int:
        """How many frames of the timeline it takes."""
        return self.end - self.start - 1


def place_between(scene: bpy.types.Scene, chosen: Sequence[bpy.types.Strip], length: int, exposure: int) -> Place:
    """Return where the transition between the two selected strips goes. Raises UserError where there is no place.

    chosen: in the order of their beginning. length: in frames, where the strips leave no gap, which is filled
    exactly: then the transition lies over the end of the first and the beginning of the second, half on each. Where
    they overlap it is at least as long as that.
    """
    if len(chosen) != 2:
        raise UserError(
            "strip-choice",
            f"{len(chosen) or 'No'} strip{'s are' if len(chosen) > 1 else ' is'} selected.",
            "Select two: those that the transition is to join.",
        )
    first, second = chosen
    for strip in chosen:
        refuse_what_has_no_files(scene, strip)
    ends, begins = round(first.frame_final_end), round(second.frame_final_start)
    if round(second.frame_final_end) <= ends:
        raise UserError(
            "strip-within",
            f"“{second.name}” lies within “{first.name}”, so there is nothing to go over into.",
            "Choose strips of which one goes on when the other has ended.",
        )
    if begins > ends:
        start, end = ends - 1, begins
    else:
        length = max(length, ends - begins)
        middle = (ends + begins) // 2
        start = middle - length // 2 - 1
        end = start + 1 + length
        _refuse_short(first, second, start, end)
    wanted = exposed_frames(start, end, exposure)
    if not wanted:
        raise UserError(
            "transition-short",
            f"There is nothing to draw at an exposure of {exposure} in {end - start - 1} frames.",
            "Choose a shorter exposure or a longer transition.",
        )
    if start < FRAME_MIN or end > FRAME_MAX:
        raise UserError("frames-outside", "The strips lie beyond what a timeline can hold.", "Move them.")
    return Place(first, second, start, end, wanted, begins > ends)


def chosen_place(scene: bpy.types.Scene, exposure: int) -> Place:
    """Return the place between the selected strips, as long as the scene's settings say (`place_between`)."""
    return place_between(scene, selected(scene), sequencer_settings_of(scene).transition, exposure)


def _refuse_short(first: bpy.types.Strip, second: bpy.types.Strip, start: int, end: int) -> None:
    """The pictures just outside the transition are its keys, so both strips must reach there."""
    for strip, reaches in (
        (first, first.frame_final_start <= start),
        (second, second.frame_final_end > end),
    ):
        if not reaches:
            raise UserError(
                "strip-short",
                f"“{strip.name}” is too short for a transition of {end - start - 1} frames, "
                "half of which lies on each strip.",
                "Choose a shorter one, or leave a gap between the strips.",
            )


def make_transition(scene: bpy.types.Scene, place: Place, choice: Choice) -> background.Undertaking:
    """Begin to read the keys; the job is queued when they are there. Return what is on its way.

    Raises UserError: for strips that cannot be read, a folder that cannot be written, an engine that is not there.
    """
    stills = still_at(scene, place.first, place.start), still_at(scene, place.second, place.end)
    environment.find_python(preferences.current(), choice.engine)
    reading = _Reading(scene, place, stills, choice)
    background.undertake(reading)
    return reading


class _Reading(background.Undertaking):
    """The keys of a transition on their way into a new job folder."""

    opening = "Reading the pictures"

    def __init__(self, scene: bpy.types.Scene, place: Place, stills: tuple[Still, Still], choice: Choice) -> None:
        name = f"{place.first.name} → {place.second.name}"
        self._home = home_of(scene, None, name)
        self._source = {
            **source_of(scene, None, name),
            **strips_as_source(place.first.name, place.second.name),
            "import_as": "strip",
        }
        keys = [
            Picture(frame, f"{KEYS_FOLDER}/{picture_name(n)}") for n, frame in ((1, place.start), (2, place.end))
        ]
        self._segment = Segment(keys[0], keys[1], place.wanted, easing=choice.easing)
        self._rate, self._choice = float(rate_of(scene)), choice
        self._shows_through = not place.gap and any(may_be_transparent(still.path) for still in stills)
        #: What the job made, None until it is queued.
        self.entry: Entry | None = None
        self.folder = job_folders.new_folder(place.start, place.end)
        arguments = ["stills", "-o", str(self.folder / KEYS_FOLDER)]
        for still in stills:
            arguments += ["--of", str(still.path), str(still.frame)]
        super().__init__(name, choice.engine, arguments)

    def abandon(self) -> None:
        """Nobody wants a folder without a job."""
        for inside in (KEYS_FOLDER, THUMBNAILS_FOLDER):
            shutil.rmtree(self.folder / inside, ignore_errors=True)
        job_folders.discard(self.folder)

    def finish(self) -> str:
        """Write the job file and queue the job."""
        python = environment.find_python(preferences.current(), self.engine)
        others = variations(self._choice)
        canvas = Canvas(int(self.errand.facts["width"]), int(self.errand.facts["height"]), self._rate)
        job = Job(
            new_id(), self._choice.engine, canvas, (self._segment,), self._choice.settings, dict(self._source)
        )
        try:
            thumbnails = make_folder(self.folder, THUMBNAILS_FOLDER)
        except OSError as error:
            raise folder_refused(self.folder, error) from error
        for key in (self._segment.start, self._segment.end):
            write_thumbnail(self.folder / key.image, thumbnails / picture_name(key.frame))
        write_job(self.folder, job)
        if self._shows_through:
            self.errand.notes.append("Where the pictures are transparent, the strips below show through.")
        self.entry = Entry(job, self.folder, self._home, "strip", remarks=tuple(self.errand.notes))
        queue.submit(self.entry, python)
        for number, (engine, seed) in enumerate(others, 2):
            place, take = add_take(self.folder, job, number, engine=engine, seed=seed)
            queue.submit(Entry(take, place, self._home, "strip", take_of=job.id, number=number), python)
        watching.start()
        count = len(job.wanted)
        return f"Drawing {count} in-between{'' if count == 1 else 's'} in the background."
