"""The worker: a long-lived process that Blender drives with JSON lines, one job after another.

stdout carries messages only: the real stdout is kept for them and everything else that prints goes to stderr, or,
while a job runs, to the job's log.txt. The worker ends when its stdin closes or its parent dies. An error ends
the job, never the worker.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import platform
import queue
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from .contract import messages
from .contract.job import LOG_FILE
from .contract.messages import MAX_LINE_BYTES
from .engines import Engine, engine_obstacles, open_engine
from .errors import Cancelled, UserError
from .jobs.run import run_job
from .machine.devices import describe_device, free_memory_gb

_log = logging.getLogger(__name__)

_PARENT_CHECK_SECONDS = 1.0
#: Models that nobody has drawn with for so long are unloaded.
_KEEP_LOADED_SECONDS = float(os.environ.get("TOONCRAFTER_KEEP_LOADED_SECONDS", "900"))


def main() -> int:
    """Serve requests from stdin until it closes; returns the exit code."""
    worker = _Worker(_claim_stdout())
    # A Ctrl-C in the terminal that started Blender reaches the whole process group; Blender decides, not we.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=worker.listen, name="requests", daemon=True).start()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    worker.serve()
    return 0


def _claim_stdout() -> int:
    """Return a private descriptor of the real stdout and point descriptor 1 at stderr."""
    private = os.dup(1)
    os.dup2(2, 1)
    return private


def _end_with_parent() -> None:
    """End when the parent has died although something else still holds our stdin open."""
    if platform.system() == "Windows":
        return  # a closed stdin is the sign there; the pipe has no other holder
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    _end_now()


def _end_now() -> None:
    """Leave at once, even in the middle of a long calculation: every file on disk is whole at any moment."""
    os._exit(0)


class _Worker:
    """Requests come in by one thread, jobs run in the main thread, messages go out under a lock."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._out_lock = threading.Lock()
        self._waiting: queue.SimpleQueue[messages.Request] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._engines: dict[str, Engine] = {}

    def listen(self) -> None:
        """Read requests; cancel is obeyed at once, all else waits its turn."""
        for line in _lines(0):
            try:
                request = messages.parse_request(line)
            except UserError as error:
                _log.warning("%s", error)
                continue
            match request:
                case messages.Cancel(job):
                    self._cancelled.add(job)
                case messages.Shutdown():
                    _end_now()
                case messages.Status():
                    self._send(_ready())
                case _:
                    if isinstance(request, messages.Run):
                        self._cancelled.discard(request.job)  # a cancel that came too late for an earlier run
                    self._waiting.put(request)
        _end_now()

    def serve(self) -> None:
        """Say ready, then run what is asked, for ever."""
        self._send(_ready())
        while True:
            match self._next():
                case messages.Run(job, folder, strokes):
                    self._run(job, Path(folder), strokes)
                case messages.Unload():
                    self._unload()

    def _next(self) -> messages.Request:
        """Wait for the next request; models that nobody uses for a while leave the memory to others."""
        while True:
            try:
                return self._waiting.get(timeout=_KEEP_LOADED_SECONDS if self._engines else None)
            except queue.Empty:
                self._unload()

    def _unload(self) -> None:
        for engine in self._engines.values():
            engine.unload()
        self._engines.clear()

    def _run(self, job: str, folder: Path, strokes: bool) -> None:
        def is_cancelled() -> bool:
            return job in self._cancelled

        try:
            with _log_to(folder / LOG_FILE):
                result = run_job(folder, self._send, is_cancelled, self._engine)
                if strokes:
                    from .tracing import trace_job

                    trace_job(folder, self._send, is_cancelled)
        except Cancelled:
            self._send(messages.Cancelled(job))
        except UserError as error:
            self._send(messages.Failed(job, error.code, error.sentence, error.hint, error.bad_input))
        except MemoryError:
            sentence = "There was not enough memory for pictures of this size."
            hint = "Finished drawings are kept. Close other programs or choose a smaller width, then retry."
            self._send(messages.Failed(job, "out-of-memory", sentence, hint, bad_input=False))
        except (Exception, SystemExit) as error:  # the worker outlives whatever a job does
            _log.exception("job failed")
            sentence = f"The drawing engine met an internal error: {type(error).__name__}: {error}."
            hint = "Finished drawings are kept. Retry; if it happens again, report it with the job's log.txt."
            self._send(messages.Failed(job, "internal", sentence, hint, bad_input=False))
        else:
            self._send(messages.Done(job, result.made, result.kept))
        finally:
            self._cancelled.discard(job)
            _give_memory_back()

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            self._engines[name] = open_engine(name)
        return self._engines[name]

    def _send(self, event: messages.Event) -> None:
        data = messages.event_line(event).encode("ascii")
        try:
            with self._out_lock:
                while data:
                    data = data[os.write(self._out, data) :]
        except OSError:
            _end_now()  # nobody listens any more


def _give_memory_back() -> None:
    """Let go of what the last job needed: other programs are waiting for it, and the next job may be days away."""
    gc.collect()  # pictures hang together in circles, and Python is in no hurry with few large things
    if trim := _trimming():
        trim(0)


@cache
def _trimming() -> Callable[[int], int] | None:
    """Return what has the C library hand memory back that it keeps for later, None where there is no such thing."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, AttributeError):  # another C library than the usual one
        return ctypes.CDLL(None).malloc_trim
    return None


def _ready() -> messages.Ready:
    return messages.Ready(engine_obstacles(), describe_device(), free_memory_gb())


def _lines(descriptor: int) -> Iterator[str]:
    """Yield the lines that arrive on a descriptor; one that is longer than any request is dropped whole.

    Reads the descriptor itself: a Python stream that another thread waits on makes the interpreter abort at exit.
    """
    pending, dropping = b"", False
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:
            return
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if not dropping:
                yield line.decode("utf-8", "replace")
            dropping = False
        if len(pending) > MAX_LINE_BYTES:
            pending, dropping = b"", True


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Send everything that is printed meanwhile, also by libraries, to the log file.

    A log that cannot be written is no reason not to draw: the run itself says what is wrong with the folder.
    """
    log = _open_log(path)
    if log is None:
        yield
        return
    kept = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    try:
        for descriptor, _ in kept:
            os.dup2(log, descriptor)
        yield
    finally:
        for descriptor, private in kept:
            os.dup2(private, descriptor)
            os.close(private)
        os.close(log)


def _open_log(path: Path) -> int | None:
    """Return a descriptor to add to the log with, None where no ordinary file can be.

    Neither a link, which may lead to a file of the person's, nor a pipe, which would be waited for.
    """
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | careful, 0o666)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(log).st_mode):
        return log
    os.close(log)
    return None
