"""Batches through Dask on loopback: real scheduler, real workers, real kills; every drawing once, every byte right.

Twenty jobs, one with a corrupt key. Whatever dies or freezes: nineteen are done, one is told with its reason, no
drawing is ever published twice, and the same batch again draws nothing.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs the extra `farm`")
psutil = pytest.importorskip("psutil", reason="needs the extra `farm`")

from backend.errors import UserError  # noqa: E402
from backend.jobs import farm as farms  # noqa: E402
from backend.jobs.run import run_job  # noqa: E402
from tests.end_to_end.jobs import frames_of  # noqa: E402
from tests.farm.hosts import PATIENCE_SECONDS, Farm, stop_a_drawing_process_in_mid_job  # noqa: E402
from tests.farm.slow_jobs import make_slow_job  # noqa: E402

JOBS, FRAMES, CORRUPT = 20, 12, "shot_07"
#: The first jobs, one for each host, take half a second of work: a process can be caught in the middle of one.
HEAVY_JOBS, HEAVY_SIZE, LIGHT_SIZE = 3, (480, 360), (120, 80)

posix = pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be frozen by a signal there")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The jobs, never run."""
    place = tmp_path_factory.mktemp("originals") / "jobs"
    for index in range(JOBS):
        size = HEAVY_SIZE if index < HEAVY_JOBS else LIGHT_SIZE
        make_slow_job(place / f"shot_{index:02d}", seed=index, frames=FRAMES, size=size)
    (place / CORRUPT / "keys/0001.png").write_bytes(b"no picture")
    return place


@pytest.fixture(scope="module")
def expected(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Job -> the drawings that one process alone makes."""
    place = tmp_path_factory.mktemp("expected") / "jobs"
    shutil.copytree(originals, place)
    for folder in place.iterdir():
        if folder.name != CORRUPT:
            run_job(folder)
    return {folder.name: frames_of(folder) for folder in place.iterdir()}


@pytest.fixture
def jobs(originals: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(originals, tmp_path / "jobs"))


class Journal:
    """Watches all drawings and remembers each that was ever replaced or removed."""

    def __init__(self, jobs: Path) -> None:
        self._jobs, self._seen = jobs, dict[Path, tuple[int, int]]()
        self.broken: list[Path] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.look()

    def look(self) -> None:
        for path in self._jobs.glob("*/frames/*.png"):
            stat = path.stat()
            if self._seen.setdefault(path, (stat.st_ino, stat.st_mtime_ns)) != (stat.st_ino, stat.st_mtime_ns):
                self.broken.append(path)
        self.broken += [path for path in self._seen if not path.exists()]

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self.look()


@pytest.fixture
def journal(jobs: Path) -> Iterator[Journal]:
    kept = Journal(jobs)
    yield kept
    kept.end()


def check(farm: Farm, jobs: Path, batch, expected: dict[str, dict[str, bytes]], journal: Journal) -> None:
    """What holds after every batch, whatever happened meanwhile."""
    assert batch.wait() == 1, batch.complaints() + farm.logs()
    last = {name: tries[-1] for name, tries in batch.settled().items()}
    assert len(last) == JOBS and last[CORRUPT]["code"] == "picture-unreadable"
    assert [name for name, event in last.items() if event["state"] != "done"] == [CORRUPT]
    assert len(batch.settled()[CORRUPT]) == 1, "bad input is tried once"
    assert "0001.png” cannot be read" in str(last[CORRUPT]["sentence"])
    assert {folder.name: frames_of(folder) for folder in jobs.iterdir()} == expected
    published = batch.published()
    assert len(published) == len(set(published)), "announced once"
    assert {name for name, _ in published} == expected.keys() - {CORRUPT}, "every good job told its progress"
    journal.look()
    assert journal.broken == [], "published once"
    assert not list(jobs.glob("*/drawing"))

    again = farm.batch(jobs)
    assert again.wait() == 1
    done = [tries[-1] for name, tries in again.settled().items() if name != CORRUPT]
    assert {(event["state"], event["made"], event["kept"]) for event in done} == {("done", 0, FRAMES)}
    assert again.published() == []
    journal.look()
    assert journal.broken == []


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """One farm for all, as in a studio: a batch finds it as the last one left it, with two hosts at least."""
    started = Farm(tmp_path_factory.mktemp("farm") / "farm", hosts=HEAVY_JOBS)
    yield started
    started.close()


@posix
def test_a_killed_worker_costs_nothing_that_was_finished(
    farm: Farm, jobs: Path, expected, journal: Journal
) -> None:
    batch = farm.batch(jobs)
    _, drawing = stop_a_drawing_process_in_mid_job(jobs, FRAMES)
    drawing.parent().kill()
    drawing.resume()  # an orphan that could go on drawing
    check(farm, jobs, batch, expected, journal)


@posix
def test_a_crash_of_the_engine_is_tried_again_on_another_machine(
    farm: Farm, jobs: Path, expected, journal: Journal
) -> None:
    batch = farm.batch(jobs)
    job, drawing = stop_a_drawing_process_in_mid_job(jobs, FRAMES)
    drawing.kill()
    check(farm, jobs, batch, expected, journal)
    first, second = batch.settled()[job.name]
    assert first["code"] == "worker-died" and first["again"] and "signal 9" in str(first["sentence"])
    assert (second["state"], second["attempts"]) == ("done", 2) and second["where"] != first["where"]


@posix
def test_a_job_over_which_machine_after_machine_dies_is_given_up_with_a_sentence(
    farm: Farm, jobs: Path, expected, tmp_path: Path
) -> None:
    deadly = tmp_path / "deadly" / "shot_00"
    shutil.copytree(jobs / deadly.name, deadly)
    batch = farm.batch(deadly.parent)
    for _ in range(3):
        _, drawing = stop_a_drawing_process_in_mid_job(deadly.parent, FRAMES)
        drawing.parent().kill()
        drawing.kill()
    assert batch.wait() == 1, batch.complaints() + farm.logs()
    ((only,),) = batch.settled().values()
    assert only["code"] == "machines-died" and "Machine after machine died" in str(only["sentence"])
    assert frames_of(deadly).items() <= expected[deadly.name].items() and len(frames_of(deadly)) >= 1
    assert farm.batch(deadly.parent).wait() == 0
    assert frames_of(deadly) == expected[deadly.name]


@posix
@pytest.mark.long
def test_a_frozen_host_that_thaws_overwrites_nothing(
    tmp_path: Path, jobs: Path, expected, journal: Journal
) -> None:
    farm = Farm(tmp_path / "farm", hosts=3, worker_ttl="15s")
    try:
        batch = farm.batch(jobs)
        job, drawing = stop_a_drawing_process_in_mid_job(jobs, FRAMES)
        host = next(host for host in farm.hosts if drawing in host.children(recursive=True))
        family = [drawing, *host.children(recursive=True), host]
        for process in family:
            process.suspend()
        check(farm, jobs, batch, expected, journal)
        for process in family:
            process.resume()
        end = time.monotonic() + PATIENCE_SECONDS
        while drawing.is_running() and "took this job over" not in (job / "log.txt").read_text():
            assert time.monotonic() < end
            time.sleep(0.1)
        time.sleep(2)
        journal.look()
        assert journal.broken == []
        assert frames_of(job) == expected[job.name]
        assert json.loads((job / "result.json").read_text())["state"] == "done"
    finally:
        farm.close()


@posix
def test_control_c_stops_the_workers_and_leaves_the_farm_standing(
    farm: Farm, tmp_path: Path, expected, jobs: Path, journal: Journal
) -> None:
    endless = tmp_path / "endless"
    for index in range(4):
        make_slow_job(endless / f"shot_{index}", seed=index, frames=400)
    batch = farm.batch(endless)
    end = time.monotonic() + PATIENCE_SECONDS
    while len(list(endless.glob("*/frames/*.png"))) < 5:
        assert time.monotonic() < end, batch.complaints() + farm.logs()
        time.sleep(0.05)
    batch.process.send_signal(signal.SIGINT)
    assert batch.wait() == 130
    while list(endless.glob("*/drawing")):
        assert time.monotonic() < end + PATIENCE_SECONDS, "somebody draws on"
        time.sleep(0.1)
    check(farm, jobs, farm.batch(jobs), expected, journal)


@posix
def test_a_killed_host_costs_nothing_that_was_finished(farm: Farm, jobs: Path, expected, journal: Journal) -> None:
    batch = farm.batch(jobs)
    _, drawing = stop_a_drawing_process_in_mid_job(jobs, FRAMES)
    worker = drawing.parent()
    host = worker.parent()
    while host not in farm.hosts:  # between them may stand the process that starts workers
        host = host.parent()
    host.kill()
    worker.kill()
    drawing.resume()
    check(farm, jobs, batch, expected, journal)


def test_a_scheduler_that_dies_is_a_sentence_and_the_same_command_on_a_new_one_goes_on(
    jobs: Path, tmp_path: Path, expected
) -> None:
    for name in sorted(path.name for path in jobs.iterdir())[HEAVY_JOBS:]:
        shutil.rmtree(jobs / name)
    farm = Farm(tmp_path / "farm", hosts=1)
    try:
        batch = farm.batch(jobs)
        end = time.monotonic() + PATIENCE_SECONDS
        while not batch.published():
            assert time.monotonic() < end, batch.complaints() + farm.logs()
            time.sleep(0.05)
        farm.scheduler.kill()
        assert batch.wait() == 1
        assert "connection to the Dask scheduler broke" in batch.complaints() + str(batch.events()[-1])
        assert "Traceback" not in batch.complaints()
    finally:
        farm.close()
    drawn = {folder.name: frames_of(folder) for folder in jobs.iterdir()}
    farm = Farm(tmp_path / "new farm", hosts=1)
    try:
        again = farm.batch(jobs)
        assert again.wait() == 0
        assert not set(again.published()) & {(name, int(file[:4])) for name in drawn for file in drawn[name]}
        assert {folder.name: frames_of(folder) for folder in jobs.iterdir()} == {
            name: expected[name] for name in drawn
        }
    finally:
        farm.close()


def test_workers_that_offer_no_gpu_are_told_apart_from_no_workers(jobs: Path, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "farm", hosts=1, resources="CPU=1")
    try:
        batch = farm.batch(jobs)
        assert batch.wait() == 2
        assert "--resources GPU=1" in batch.complaints() and "Traceback" not in batch.complaints()
    finally:
        farm.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")
def test_a_farm_with_certificates_serves_those_who_have_one_and_nobody_else(
    jobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    name = ["-subj", "/CN=farm", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
    for command in (
        ["openssl", "req", "-x509", *name, "-keyout", "ca.key", "-out", "ca.pem"],
        [
            "openssl",
            "req",
            "-x509",
            *name,
            "-keyout",
            "farm.key",
            "-out",
            "farm.pem",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
        ],
    ):
        made = subprocess.run(command, cwd=keys, capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"this openssl cannot sign so: {made.stderr[-200:]}")
    prefix = "DASK_DISTRIBUTED__COMM__"
    certified = {
        f"{prefix}DEFAULT_SCHEME": "tls",
        f"{prefix}REQUIRE_ENCRYPTION": "true",
        f"{prefix}TLS__CA_FILE": str(keys / "ca.pem"),
    }
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        certified[f"{prefix}TLS__{role}__CERT"] = str(keys / "farm.pem")
        certified[f"{prefix}TLS__{role}__KEY"] = str(keys / "farm.key")
    for name_ in sorted(path.name for path in jobs.iterdir())[3:]:
        shutil.rmtree(jobs / name_)
    farm = Farm(tmp_path / "farm", hosts=1, environment=certified)
    try:
        assert farm.batch(jobs).wait() == 0
        address = json.loads(farm.scheduler_file.read_text())["address"]
        assert address.startswith("tls://")
        monkeypatch.setattr(farms, "_CONNECT_SECONDS", 2)
        for stranger in (address, address.replace("tls://", "tcp://")):
            with pytest.raises(UserError, match="no Dask scheduler at"):
                farms.DaskCrew(stranger)
    finally:
        farm.close()


def test_a_folder_that_workers_do_not_see_is_told(tmp_path: Path) -> None:
    told = farms._not_shared("/studio/jobs/shot_01", "job-1")
    assert "does not see the folder “/studio/jobs/shot_01”" in told.sentence and not told.bad_input


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1:not-a-port"])
def test_a_scheduler_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(farms, "_CONNECT_SECONDS", 1)
    with pytest.raises(UserError, match="no Dask scheduler at") as refusal:
        farms.DaskCrew(address)
    assert refusal.value.code == "scheduler-unreachable"


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}"])
def test_a_scheduler_file_that_never_comes_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    monkeypatch.setattr(farms, "_CONNECT_SECONDS", 0.3)
    file = tmp_path / "scheduler.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match="behind the file"):
        farms.DaskCrew(str(file))
