"""The command line as a person types it: real processes, exit codes, sentences on stderr."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.contract.result import State, read_result
from backend.pictures import read_picture, write_picture
from tests.end_to_end.jobs import ball, frames_of, make_job
from tests.patience import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[2]


def tooncrafter(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "backend", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=PATIENCE_SECONDS)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two pictures in a folder that has a space and umlauts in its name."""
    folder = tmp_path / "Schöne Bilder"
    folder.mkdir()
    start, end = folder / "Anfang.png", folder / "Ende.png"
    write_picture(start, ball(30))
    write_picture(end, ball(60))
    return start, end


def test_two_pictures_become_n_in_betweens_in_time_order(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = tooncrafter(
        "inbetween", *pair, "-n", "3", "-o", out, "--sheet", out / "sheet.png", "--video", out / "v.gif"
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["0001.png", "0002.png", "0003.png", "sheet.png", "v.gif"]
    centres = []
    for name in ("0001.png", "0002.png", "0003.png"):
        alpha = read_picture(out / name)[..., 3]
        centres.append(float((alpha * np.arange(96)).sum() / alpha.sum()))
    assert np.allclose(centres, [37.5, 45, 52.5], atol=1.5), "the ball rolls evenly"
    with Image.open(out / "v.gif") as video:
        assert video.n_frames == 5


def test_times_guides_and_easing_are_taken(pair: tuple[Path, Path], tmp_path: Path) -> None:
    guide = tmp_path / "guide.png"
    Image.new("L", (96, 64), 255).save(guide)
    done = tooncrafter(
        "inbetween", *pair, "--times", "0.5,0.25", "--guide", f"0.5={guide}", "--easing", "ease_in",
        "-o", tmp_path / "out", "--engine", "hold", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["frame"] for event in events if event["event"] == "frame"] == [250000, 500000]
    assert any(event["event"] == "notice" and event["frame"] == 500000 for event in events)


def test_pictures_are_never_overwritten_unasked(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "0002.png").write_bytes(b"mine")
    refused = tooncrafter("inbetween", *pair, "-n", "2", "-o", out, "--engine", "hold")
    assert refused.returncode == 2 and "exists already" in refused.stderr
    assert [path.read_bytes() for path in out.iterdir()] == [b"mine"]
    assert tooncrafter("inbetween", *pair, "-n", "2", "-o", out, "--engine", "hold", "--overwrite").returncode == 0
    assert (out / "0002.png").read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{start}", "{nothing}"], "is not there"),
        (["{start}", "{text}"], "cannot be read"),
        (["{start}", "{small}"], "10 × 10 pixels"),
        (["{start}", "{end}", "-n", "0"], "between 1 and 1000"),
        (["{start}", "{end}", "--times", "0,0.5"], "between 0"),
        (["{start}", "{end}", "--times", "nan"], "between 0"),
        (["{start}", "{end}", "--times", "0.5,0.5"], "the same"),
        (["{start}", "{end}", "--times", "soon"], "not a list of numbers"),
        (["{start}", "{end}", "--guide", "1.5={start}"], "between 0 and 1"),
        (["{start}", "{end}", "--guide", "{start}"], "0.5=guide.png"),
        (["{start}", "{end}", "--guide", "0.5={nothing}"], "is not there"),
        (["{start}", "{end}", "--engine", "magic"], "invalid choice"),
        (["{start}", "{end}", "--guide", "0.5={start}", "--guide", "0.5={end}"], "already"),
        (["{start}", "{end}", "--guide", "0.5={start}", "--guide", "0.5000001={end}"], "same time"),
        (["{start}", "{end}", "--guide", "0.0000001={start}"], "close to a key"),
        (["{start}", "{end}", "--seed", "-4"], "settings.seed"),
        (["{start}", "{end}", "--guidance", "nan"], "settings.guidance"),
        (["{start}", "{end}", "--fps", "inf"], "canvas.fps"),
        (["{start}", "{end}", "--prompt", "\udcff"], "settings.prompt"),
        (["{start}", "{end}", "--motion-speed", "0"], "settings.motion_speed"),
        (["{start}", "{end}", "--steps", "201"], "settings.steps"),
        (["{start}", "{end}", "--guide-from", "0.6", "--guide-until", "0.4"], "settings.guide_until"),
        (["{start}", "{end}", "--video", "film.avi"], ".mp4 or .gif"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(
    pair: tuple[Path, Path], tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "text.png").write_text("hello")
    write_picture(tmp_path / "small.png", ball(5, 5, 10, 10))
    names = {"start": pair[0], "end": pair[1], "nothing": tmp_path / "nothing.png"}
    names |= {"text": tmp_path / "text.png", "small": tmp_path / "small.png"}
    refused = tooncrafter("inbetween", *(item.format(**names) for item in arguments), "-o", tmp_path / "out")
    assert refused.returncode == 2
    assert words in refused.stderr and "Traceback" not in refused.stderr
    assert not (tmp_path / "out").exists()


def test_pictures_of_two_sizes_fit_when_asked(pair: tuple[Path, Path], tmp_path: Path) -> None:
    write_picture(tmp_path / "small.png", ball(24, 16, 48, 32))
    done = tooncrafter("inbetween", pair[0], tmp_path / "small.png", "-n", "1", "--fit", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert read_picture(tmp_path / "out/0001.png").shape == (64, 96, 4)


def test_a_job_folder_is_run_and_run_again(tmp_path: Path) -> None:
    make_job(tmp_path)
    first = tooncrafter("run", tmp_path)
    assert first.returncode == 0 and "6 in-betweens drawn" in first.stdout
    result = read_result(tmp_path)
    assert result and [segment.notes for segment in result.segments] == [{"method": "regions"}] * 2
    second = tooncrafter("run", tmp_path, "--json")
    assert second.returncode == 0 and '"event": "frame"' not in second.stdout


def test_a_job_is_shown_as_sheet_and_video_with_its_timing(tmp_path: Path) -> None:
    make_job(tmp_path / "job", (1, 5), engine="hold")
    tooncrafter("run", tmp_path / "job")
    (tmp_path / "job/frames/0003.png").unlink()
    done = tooncrafter("preview", tmp_path / "job", "--sheet", tmp_path / "s.png", "--video", tmp_path / "v.mp4")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "s.png").width > 96
    import cv2

    video = cv2.VideoCapture(str(tmp_path / "v.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert video.get(cv2.CAP_PROP_FPS) == 24
    video.release()


def test_a_folder_that_is_no_job_is_bad_input(tmp_path: Path) -> None:
    refused = tooncrafter("run", tmp_path)
    assert refused.returncode == 2 and "There is no job.json" in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_control_c_cancels_with_exit_code_130(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 400), size=(640, 400))
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "run", str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: (tmp_path / "frames").exists() and frames_of(tmp_path))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130 and "cancelled" in said and "Traceback" not in said


def test_the_doctor_tells_what_works_without_personal_paths() -> None:
    done = tooncrafter("doctor")
    assert done.returncode == 0
    assert "ok  engine draft" in done.stdout
    assert str(Path.home()) not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as POSIX has them")
@pytest.mark.parametrize("command", [("--help",), ("doctor",), ("run", "JOB"), ("run", "JOB", "--json")])
def test_who_reads_the_first_line_alone_sees_no_traceback(tmp_path: Path, command: tuple[str, ...]) -> None:
    make_job(tmp_path / "JOB", (1, 4), engine="hold")
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "backend", *command],
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (130, b"")
    result = read_result(tmp_path / "JOB")
    if "--json" in command:
        assert result and result.state is State.CANCELLED, "it is not told as a fault of the disk"
        assert not (tmp_path / "JOB/drawing").exists(), "the folder is free"
    elif "run" in command:
        assert result and result.state is State.DONE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_words_that_cannot_be_written_are_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "backend", "doctor"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 1 and ended.stderr.startswith("tooncrafter: What this command says could not be")
    assert "Traceback" not in ended.stderr
