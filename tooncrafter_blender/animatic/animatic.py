"""From a storyboard to one job for the whole board, whose result is a strip for each shot."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from ...backend.animatic.board import board_segments, rough, shots_as_source
from ...backend.contract.job import Canvas, Job, new_id
from .. import capture
from ..generate import Captured, submit, variations
from ..jobs import job_folders
from ..jobs.from_strips import panels_as_source
from ..jobs.home import home_of, source_of
from ..jobs.queue import Entry
from ..sequencer import reading
from ..settings import preferences
from ..settings.properties import Choice
from ..setup import environment
from .boards import drawn_board, strip_board
from .settings import timing_of


def animate_drawings(
    scene: bpy.types.Scene,
    obj: bpy.types.Object | None,
    choice: Choice,
    *,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> Entry:
    """Capture the panels of a Grease Pencil object and queue the job; return its entry.

    Raises UserError; then no folder is left and the scene is as it was.
    """
    python = environment.find_python(preferences.current(), choice.engine)
    others = variations(choice)
    board = drawn_board(obj, scene, reading.key_name)
    assert obj
    segments = board_segments(board.shots, timing_of(scene, choice))
    source = source_of(scene, obj) | {"import_as": "strip"} | shots_as_source(board.shots)
    canvas = Canvas(*capture.picture_size(scene, choice.capture.width), scene.render.fps / scene.render.fps_base)
    job = Job(new_id(), choice.engine, canvas, segments, rough(choice.settings), source)
    folder = job_folders.new_folder(segments[0].first, segments[-1].last)
    try:
        capture.write_board(
            scene, obj, job, board.panels, folder, whole_scene=choice.capture.whole_scene, report=report
        )
    except BaseException:
        job_folders.discard(folder)
        raise
    return submit(Captured(folder, job), home_of(scene, obj), "strip", python, others)


def animate_strips(scene: bpy.types.Scene, choice: Choice) -> reading.Reading:
    """Begin to read the pictures of the selected strips, whose job is queued afterwards. Raises UserError."""
    board = strip_board(scene, reading.key_name)
    segments = board_segments(board.shots, timing_of(scene, choice))
    source = {**shots_as_source(board.shots), **panels_as_source(board.begins)}
    name = f"{board.begins[0]} …"
    settings = rough(choice.settings)
    return reading.read_strips(scene, name, board.stills, segments, choice, source, covers=True, settings=settings)
