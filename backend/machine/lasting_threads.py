"""A few threads that last as long as the program, for work in which numpy and OpenCV let others run meanwhile.

A new pool of threads for each piece of work would fill the memory: OpenCV keeps some 850 bytes for ever for each
thread that has run one of its parallel loops and ended, which is megabytes in a night of jobs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import cache
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: More do not help: much of the work holds Python's lock, and each needs pictures of its own.
THREADS = max(2, min(os.cpu_count() or 2, 4))

_own = threading.local()


def _begin() -> None:
    _own.is_one = True


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "work", _begin)


class LastingThreads(Executor):
    """The threads as one piece of work sees them: leaving the `with` block waits for its own tasks alone."""

    def __init__(self) -> None:
        self._waiting: set[Future[Any]] = set()

    def submit(self, work: Callable[_P, _R], /, *arguments: _P.args, **named: _P.kwargs) -> Future[_R]:
        """Have a thread do it; what one of them submits itself is done at once, or all could wait for ever."""
        if getattr(_own, "is_one", False):
            return _done_here(work, *arguments, **named)
        future = _threads().submit(work, *arguments, **named)
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of what was submitted; the threads stay."""
        left = list(self._waiting)
        if cancel_futures:
            for future in left:
                future.cancel()
        if wait:
            futures.wait(left)


def _done_here(work: Callable[_P, _R], /, *arguments: _P.args, **named: _P.kwargs) -> Future[_R]:
    future: Future[_R] = Future()
    try:
        future.set_result(work(*arguments, **named))
    except Exception as error:
        future.set_exception(error)
    return future
