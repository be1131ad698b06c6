"""A transition: the last picture of one strip morphs into the first picture of the next.

Its keys come out of the strips' own files; from there on it is a job like any other, whose result is an image strip
that lies between the two, on a channel of its own. No strip of the artist's is trimmed, or moved unasked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy

from ...backend.contract.job import FRAME_MAX, FRAME_MIN, Picture, Segment
from ...backend.contract.timing import exposed_frames
from ...backend.errors import UserError
from ..jobs.from_strips import strips_as_source
from ..settings.properties import Choice
from .making_room import later_strips, move_later
from .reading import Reading, key_name, read_strips
from .settings import sequencer_settings_of
from .strips import refuse_what_has_no_files, selected, still_at


@dataclass(frozen=True)
class Place:
    """Where a transition goes: the frames of its keys, which are seen on the strips, and what lies between.

    wanted: frames that get a drawing. gap: whether nothing of the strips is covered. pushed: by how many frames the
    second strip and all later ones move first, to make that gap; start and end are those of afterwards.
    """

    first: bpy.types.Strip
    second: bpy.types.Strip
    start: int
    end: int
    wanted: tuple[int, ...]
    gap: bool
    pushed: int = 0

    @property
    def length(self) -> int:
        """How many frames of the timeline it takes."""
        return self.end - self.start - 1


def place_between(
    scene: bpy.types.Scene,
    chosen: Sequence[bpy.types.Strip],
    length: int,
    exposure: int,
    *,
    make_room: bool = False,
) -> Place:
    """Return where the transition between the two selected strips goes. Raises UserError where there is no place.

    chosen: in the order of their beginning. length: in frames, where the strips leave no gap, which is filled
    exactly: then the transition lies over the end of the first and the beginning of the second, half on each. Where
    they overlap it is at least as long as that. make_room: where there is no gap, later strips would rather move by
    as much as makes one.
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
    pushed = ends + length - begins if make_room and begins <= ends else 0
    if begins > ends or pushed:
        start, end = ends - 1, begins + pushed
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
    return Place(first, second, start, end, wanted, begins > ends or pushed > 0, pushed)


def chosen_place(scene: bpy.types.Scene, exposure: int) -> Place:
    """Return the place between the selected strips, as long as the scene's settings say (`place_between`)."""
    chosen = sequencer_settings_of(scene)
    return place_between(scene, selected(scene), chosen.transition, exposure, make_room=chosen.make_room)


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


def make_transition(scene: bpy.types.Scene, place: Place, choice: Choice, *, move_markers: bool = False) -> Reading:
    """Begin to read the keys; the job is queued when they are there. Return what is on its way.

    Later strips have moved then, if they had to make room; move_markers: and the markers above them.

    Raises UserError: for strips that cannot be read, a folder that cannot be written, an engine that is not there.
    """
    # Their pictures are the same before and after it has moved.
    stills = still_at(scene, place.first, place.start), still_at(scene, place.second, place.end - place.pushed)
    keys = [Picture(frame, key_name(number)) for number, frame in ((1, place.start), (2, place.end))]
    segment = Segment(keys[0], keys[1], place.wanted, easing=choice.easing)
    later = later_strips(scene, place.second) if place.pushed else []
    reading = read_strips(
        scene,
        f"{place.first.name} → {place.second.name}",
        stills,
        (segment,),
        choice,
        strips_as_source(place.first.name, place.second.name),
        covers=not place.gap,
    )
    move_later(scene, later, place.pushed, markers=move_markers)
    return reading
