"""What a batch costs beside the drawing itself: added time per job, whether it grows, memory of who asks.

    python benchmarks/farm.py [--jobs 1000] [--processes 1,2,4,8] [--farm]

Every job is one hold of a small key, so nearly all that is measured is the way of a job through batch, process,
claim and disk. The baseline, measured anew before each row, is one process that runs a quarter as many of the same
jobs in a plain loop. With p processes on c cores the loop's work can at best be divided by min(p, c), so

    added time per job = wall time / jobs - baseline time per job / min(p, c)

which charges the batch with everything that it does not do in parallel. Linear: the time of the last tenth of the
jobs against the second tenth (the first starts the processes). Own CPU: processor time of the asking process for
each job, which others on the machine disturb least. Memory: of the asking process, at a tenth and at the end.
--farm: the same through a Dask scheduler and that many workers on this machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend import messages  # noqa: E402 - found through the line above
from backend.batch import Crew, LocalCrew, Outcome, Task, draw_all, find_tasks  # noqa: E402
from backend.job import Canvas, Job, Picture, Segment, write_job  # noqa: E402
from backend.pictures import write_picture  # noqa: E402
from backend.result import State  # noqa: E402
from backend.run import run_job  # noqa: E402


def make_jobs(place: Path, count: int) -> None:
    """Write `count` jobs of one hold each, between two keys of 32 by 32 pixels."""
    key = np.zeros((32, 32, 4), np.float32)
    for index in range(count):
        folder = place / f"shot_{index:05d}"
        (folder / "keys").mkdir(parents=True)
        for frame in (1, 3):
            write_picture(folder / f"keys/{frame:04d}.png", key)
        segment = Segment(Picture(1, "keys/0001.png"), Picture(3, "keys/0003.png"), (2,))
        write_job(folder, Job(f"job-{index}", "hold", Canvas(32, 32, 24.0), (segment,)))


@dataclass
class Marks:
    """Notes when each job settled and how much memory this process had then."""

    times: list[float] = field(default_factory=lambda: [time.monotonic()])
    megabytes: list[float] = field(default_factory=list)
    began_cpu: float = field(default_factory=time.process_time)

    def heard(self, task: Task, event: messages.Event) -> None:
        """Events are part of the work, but nothing is shown."""

    def settled(self, outcome: Outcome) -> None:
        """Note one job."""
        assert outcome.state is State.DONE and outcome.made == 1, outcome
        self.times.append(time.monotonic())
        self.megabytes.append(memory_megabytes())

    def row(self, baseline: float, processes: int) -> str:
        """Return the figures; baseline: seconds a job of the plain loop."""
        jobs = len(self.times) - 1
        wall = self.times[-1] - self.times[0]
        tenth = max(1, jobs // 10)
        second = self.times[2 * tenth] - self.times[tenth]
        last = self.times[-1] - self.times[-1 - tenth]
        cpu = time.process_time() - self.began_cpu
        best = baseline / min(processes, os.cpu_count() or 1)
        return (
            f"{baseline * 1000:10.1f}  {wall:8.1f}  {wall / jobs * 1000:9.1f}  {(wall / jobs - best) * 1000:9.1f}  "
            f"{cpu / jobs * 1000:10.1f}  {last / second:12.2f}  "
            f"{self.megabytes[tenth]:8.1f}  {self.megabytes[-1]:8.1f}"
        )


def memory_megabytes() -> float:
    """Return the resident memory of this process; 0 where the system does not tell without help."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def fresh_jobs(count: int) -> Iterator[Path]:
    """Yield a folder of jobs that were never run."""
    place = Path(tempfile.mkdtemp(prefix="tooncrafter-farm-"))
    try:
        make_jobs(place, count)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def dask_crew(workers: int) -> Iterator[Crew]:
    """Yield the crew of a scheduler with that many workers on this machine, when all have joined."""
    from backend.farm import DaskCrew

    place = Path(tempfile.mkdtemp(prefix="tooncrafter-dask-"))
    where = ["--scheduler-file", str(place / "scheduler.json")]
    worker = ["worker", "--host", "127.0.0.1", "--nthreads", "1", "--resources", "GPU=1", "--no-dashboard", *where]
    commands = [["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *where]]
    commands += [[*worker, "--local-directory", str(place / str(index))] for index in range(workers)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen([sys.executable, "-m", "dask", *command], env=environment, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        while not (place / "scheduler.json").exists():
            time.sleep(0.1)
        crew = DaskCrew(str(place / "scheduler.json"))
        while len(crew._offering()) < workers:
            time.sleep(0.2)
        yield crew
        crew.close()
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def local_crew(processes: int) -> Iterator[Crew]:
    """Yield a crew of that many processes."""
    crew = LocalCrew(("auto",) * processes)
    yield crew
    crew.close()


def plain_loop(count: int) -> float:
    """Return how many seconds a job takes in this process, one after the other."""
    with fresh_jobs(count) as place:
        began = time.monotonic()
        for folder in sorted(place.iterdir()):
            run_job(folder)
        return (time.monotonic() - began) / count


def main() -> None:
    """Measure and print one row for each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--processes", default="1,2,4,8")
    parser.add_argument("--farm", action="store_true", help="through Dask")
    options = parser.parse_args()
    print(f"{options.jobs} jobs, {os.cpu_count()} cores, {'through Dask' if options.farm else 'local'}")
    print(
        "processes  loop ms/job    wall s  ms per job   added ms  own CPU ms  last/2nd 10th  MB at 10th  MB at end"
    )
    for processes in map(int, options.processes.split(",")):
        baseline = plain_loop(max(1, options.jobs // 4))
        with fresh_jobs(options.jobs) as place, (dask_crew if options.farm else local_crew)(processes) as crew:
            tasks, _ = find_tasks(place)
            marks = Marks()
            failed = draw_all(tasks, crew, marks)
            assert not failed, failed[0]
            print(f"{processes:9d}  {marks.row(baseline, processes)}", flush=True)


if __name__ == "__main__":
    main()
