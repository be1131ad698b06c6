"""A worker process as Blender drives it: real pipes, and every line of it an event."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue

from backend.contract import messages
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
FINISHED = (messages.Done, messages.Failed, messages.Cancelled)


class Worker:
    """A worker process and what it says."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *(command or ("-m", "backend", "worker"))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put(line.decode("ascii"))

    def send(self, request: messages.Request) -> None:
        self.send_raw(messages.request_line(request).encode())

    def send_raw(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def hear(self, *kinds: type[messages.Event]) -> messages.Event:
        """The next event of one of these kinds; every line on stdout has to be an event."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                event = messages.parse_event(self.lines.get(timeout=0.1))
            except Empty:
                continue
            if isinstance(event, kinds):
                return event
        raise AssertionError(f"the worker never said {kinds}")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            with contextlib.suppress(OSError):  # what was not read by a dead worker cannot be flushed
                pipe.close()


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")  # a process nobody has waited for yet is dead but still listed
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
