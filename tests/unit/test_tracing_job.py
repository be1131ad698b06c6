"""Tracing a job: every finished drawing once, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.contract import messages
from backend.contract.job import Canvas, Job, Picture, Segment, frame_path, write_job
from backend.contract.strokes import read_drawing, strokes_path
from backend.errors import Cancelled
from backend.pictures import write_picture
from backend.tracing import trace_job
from tests.unit.painted import Paper, disc, spoiled

RED, INK = "#e6453b", "#17141f"


def picture(x: float, *, clean: bool = True) -> np.ndarray:
    paper = Paper(96, 64, "#cce6fa")
    paper.area(disc(x, 32, 18), RED)
    paper.line(disc(x, 32, 18), 2.5, INK, closed=True)
    found = paper.picture()
    return (found if clean else spoiled(found)).astype(np.float32) / 255


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A job of which frames 2 and 3 are drawn and 4 is not."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "frames").mkdir()
    for frame, x in ((1, 30.0), (5, 60.0)):
        write_picture(tmp_path / "keys" / f"{frame:04d}.png", picture(x))
    for frame, x in ((2, 38.0), (3, 45.0)):
        write_picture(frame_path(tmp_path, frame), picture(x, clean=False))
    keys = Picture(1, "keys/0001.png"), Picture(5, "keys/0005.png")
    write_job(tmp_path, Job("a1", "draft", Canvas(96, 64, 12), (Segment(*keys, (2, 3, 4)),)))
    return tmp_path


def test_every_drawing_that_is_there_is_traced_in_the_colours_of_the_keys(folder: Path) -> None:
    heard: list[messages.Event] = []
    assert trace_job(folder, heard.append) == 2
    for frame in (2, 3):
        drawing = read_drawing(folder, frame)
        assert (drawing.frame, drawing.width, drawing.height) == (frame, 96, 64)
        assert {fill.colour for fill in drawing.fills} == {"#cce6faff", RED + "ff"}
        assert {line.colour for line in drawing.lines} == {INK + "ff"}
    assert not strokes_path(folder, 4).exists()
    assert [event.step for event in heard if isinstance(event, messages.Progress)][-1] == 2


def test_only_what_is_new_or_changed_is_traced_again(folder: Path) -> None:
    trace_job(folder)
    assert trace_job(folder) == 0
    write_picture(frame_path(folder, 3), picture(50))
    strokes_path(folder, 2).write_text("{", encoding="utf-8")
    assert trace_job(folder) == 2


def test_a_cancelled_trace_keeps_what_is_finished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.tracing.traced_job.THREADS", 1)
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        trace_job(folder, is_cancelled=lambda: next(asked))
    assert strokes_path(folder, 2).exists() and not strokes_path(folder, 3).exists()
    assert trace_job(folder) == 1
