"""The worker as Blender drives it: a real process, real pipes, real kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.contract import messages
from backend.jobs.run import run_job
from tests.end_to_end.driving import FINISHED, ROOT, Worker, is_alive
from tests.end_to_end.jobs import frames_of, make_job
from tests.patience import PATIENCE_SECONDS, wait_until


@pytest.fixture
def worker() -> Iterator[Worker]:
    process = Worker()
    yield process
    process.end()


def test_it_says_what_it_can_do_before_anything_is_asked(worker: Worker) -> None:
    ready = worker.hear(messages.Ready)
    assert isinstance(ready, messages.Ready)
    assert ready.engines["draft"] == "" and ready.version == 1


def test_a_job_is_run_and_announced_frame_by_frame(worker: Worker, tmp_path: Path) -> None:
    make_job(tmp_path)
    worker.send(messages.Run("job-1", str(tmp_path)))
    frames = [worker.hear(messages.FrameReady, *FINISHED) for _ in range(7)]
    assert frames[-1] == messages.Done("job-1", 6, 0)
    assert len(frames_of(tmp_path)) == 6


def test_a_bad_job_ends_the_job_not_the_worker(worker: Worker, tmp_path: Path) -> None:
    worker.send(messages.Run("nothing", str(tmp_path / "nowhere")))
    failed = worker.hear(*FINISHED)
    assert isinstance(failed, messages.Failed) and failed.code == "job-missing" and failed.bad_input
    make_job(tmp_path / "job", (1, 4), engine="hold")
    worker.send(messages.Run("job-1", str(tmp_path / "job")))
    assert worker.hear(*FINISHED) == messages.Done("job-1", 2, 0)


def test_lines_that_are_no_requests_are_survived(worker: Worker, tmp_path: Path) -> None:
    make_job(tmp_path, (1, 4), engine="hold")
    worker.send_raw(b"hello\n\n{}\n\xff\xfe\n" + b"x" * 5_000_000 + b"\n" + b"[" * 100_000 + b"\n")
    worker.send(messages.Run("job-1", str(tmp_path)))
    assert worker.hear(*FINISHED) == messages.Done("job-1", 2, 0)


def test_what_libraries_print_goes_to_the_log_not_among_the_messages(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 4), engine="hold")
    script = """
import os, sys
from backend import worker
from backend.engines import hold
draw = hold.HoldEngine.inbetween
def noisy(self, *arguments):
    print("python chatter"); os.write(1, b"native chatter"); os.write(2, b"native complaint")
    yield from draw(self, *arguments)
hold.HoldEngine.inbetween = noisy
sys.exit(worker.main())
"""
    noisy = Worker("-u", "-c", script)
    noisy.send(messages.Run("job-1", str(tmp_path)))
    assert noisy.hear(*FINISHED) == messages.Done("job-1", 2, 0)
    noisy.end()
    log = (tmp_path / "log.txt").read_text()
    assert "python chatter" in log and "native chatter" in log and "native complaint" in log


def test_cancel_stops_a_job_and_keeps_its_frames(worker: Worker, tmp_path: Path) -> None:
    make_job(tmp_path, (1, 200), size=(640, 400))
    worker.send(messages.Run("job-1", str(tmp_path)))
    worker.hear(messages.FrameReady)
    worker.send(messages.Cancel("job-1"))
    assert worker.hear(*FINISHED) == messages.Cancelled("job-1")
    assert 1 <= len(frames_of(tmp_path)) < 198


def test_a_late_cancel_does_not_spoil_the_retry(worker: Worker, tmp_path: Path) -> None:
    make_job(tmp_path, (1, 4), engine="hold")
    for _ in range(3):
        worker.send(messages.Run("job-1", str(tmp_path)))
        assert isinstance(worker.hear(*FINISHED), messages.Done)
        worker.send(messages.Cancel("job-1"))


def test_a_waiting_job_can_be_cancelled(worker: Worker, tmp_path: Path) -> None:
    make_job(tmp_path / "long", (1, 60), size=(320, 200))
    make_job(tmp_path / "next", (1, 4), engine="hold")
    worker.send(messages.Run("long", str(tmp_path / "long")))
    worker.send(messages.Run("job-2", str(tmp_path / "next")))
    worker.send(messages.Cancel("job-2"))
    assert isinstance(worker.hear(*FINISHED), messages.Done)
    assert worker.hear(*FINISHED) == messages.Cancelled("job-2")


def test_it_ends_when_its_stdin_closes_even_in_mid_job(worker: Worker, tmp_path: Path) -> None:
    make_job(tmp_path, (1, 400), size=(640, 400))
    worker.send(messages.Run("job-1", str(tmp_path)))
    worker.hear(messages.FrameReady)
    assert worker.process.stdin
    worker.process.stdin.close()
    worker.process.wait(PATIENCE_SECONDS)
    assert len(frames_of(tmp_path)) < 398, "it did not draw to the end first"


def test_a_killed_worker_loses_no_finished_frame_and_makes_none_twice(tmp_path: Path) -> None:
    make_job(tmp_path / "whole", (1, 9, 17), size=(320, 200))
    run_job(tmp_path / "whole")
    make_job(tmp_path / "killed", (1, 9, 17), size=(320, 200))
    worker = Worker()
    worker.send(messages.Run("job-1", str(tmp_path / "killed")))
    for _ in range(5):
        worker.hear(messages.FrameReady)
    worker.process.kill()
    worker.end()
    finished = frames_of(tmp_path / "killed")
    assert 5 <= len(finished) < 14
    result = run_job(tmp_path / "killed")
    assert (result.made, result.kept) == (14 - len(finished), len(finished))
    assert frames_of(tmp_path / "killed") == frames_of(tmp_path / "whole")


@pytest.mark.skipif(
    sys.platform == "win32", reason="a process there cannot be made to hold another's pipe this way"
)
def test_it_ends_with_a_parent_that_was_killed_although_its_stdin_stays_open() -> None:
    script = f"""
import os, subprocess, sys, time
child = subprocess.Popen([{sys.executable!r}, "-m", "backend", "worker"], stdin=0, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout and parent.stdin
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not is_alive(child))
    parent.stdin.close()
    parent.stdout.close()
