"""What can befall a worker: killed, frozen, starved of memory, talked over. No drawing is lost or made twice."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backend.contract import messages
from backend.contract.job import Canvas, write_job
from backend.contract.result import State, read_result
from backend.jobs import drawing_process
from backend.jobs.drawing_process import DrawingProcess
from backend.jobs.run import run_job
from tests.end_to_end.driving import FINISHED, ROOT, Worker, is_alive
from tests.end_to_end.jobs import frames_of, make_job
from tests.faults.tally import note
from tests.patience import PATIENCE_SECONDS

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

#: Three segments of seven drawings.
KEYS, SIZE, WANTED = (1, 9, 17, 25), (160, 100), 21


@pytest.fixture
def worker() -> Iterator[Worker]:
    process = Worker()
    yield process
    process.end()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The frames of a run that nothing disturbs, and how many seconds a worker takes for them once it is there."""
    folder = tmp_path_factory.mktemp("undisturbed") / "job"
    make_job(folder, KEYS, size=SIZE)
    worker = Worker()
    worker.hear(messages.Ready)
    began = time.monotonic()
    worker.send(messages.Run("job-1", str(folder)))
    assert worker.hear(*FINISHED) == messages.Done("job-1", WANTED, 0)
    seconds = time.monotonic() - began
    worker.end()
    return frames_of(folder), seconds


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when a file is replaced, even by the same bytes."""
    stats = {path.name: path.stat() for path in (folder / "frames").glob("*.png")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def kill(worker: Worker) -> None:
    worker.process.kill()


def terminate(worker: Worker) -> None:
    worker.process.terminate()


def close_stdin(worker: Worker) -> None:
    assert worker.process.stdin
    worker.process.stdin.close()


def freeze_and_kill(worker: Worker) -> None:
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(0.05)
    worker.process.kill()


ENDS = [kill, terminate, close_stdin, freeze_and_kill]


@posix_only
@pytest.mark.parametrize(
    "moments", [len(ENDS), pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
def test_ended_at_any_moment_a_retry_makes_only_what_is_missing_and_all_is_as_undisturbed(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], float], moments: int
) -> None:
    expected, seconds = undisturbed
    chance = random.Random(8)
    caught_in_mid_job = 0
    for moment in range(moments):
        folder = tmp_path / str(moment)
        make_job(folder, KEYS, size=SIZE)
        worker = Worker()
        worker.hear(messages.Ready)
        worker.send(messages.Run("job-1", str(folder)))
        # All over the run: after so many drawings, and at random in the time that the next one takes.
        for _ in range(WANTED * moment // moments):
            worker.hear(messages.FrameReady)
        time.sleep(chance.uniform(0, 2 * seconds / WANTED))
        ENDS[moment % len(ENDS)](worker)
        worker.process.wait(PATIENCE_SECONDS)
        worker.end()
        before, kept = identities(folder), frames_of(folder)
        assert kept.items() <= expected.items(), "what is there is whole and right"
        caught_in_mid_job += 0 < len(kept) < WANTED
        result = run_job(folder)
        assert (result.state, result.made, result.kept) == (State.DONE, WANTED - len(kept), len(kept))
        assert before.items() <= identities(folder).items(), "nothing complete was made again"
        assert frames_of(folder) == expected
        assert sorted(path.name for path in folder.iterdir() if path.name != "log.txt") == sorted(
            ["frames", "guides", "job.json", "keys", "result.json"]
        )
    assert caught_in_mid_job >= moments // 2
    note(moments, f"{caught_in_mid_job} of them between the first and the last drawing")


@posix_only
def test_a_worker_that_is_frozen_for_a_while_goes_on_where_it_was(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], float], worker: Worker
) -> None:
    make_job(tmp_path, KEYS, size=SIZE)
    worker.send(messages.Run("job-1", str(tmp_path)))
    worker.hear(messages.FrameReady)
    worker.process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    worker.process.send_signal(signal.SIGCONT)
    assert worker.hear(*FINISHED) == messages.Done("job-1", WANTED, 0)
    assert frames_of(tmp_path) == undisturbed[0]


@posix_only
def test_two_workers_on_one_folder_share_it_and_the_second_takes_over_from_a_killed_one(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], float], worker: Worker
) -> None:
    make_job(tmp_path, KEYS, size=SIZE)
    worker.send(messages.Run("job-1", str(tmp_path)))
    worker.hear(messages.FrameReady)
    worker.process.send_signal(signal.SIGSTOP)  # so that it is still there when the second one has started
    second = Worker()
    second.send(messages.Run("job-1", str(tmp_path)))
    waiting = second.hear(messages.Stage, messages.FrameReady)
    assert isinstance(waiting, messages.Stage) and "Waiting" in waiting.name
    worker.process.kill()
    worker.process.wait()
    before = identities(tmp_path)
    done = second.hear(*FINISHED)
    second.end()
    assert done == messages.Done("job-1", WANTED - len(before), len(before))
    assert before.items() <= identities(tmp_path).items() and frames_of(tmp_path) == undisturbed[0]


#: A worker whose `hold` engine does what ENGINE says, in place of drawing.
MISBEHAVING = """
import os, sys, time
from backend import worker
from backend.engines import hold
draw = hold.HoldEngine.inbetween
def misbehave(self, interval, *arguments):
    for number, frame in enumerate(draw(self, interval, *arguments)):
        yield frame
        if number == 1 and not os.path.exists({once!r}):
            open({once!r}, "w").close()
            {act}
hold.HoldEngine.inbetween = misbehave
sys.exit(worker.main())
"""


def misbehaving(act: str, once: Path) -> Worker:
    """A worker that misbehaves once, after its second drawing."""
    return Worker("-u", "-c", MISBEHAVING.format(act=act, once=str(once)))


@pytest.mark.parametrize(
    ("act", "code", "says"),
    [
        ("raise ValueError('three is not a number')", "engine-failed", "three is not a number"),
        ("raise RuntimeError('\\udcff' * 2_000_000)", "engine-failed", "RuntimeError"),
        ("sys.exit(0)", "engine-failed", "SystemExit"),
        ("(lambda f: f(f))(lambda f: f(f))", "engine-failed", "RecursionError"),
        ("raise MemoryError", "out-of-memory", "not enough memory"),
        ("bytearray(2**62)", "out-of-memory", "not enough memory"),
    ],
    ids=["exception", "endless-sentence", "exit", "recursion", "memory", "too-large-a-wish"],
)
def test_whatever_an_engine_throws_ends_the_job_and_not_the_worker(
    tmp_path: Path, act: str, code: str, says: str
) -> None:
    make_job(tmp_path / "job", (1, 6), engine="hold")
    worker = misbehaving(act, tmp_path / "once")
    worker.send(messages.Run("job-1", str(tmp_path / "job")))
    failed = worker.hear(*FINISHED)
    assert isinstance(failed, messages.Failed) and failed.code == code and not failed.bad_input
    assert says in failed.sentence and failed.hint
    result = read_result(tmp_path / "job")
    assert result is not None and result.state is State.FAILED and result.error == failed.sentence
    worker.send(messages.Run("job-1", str(tmp_path / "job")))
    assert worker.hear(*FINISHED) == messages.Done("job-1", 2, 2)
    worker.end()


#: So much address space that the packages load and a small job runs, and a large one does not.
STARVED = """
import resource, sys
import cv2, numpy, scipy.ndimage
from backend import worker
from backend.engines import draft
cv2.setNumThreads(1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 600 * 2**20,) * 2)
sys.exit(worker.main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that the system keeps")
def test_a_machine_without_enough_memory_fails_the_job_in_a_sentence_and_serves_the_next(tmp_path: Path) -> None:
    job = make_job(tmp_path / "large", (1, 3))
    for key in ("0001.png", "0003.png"):
        Image.new("RGBA", (8000, 4000), "red").save(tmp_path / "large/keys" / key, compress_level=1)
    write_job(tmp_path / "large", replace(job, canvas=Canvas(8000, 4000, 24.0)))
    make_job(tmp_path / "small", (1, 6))
    starved = Worker("-u", "-c", STARVED)
    starved.send(messages.Run("large", str(tmp_path / "large")))
    failed = starved.hear(*FINISHED)
    assert isinstance(failed, messages.Failed) and failed.code == "out-of-memory" and not failed.bad_input
    starved.send(messages.Run("small", str(tmp_path / "small")))
    assert starved.hear(*FINISHED) == messages.Done("small", 4, 0)
    starved.end()
    assert not (tmp_path / "large/drawing").exists(), "the folder is free for the next try"


@posix_only
def test_in_a_batch_a_worker_that_hangs_is_ended_and_the_job_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(tmp_path, KEYS, size=SIZE)
    process, frozen = DrawingProcess(), []

    def freeze(event: messages.Event) -> None:
        if isinstance(event, messages.FrameReady) and not frozen:
            assert process.pid
            frozen.append(process.pid)
            os.kill(process.pid, signal.SIGSTOP)
            monkeypatch.setattr(drawing_process, "SILENT_SECONDS", 1.0)

    monkeypatch.setattr(drawing_process, "SILENT_SECONDS", 30.0)
    ended = process.run("job-1", tmp_path, freeze)
    assert isinstance(ended, messages.Failed) and ended.code == "worker-silent" and not ended.bad_input
    assert not is_alive(frozen[0])
    monkeypatch.setattr(drawing_process, "SILENT_SECONDS", 60.0)
    before = len(frames_of(tmp_path))
    assert process.run("job-1", tmp_path, freeze) == messages.Done("job-1", WANTED - before, before)
    process.close()


def test_a_line_of_fifty_megabytes_is_dropped_without_being_kept_in_memory() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from backend.contract import messages
sys.stdout.write("x" * 50_000_000 + "\\n" + messages.event_line(messages.Cancelled("a")))
"""
    talker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert talker.stdout
    tracemalloc.start()
    heard = list(messages.read_events(talker.stdout))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert talker.wait() == 0
    talker.stdout.close()
    assert heard == [messages.Cancelled("a")]
    assert peak < 8 * messages.MAX_LINE_BYTES


def test_what_is_said_among_the_messages_costs_none_of_them() -> None:
    said = b"Downloading: 3%\r\n\xff\xfe\x00\n" + b"{" * 4000 + b"\n" + b'{"event": "done"}\n[]\nnull\n'
    whole = messages.event_line(messages.Done("a", 1, 2)).encode()
    cut = b'{"event": "cancelled", "job'
    heard = list(messages.read_events(io.BytesIO(said + whole + b"\n\n" + said + whole + cut)))
    assert heard == [messages.Done("a", 1, 2)] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_request_of_fifty_megabytes_fills_no_memory_and_costs_no_request(tmp_path: Path, worker: Worker) -> None:
    make_job(tmp_path, (1, 4), engine="hold")
    worker.hear(messages.Ready)
    status = Path(f"/proc/{worker.process.pid}/status")

    def peak_kilobytes() -> int:
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))

    before = peak_kilobytes()
    worker.send_raw(b"x" * 50_000_000 + b"\n")
    worker.send(messages.Status())
    worker.hear(messages.Ready)
    assert peak_kilobytes() - before < 20_000
    worker.send(messages.Run("job-1", str(tmp_path)))
    assert worker.hear(*FINISHED) == messages.Done("job-1", 2, 0)


def test_a_job_folder_whose_name_is_no_text_is_run_and_named_in_what_is_said(
    tmp_path: Path, worker: Worker
) -> None:
    if sys.platform != "linux":
        pytest.skip("file names are text there")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    make_job(folder, (1, 4), engine="hold")
    worker.send(messages.Run("job-1", str(folder)))
    assert worker.hear(*FINISHED) == messages.Done("job-1", 2, 0)
    (folder / "job.json").unlink()
    worker.send(messages.Run("job-1", str(folder)))
    failed = worker.hear(*FINISHED)
    assert isinstance(failed, messages.Failed) and "\\udcff" in failed.sentence
