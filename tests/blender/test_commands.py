"""The headless command: what it does, what it prints, how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import bpy
import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import commands
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import queue

from tests.blender import scenes
from tests.blender.jobs_on_disk import PYTHON

HOLD = ("--engine", "hold")


@pytest.fixture
def shot(scene: bpy.types.Scene, tmp_path: Path) -> Path:
    """A saved file with a box that moves from frame 1 over 5 to 9, open."""
    assert PYTHON.exists()
    queue.entries.clear()
    scenes.moving_box(scene, 1, 5, 9)
    file = tmp_path / "ein Schuss ß.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    return file


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]


def test_it_draws_imports_and_saves_under_another_name(shot: Path, tmp_path: Path) -> None:
    before = hashlib.sha256(shot.read_bytes()).hexdigest()
    out = tmp_path / "out.blend"
    assert commands.inbetween([*HOLD, "--frames", "1-9", "--import", "strip", "--save", str(out)]) == 0
    assert hashlib.sha256(shot.read_bytes()).hexdigest() == before
    bpy.ops.wm.open_mainfile(filepath=str(out))
    strip = bpy.context.scene.sequence_editor.strips[0]
    assert (strip.frame_final_start, strip.frame_final_end) == (1, 10)
    folder = tmp_path / "ein Schuss ß_inbetweens" / "001_f0001-f0009"
    assert Path(bpy.path.abspath(strip.directory)).resolve() == (folder / "shown").resolve()
    assert sorted(path.name for path in (folder / "frames").iterdir()) == [
        f"{frame:04d}.png" for frame in (2, 3, 4, 6, 7, 8)
    ]


def test_json_lines_tell_the_whole_story(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.inbetween([*HOLD, "--frames", "1-5", "--exposure", "2", "--json"]) == 0
    told = events(capsys)
    kinds = [event["event"] for event in told]
    assert kinds[0] == "captured" and "started" in kinds and "progress" in kinds and kinds[-1] == "done"
    frames = told[-1]["frames"]
    assert isinstance(frames, list) and [Path(frame).name for frame in frames] == ["0003.png"]
    assert all(Path(frame).is_file() for frame in frames)


def test_what_is_not_said_is_taken_from_the_scene(shot: Path) -> None:
    chosen = bpy.context.scene.inbetween
    chosen.engine, chosen.exposure, chosen.import_as, chosen.seed = "hold", 2, "none", 5
    assert commands.inbetween(["--frames", "1-9", "--seed", "6"]) == 0
    job = queue.entries[-1].job
    assert job.wanted == (3, 7) and job.settings.seed == 6
    editor = bpy.context.scene.sequence_editor
    assert editor is None or not editor.strips


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--frames", "9-1"], "range-reversed"),
        (["--frames", "100-200"], "too-few-keys"),
        (["--frames", "1-9", "--object", "Nobody"], "object-unknown"),
        (["--frames", "1-9", "--object", "Camera"], "no-grease-pencil"),
        (["--frames", "1-9", "--scene", "Nowhere"], "scene-unknown"),
        (["--frames", "1-9", "--engine", "magic"], "engine-unknown"),
        (["--frames", "1-9", "--exposure", "0"], "exposure-invalid"),
        (["--frames", "1-9", "--width", "0"], "width-invalid"),
        (["--frames", "1-9", "--seed", "-1"], "seed-invalid"),
        (["--frames", "1-9", "--save", "/no/such/folder/out.blend"], "save-refused"),
    ],
)
def test_bad_input_is_a_sentence_exit_code_2_and_leaves_everything_as_it_was(
    shot: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    objects = [obj.name for obj in bpy.data.objects]
    assert commands.inbetween([*arguments, "--json"]) == 2
    (error,) = events(capsys)
    assert error["code"] == code and error["sentence"] and error["hint"]
    assert [path.name for path in shot.parent.iterdir()] == [shot.name]
    assert [obj.name for obj in bpy.data.objects] == objects and not queue.entries


def test_without_a_person_to_choose_one_take_is_drawn(shot: Path) -> None:
    bpy.context.scene.inbetween.takes = 3
    assert commands.inbetween([*HOLD, "--frames", "1-5"]) == 0
    assert len(queue.entries) == 1


@pytest.mark.parametrize("arguments", [["--frames", "one-two"], ["--nonsense"], ["--easing", "bouncy"]])
def test_bad_usage_is_exit_code_2_and_leaves_blender_alive(
    shot: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert commands.inbetween(arguments) == 2
    assert "usage:" in capsys.readouterr().err


def test_help_is_exit_code_0(shot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.inbetween(["--help"]) == 0
    assert "--frames" in capsys.readouterr().out


def test_saving_never_replaces_a_file_unless_told(
    shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.blend"
    other.write_bytes(b"precious")
    for file in (shot, other):
        assert commands.inbetween([*HOLD, "--frames", "1-9", "--save", str(file), "--json"]) == 2
        assert events(capsys)[-1]["code"] == "save-refused"
    assert other.read_bytes() == b"precious" and not queue.entries
    for file in (other, shot):
        assert commands.inbetween([*HOLD, "--frames", "1-9", "--save", str(file), "--overwrite"]) == 0
        assert file.read_bytes() != b"precious"


def test_a_file_that_did_not_load_is_an_error_and_not_a_run_on_the_default_scene(
    scene: bpy.types.Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes.moving_box(scene, 1, 5)
    assert commands.inbetween([*HOLD, "--frames", "1-5", "--json"]) == 2
    assert events(capsys)[-1]["code"] == "file-not-loaded"


def test_a_failed_job_is_exit_code_1_and_keeps_the_folder(
    shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if sys.platform == "win32":
        pytest.skip("needs a shell script as interpreter")
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 9\n")
    broken.chmod(0o755)
    monkeypatch.setenv("TOONCRAFTER_PYTHON", str(broken))
    queue.close()
    assert commands.inbetween([*HOLD, "--frames", "1-9", "--json"]) == 1
    assert events(capsys)[-1]["code"] == "worker-died"
    assert (queue.entries[-1].folder / "job.json").is_file()


def test_of_several_objects_the_active_one_is_taken_and_otherwise_asked_for(
    shot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes.new_object(bpy.context.scene, {1: [scenes.box(0)], 3: [scenes.box(1)]}, name="Second")
    assert commands.inbetween([*HOLD, "--frames", "1-9"]) == 0
    assert queue.entries[-1].home.object == "Second"
    bpy.context.view_layer.objects.active = bpy.context.scene.camera
    assert commands.inbetween([*HOLD, "--frames", "1-9", "--json"]) == 2
    error = events(capsys)[-1]
    assert error["code"] == "object-unclear" and "Second" in str(error["hint"])
    assert commands.inbetween([*HOLD, "--frames", "1-9", "--object", "Art"]) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to a single process")
def test_control_c_cancels_keeps_what_is_finished_and_is_exit_code_130(
    shot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = 960, 600
    art = bpy.data.objects["Art"].data.layers[0]
    art.frames.move(9, 80)

    def interrupt() -> None:
        while not (queue.entries and queue.entries[-1].finished):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert commands.inbetween(["--engine", "draft", "--frames", "1-100", "--json"]) == 130
    thread.join()
    told = events(capsys)[-1]
    assert told["event"] == "cancelled" and list((Path(str(told["folder"])) / "frames").glob("*.png"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
