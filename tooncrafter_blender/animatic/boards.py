"""Storyboards in Blender: which panels there are, how long each is seen, and which belong to one shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import bpy

from ...backend.animatic.board import Panel, Shot
from ...backend.errors import UserError
from ..results import artists_layers
from ..sequencer import strips as material
from ..settings.properties import range_of
from ..timeline import grease_pencil
from ..timeline.remembered import Remembered, state_of_drawings
from .cuts import shot_at, shots_begin

_T = TypeVar("_T")


@dataclass(frozen=True)
class DrawnBoard:
    """Panels drawn with Grease Pencil. panels: frame at which each is seen -> its picture in the job folder."""

    shots: tuple[Shot, ...]
    panels: Mapping[int, str]


@dataclass(frozen=True)
class StripBoard:
    """Panels that are strips. stills: what each shows, in order. begins: the strip that each shot begins with."""

    shots: tuple[Shot, ...]
    stills: tuple[material.Still, ...]
    begins: tuple[str, ...]


def drawn_board(obj: bpy.types.Object | None, scene: bpy.types.Scene, key_name: Callable[[int], str]) -> DrawnBoard:
    """Return the board of a Grease Pencil object within the preview range, if it is on, or the frames of the scene.

    Every key is a panel, and so is what is seen where a shot begins. Where nothing is drawn a shot ends. Hidden or
    locked layers, guides and results say nothing. key_name: number of a panel from 1 -> its picture.
    Raises UserError: "no-grease-pencil", "no-panels".
    """
    obj = grease_pencil.checked(obj, "Select the Grease Pencil object that holds the panels of your storyboard.")
    first, last = range_of(scene)
    layers = [
        layer
        for layer in artists_layers(obj)
        if grease_pencil.is_shown(layer) and not grease_pencil.is_locked(layer)
    ]
    begins = shots_begin(scene)
    keys = {key.frame_number for layer in layers for key in layer.frames if key.keyframe_type != "GENERATED"}
    frames = sorted(frame for frame in {first, *keys, *begins} if first <= frame <= last)

    def is_drawn(frame: int) -> bool:
        return any(grease_pencil.stroke_count(grease_pencil.drawing_at(layer, frame)) for layer in layers)

    seen = [(start, end) for start, end in pairwise([*frames, last + 1]) if is_drawn(start)]
    if len(seen) < 2:
        raise UserError(
            "no-panels",
            f"“{obj.name}” has {'only one panel' if seen else 'no panel'} from frame {first} to {last}.",
            "Draw a key for each panel of your storyboard, or change the range of the scene.",
        )
    names = {start: key_name(number) for number, (start, _) in enumerate(seen, 1)}
    shots = _shots([(names[start], start, end) for start, end in seen], begins)
    return DrawnBoard(shots, names)


_remembered: Remembered[DrawnBoard] = Remembered()


def known_board(obj: bpy.types.Object | None, scene: bpy.types.Scene, key_name: Callable[[int], str]) -> DrawnBoard:
    """Return the same, cheap enough to be asked at every redraw. Raises the same UserError."""
    markers = tuple((one.frame, one.name, one.camera and one.camera.name) for one in scene.timeline_markers)
    state = state_of_drawings(obj, scene), markers
    return _remembered.ask(state, lambda: drawn_board(obj, scene, key_name))


def strip_board(scene: bpy.types.Scene, key_name: Callable[[int], str]) -> StripBoard:
    """Return the board of the selected strips: each is a panel, seen until the next one begins or it ends.

    Where a strip ends before the next one begins there is a cut. Raises UserError, also for strips without files.
    """
    chosen = material.selected(scene)
    for strip in chosen:
        material.refuse_what_has_no_files(scene, strip)
    if len(chosen) < 2:
        raise UserError(
            "strip-choice",
            "Only one strip is selected." if chosen else "No strip is selected.",
            "Select the image strips that are the panels of your storyboard.",
        )
    starts = [round(strip.frame_final_start) for strip in chosen]
    for (one, start), (other, following) in pairwise(zip(chosen, starts, strict=True)):
        if start == following:
            raise UserError(
                "strip-choice",
                f"“{one.name}” and “{other.name}” both begin at frame {start}.",
                "Select one strip for each panel.",
            )
    ends = [
        min(round(strip.frame_final_end), following)
        for strip, following in zip(chosen, [*starts[1:], round(chosen[-1].frame_final_end)], strict=True)
    ]
    shots = _shots(
        [(key_name(number), *seen) for number, seen in enumerate(zip(starts, ends, strict=True), 1)],
        shots_begin(scene),
    )
    stills = tuple(material.still_at(scene, strip, start) for strip, start in zip(chosen, starts, strict=True))
    names = dict(zip(starts, (strip.name for strip in chosen), strict=True))
    return StripBoard(shots, stills, tuple(names[shot.start] for shot in shots))


def _shots(panels: Sequence[tuple[str, int, int]], begins: Mapping[int, str]) -> tuple[Shot, ...]:
    """Return the shots of panels, each (picture, frame at which it is seen first, frame after its last)."""
    shots: list[Shot] = []
    shot_before: int | None = None
    end_before: int | None = None
    for image, start, end in panels:
        begin, name = shot_at(begins, start)
        panel = Panel(image, end - start)
        if shots and start == end_before and begin == shot_before:
            shots[-1] = Shot(shots[-1].name, shots[-1].start, (*shots[-1].panels, panel))
        else:
            shots.append(Shot(name, start, (panel,)))
        shot_before, end_before = begin, end
    return tuple(shots)


def told(shots: Iterable[Shot]) -> tuple[int, int]:
    """Return how many shots and panels that are."""
    found = list(shots)
    return len(found), sum(len(shot.panels) for shot in found)
