"""A disk that is full while keys are captured, while results come in, and while the file is saved."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import commands
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import State, queue

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON, frames_of


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(autouse=True)
def no_jobs_before(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    assert PYTHON.exists()
    queue.entries.clear()
    queue.refused = None
    yield
    queue.entries.clear()
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err


def fill(disk: Path, free_bytes: int) -> Path:
    filler = disk / "filler"
    status = os.statvfs(disk)
    filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - free_bytes)))
    return filler


@pytest.fixture
def saved(scene: bpy.types.Scene, disk: Path) -> bpy.types.Scene:
    scenes.moving_box(scene, 1, 5)
    scene.inbetween.engine, scene.inbetween.import_as = "hold", "none"
    bpy.ops.wm.save_as_mainfile(filepath=str(disk / "shot.blend"), compress=True)
    return scene


def test_full_at_any_picture_of_the_capture_it_is_a_sentence_and_no_half_job_stays(
    saved: bpy.types.Scene, disk: Path
) -> None:
    file = (disk / "shot.blend").read_bytes()
    refused = 0
    for pages in range(5):
        filler = fill(disk, 4096 * pages)
        outcome = bpy.ops.inbetween.generate()
        if outcome == {"CANCELLED"}:
            refused += 1
            assert (
                queue.refused
                and queue.refused.hint
                and queue.refused.code in ("folder-not-writable", "render-failed")
            )
            assert sorted(path.name for path in disk.iterdir()) == ["filler", "shot.blend"]
        else:
            queue.wait(queue.entries[-1])
        filler.unlink()
    assert refused >= 3
    assert bpy.ops.inbetween.generate() == {"FINISHED"}
    entry = queue.entries[-1]
    queue.wait(entry)
    assert entry.state is State.DONE and len(frames_of(entry.folder)) == 3
    assert (disk / "shot.blend").read_bytes() == file


def test_a_result_that_finds_no_room_is_a_sentence_and_comes_in_when_there_is(
    saved: bpy.types.Scene, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    bpy.ops.inbetween.generate()
    entry = queue.entries[-1]
    queue.wait(entry)
    filler = fill(disk, 0)
    monkeypatch.setattr(os, "link", no_links)  # a disk without links: what is shown has to be copied
    saved.inbetween.import_as = "strip"
    assert bpy.ops.inbetween.import_result(job=entry.job.id) == {"CANCELLED"}
    assert queue.refused and queue.refused.code == "folder-not-writable"
    assert saved.sequence_editor is None or not saved.sequence_editor.strips
    filler.unlink()
    assert bpy.ops.inbetween.import_result(job=entry.job.id) == {"FINISHED"}
    assert saved.sequence_editor.strips[0].frame_final_duration == 5


def test_a_file_that_cannot_be_saved_is_a_sentence_and_the_old_one_is_as_it_was(
    saved: bpy.types.Scene, disk: Path
) -> None:
    file = disk / "shot.blend"
    before = file.read_bytes()
    for layer in range(60):  # so that it no longer fits into what is left
        saved.collection.objects.link(bpy.data.objects.new(f"more {layer}", bpy.data.meshes.new(f"mesh {layer}")))
    filler = fill(disk, 0)
    with pytest.raises(commands.UserError) as refusal:
        commands._save(file)
    assert refusal.value.code == "save-refused" and not refusal.value.bad_input
    assert file.read_bytes() == before, "Blender saves beside and renames"
    filler.unlink()
    commands._save(file)
    assert file.read_bytes() != before
