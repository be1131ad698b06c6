"""A farm on loopback: a real scheduler and real hosts, each a nanny with its worker and its drawing process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240


class Farm:
    """Scheduler and hosts; everything that they started ends with `close`."""

    def __init__(
        self,
        place: Path,
        hosts: int,
        *,
        resources: str = "GPU=1",
        worker_ttl: str = "300s",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        place.mkdir()
        self.scheduler_file = place / "scheduler.json"
        self._place = place
        self._environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": worker_ttl,
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2",
            **(environment or {}),
        }
        self._started: list[psutil.Process] = []
        where = ["--scheduler-file", str(self.scheduler_file)]
        self.scheduler = self._dask(
            "scheduler", ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *where]
        )
        options = ["--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--resources", resources, *where]
        self.hosts = [
            self._dask(f"host{index}", ["worker", *options, "--local-directory", str(place / f"host{index}")])
            for index in range(hosts)
        ]

    def _dask(self, name: str, arguments: Sequence[str]) -> psutil.Process:
        with (self._place / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self._started.append(psutil.Process(process.pid))
        return self._started[-1]

    def batch(self, jobs: Path) -> Batch:
        """Start `tooncrafter batch` over a folder of jobs, once there is a scheduler, however slow its start."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.scheduler_file.exists():
            assert time.monotonic() < end, self.logs()
            time.sleep(0.05)
        return Batch(jobs, self.scheduler_file, self._environment)

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self._place.glob("*.log")))

    def close(self) -> None:
        print(self.logs())  # shown when the test failed
        families = [process for process in self._started if process.is_running()]
        with contextlib.suppress(psutil.NoSuchProcess):
            families += [child for process in list(families) for child in process.children(recursive=True)]
        for process in families:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(families, timeout=20)


class Batch:
    """A running `tooncrafter batch` and what it says."""

    def __init__(self, jobs: Path, scheduler: Path, environment: dict[str, str]) -> None:
        self._said = jobs.parent / f"{jobs.name}-{time.monotonic_ns()}.jsonl"
        command = [sys.executable, "-m", "backend", "batch", str(jobs), "--scheduler", str(scheduler), "--json"]
        with self._said.open("wb") as out, self._said.with_suffix(".err").open("wb") as errors:
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=errors)

    def events(self) -> list[dict[str, object]]:
        """Everything that was said so far."""
        return [
            json.loads(line) for line in self._said.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]

    def complaints(self) -> str:
        return self._said.with_suffix(".err").read_text()

    def wait(self) -> int:
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def settled(self) -> dict[str, list[dict[str, object]]]:
        """What became of each job, try by try."""
        by_name: dict[str, list[dict[str, object]]] = {}
        for event in self.events():
            if event["event"] == "settled":
                by_name.setdefault(str(event["name"]), []).append(event)
        return by_name

    def published(self) -> list[tuple[str, object]]:
        """Every drawing that was announced, as (job, frame)."""
        return [(str(event["name"]), event["frame"]) for event in self.events() if event["event"] == "frame"]


def stop_a_drawing_process_in_mid_job(jobs: Path, wanted: int) -> tuple[Path, psutil.Process]:
    """Freeze a process in the middle of a job, with finished drawings and missing ones; return the job and it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        time.sleep(0.002)
        for sign in jobs.glob("*/drawing/*/owner.json"):
            job = sign.parents[2]
            if not 1 <= len(list((job / "frames").glob("*.png"))) < wanted - 1:
                continue
            with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
                process = psutil.Process(int(json.loads(sign.read_text())["process"]))
                process.suspend()
                while (status := process.status()) not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
                    time.sleep(0.001)
                if status == psutil.STATUS_ZOMBIE:  # killed a moment ago, nobody has taken its place yet
                    continue
                if sign.exists() and len(list((job / "frames").glob("*.png"))) < wanted:
                    return job, process
                process.resume()
    raise AssertionError("no job was ever caught in the middle")
