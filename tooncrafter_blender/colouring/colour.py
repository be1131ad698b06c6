"""From the line drawings of a layer to a job that colours them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import bpy

from ...backend.contract.colouring_segments import colouring_segments, segment_from_picture
from ...backend.contract.job import GUIDES_FOLDER, KEYS_FOLDER, Canvas, Job, Picture, Segment, new_id, picture_name
from ...backend.errors import UserError
from .. import capture, generate
from ..jobs import job_folders
from ..jobs.home import home_of, source_of
from ..jobs.queue import Entry
from ..results import LINES, colour_layers, let_held_keys_step_back
from ..settings import preferences
from ..settings.properties import Choice
from ..setup import environment
from .drawings import LineDrawings


def colour(
    scene: bpy.types.Scene,
    drawings: LineDrawings,
    choice: Choice,
    *,
    show_as: str = "strokes",
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Entry:
    """Capture lines and references into a new job folder and put the job into the queue; return its entry.

    Raises UserError; then no folder is left and the scene is as it was.
    """
    if choice.engine == "hold":
        raise UserError(
            "engine-cannot-colour", "The hold engine repeats keys and colours nothing.", "Choose another engine."
        )
    python = environment.find_python(preferences.current(), choice.engine)
    obj = drawings.obj
    segments = _segments(drawings)
    settings = replace(choice.settings, colouring=True, guide_strength=1.0)
    source = source_of(scene, obj) | {"import_as": show_as, LINES: drawings.layer.name}
    canvas = Canvas(*capture.picture_size(scene, choice.capture.width), scene.render.fps / scene.render.fps_base)
    job = Job(new_id(), choice.engine, canvas, segments, settings, source)
    folder = job_folders.new_folder(segments[0].first, segments[-1].last)
    try:
        with _without_earlier_colours(obj):
            capture.write_colouring(
                scene,
                obj,
                drawings.layer,
                job,
                drawings.references,
                folder,
                picture=drawings.picture,
                report=report,
            )
    except BaseException:
        job_folders.discard(folder)
        raise
    margins = capture.margins_of(drawings.picture, (canvas.width, canvas.height)) if drawings.picture else ""
    remarks = (margins,) if margins else ()
    return generate.submit(generate.Captured(folder, job, remarks), home_of(scene, obj), show_as, python)


@contextmanager
def _without_earlier_colours(obj: bpy.types.Object) -> Iterator[None]:
    """For a moment: colours of earlier jobs hidden, and what steps back for them back in its place."""
    names = [layer.name for layer in colour_layers(obj) if not layer.hide]
    sheets = cast(bpy.types.GreasePencil, obj.data).layers

    def hide(hidden: bool) -> None:
        for name in names:
            sheets[name].hide = hidden
        if names:
            let_held_keys_step_back(obj)

    hide(True)
    try:
        yield
    finally:
        hide(False)


def _segments(drawings: LineDrawings) -> tuple[Segment, ...]:
    """Return the segments between the references; each reference brings its own lines, a picture shows its own."""

    def lines(frame: int) -> Picture:
        return Picture(frame, f"{GUIDES_FOLDER}/{picture_name(frame)}")

    def key(frame: int) -> str:
        return f"{KEYS_FOLDER}/{picture_name(frame)}"

    wanted = [lines(frame) for frame in drawings.wanted]
    if drawings.picture:
        return (segment_from_picture(key(drawings.wanted[0]), wanted, drawings.end),)
    keys = [Picture(frame, key(frame), lines=lines(frame).image) for frame in sorted(drawings.references)]
    return colouring_segments(keys, wanted, drawings.end)
