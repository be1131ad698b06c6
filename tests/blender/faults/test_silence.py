"""A worker that says nothing: the person is told, decides, and loses no drawing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender import commands
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs import queue as queues
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Entry, Queue, State

from tests.blender.jobs_on_disk import PYTHON, frames_of, make_entry, poll_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be frozen by a signal there")


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    yield queue
    queue.close()


def frozen_in_mid_job(queue: Queue, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Entry, int]:
    """A job whose worker is frozen after its first drawings and has been silent for long enough to be told."""
    entry = make_entry(folder, 1, 40, engine="draft", size=(480, 270))
    queue.submit(entry, PYTHON)
    poll_until(queue, lambda: len(entry.finished) >= 2)
    pid = queue.worker_pid
    assert pid and not entry.silent_seconds
    monkeypatch.setattr(queues, "SILENT_SECONDS", 2.0)
    monkeypatch.setattr(queues, "_SILENCE_STEP_SECONDS", 1.0)
    os.kill(pid, signal.SIGSTOP)
    poll_until(queue, lambda: entry.silent_seconds)
    return entry, pid


def test_silence_is_told_and_ends_nothing_by_itself(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, pid = frozen_in_mid_job(queue, tmp_path / "a", monkeypatch)
    assert entry.silent_seconds >= 2 and entry.state is State.RUNNING
    os.kill(pid, signal.SIGCONT)
    poll_until(queue, lambda: not entry.silent_seconds)
    queue.wait(entry)
    assert entry.state is State.DONE and queue.worker_pid == pid, "it was only slow, and goes on"


def test_restarting_goes_on_in_a_new_worker_and_draws_nothing_twice(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, pid = frozen_in_mid_job(queue, tmp_path / "a", monkeypatch)
    before = frames_of(tmp_path / "a")
    queue.restart(entry)
    assert entry.state is State.RUNNING and not entry.silent_seconds
    queue.wait(entry)
    after = frames_of(tmp_path / "a")
    assert entry.state is State.DONE and len(after) == 38 and queue.worker_pid != pid
    assert {name: after[name] for name in before} == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_cancelling_a_silent_worker_ends_it_at_the_first_click(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, pid = frozen_in_mid_job(queue, tmp_path / "a", monkeypatch)
    queue.cancel(entry)
    queue.wait(entry)
    assert entry.state is State.CANCELLED and "kept" in entry.sentence
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)  # it was frozen and could not have ended by itself


def test_with_nobody_there_a_silent_worker_is_a_failure_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = make_entry(tmp_path / "a", 1, 5)
    entry.silent_seconds = commands.SILENT_SECONDS
    with pytest.raises(commands.UserError) as refusal:
        commands._end_silence(entry)
    assert refusal.value.code == "worker-silent" and "30 minutes" in refusal.value.sentence
    assert not refusal.value.bad_input and str(tmp_path / "a") in refusal.value.hint
