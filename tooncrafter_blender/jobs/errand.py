"""One command of the backend in a process of its own, followed while Blender goes on. Knows nothing of Blender."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .hush import Listening
from .worker_process import worker_variables

_PREFIX = "tooncrafter: "
_PATIENCE_SECONDS = 3.0


class Errand:
    """One run of a command at a time. Every method but `close` returns at once."""

    def __init__(self) -> None:
        #: Why the last one failed, "" if it did not.
        self.problem = ""
        #: Whether the last one came to a good end.
        self.succeeded = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._cancelled = False

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, python: Path, root: Path, arguments: Sequence[str]) -> None:
        """Run `tooncrafter ARGUMENTS --json` unless one is under way. root: the folder that holds `backend`."""
        if self.running:
            return
        self.problem, self.succeeded, self._cancelled, self._process = "", False, False, None
        self.prepare()
        command = [str(python), "-P", "-X", "utf8", "-m", "backend", *arguments, "--json"]
        self._thread = threading.Thread(target=self._run, args=(command, root), name=arguments[0], daemon=True)
        self._thread.start()

    def prepare(self) -> None:
        """Forget what the last one said; a new one begins."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in what the command said, in the thread that listens to it. What raises is no event of ours."""

    def cancel(self) -> None:
        """End it; what is finished is kept."""
        self._cancelled = True
        if process := self._process:
            with contextlib.suppress(OSError):
                process.terminate()

    def close(self) -> None:
        """End it and wait until it has ended, at most a few seconds."""
        self.cancel()
        if thread := self._thread:
            thread.join(_PATIENCE_SECONDS)

    def _run(self, command: list[str], root: Path) -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_variables(root),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            self.problem = f"“{command[0]}” could not be started: {error.strerror}."
            return
        self._process = process
        assert process.stdout and process.stderr
        said: list[bytes] = []
        listener = threading.Thread(target=_keep_lines, args=(process.stderr, said), daemon=True)
        listener.start()
        if self._cancelled:
            process.terminate()
        self._follow(process.stdout)
        code = process.wait()
        listener.join(_PATIENCE_SECONDS)
        if code and not self._cancelled:
            last = said[-1].decode("utf-8", "replace").strip() if said else f"It ended with exit code {code}."
            self.problem = last.removeprefix(_PREFIX)
        self.succeeded = code == 0 and not self._cancelled

    def _follow(self, stdout: IO[bytes]) -> None:
        with Listening(stdout) as listening:
            while line := listening.readline():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self.hear(json.loads(line))


def _keep_lines(stream: IO[bytes], kept: list[bytes]) -> None:
    with Listening(stream) as listening:
        while line := listening.readline():
            kept.append(line)


class WeightsErrand(Errand):
    """Fetching or taking over the model's weights, as the preferences follow it."""

    def __init__(self) -> None:
        super().__init__()
        self.prepare()

    def prepare(self) -> None:
        """Nothing has arrived yet."""
        self.words, self.fraction = "Starting", 0.0

    def hear(self, event: Mapping[str, Any]) -> None:
        """Say how much has arrived."""
        match event["event"]:
            case "download":
                self.fraction = event["done"] / event["of"]
                left = f", {_duration(event['seconds_left'])} left" if event["seconds_left"] >= 0 else ""
                amounts = f"{event['done'] / 1e9:.2f} of {event['of'] / 1e9:.2f} GB"
                self.words = f"Downloading: {amounts}, {event['rate'] / 1e6:.1f} MB/s{left}"
            case "import":
                self.fraction = event["share"]
                self.words = str(event["doing"]).capitalize()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


#: The one errand of this Blender that brings weights.
errand = WeightsErrand()
