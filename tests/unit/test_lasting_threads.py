"""Threads that last: work waits for its own, nests without waiting for ever, and no job leaves threads behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from backend.jobs.run import run_job
from backend.machine.lasting_threads import THREADS, LastingThreads
from backend.tracing import trace_job
from tests.end_to_end.jobs import make_job


def threads() -> set[int | None]:
    return {thread.ident for thread in threading.enumerate() if thread.name.startswith("work")}


def test_a_second_job_is_drawn_and_traced_by_the_threads_of_the_first(tmp_path: Path) -> None:
    """OpenCV keeps memory for every thread that has ended."""
    seen = []
    for name in ("a", "b"):
        make_job(tmp_path / name, (1, 5), guides=(3,))
        run_job(tmp_path / name)
        trace_job(tmp_path / name)
        seen.append(threads())
    assert 0 < len(seen[0]) <= THREADS
    assert seen[0] <= seen[1] and len(seen[1]) <= THREADS


def test_leaving_waits_for_what_was_submitted() -> None:
    go, done = threading.Event(), []
    with LastingThreads() as pool:
        future = pool.submit(lambda: go.wait(20) and done.append(1))
        pool.submit(go.set)
    assert future.done() and done == [1]


def test_work_within_work_never_waits_for_a_thread_that_waits() -> None:
    def outer(number: int) -> int:
        with LastingThreads() as pool:
            return sum(pool.map(lambda add: number + add, range(3)))

    with LastingThreads() as pool:
        assert list(pool.map(outer, range(3 * THREADS))) == [3 * number + 3 for number in range(3 * THREADS)]


@pytest.mark.parametrize("nested", [False, True])
def test_what_goes_wrong_in_a_thread_is_raised_where_the_work_is_asked_for(nested: bool) -> None:
    def fail() -> None:
        raise ValueError("three is not a number")

    with LastingThreads() as pool:
        work = (lambda: pool.submit(fail).result()) if nested else fail
        future = pool.submit(work)
        with pytest.raises(ValueError, match="three is not a number"):
            future.result()
