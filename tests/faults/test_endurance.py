"""A night's work through one worker: memory and open files stay as they were after the first jobs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from backend.contract import messages
from tests.end_to_end.driving import FINISHED, Worker
from tests.end_to_end.jobs import frames_of, make_job
from tests.faults.processes import memory_kilobytes, open_files, wait_for_rest
from tests.faults.tally import note

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads memory and open files from /proc")

#: Jobs after which everything is loaded and warm.
WARM = 20
ENGINES = ("draft", "hold")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("jobs", [pytest.param(200, marks=pytest.mark.long)])
def test_after_hundreds_of_jobs_a_worker_is_as_large_as_after_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    tempfile.tempdir = None
    worker = Worker()
    process = worker.process.pid
    memory, files = [], []
    for index in range(jobs):
        folder = tmp_path / "jobs" / str(index)
        make_job(folder, (1, 3, 5), engine=ENGINES[index % 2])
        worker.send(messages.Run("job-1", str(folder), strokes=True))
        assert worker.hear(*FINISHED) == messages.Done("job-1", 2, 0)
        wait_for_rest(process)
        assert len(frames_of(folder)) == 2
        assert not [path for path in folder.rglob("*") if path.name.startswith(".")], "no temporary file"
        memory.append(memory_kilobytes(process))
        files.append(open_files(process))
    worker.end()
    growth = memory[-1] / max(memory[WARM - 5 : WARM]) - 1
    note(jobs, f"{memory[WARM - 1] // 1024} MB after {WARM}, {memory[-1] // 1024} MB at the end ({growth:+.1%})")
    note(0, f"{files[WARM - 1]} open files after {WARM}, {files[-1]} at the end")
    assert growth < 0.05
    assert files[-1] <= files[WARM - 1]
    assert not list((tmp_path / "temporary").iterdir())
