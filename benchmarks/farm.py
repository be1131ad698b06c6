"""What a batch costs beside the drawing itself: added time per job, whether it grows, memory of who asks.

    python benchmarks/farm.py [--jobs 1000] [--processes 1,2,4,8] [--farm] [--folder DIR]

Every job is one hold of a small key, so nearly all that is measured is the way of a job through batch, process,
claim and disk. The baseline is one process that runs the same jobs in a plain loop: the fastest of five loops
before each row, because others on the machine can only make it slower. With p processes on c cores the loop's work
can at best be divided by min(p, c), so

    added time per job = wall time / jobs - baseline time per job / min(p, c)

which charges the batch with everything that it does not do in parallel. Linear: what jobs of the second half take
against jobs of the first, by the median of blocks of twenty, which a moment's disturbance does not move. Memory:
of the asking process, at a tenth of the jobs and at the end. Processor time is told too, which others disturb
least: of the asking process, and of all that it started (scheduler, workers, drawing processes) less the loop's.

--farm: the same through a Dask scheduler and that many workers on this machine. --folder: where the jobs lie. Each
job waits six times for the disk to have what was written, which a disk that others use too makes most of the time;
/dev/shm shows the program alone.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.contract import messages  # noqa: E402 - found through the line above
from backend.contract.job import Canvas, Job, Picture, Segment, write_job  # noqa: E402
from backend.contract.result import State  # noqa: E402
from backend.jobs.batch import Crew, LocalCrew, Outcome, Task, draw_all, find_tasks  # noqa: E402
from backend.jobs.run import run_job  # noqa: E402
from backend.pictures import write_picture  # noqa: E402

_BLOCK_JOBS = 20
_LOOPS = 5


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
    began_tree: float = field(default_factory=lambda: tree_seconds())

    def heard(self, task: Task, event: messages.Event) -> None:
        """Events are part of the work, but nothing is shown."""

    def settled(self, outcome: Outcome) -> None:
        """Note one job."""
        assert outcome.state is State.DONE and outcome.made == 1, outcome
        self.times.append(time.monotonic())
        self.megabytes.append(memory_megabytes())

    def row(self, baseline: float, baseline_cpu: float, processes: int) -> str:
        """Return the figures; baseline, baseline_cpu: seconds a job of the loop, by the wall and the processor."""
        jobs = len(self.times) - 1
        wall = self.times[-1] - self.times[0]
        tenth = max(1, jobs // 10)
        blocks = [after - before for before, after in pairwise(self.times[::_BLOCK_JOBS])]
        growth = median(blocks[len(blocks) // 2 :]) / median(blocks[: len(blocks) // 2])
        cpu = time.process_time() - self.began_cpu
        tree = (tree_seconds() - self.began_tree) / jobs - baseline_cpu
        best = baseline / min(processes, os.cpu_count() or 1)
        return (
            f"{processes:9d}  {baseline * 1000:8.1f}  {wall:6.1f}  {wall / jobs * 1000:8.1f}  "
            f"{(wall / jobs - best) * 1000:7.1f}  {cpu / jobs * 1000:7.1f}  {tree * 1000:9.1f}  "
            f"{growth:8.2f}  {self.megabytes[tenth]:6.1f}  {self.megabytes[-1]:6.1f}"
        )


def memory_megabytes() -> float:
    """Return the resident memory of this process; 0 where the system does not tell without help."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def fresh_jobs(count: int, folder: Path | None) -> Iterator[Path]:
    """Yield a folder of jobs that were never run, in `folder` or with the temporary ones."""
    place = Path(tempfile.mkdtemp(prefix="tooncrafter-farm-", dir=folder))
    try:
        make_jobs(place, count)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def dask_crew(workers: int) -> Iterator[Crew]:
    """Yield the crew of a scheduler with that many workers on this machine, when all have joined."""
    from backend.jobs.farm import DaskCrew

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
        while len(crew._workers()) < workers:
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


def tree_seconds() -> float:
    """Return the processor time of this process and all that it started, so far, in seconds."""
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def plain_loop(count: int, folder: Path | None) -> tuple[float, float]:
    """Return how many seconds a job takes in this process, one after the other, by the wall and the processor.

    The fastest of some loops over `count` jobs each.
    """
    seconds = []
    for _ in range(_LOOPS):
        with fresh_jobs(count, folder) as place:
            began, began_cpu = time.monotonic(), time.process_time()
            for shot in sorted(place.iterdir()):
                run_job(shot)
            seconds.append(((time.monotonic() - began) / count, (time.process_time() - began_cpu) / count))
    return min(seconds)


def main() -> None:
    """Measure and print one row for each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000, help="at least 100")
    parser.add_argument("--processes", default="1,2,4,8")
    parser.add_argument("--farm", action="store_true", help="through Dask")
    parser.add_argument("--folder", type=Path, help="where the jobs lie (default: the temporary folder)")
    options = parser.parse_args()
    print(f"{options.jobs} jobs, {os.cpu_count()} cores, {'through Dask' if options.farm else 'local'}")
    print("           loop               batch    added  own CPU  added CPU    second   MB at   MB at")
    print("processes  ms a job  wall s  ms a job       ms       ms         ms     /first   tenth     end")
    for processes in map(int, options.processes.split(",")):
        baseline, baseline_cpu = plain_loop(max(1, options.jobs // 20), options.folder)
        crew_of = dask_crew if options.farm else local_crew
        with fresh_jobs(options.jobs, options.folder) as place, crew_of(processes) as crew:
            tasks, _ = find_tasks(place)
            marks = Marks()
            failed = draw_all(tasks, crew, marks)
            assert not failed, failed[0]
            print(marks.row(baseline, baseline_cpu, processes), flush=True)


if __name__ == "__main__":
    main()
