"""A worker process of our own (`python -m backend worker`), driven from a thread that waits for each job.

The model stays loaded from job to job. A crash takes the process, never its driver; the next job starts a new one.
It ends with us, however we end: its stdin closes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TypeAlias

from ..contract import messages

#: The folder that holds this package.
ROOT = Path(__file__).resolve().parents[2]

#: Nobody watches a batch: a process that has said nothing for so long hangs, and is ended. Generous, because a
#: single step of a large model on a slow processor is silent for minutes.
SILENT_SECONDS = 1800.0
_POLITE_SECONDS = 10.0
_TAIL_BYTES = 2000

End: TypeAlias = messages.Done | messages.Failed | messages.Cancelled


class DrawingProcess:
    """One worker process; starts with the first job. `run` and `close` from one thread, `cancel` from any."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """environment: variables that the process gets on top of ours."""
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._job = ""

    @property
    def pid(self) -> int | None:
        """The process number, None while it does not run."""
        return self._process.pid if self._process else None

    def run(self, job: str, folder: Path, hear: Callable[[messages.Event], None], *, strokes: bool = False) -> End:
        """Run a job and return how it ended; a process that died counts as Failed("worker-died").

        strokes: trace what was drawn. One that says nothing for `SILENT_SECONDS` is ended: Failed("worker-silent").
        """
        silence = _Silence()
        try:
            process = self._process or self._start()
            with self._lock:
                self._job = job
            self._send(messages.Run(job, str(folder), strokes))
        except OSError as error:
            self._bury()
            sentence = f"The drawing engine could not be started: {error}."
            return messages.Failed(job, "worker-not-started", sentence, bad_input=False)
        try:
            assert process.stdout
            silence.watch(process)
            for event in messages.read_events(process.stdout):
                silence.broken()
                if isinstance(event, End) and event.job == job:
                    return event
                hear(event)
        finally:
            silence.ended()
            with self._lock:
                self._job = ""
        how = self._bury()
        if silence.was_too_long:
            return messages.Failed(
                job,
                "worker-silent",
                f"The drawing engine said nothing for {SILENT_SECONDS / 60:.0f} minutes and was ended.",
                "Finished drawings are kept; running the job again makes the missing ones.",
                bad_input=False,
            )
        return messages.Failed(
            job,
            "worker-died",
            f"The drawing engine {how}.",
            "Finished drawings are kept; running the job again makes the missing ones.",
            bad_input=False,
        )

    def cancel(self) -> None:
        """Ask the job that runs to stop."""
        with self._lock, contextlib.suppress(OSError):
            if self._job:
                self._send(messages.Cancel(self._job))

    def close(self) -> None:
        """End the process and wait until it is gone."""
        process = self._process
        if process is None:
            return
        assert process.stdin
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_POLITE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        self._bury()

    def kill(self) -> None:
        """End the process without asking; from any thread."""
        if process := self._process:
            process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        # A file instead of a pipe: nobody has to read along, and the last words are there when it dies.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        try:
            self._process = subprocess.Popen(
                # -P: a folder that is called `backend` where we were started is not ours.
                [sys.executable, "-P", "-X", "utf8", "-m", "backend", "worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=os.environ | {"PYTHONPATH": path} | self._environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            self._errors.close()
            raise
        return self._process

    def _send(self, request: messages.Request) -> None:
        if self._process:
            assert self._process.stdin
            self._process.stdin.write(messages.request_line(request).encode("ascii"))
            self._process.stdin.flush()

    def _bury(self) -> str:
        """Clear up after a process that has ended and say how it did, to follow “the drawing engine”."""
        process, self._process = self._process, None
        if process is None:
            return "did not start"
        assert process.stdin and process.stdout and self._errors
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _TAIL_BYTES))
        said = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        self._errors.close()
        how = (
            f"was ended by the system (signal {-code})" if code < 0 else f"stopped unexpectedly (exit code {code})"
        )
        return f"{how}; its last words: {said[-1][:300]}" if said else how


class _Silence:
    """Ends a process that says nothing for too long, from a thread of its own."""

    def __init__(self) -> None:
        self.was_too_long = False
        self._heard = time.monotonic()
        self._over = threading.Event()

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Begin."""
        threading.Thread(target=self._watch, args=(process,), name="silence", daemon=True).start()

    def broken(self) -> None:
        """It has said something."""
        self._heard = time.monotonic()

    def ended(self) -> None:
        """Nobody listens any more."""
        self._over.set()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while not self._over.wait(max(0.05, self._heard + SILENT_SECONDS - time.monotonic())):
            if time.monotonic() - self._heard >= SILENT_SECONDS:
                self.was_too_long = True
                process.kill()
                return
