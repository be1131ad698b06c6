"""Disks that fill up, refuse, vanish or crawl: every time a sentence, and a retry finds all that was finished."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend import pictures
from backend.contract import messages
from backend.contract.job import (
    LONGEST_NAME_INSIDE,
    WINDOWS_LONGEST_PATH,
    refuse_what_windows_cannot_reach,
    resolve,
)
from backend.contract.strokes import STROKES_FOLDER
from backend.errors import Cancelled, UserError
from backend.jobs import claim as claims
from backend.jobs.run import run_job
from backend.tracing import trace_job
from tests.end_to_end.driving import FINISHED, Worker
from tests.end_to_end.jobs import frames_of, make_job
from tests.faults.disks import CAN_MOUNT, fill, make_read_only, small_disk
from tests.faults.tally import note

KEYS = (1, 5, 9)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if not CAN_MOUNT:
        pytest.skip("needs the right to mount a small disk")
    with small_disk(tmp_path / "disk", "192k") as place:
        yield place


def everything(folder: Path) -> dict[str, bytes]:
    """All files of a job but its record and its log."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("result.json", "log.txt"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All files of a job that was drawn and traced on a disk with room."""
    folder = tmp_path_factory.mktemp("roomy") / "job"
    make_job(folder, KEYS, engine="hold")
    run_job(folder)
    trace_job(folder)
    return everything(folder)


@pytest.mark.parametrize("stages", [8, pytest.param(40, marks=pytest.mark.long)])
def test_a_disk_that_is_full_at_any_stage_costs_nothing_and_making_room_is_all_it_needs(
    disk: Path, undisturbed: dict[str, bytes], stages: int
) -> None:
    """Less and less room: first it ends in tracing, then in a drawing, the record, and at last in the claim."""
    refused = set()
    for stage in range(stages):
        folder = disk / "job"
        make_job(folder, KEYS, engine="hold")
        filler = fill(disk, 4096 * (20 * stage // stages))
        try:
            run_job(folder)
            trace_job(folder)
        except UserError as error:
            assert error.code in ("disk-full", "folder-not-writable") and not error.bad_input
            assert "No space" in error.sentence or "full" in error.sentence
            assert "ree some space" in error.hint
            refused.add("strokes" if (folder / STROKES_FOLDER).exists() else str(len(frames_of(folder))))
        assert everything(folder).items() <= undisturbed.items(), "no half-written and no wrong file"
        filler.unlink()
        run_job(folder)
        trace_job(folder)
        assert everything(folder) == undisturbed
        shutil.rmtree(folder)
    assert len(refused) >= 3, "it ran full at several stages"
    note(stages, f"full at {len(refused)} different stages: {sorted(refused)}")


def test_a_worker_says_that_the_disk_is_full_and_draws_the_rest_on_retry(disk: Path) -> None:
    make_job(disk / "job", KEYS, engine="hold")
    filler = fill(disk, 16384)
    worker = Worker()
    worker.send(messages.Run("job-1", str(disk / "job"), strokes=True))
    failed = worker.hear(*FINISHED)
    assert isinstance(failed, messages.Failed) and failed.code == "disk-full" and not failed.bad_input
    kept = len(frames_of(disk / "job"))
    filler.unlink()
    worker.send(messages.Run("job-1", str(disk / "job"), strokes=True))
    assert worker.hear(*FINISHED) == messages.Done("job-1", 6 - kept, kept)
    worker.end()


def test_a_read_only_disk_is_a_sentence(disk: Path) -> None:
    make_job(disk / "job")
    make_job(disk / "drawn", (1, 3), engine="hold")
    run_job(disk / "drawn")
    make_read_only(disk)
    for refused in (lambda: run_job(disk / "job"), lambda: trace_job(disk / "drawn")):
        with pytest.raises(UserError) as failure:
            refused()
        assert failure.value.code == "folder-not-writable" and "Read-only" in failure.value.sentence


def test_a_finished_job_on_a_read_only_disk_can_still_be_looked_at(disk: Path) -> None:
    from backend.previews import preview_job

    make_job(disk / "job", (1, 3), engine="hold")
    run_job(disk / "job")
    make_read_only(disk)
    preview_job(disk / "job", disk.parent / "sheet.png", None)
    assert (disk.parent / "sheet.png").exists()


REMOVED = {
    "the whole folder": lambda folder: shutil.rmtree(folder),
    "frames": lambda folder: shutil.rmtree(folder / "frames"),
    "keys": lambda folder: shutil.rmtree(folder / "keys"),
    "the claim": lambda folder: shutil.rmtree(folder / "drawing"),
    "job.json": lambda folder: (folder / "job.json").unlink(),
    "the folder, renamed": lambda folder: folder.rename(folder.with_name("elsewhere")),
}


@pytest.mark.parametrize("what", REMOVED)
def test_what_is_removed_in_mid_job_is_a_sentence_or_goes_on_and_is_not_made_up(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "job"
    make_job(folder, KEYS)
    removed = []

    def remove(event: messages.Event) -> None:
        if isinstance(event, messages.FrameReady) and not removed:
            removed.append(event)
            REMOVED[what](folder)

    try:
        run_job(folder, remove)
    except UserError as error:
        assert error.code in ("job-missing", "folder-not-writable", "picture-missing"), error
        assert error.hint and str(tmp_path) in error.sentence
        assert folder.exists() == (what in ("frames", "keys")), "a folder that somebody removed is not made again"
    else:
        assert what in ("the claim", "job.json", "keys"), "nothing that mattered was gone"
        assert len(frames_of(folder)) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is in use cannot be removed there")
def test_a_worker_survives_folders_removed_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(8)
    worker = Worker()
    for index in range(6):
        folder = tmp_path / str(index)
        make_job(folder, KEYS, engine="hold")
        worker.send(messages.Run(f"job-{index}", str(folder)))
        time.sleep(chance.uniform(0, 0.05))
        shutil.rmtree(folder, ignore_errors=True)
        ended = worker.hear(*FINISHED)
        assert isinstance(ended, messages.Done | messages.Failed)
        if isinstance(ended, messages.Failed):
            assert ended.code in ("job-missing", "folder-not-writable", "picture-missing"), ended
    make_job(tmp_path / "last", (1, 4), engine="hold")
    worker.send(messages.Run("job-1", str(tmp_path / "last")))
    assert worker.hear(*FINISHED) == messages.Done("job-1", 2, 0)
    worker.end()


def test_on_a_disk_that_crawls_nobody_loses_the_job_to_one_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write takes longer than an owner may be silent; its heartbeat goes on meanwhile."""
    monkeypatch.setattr(claims, "STALE_SECONDS", 0.6)
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.05)
    wait = os.fsync

    def crawl(descriptor: int) -> None:
        time.sleep(0.9)
        wait(descriptor)

    monkeypatch.setattr(pictures.os, "fsync", crawl)
    make_job(tmp_path, (1, 4), engine="hold")
    made: list[int] = []
    runners = [threading.Thread(target=lambda: made.append(run_job(tmp_path).made)) for _ in range(2)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert sorted(made) == [0, 2]


def test_cancelling_on_a_disk_that_crawls_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures.os, "fsync", lambda descriptor: time.sleep(0.2))
    make_job(tmp_path, (1, 9), engine="hold")
    with pytest.raises(Cancelled):
        run_job(tmp_path, is_cancelled=lambda: (tmp_path / "frames/0002.png").exists())
    assert list(frames_of(tmp_path)) == ["0002.png"] and not (tmp_path / "drawing").exists()


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "a file called frames": lambda folder: (folder / "frames").write_text("mine"),
    "a folder called result.json": lambda folder: (folder / "result.json/mine").mkdir(parents=True),
    "a folder called log.txt": lambda folder: (folder / "log.txt/mine").mkdir(parents=True),
    "a folder called 0002.png": lambda folder: (folder / "frames/0002.png/mine").mkdir(parents=True),
    "a file called earlier": lambda folder: [
        (folder / "frames").mkdir(),
        (folder / "frames/0002.png").write_text("mine"),
        (folder / "earlier").write_text("mine"),
    ],
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_is_in_the_way_of_a_result_is_a_sentence_or_moved_aside_and_never_lost(
    tmp_path: Path, what: str
) -> None:
    make_job(tmp_path / "job", (1, 4), engine="hold")
    IN_THE_WAY[what](tmp_path / "job")
    worker = Worker()
    worker.send(messages.Run("job-1", str(tmp_path / "job")))
    ended = worker.hear(*FINISHED)
    worker.end()
    if isinstance(ended, messages.Failed):
        assert ended.code == "folder-not-writable" and ended.hint
    else:
        assert ended == messages.Done("job-1", 2, 0)
    mine = [path for path in (tmp_path / "job").rglob("*") if path.name == "mine"]
    files = [path for path in (tmp_path / "job").rglob("*") if path.is_file() and path.read_bytes() == b"mine"]
    assert mine or files, "what the person had put there is still somewhere"


@pytest.mark.parametrize("name", ["Übung 1", "場面 12", "🌙", "with  spaces ", "a'b", "-n", "%TEMP%", "x" * 200])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    try:
        make_job(tmp_path / name, (1, 4), engine="hold")
    except OSError:
        pytest.skip("this system has no such names")
    assert run_job(tmp_path / name).made == 2
    command = [sys.executable, "-m", "backend", "run", f"./{name}"]
    root = str(Path(__file__).resolve().parents[2])
    ended = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}, capture_output=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "path",
    ["NUL", "keys/con.png", "keys/COM1", "LPT9.txt/a.png", "keys/aux .png", "keys/a.", "keys/a ", "keys./a.png"],
)
def test_names_that_windows_reads_as_something_else_are_refused_everywhere(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError) as refusal:
        resolve(tmp_path, path)
    assert refusal.value.code == "path-outside-job"


@pytest.mark.parametrize("path", ["keys/console.png", "keys/0001.png", "keys/.a.png", "keys/com.png", "nul1.png"])
def test_names_that_only_look_like_those_are_not(tmp_path: Path, path: str) -> None:
    assert resolve(tmp_path, path) == (tmp_path / path).resolve()


def test_a_folder_that_windows_could_not_reach_into_is_refused_with_both_lengths() -> None:
    longest = "C:\\" + "x" * (WINDOWS_LONGEST_PATH - LONGEST_NAME_INSIDE - 4)
    refuse_what_windows_cannot_reach(longest)
    with pytest.raises(UserError, match=f"{len(longest) + 1} characters; Windows allows {len(longest)}") as refusal:
        refuse_what_windows_cannot_reach(longest + "x")
    assert refusal.value.code == "path-too-long" and "nearer to the root" in refusal.value.hint


def test_no_name_inside_a_job_is_longer_than_is_allowed_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(tmp_path, (1, 4), engine="hold")
    lengths, flush = [], os.fsync

    def look(descriptor: int) -> None:
        lengths.extend(len(path.relative_to(tmp_path).as_posix()) for path in tmp_path.rglob("*"))
        flush(descriptor)

    monkeypatch.setattr(pictures.os, "fsync", look)  # when a file lies there under its temporary name
    run_job(tmp_path)
    trace_job(tmp_path)
    spare = len("-1048574") - len("0002")  # the longest frame number instead of the usual four digits
    assert 60 < max(lengths) + spare <= LONGEST_NAME_INSIDE
