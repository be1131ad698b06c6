"""A batch's two ends in Blender: capture here, draw with `tooncrafter batch`, import in another place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import commands
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import queue

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON, ROOT

HOLD = ("--engine", "hold")


@pytest.fixture
def shot(scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """A saved file with two boxes that move from frame 1 over 5 to 9, open; the first of them is active."""
    queue.entries.clear()
    scenes.moving_box(scene, 1, 5, 9)
    scenes.new_object(scene, {1: [scenes.box(0)], 7: [scenes.box(1)]}, name="Second")
    bpy.context.view_layer.objects.active = bpy.data.objects["Art"]
    place = tmp_path / "hier"
    place.mkdir()
    file = place / "Schuß 1.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    return file


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]


def capture(jobs: Path, *more: str) -> int:
    return commands.inbetween([*HOLD, "--capture-only", "--jobs", str(jobs), *more])


def bring_in(jobs: Path, *more: str) -> int:
    return commands.inbetween(["--import-only", "--jobs", str(jobs), "--json", *more])


def draw(jobs: Path) -> int:
    """What the machine in the middle does; it has no Blender."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([PYTHON, "-m", "backend", "batch", jobs], env=environment).returncode


def strips() -> list[bpy.types.ImageStrip]:
    editor = bpy.context.scene.sequence_editor
    return list(editor.strips) if editor else []


def test_capturing_writes_the_job_changes_nothing_and_needs_no_engine(
    shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOONCRAFTER_PYTHON", str(tmp_path / "no such python"))
    before = hashlib.sha256(shot.read_bytes()).hexdigest()
    jobs = tmp_path / "new" / "jobs"
    assert capture(jobs, "--frames", "1-9", "--json") == 0
    told = events(capsys)[-1]
    (folder,) = jobs.iterdir()
    assert (told["event"], told["folder"], told["wanted"]) == ("done", str(folder), [2, 3, 4, 6, 7, 8])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    assert job["source"].items() >= {"file": str(shot), "scene": "Scene", "object": "Art"}.items()
    assert job["engine"] == "hold"
    assert sorted(path.name for path in (folder / "keys").iterdir()) == ["0001.png", "0005.png", "0009.png"]
    assert not (folder / "frames").exists() and not queue.entries and not strips()
    assert hashlib.sha256(shot.read_bytes()).hexdigest() == before
    assert [path.name for path in shot.parent.iterdir()] == [shot.name]


def test_captured_here_drawn_there_and_imported_elsewhere(
    shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert capture(here, "--object", "Art", "--frames", "1-9") == 0
    assert capture(here, "--object", "Second", "--frames", "1-9") == 0
    shutil.move(here, there)
    assert draw(there) == 0
    moved = shutil.copy(shot, tmp_path / shot.name)
    bpy.ops.wm.open_mainfile(filepath=str(moved))
    out = tmp_path / "out.blend"
    assert bring_in(there, "--import", "strip", "--save", str(out)) == 0
    told = events(capsys)[-1]
    assert told["event"] == "done" and len(told["imported"]) == 2  # type: ignore[arg-type]
    bpy.ops.wm.open_mainfile(filepath=str(out))
    assert sorted((strip.frame_final_start, strip.frame_final_end) for strip in strips()) == [(1, 8), (1, 10)]
    for strip in strips():
        shown = Path(bpy.path.abspath(strip.directory))
        assert there.resolve() in shown.resolve().parents
        assert all((shown / element.filename).is_file() for element in strip.elements)


def test_importing_twice_doubles_nothing_and_the_latest_capture_counts(shot: Path, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    for seed in ("1", "2"):
        assert capture(jobs, "--frames", "1-9", "--seed", seed) == 0
    assert draw(jobs) == 0
    for _ in range(2):
        assert bring_in(jobs, "--import", "strip") == 0
        (strip,) = strips()
        assert "002_f0001-f0009" in strip.directory


def test_jobs_that_are_not_drawn_yet_are_told_and_the_others_come_in(
    shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = tmp_path / "jobs"
    assert capture(jobs, "--frames", "1-5") == 0
    assert draw(jobs) == 0
    assert capture(jobs, "--frames", "5-9") == 0
    assert bring_in(jobs, "--import", "strip") == 1
    told = events(capsys)[-1]
    assert told["code"] == "jobs-unfinished" and "002_f0005-f0009" in str(told["sentence"])
    assert [(strip.frame_final_start, strip.frame_final_end) for strip in strips()] == [(1, 6)]


def test_jobs_of_other_files_and_damaged_ones_are_passed_over(
    shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = tmp_path / "jobs"
    assert capture(jobs, "--frames", "1-9") == 0
    bpy.ops.wm.save_as_mainfile(filepath=str(shot.with_name("another.blend")))
    assert capture(jobs, "--frames", "1-9") == 0
    assert draw(jobs) == 0
    (jobs / "broken").mkdir()
    (jobs / "broken/job.json").write_text("{")
    assert bring_in(jobs, "--import", "strip") == 0
    told = events(capsys)
    passed = sorted(str(event["sentence"])[:6] for event in told if event["event"] == "passed-over")
    assert passed == ["001_f0", "broken"]
    (strip,) = strips()
    assert "002_f0001-f0009" in strip.directory


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--capture-only"], "jobs-missing"),
        (["--import-only"], "jobs-missing"),
        (["--jobs", "{jobs}"], "jobs-unexpected"),
        (["--capture-only", "--jobs", "{jobs}", "--save", "{jobs}.blend"], "save-unexpected"),
        (["--import-only", "--jobs", "{jobs}"], "jobs-missing"),
        (["--capture-only", "--jobs", "{file}/jobs"], "folder-not-writable"),
        (["--capture-only", "--jobs", "{jobs}", "--frames", "100-200"], "too-few-keys"),
    ],
)
def test_wrong_parts_are_a_sentence_and_leave_nothing_behind(
    shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    given = [item.format(jobs=tmp_path / "jobs", file=shot) for item in arguments]
    assert commands.inbetween(["--frames", "1-9", *HOLD, *given, "--json"]) in (1, 2)
    error = events(capsys)[-1]
    assert error["code"] == code and error["sentence"]
    assert not (tmp_path / "jobs").exists() or not list((tmp_path / "jobs").iterdir())


def test_both_parts_at_once_are_bad_usage(shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.inbetween(["--capture-only", "--import-only", "--jobs", str(tmp_path / "jobs")]) == 2
    assert "not allowed with" in capsys.readouterr().err
