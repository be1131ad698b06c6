"""One writer at a time in a job folder: processes that meet, die, freeze and thaw; nothing is published twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.contract.job import Settings
from backend.contract.result import State, read_result
from backend.engines import Frame, Interval, Report
from backend.errors import Cancelled, UserError
from backend.jobs import claim as claims
from backend.jobs.claim import CLAIM_FOLDER, ClaimLost, claimed
from backend.jobs.run import run_job
from tests.end_to_end.jobs import frames_of, make_job
from tests.farm.slow_jobs import make_slow_job

ROOT = Path(__file__).resolve().parents[2]

#: A process of its own that runs a job and prints its events; heartbeats are quick so that tests are.
RUN = """
import sys
from pathlib import Path
from backend.jobs import claim
from backend.contract import messages
from backend.jobs.run import run_job
claim.BEAT_SECONDS, claim.STALE_SECONDS = 0.1, float(sys.argv[2])
def say(event):
    print(messages.event_line(event), end="", flush=True)
result = run_job(Path(sys.argv[1]), say)
print(messages.event_line(messages.Done(result.job, result.made, result.kept)), end="", flush=True)
"""


class Runner:
    """A process that runs a job, and what it says."""

    def __init__(self, folder: Path, stale_seconds: float = 60) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(folder), str(stale_seconds)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events: list[dict[str, object]] = []

    def hear(self, kind: str) -> dict[str, object]:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == kind:
                return self.events[-1]
        raise AssertionError(f"ended without saying {kind}: {self.events}")

    def published(self) -> list[object]:
        return [event["frame"] for event in self.events if event["event"] == "frame"]


@pytest.fixture
def runners() -> Iterator[list[Runner]]:
    started: list[Runner] = []
    yield started
    for runner in started:
        runner.process.kill()
        runner.process.wait()
        assert runner.process.stdout
        runner.process.stdout.close()


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when a file is replaced, even by the same bytes."""
    stats = {path.name: path.stat() for path in (folder / "frames").glob("*.png")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def test_of_several_processes_on_one_job_one_draws_and_the_others_wait(
    tmp_path: Path, runners: list[Runner]
) -> None:
    make_slow_job(tmp_path, seed=1)
    runners += [Runner(tmp_path) for _ in range(3)]
    done = [runner.hear("done") for runner in runners]
    assert sorted((event["made"], event["kept"]) for event in done) == [(0, 12), (0, 12), (12, 0)]
    assert sorted(frame for runner in runners for frame in runner.published()) == list(range(2, 14))  # type: ignore[type-var]
    assert not (tmp_path / CLAIM_FOLDER).exists() and not list(tmp_path.glob(".*"))


def test_the_work_of_a_killed_process_is_taken_up_at_once(tmp_path: Path, runners: list[Runner]) -> None:
    make_slow_job(tmp_path, seed=1)
    runners.append(Runner(tmp_path))
    runners[0].hear("frame")
    runners[0].process.kill()
    began = identities(tmp_path)
    runners.append(Runner(tmp_path, stale_seconds=1e6))  # waiting for silence would never end
    runners[1].hear("done")
    after = identities(tmp_path)
    assert began.items() <= after.items() and len(after) == 12


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be frozen by a signal there")
def test_a_frozen_process_loses_the_job_and_publishes_nothing_when_it_thaws(
    tmp_path: Path, runners: list[Runner]
) -> None:
    make_slow_job(tmp_path, seed=1)
    frozen = Runner(tmp_path)
    runners.append(frozen)
    frozen.hear("frame")
    frozen.process.send_signal(signal.SIGSTOP)
    heir = Runner(tmp_path, stale_seconds=1)
    runners.append(heir)
    made = heir.hear("done")["made"]
    after = identities(tmp_path)
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.hear("done")["kept"] == 12, "it finds all done and is content"
    assert identities(tmp_path) == after
    assert not set(frozen.published()) & set(heir.published())
    assert len(heir.published()) == made
    result = read_result(tmp_path)
    assert result is not None and result.state is State.DONE


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be frozen by a signal there")
def test_frozen_at_any_moment_it_never_replaces_a_frame(tmp_path: Path, runners: list[Runner]) -> None:
    for round_ in range(6):
        folder = tmp_path / str(round_)
        make_slow_job(folder, seed=round_, frames=6)
        frozen = Runner(folder)
        runners.append(frozen)
        frozen.hear("frame")
        time.sleep(0.013 * round_)
        frozen.process.send_signal(signal.SIGSTOP)
        heir = Runner(folder, stale_seconds=0.3)
        runners.append(heir)
        heir.hear("done")
        after = identities(folder)
        frozen.process.send_signal(signal.SIGCONT)
        frozen.hear("done")
        assert identities(folder) == after and len(after) == 6
        assert not set(frozen.published()) & set(heir.published())


def test_one_who_lost_the_claim_can_neither_publish_nor_harm_the_new_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "STALE_SECONDS", 0.2)
    with claimed(tmp_path, lambda host: None) as first:
        (first.desk / "0002.png").write_bytes(b"first")
        with claimed(tmp_path, lambda host: None) as second:
            (second.desk / "0002.png").write_bytes(b"second")
            for publish in (first.publish, first.publish_over):
                with pytest.raises(ClaimLost):
                    publish("0002.png", tmp_path / "0002.png")
            with pytest.raises(ClaimLost), first.fenced():
                (first.desk / "0003.png").write_bytes(b"first")
            first.release()
            second.publish("0002.png", tmp_path / "0002.png")
    assert (tmp_path / "0002.png").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["0002.png"]


def test_publishing_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "0002.png").write_bytes(b"mine")
    with claimed(tmp_path, lambda host: None) as claim:
        (claim.desk / "0002.png").write_bytes(b"drawn")
        with pytest.raises(FileExistsError):
            claim.publish("0002.png", tmp_path / "0002.png")
    assert (tmp_path / "0002.png").read_bytes() == b"mine"


def test_on_a_disk_without_links_publishing_still_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "0002.png").write_bytes(b"mine")
    with claimed(tmp_path, lambda host: None) as claim:
        for name in ("0002.png", "0003.png"):
            (claim.desk / name).write_bytes(b"drawn")
        with pytest.raises(FileExistsError):
            claim.publish("0002.png", tmp_path / "0002.png")
        claim.publish("0003.png", tmp_path / "0003.png")
    assert (tmp_path / "0002.png").read_bytes() == b"mine"
    assert (tmp_path / "0003.png").read_bytes() == b"drawn"


def forge_owner(folder: Path, owner: str) -> Path:
    desk = folder / CLAIM_FOLDER / "0123"
    desk.mkdir(parents=True)
    (desk / "owner.json").write_text(owner)
    return desk / "owner.json"


ELSEWHERE = json.dumps({"machine": "another", "process": os.getpid(), "host": "render-07"})


@pytest.mark.parametrize(
    "owner", [ELSEWHERE, "", "[]", '{"machine": 1}'], ids=["other", "empty", "list", "partial"]
)
def test_a_silent_owner_elsewhere_is_waited_for_and_then_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    monkeypatch.setattr(claims, "STALE_SECONDS", 0.6)
    make_job(tmp_path, (1, 4), engine="hold")
    forge_owner(tmp_path, owner)
    heard: list[object] = []
    assert run_job(tmp_path, heard.append).made == 2
    assert any("Waiting: " in getattr(event, "name", "") for event in heard)


def test_an_owner_elsewhere_whose_heart_beats_is_never_robbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "STALE_SECONDS", 0.6)
    make_job(tmp_path, (1, 4), engine="hold")
    sign = forge_owner(tmp_path, ELSEWHERE)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.05):
            os.utime(sign)

    heart = threading.Thread(target=beat)
    heart.start()
    try:
        until = time.monotonic() + 2
        with pytest.raises(Cancelled):
            run_job(tmp_path, is_cancelled=lambda: time.monotonic() > until)
    finally:
        ended.set()
        heart.join()
    assert sign.exists() and not (tmp_path / "frames").exists()


def test_a_file_in_the_way_of_the_claim_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "STALE_SECONDS", 0.4)
    make_job(tmp_path, (1, 4), engine="hold")
    (tmp_path / CLAIM_FOLDER).write_text("notes of mine")
    with pytest.raises(UserError) as refusal:
        run_job(tmp_path)
    assert refusal.value.code == "folder-not-writable"
    assert (tmp_path / CLAIM_FOLDER).read_text() == "notes of mine"


class MeddlingEngine:
    """Holds the start key, and sees a person put a picture of their own where a frame will be."""

    name, version = "meddling", "1"

    def __init__(self, place: Path) -> None:
        self._place = place

    def inbetween(self, interval: Interval, settings: Settings, report: Report) -> Iterator[Frame]:
        for time_ in interval.times:
            self._place.write_bytes(b"painted by hand")
            yield Frame(time_, interval.start)

    def unload(self) -> None:
        pass


def test_a_picture_that_a_person_put_there_meanwhile_is_moved_aside(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 3), engine="hold")
    place = tmp_path / "frames/0002.png"
    assert run_job(tmp_path, open_engine=lambda name: MeddlingEngine(place)).made == 1
    assert list(frames_of(tmp_path)) == ["0002.png"]
    assert (tmp_path / "earlier/001/0002.png").read_bytes() == b"painted by hand"


def test_bad_input_is_in_the_result_and_loses_no_earlier_record(tmp_path: Path) -> None:
    make_job(tmp_path, (1, 4, 7), engine="hold")
    before = run_job(tmp_path)
    (tmp_path / "keys/0007.png").write_bytes(b"spoilt")
    with pytest.raises(UserError):
        run_job(tmp_path)
    result = read_result(tmp_path)
    assert result is not None and result.state is State.FAILED and "0007.png" in result.error
    assert result.segments == before.segments
