"""The backend's process as Blender sees it: requests go in, events come out, nothing here ever waits.

Starting, writing and reading each have a thread of their own, because a virus scanner can hold up the start of a
process and a busy worker the pipe. Knows nothing of Blender.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...backend.contract import messages
from .hush import Listening, at_work, away

_TAIL_LINES = 40
_TAIL_LINE_BYTES = 4096
_POLITE_SECONDS = 1.0


@dataclass(frozen=True)
class Exited:
    """The worker has ended. code: as `subprocess` gives it, None when it could not even start.

    reason: what the operating system said when it could not start. tail: the last lines of its error output.
    """

    code: int | None
    reason: str = ""
    tail: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """How it ended, in a few words that follow "the drawing engine"."""
        if self.code is None:
            return f"could not be started: {self.reason}"
        if self.code < 0:
            return f"was ended by the system (signal {-self.code})"
        return f"stopped unexpectedly (exit code {self.code})"


class WorkerProcess:
    """One worker. It starts at once in the background; `events` fills as it speaks and ends with one `Exited`."""

    def __init__(self, python: Path, root: Path) -> None:
        """python: the interpreter of the backend's environment. root: the folder that holds `backend`."""
        self.python = python
        self.events: queue.SimpleQueue[messages.Event | Exited] = queue.SimpleQueue()
        self._requests: queue.SimpleQueue[messages.Request | None] = queue.SimpleQueue()
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._thread = threading.Thread(target=self._live, name="in-between worker", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process number, None while it has not started."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether requests sent now will be read."""
        return self._thread.is_alive() and not self._stopped

    def send(self, request: messages.Request) -> None:
        """Queue a request; one that the worker does not live to read is dropped."""
        self._requests.put(request)

    def stop(self) -> None:
        """End the worker: it is asked first and killed when it does not obey within a second. Does not wait."""
        if self._stopped:
            return
        self._stopped = True
        self._requests.put(None)
        threading.Thread(target=self._see_off, name="in-between worker's end", daemon=True).start()

    def stop_and_wait(self) -> None:
        """End the worker and return when it is gone, at most a few seconds later."""
        self._stopped = True
        self._requests.put(None)
        self._see_off()

    def _see_off(self) -> None:
        self._thread.join(_POLITE_SECONDS)
        with self._lock:
            process = self._process
        if process and process.poll() is None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLITE_SECONDS)

    def _live(self) -> None:
        try:
            process = self._start()
        except OSError as error:
            self.events.put(Exited(None, f"“{self.python}”: {error.strerror or error}"))
            return
        if process is None:
            self.events.put(Exited(0))
            return
        assert process.stdin and process.stdout and process.stderr
        writer = threading.Thread(target=self._write, args=(process.stdin,), daemon=True)
        errors = threading.Thread(target=self._keep_tail, args=(process.stderr,), daemon=True)
        writer.start()
        errors.start()
        with Listening(process.stdout) as stdout:
            for event in messages.read_events(stdout):
                self.events.put(event)
        code = process.wait()
        self._requests.put(None)  # lets the writer end
        errors.join(_POLITE_SECONDS)
        self.events.put(Exited(code, tail=tuple(self._tail)))

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopped:
                return None
            self._process = subprocess.Popen(
                # -P: only PYTHONPATH below says where `backend` is, never the folder that Blender was started in.
                [str(self.python), "-P", "-u", "-X", "utf8", "-m", "backend", "worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=Path.home(),
                env=worker_variables(self._root),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            return self._process

    def _write(self, stdin: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError), at_work():
            while (request := away(self._requests.get)) is not None:
                away(stdin.write, messages.request_line(request).encode("ascii"))
                away(stdin.flush)
        with contextlib.suppress(OSError):
            stdin.close()

    def _keep_tail(self, stderr: IO[bytes]) -> None:
        with Listening(stderr) as listening:
            while line := listening.readline(_TAIL_LINE_BYTES):
                self._tail.append(line.decode("utf-8", "replace").rstrip())


def worker_variables(root: Path, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the backend's variables: nothing that points Python at Blender's own or the person's packages."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.upper().startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }
    return kept | {"PYTHONPATH": str(root), "PYTHONNOUSERSITE": "1"}
