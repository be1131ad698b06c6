"""The queue and its worker, with the real backend in a real process."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bl_ext.checkout.tooncrafter_blender.tooncrafter_blender.jobs.queue import Queue, State

from tests.blender.jobs_on_disk import PYTHON, ROOT, frames_of, make_entry, poll_until
from tests.patience import wait_until

#: Large enough that a segment is still being drawn when its first frames are there.
LARGE = (960, 540)


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    yield queue
    queue.close()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_jobs_run_one_after_another_through_one_worker(queue: Queue, tmp_path: Path) -> None:
    first, second = make_entry(tmp_path / "a", 1, 5), make_entry(tmp_path / "b", 1, 4, 9)
    queue.submit(first, PYTHON)
    queue.submit(second, PYTHON)
    assert (first.state, second.state) == (State.RUNNING, State.WAITING)
    queue.wait(first)
    pid = queue.worker_pid
    queue.wait(second)
    assert (first.state, second.state) == (State.DONE, State.DONE)
    assert queue.worker_pid == pid
    assert first.finished == {2, 3, 4} and second.finished == {2, 3, 5, 6, 7, 8}
    assert list(frames_of(tmp_path / "a")) == ["0002.png", "0003.png", "0004.png"]
    assert first.progress == 1.0 and first.sentence == "3 drawings made."


def test_submitting_does_not_wait_for_the_process_to_start(queue: Queue, tmp_path: Path) -> None:
    entry = make_entry(tmp_path / "a", 1, 3)
    queue.submit(entry, PYTHON)
    assert queue.poll() == []  # nothing has been said yet, and nothing waited for it
    assert entry.stage == "Starting the drawing engine"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_worker_loses_no_finished_frame_and_retry_draws_only_the_missing_ones(
    queue: Queue, tmp_path: Path
) -> None:
    entry = make_entry(tmp_path / "a", 1, 60, engine="draft", size=LARGE)
    queue.submit(entry, PYTHON)
    poll_until(queue, lambda: len(entry.finished) >= 3)
    assert queue.worker_pid
    os.kill(queue.worker_pid, signal.SIGKILL)
    queue.wait(entry)
    assert entry.state is State.FAILED and entry.code == "worker-died"
    assert "signal 9" in entry.sentence and "kept" in entry.sentence and "Retry" in entry.hint
    before = frames_of(tmp_path / "a")
    assert 3 <= len(before) < 58
    queue.retry(entry, PYTHON)
    queue.wait(entry)
    after = frames_of(tmp_path / "a")
    assert entry.state is State.DONE and len(after) == 58
    assert {name: after[name] for name in before} == before  # not drawn again
    assert f"{58 - len(before)} drawings made. {len(before)} were there already." == entry.sentence


def test_cancelling_keeps_what_is_finished(queue: Queue, tmp_path: Path) -> None:
    entry = make_entry(tmp_path / "a", 1, 60, engine="draft", size=LARGE)
    waiting = make_entry(tmp_path / "b", 1, 4)
    queue.submit(entry, PYTHON)
    queue.submit(waiting, PYTHON)
    poll_until(queue, lambda: len(entry.finished) >= 2)
    queue.cancel(entry)
    queue.wait(entry)
    assert entry.state is State.CANCELLED and "kept" in entry.sentence
    assert 2 <= len(frames_of(tmp_path / "a")) < 58
    queue.wait(waiting)
    assert waiting.state is State.DONE


def test_a_waiting_job_is_cancelled_before_it_begins(queue: Queue, tmp_path: Path) -> None:
    first, second = make_entry(tmp_path / "a", 1, 5), make_entry(tmp_path / "b", 1, 5)
    queue.submit(first, PYTHON)
    queue.submit(second, PYTHON)
    queue.cancel(second)
    queue.wait(first)
    queue.poll()
    assert second.state is State.CANCELLED and not (tmp_path / "b" / "frames").exists()


def test_an_error_of_the_engine_reaches_the_entry_with_sentence_and_hint(queue: Queue, tmp_path: Path) -> None:
    entry = make_entry(tmp_path / "a", 1, 5)
    (tmp_path / "a" / "keys" / "0005.png").write_bytes(b"not a picture")
    queue.submit(entry, PYTHON)
    queue.wait(entry)
    assert entry.state is State.FAILED and "0005.png" in entry.sentence
    assert entry.code and entry.hint and "Traceback" not in entry.sentence + entry.hint


def test_a_contract_that_is_too_new_is_named(queue: Queue, tmp_path: Path) -> None:
    entry = make_entry(tmp_path / "a", 1, 5)
    file = tmp_path / "a" / "job.json"
    file.write_text(file.read_text().replace('"version": 1', '"version": 99'))
    queue.submit(entry, PYTHON)
    queue.wait(entry)
    assert entry.code == "job-too-new" and "99" in entry.sentence


def test_an_engine_that_cannot_start_says_which_python_and_why(queue: Queue, tmp_path: Path) -> None:
    missing = tmp_path / "no such python"
    entry = make_entry(tmp_path / "a", 1, 5)
    queue.submit(entry, missing)
    queue.wait(entry)
    assert entry.state is State.FAILED and entry.code == "worker-not-started"
    assert str(missing) in entry.sentence and "preferences" in entry.hint


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script as interpreter")
def test_a_python_that_prints_rubbish_and_dies_fails_the_job_with_its_last_words(
    queue: Queue, tmp_path: Path
) -> None:
    rubbish = tmp_path / "python"
    rubbish.write_text(
        "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x\necho\necho '{}'\necho no such module >&2\nexit 3\n"
    )
    rubbish.chmod(rubbish.stat().st_mode | stat.S_IXUSR)
    entry = make_entry(tmp_path / "a", 1, 5)
    queue.submit(entry, rubbish)
    queue.wait(entry)
    assert entry.state is State.FAILED and "exit code 3" in entry.sentence and "no such module" in entry.hint


def test_closing_ends_the_worker_and_the_job(queue: Queue, tmp_path: Path) -> None:
    entry = make_entry(tmp_path / "a", 1, 60, engine="draft", size=LARGE)
    queue.submit(entry, PYTHON)
    poll_until(queue, lambda: bool(entry.finished))
    pid = queue.worker_pid
    assert pid and is_running(pid)
    queue.close()
    assert not is_running(pid) and entry.state is State.CANCELLED


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_no_worker_outlives_a_killed_blender(tmp_path: Path) -> None:
    script = f"""
import sys, time
sys.path.insert(0, {str(ROOT.parent)!r})
from pathlib import Path
from importlib import import_module
process = import_module({ROOT.name + ".tooncrafter_blender.jobs.worker_process"!r})
worker = process.WorkerProcess(Path({str(PYTHON)!r}), Path({str(ROOT)!r}))
worker.events.get()
print(worker.pid, flush=True)
time.sleep(60)
"""
    blender = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert blender.stdout
    pid = int(blender.stdout.readline())
    assert is_running(pid)
    blender.kill()
    blender.wait()
    wait_until(lambda: not is_running(pid))


def test_the_worker_sees_neither_blenders_python_nor_the_persons_packages(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil" / "backend").mkdir(parents=True)
    (tmp_path / "evil" / "backend" / "__init__.py").write_text("raise SystemExit('wrong backend')")
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, str(tmp_path / "evil"))
    monkeypatch.chdir(tmp_path / "evil")
    entry = make_entry(tmp_path / "a", 1, 3)
    queue.submit(entry, PYTHON)
    queue.wait(entry)
    assert entry.state is State.DONE
