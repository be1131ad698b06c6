"""What is shown of a job while it is drawn. In the window a timer calls; here the test does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import results
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import watching
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, State, queue

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON
from tests.patience import wait_until


@pytest.fixture
def running(scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entry]:
    """A long job of which some drawings are finished."""
    assert PYTHON.exists()
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.0)
    queue.entries.clear()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    scenes.moving_box(scene, 1, 100)
    scene.render.resolution_x, scene.render.resolution_y = 640, 400
    bpy.ops.inbetween.generate()
    (entry,) = queue.entries
    wait_for(entry, 2)
    yield entry
    queue.cancel(entry)
    queue.wait(entry)
    queue.entries.clear()


def wait_for(entry: Entry, count: int) -> None:
    while len(entry.finished) < count:
        assert entry.busy, entry.sentence
        queue.poll(wait_seconds=0.05)


def look(entry: Entry) -> None:
    """What the timer does until the picture is up to date."""
    watching._follow(entry)
    wait_until(lambda: not watching._growing.prepared, lambda: (time.sleep(0.02), watching._follow(entry)))


def test_finished_drawings_are_seen_while_the_others_are_drawn(running: Entry) -> None:
    scene = bpy.context.scene
    look(running)
    assert running.state is State.RUNNING and results.pictures(scene, running.job) == ("In-betweens 1–100",)
    first = min(running.finished)
    shown = running.folder / "shown" / f"{first:04d}.png"
    assert shown.read_bytes() == (running.folder / "frames" / f"{first:04d}.png").read_bytes()
    before = max(running.finished)
    wait_for(running, len(running.finished) + 2)
    look(running)
    assert len(results.pictures(scene, running.job)) == 1  # grown, not doubled
    later = max(running.finished)
    assert later > before
    assert (running.folder / "shown" / f"{later:04d}.png").read_bytes() == (
        running.folder / "frames" / f"{later:04d}.png"
    ).read_bytes()


def test_what_the_person_takes_back_stays_away_until_the_job_has_ended(running: Entry) -> None:
    scene = bpy.context.scene
    look(running)
    results.remove_pictures(scene, running.job)
    wait_for(running, len(running.finished) + 1)
    look(running)
    assert not results.pictures(scene, running.job)


def test_without_a_camera_the_job_goes_on_unseen(running: Entry) -> None:
    bpy.data.objects.remove(bpy.context.scene.camera)
    look(running)
    assert running.busy and not results.pictures(bpy.context.scene, running.job)
